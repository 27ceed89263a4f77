// Command subscribe checks EventStreamService.Subscribe of a running engine,
// sentence by sentence of the contract.
//
//	subscribe -server 127.0.0.1:1310 -psql /path/to/psql
//
// The database is the one that the PG... variables name; subscriber_buffer
// there must be 256 kB, and it is dropped from in the end. Prints TAP.
package main

import (
	"flag"
	"fmt"
	"strings"

	angzarrv1 "angzarr.io/proto/angzarr/v1"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/peer"
	"angzarr.io/e2e/internal/tap"
)

// subscriberBuffer is angzarr.subscriber_buffer of the server under test.
const subscriberBuffer = 256 << 10

// suite is what every check needs.
type suite struct {
	*engine.Engine
	streams angzarrv1.EventStreamServiceClient
	psql    *engine.Session
}

func main() {
	server := flag.String("server", "127.0.0.1:1310", "`host:port` of the engine")
	psql := flag.String("psql", "psql", "the psql to run")
	flag.Parse()

	e, err := engine.Dial(*server, *psql)
	if err != nil {
		tap.Bail("no engine at %s: %v", *server, err)
	}
	p, err := peer.Listen("127.0.0.1:0", 100)
	if err != nil {
		tap.Bail("no peer: %v", err)
	}
	if err := e.Register(p.Address, "obey", "obey-three", "own-ext"); err != nil {
		tap.Bail("could not register: %v", err)
	}
	s := &suite{Engine: e, streams: angzarrv1.NewEventStreamServiceClient(e)}
	s.psql = s.session()

	s.checkFilter()
	s.checkStart()
	s.checkBooks()
	s.checkGrouping()
	s.checkOrder()
	s.checkWhatIsNotSent()
	s.checkCost()
	s.checkUnderLoad()
	s.checkMany()
	s.checkSlow()
	s.checkEnds()
	p.Close()
	tap.Done()
}

// session begins a session of psql.
func (s *suite) session() *engine.Session {
	session, err := s.Session()
	if err != nil {
		tap.Bail("no session: %v", err)
	}
	return session
}

// do runs statements that have to succeed.
func (s *suite) do(format string, args ...any) string {
	return s.doIn(s.psql, format, args...)
}

func (s *suite) doIn(session *engine.Session, format string, args ...any) string {
	said, err := session.Do(format, args...)
	if err != nil {
		tap.Bail("psql: %v", err)
	}
	return said
}

// appending is a statement that appends so many events to a new stream, and
// the text of its root.
func appending(id string, events int) (statement, root string) {
	root = uuidText(engine.NewRoot())
	return appendingTo(root, 0, id, events), root
}

func appendingTo(root string, expected int, id string, events int) string {
	return fmt.Sprintf("SELECT angzarr.append('sql', '%s', %d, ARRAY[%s], correlation_id => '%s');",
		root, expected, strings.TrimSuffix(strings.Repeat("angzarr.new_event('t.Happened', 'x'),", events), ","), id)
}

func uuidText(root []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", root[:4], root[4:6], root[6:8], root[8:10], root[10:])
}
