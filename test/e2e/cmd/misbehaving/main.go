// Command misbehaving asks business logic that breaks the protocol in every
// way there is (internal/wild), and checks what an engine makes of it: at most
// one set of events, a status that says at which phase what failed, and other
// domains that notice nothing.
//
//	misbehaving -server 127.0.0.1:1310 -psql /path/to/psql
//	misbehaving -serve silent -listen 127.0.0.2:7003
//
// In the second form it is the business logic, which the first form starts and
// which may be killed.  The database is the one that the PG... variables name;
// call_timeout there must be 2 s.  Prints TAP.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"regexp"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/peer"
	"angzarr.io/e2e/internal/tap"
	"angzarr.io/e2e/internal/wild"
)

// host is not the one that connections are made from, so that no connection
// can have a port of ours.
const host = "127.0.0.2"

// suite is what every check needs.
type suite struct {
	*engine.Engine
	addresses map[string]string // host:port by way
}

func main() {
	server := flag.String("server", "127.0.0.1:1310", "`host:port` of the engine")
	psql := flag.String("psql", "psql", "the psql to run")
	log := flag.String("log", "", "the server's log `file`")
	way := flag.String("serve", "", "be the business logic that misbehaves in this `way`")
	listen := flag.String("listen", "", "`host:port` of that business logic")
	flag.Parse()
	if *way != "" {
		fmt.Fprintln(os.Stderr, "misbehaving:", wild.Serve(*listen, wild.Ways[*way]))
		os.Exit(1)
	}

	e, err := engine.Dial(*server, *psql)
	if err != nil {
		tap.Bail("no engine at %s: %v", *server, err)
	}
	s := &suite{Engine: e, addresses: map[string]string{}}
	good, err := peer.Listen(host+":0", 100)
	if err != nil {
		tap.Bail("no peer: %v", err)
	}
	s.register(good.Address)
	before := s.workers()
	others := s.watchOthers()
	for _, row := range rows {
		s.check(row, others)
	}
	s.checkUnchecked()
	s.checkLate(others)
	s.checkDeathBeforeCommit(others)
	s.checkTheWhole(before, others)
	s.checkLog(*log)
	good.Close()
	tap.Done()
}

// register gives every way an address of its own and a domain of its name.
func (s *suite) register(good string) {
	if err := s.Register(good, otherDomain); err != nil {
		tap.Bail("could not register: %v", err)
	}
	s.chooseAddresses()
	for way, address := range s.addresses {
		if err := s.Register("grpc://"+address, domain(way)); err != nil {
			tap.Bail("could not register: %v", err)
		}
	}
	if !engine.WaitFor(10*time.Second, func() bool {
		_, err := s.send(otherDomain, engine.NewRoot(), 0)
		return err == nil
	}) {
		tap.Bail("the engine does not serve the healthy domain")
	}
}

// domain is what a way's business logic is registered for.
func domain(way string) string { return "wild-" + way }

// send sends a command as any client does.
func (s *suite) send(domain string, root []byte, expected uint32) (*angzarrv1.CommandResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return s.sendWithin(ctx, domain, root, expected)
}

func (s *suite) sendWithin(ctx context.Context, domain string, root []byte, expected uint32) (*angzarrv1.CommandResponse, error) {
	return s.Commands.HandleCommand(ctx, engine.Request(domain, root,
		engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, expected, &anypb.Any{TypeUrl: "/test.Do"})))
}

// stored counts the events of an aggregate.
func (s *suite) stored(root []byte) int64 {
	n, err := s.Count("SELECT count(*) FROM angzarr.events WHERE root = '%x'", root)
	if err != nil {
		tap.Bail("could not count events: %v", err)
	}
	return n
}

// workers names the engine's processes and when each of them began.
func (s *suite) workers() string {
	text, err := s.SQL("SELECT string_agg(w.pid || ' since ' || a.backend_start, ', ' ORDER BY w.pid)" +
		" FROM angzarr.workers w JOIN pg_catalog.pg_stat_activity a USING (pid)")
	if err != nil {
		tap.Bail("could not look for the engine: %v", err)
	}
	return text
}

// checkTheWhole looks back at everything.
func (s *suite) checkTheWhole(before string, others *others) {
	others.stop()
	tap.Is(s.workers(), before, "no engine was restarted by any of this")
	faults, err := s.SQL("SELECT * FROM angzarr.verify()")
	tap.OK(err == nil && faults == "", "verify() finds nothing wrong after all this", faults, err)
	tap.OK(others.failed() == nil, "no command to another domain has failed in all this", others.failed())
	tap.Note("%s; the slowest took %v", others, others.longest())
}

// checkLog: no process of the server ended in a way that the log has to tell.
func (s *suite) checkLog(name string) {
	text, err := os.ReadFile(name)
	bad := regexp.MustCompile(`.*(terminated by signal|exited with exit code|PANIC).*`).FindString(string(text))
	tap.OK(err == nil && len(text) > 0 && bad == "", "no process of the server ended badly", bad, err)
}

// checkUnchecked: the table of rows knows every way there is.
func (s *suite) checkUnchecked() {
	known := map[string]bool{"late": true}
	for _, row := range rows {
		known[row.way] = true
	}
	for name := range wild.Ways {
		if !known[name] {
			tap.OK(false, "the way "+name+" is checked")
		}
	}
}

// chooseAddresses finds a free one for each way, all before any is given back.
func (s *suite) chooseAddresses() {
	ways := []string{refusing, unused}
	for name := range wild.Ways {
		ways = append(ways, name)
	}
	for _, way := range ways {
		listener, err := net.Listen("tcp", host+":0")
		if err != nil {
			tap.Bail("no free port: %v", err)
		}
		defer listener.Close()
		s.addresses[way] = listener.Addr().String()
	}
}

// answerText is an error as a test compares it: its code, then its message.
func answerText(err error) (codes.Code, string) {
	return status.Code(err), status.Convert(err).Message()
}
