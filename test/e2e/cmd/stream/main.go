// Command stream reads a book of a million events from a running engine and
// watches the memory of the engine's process meanwhile.
//
//	stream -server 127.0.0.1:1310 -psql /path/to/psql [-events 1000000]
//
// The database is the one that the PG... variables name. Prints TAP.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

func main() {
	server := flag.String("server", "127.0.0.1:1310", "`host:port` of the engine")
	psql := flag.String("psql", "psql", "the psql to run")
	events := flag.Int("events", 1000000, "length of the book")
	flag.Parse()
	e, err := engine.Dial(*server, *psql)
	if err != nil {
		tap.Bail("no engine at %s: %v", *server, err)
	}
	root := engine.NewRoot()
	if _, err := e.SQL(`INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload)
		SELECT '%x', 'long', i, now(), '/shop.order.v1.ItemAdded', decode(repeat('ab', 60), 'hex')
		FROM generate_series(0, %d - 1) AS i`, root, *events); err != nil {
		tap.Bail("could not write the book: %v", err)
	}
	cover := engine.Cover("long", root)
	if _, err := read(*server, engine.Cover("long", engine.NewRoot()), 0); err != nil {
		tap.Bail("a first stream failed: %v", err)
	}

	for _, pause := range []time.Duration{0, 100 * time.Millisecond} {
		name := "a client that reads as fast as it can"
		if pause > 0 {
			name = "a slow client"
		}
		before, peak := memory(e), int64(0)
		stop, stopped := make(chan bool), make(chan bool)
		go func() {
			defer close(stopped)
			for {
				if now := memory(e); now > peak {
					peak = now
				}
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		}()
		start := time.Now()
		count, err := read(*server, cover, pause)
		took := time.Since(start)
		close(stop)
		<-stopped
		tap.OK(err == nil && count == *events,
			fmt.Sprintf("one aggregate of %d events streams to %s with the default limit of 4 MB", *events, name), err, count)
		tap.Note("%d events in %.1f s; the engine grew by %.1f MB at most", count, took.Seconds(), megabytes(peak-before))
		tap.OK(peak-before < 32<<20, "while the engine's memory grows by less than 32 MB ("+name+")")
	}

	before := memory(e)
	_, err = e.Queries.GetEventBook(context.Background(), &angzarrv1.Query{Cover: cover})
	tap.OK(err != nil && strings.Contains(err.Error(), "GetEvents"),
		"GetEventBook of a book far too large is refused and points to GetEvents", err)
	grown := memory(e) - before
	tap.Note("the engine grew by %.1f MB while it refused", megabytes(grown))
	tap.OK(grown < 64<<20, "refusing it takes less than 64 MB, however long it is")
	tap.Done()
}

// read streams a book over a connection of its own, whose limits are gRPC's; the pages it got, in order.
func read(server string, cover *angzarrv1.Cover, pause time.Duration) (int, error) {
	connection, err := grpc.Dial(server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	stream, err := angzarrv1.NewEventQueryServiceClient(connection).GetEvents(ctx, &angzarrv1.Query{Cover: cover})
	if err != nil {
		return 0, err
	}
	count := 0
	for {
		book, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
		for _, page := range book.Pages {
			if page.GetHeader().GetSequence() != uint32(count) {
				return count, fmt.Errorf("page %d where %d should be", page.GetHeader().GetSequence(), count)
			}
			count++
		}
		time.Sleep(pause)
	}
}

// memory is what the engine's process has for itself: resident, without what it shares with the server.
func memory(e *engine.Engine) int64 {
	pid := enginePid(e)
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tap.Bail("no such engine: %v", err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kilobytes int64
		if _, err := fmt.Sscanf(lines.Text(), "RssAnon: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	tap.Bail("/proc/%d/status says nothing about memory", pid)
	return 0
}

var pid int64

func enginePid(e *engine.Engine) int64 {
	if pid == 0 {
		var err error
		if pid, err = e.Count("SELECT pid FROM angzarr.workers WHERE state = 'running'"); err != nil {
			tap.Bail("no engine: %v", err)
		}
	}
	return pid
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
