// Command crash is the client of an engine that is about to die.
//
//	crash -server 127.0.0.1:1310 command ROOT     one command, to an aggregate that must be new
//	crash -server 127.0.0.1:1310 fact ROOT        one request with three facts, always the same
//	crash -server 127.0.0.1:1310 meta ROOT        deletes the edition "doomed" of the domain
//	crash -server 127.0.0.1:1310 speculate ROOT   one speculative command
//	crash -server 127.0.0.1:1310 query ROOT       one query
//	crash -server 127.0.0.1:1310 -psql psql storm commands until SIGTERM, then what became of them
//
// All but the last print the code that the call ended with. The domain is that
// of a test peer which answers each command with three events, so that half of
// an answer can be told from a whole one; facts it leaves as they are.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

const (
	domain  = "obey-three"
	streams = 32
	patient = 20 * time.Second // with one call, at most
)

func main() {
	server := flag.String("server", "127.0.0.1:1310", "`host:port` of the engine")
	psql := flag.String("psql", "psql", "the psql to run")
	flag.Parse()
	connection, err := grpc.Dial(*server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
	switch flag.Arg(0) {
	case "command":
		fmt.Println(describe(command(connection, parseRoot(flag.Arg(1)))))
	case "fact":
		fmt.Println(describe(fact(connection, parseRoot(flag.Arg(1)))))
	case "meta":
		fmt.Println(describe(meta(connection, parseRoot(flag.Arg(1)))))
	case "speculate":
		fmt.Println(describe(speculate(connection, parseRoot(flag.Arg(1)))))
	case "query":
		fmt.Println(describe(query(connection, parseRoot(flag.Arg(1)))))
	case "books":
		fmt.Println(describe(books(connection, parseRoot(flag.Arg(1)))))
	case "roots":
		fmt.Println(describe(roots(connection)))
	case "storm":
		s := &storm{Engine: &engine.Engine{Psql: *psql}, connection: connection, sent: map[string]codes.Code{}}
		s.run()
	default:
		fmt.Fprintln(os.Stderr, "crash: what is asked for is command, fact, meta, speculate, query, books, roots or storm")
		os.Exit(1)
	}
}

func command(connection *grpc.ClientConn, root []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	client := angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection)
	_, err := client.HandleCommand(ctx, engine.Request(domain, root,
		engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, 0, &anypb.Any{TypeUrl: "/test.Do"})))
	return err
}

func books(connection *grpc.ClientConn, root []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	stream, err := angzarrv1.NewEventQueryServiceClient(connection).GetEvents(ctx,
		&angzarrv1.Query{Cover: engine.Cover(domain, root)})
	for err == nil {
		_, err = stream.Recv()
	}
	return unlessEOF(err)
}

func roots(connection *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	stream, err := angzarrv1.NewEventQueryServiceClient(connection).GetAggregateRoots(ctx, &emptypb.Empty{})
	for err == nil {
		_, err = stream.Recv()
	}
	return unlessEOF(err)
}

func unlessEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func fact(connection *grpc.ClientConn, root []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	page := &angzarrv1.EventPage{
		Header: &angzarrv1.PageHeader{SequenceType: &angzarrv1.PageHeader_ExternalDeferred{
			ExternalDeferred: &angzarrv1.ExternalDeferredSequence{ExternalId: "the only one"},
		}},
		Payload: &angzarrv1.EventPage_Event{Event: &anypb.Any{TypeUrl: "/test.Done"}},
	}
	client := angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection)
	_, err := client.HandleEvent(ctx, &angzarrv1.EventRequest{Events: &angzarrv1.EventBook{
		Cover: engine.Cover(domain, root),
		Pages: []*angzarrv1.EventPage{page, page, page},
	}})
	return err
}

func meta(connection *grpc.ClientConn, root []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	deletion, err := anypb.New(&angzarrv1.DeleteEditionEvents{Edition: "doomed", Domain: domain})
	if err != nil {
		return err
	}
	client := angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection)
	_, err = client.HandleCommand(ctx, engine.Request("_angzarr", root,
		engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, 0, deletion)))
	return err
}

func speculate(connection *grpc.ClientConn, root []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	client := angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection)
	_, err := client.HandleSyncSpeculative(ctx, &angzarrv1.SpeculateCommandHandlerRequest{
		Command: engine.Request(domain, root,
			engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, 0, &anypb.Any{TypeUrl: "/test.Do"})).Command,
	})
	return err
}

func query(connection *grpc.ClientConn, root []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	client := angzarrv1.NewEventQueryServiceClient(connection)
	_, err := client.GetEventBook(ctx, &angzarrv1.Query{Cover: engine.Cover(domain, root)})
	return err
}

func describe(err error) string {
	if err == nil {
		return "OK"
	}
	return fmt.Sprintf("%v: %s", status.Code(err), status.Convert(err).Message())
}

func parseRoot(text string) []byte {
	root, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(root) != 16 {
		fmt.Fprintf(os.Stderr, "crash: %q is not a root\n", text)
		os.Exit(1)
	}
	return root
}

// storm sends without end, and remembers how each command ended.
type storm struct {
	*engine.Engine
	connection *grpc.ClientConn
	mutex      sync.Mutex
	sent       map[string]codes.Code // by root
}

func (s *storm) run() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT)
	stop := make(chan struct{})
	go func() {
		<-asked
		close(stop)
	}()
	fmt.Println("# crash: ready on every stream")
	var all sync.WaitGroup
	for i := 0; i < streams; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			s.stream(stop)
		}()
	}
	all.Wait()
	s.check()
	tap.Done()
}

// stream sends one command after the other, each to an aggregate of its own.
func (s *storm) stream(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		root := engine.NewRoot()
		err := command(s.connection, root)
		s.mutex.Lock()
		s.sent[fmt.Sprintf("%x", root)] = status.Code(err)
		s.mutex.Unlock()
		if err != nil {
			// Not to spin while nobody listens.
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// check compares what was acknowledged with what is stored.
func (s *storm) check() {
	text, err := s.SQL("SELECT replace(root::text, '-', ''), string_agg(sequence::text, ',' ORDER BY sequence)"+
		" FROM angzarr.events WHERE domain = '%s' GROUP BY root", domain)
	if err != nil {
		tap.Bail("could not read the events: %v", err)
	}
	stored := map[string]string{}
	for _, line := range strings.Fields(text) {
		root, sequences, _ := strings.Cut(line, "|")
		stored[root] = sequences
	}
	var acknowledged, kept, lost, partial, strange int
	for root, code := range s.sent {
		if code == codes.OK {
			acknowledged++
			if stored[root] == "0,1,2" {
				kept++
			} else {
				lost++
			}
		} else if code != codes.Unavailable {
			strange++
		}
	}
	for _, sequences := range stored {
		if sequences != "0,1,2" {
			partial++
		}
	}
	tap.Note("%d commands, %d acknowledged, %d stored", len(s.sent), acknowledged, len(stored))
	tap.OK(acknowledged > 0 && len(s.sent) > acknowledged, "some commands were acknowledged and some met a crash")
	tap.OK(lost == 0 && kept == acknowledged, "every acknowledged command has left exactly its three events", lost)
	tap.Is(partial, 0, "no command has left a part of its events, or more than one set")
	tap.OK(len(stored) <= len(s.sent), "nothing is stored that nobody sent")
	tap.Is(strange, 0, "what is not acknowledged is UNAVAILABLE")
}
