// Command contract checks a running engine against the wire contract, line by
// line: what it refuses, what it passes on, what it writes. It brings its own
// business logic (internal/peer) and registers it.
//
//	contract -server 127.0.0.1:1310 -psql /path/to/psql -orders python=ADDRESS,go=ADDRESS
//
// The example services given make a snapshot after every second event. The database is the one that the PG... variables name; call_timeout there
// must be 2 s. Prints TAP.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"strings"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/peer"
	"angzarr.io/e2e/internal/tap"
)

const (
	commutative      = angzarrv1.MergeStrategy_MERGE_COMMUTATIVE
	strict           = angzarrv1.MergeStrategy_MERGE_STRICT
	aggregateHandles = angzarrv1.MergeStrategy_MERGE_AGGREGATE_HANDLES
)

// callTimeout is angzarr.call_timeout of the server under test.
const callTimeout = 2 * time.Second

// suite is what every check needs.
type suite struct {
	*engine.Engine
	peer   *peer.Peer
	down   string            // an address where nobody listens
	orders map[string]string // addresses of the example services, by language
}

func main() {
	server := flag.String("server", "127.0.0.1:1310", "`host:port` of the engine")
	psql := flag.String("psql", "psql", "the psql to run")
	orders := flag.String("orders", "", "`language=address,...` of the example services")
	flag.Parse()

	e, err := engine.Dial(*server, *psql)
	if err != nil {
		tap.Bail("no engine at %s: %v", *server, err)
	}
	p, err := peer.Listen("127.0.0.1:0", 100)
	if err != nil {
		tap.Bail("no peer: %v", err)
	}
	s := &suite{Engine: e, peer: p, down: unusedAddress(), orders: map[string]string{}}
	for _, pair := range strings.Split(*orders, ",") {
		language, address, _ := strings.Cut(pair, "=")
		s.orders[language] = address
	}
	s.register()

	s.checkValidation()
	s.checkRouting()
	s.checkNotServed()
	s.checkCommands()
	s.checkMergeStrategies()
	s.checkReplay()
	s.checkMerging()
	s.checkStamping()
	s.checkFacts()
	s.checkSpeculative()
	s.checkDeletions()
	s.checkBranches()
	s.checkAnswers()
	s.checkBrokenPeers()
	s.checkUpcasting()
	s.checkRemembering()
	s.checkTail()
	s.checkTime()
	s.checkEdges()
	s.checkMetadata()
	s.checkManyCalls()
	s.checkQueries()
	s.checkProtocol()
	s.checkHealth()
	p.Close()
	tap.Done()
}

// register gives every domain of the peer to it, and waits until the engine
// knows.
func (s *suite) register() {
	if err := s.Register(s.peer.Address, append(peer.Domains(), "disabled", "aggregate")...); err != nil {
		tap.Bail("could not register: %v", err)
	}
	if err := s.Register("grpc://"+s.down, "down"); err != nil {
		tap.Bail("could not register: %v", err)
	}
	if _, err := s.SQL("SELECT angzarr.disable('disabled')"); err != nil {
		tap.Bail("could not disable: %v", err)
	}
	known := engine.WaitFor(10*time.Second, func() bool {
		_, err := s.send(engine.Request("disabled", engine.NewRoot(), page(0)))
		return status.Code(err) == codes.Unavailable
	})
	tap.OK(known, "a component that is registered is known within ten seconds, and one that is disabled answers UNAVAILABLE")
}

// send sends a command as any client does.
func (s *suite) send(request *angzarrv1.CommandRequest) (*angzarrv1.CommandResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return s.Commands.HandleCommand(ctx, request)
}

// mustSend sends a command that has to succeed for what follows.
func (s *suite) mustSend(request *angzarrv1.CommandRequest) *angzarrv1.CommandResponse {
	response, err := s.send(request)
	if err != nil {
		tap.Bail("a plain command failed: %v", err)
	}
	return response
}

// events counts what is stored, under one root or at all.
func (s *suite) events(root ...[]byte) int64 {
	where := ""
	if len(root) > 0 {
		where = fmt.Sprintf(" WHERE root = '%s'", uuidText(root[0]))
	}
	n, err := s.Count("SELECT count(*) FROM angzarr.events" + where)
	if err != nil {
		tap.Bail("could not count events: %v", err)
	}
	return n
}

// page is a valid page.
func page(expected uint32) *angzarrv1.CommandPage {
	return engine.Page(strict, expected, someCommand())
}

func someCommand() *anypb.Any {
	command, err := anypb.New(&orderv1.CreateOrder{CustomerId: "alice"})
	if err != nil {
		panic(err)
	}
	return command
}

// numbers lists the sequences of a book.
func numbers(book *angzarrv1.EventBook) string {
	var list []uint32
	for _, p := range book.GetPages() {
		list = append(list, p.GetHeader().GetSequence())
	}
	return fmt.Sprint(list)
}

// unusedAddress returns a port that nobody listens at.
func unusedAddress() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tap.Bail("no free port: %v", err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
