// What is expected of each way to misbehave.

package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/peer"
	"angzarr.io/e2e/internal/tap"
	"angzarr.io/e2e/internal/wild"
)

// Addresses besides those of the ways: where nobody listens, and one that no
// way has used.
const (
	refusing = "refuses-connections"
	unused   = "unused"
)

// The words by which a message tells the phase.
const (
	connecting = "connect"
	waiting    = "waiting for"
	reading    = "reading"
	unreadable = "could not read the answer"
	decoding   = "does not decode"
)

// row is a way and what must come of it.
type row struct {
	way   string
	what  string // it does, to be read after "business logic that"
	code  codes.Code
	words []string // in the message, besides domain and address
	calls int      // most that it may get
	orOK  bool     // the answer may have come before the harm
}

var rows = []row{
	{refusing, "refuses the connection", codes.Unavailable, []string{connecting}, 0, false},
	{"mute", "accepts connections and says nothing", codes.DeadlineExceeded, []string{connecting}, 0, false},
	{"hangs-up", "closes every connection", codes.Unavailable, []string{connecting}, 0, false},
	{"web-server", "speaks HTTP/1", codes.Internal, []string{connecting}, 0, false},

	{"killed-before", "is killed before its answer", codes.Unavailable, []string{waiting}, 1, false},
	{"killed-within", "is killed within its answer", codes.Unavailable, []string{reading}, 1, false},
	{"killed-after", "is killed after its answer", codes.Unavailable, []string{""}, 1, true},
	{"silent", "never answers", codes.DeadlineExceeded, []string{waiting}, 1, false},
	{"stalls", "stops within its answer", codes.DeadlineExceeded, []string{reading}, 1, false},
	{"cut", "closes the connection instead of answering", codes.Unavailable, []string{waiting}, 1, false},
	{"cut-within", "closes the connection within its answer", codes.Unavailable, []string{reading}, 1, false},
	{"cut-rudely", "resets the connection", codes.Unavailable, []string{waiting}, 1, false},
	{"garbage", "answers bytes that are no HTTP/2", codes.Internal, []string{waiting}, 1, false},
	{"bad-headers", "answers headers that cannot be decompressed", codes.Internal, []string{waiting}, 1, false},

	{"goaway-refusing", "says GOAWAY and that it has not looked at the call", codes.Unavailable, []string{waiting}, 2, false},
	{"goaway-silent", "says GOAWAY and closes without answering", codes.Unavailable, []string{waiting}, 1, false},
	{"goaway-angry", "says GOAWAY with an error and closes", codes.Unavailable, []string{waiting}, 1, false},
	{"goaway-first", "says GOAWAY and then answers", codes.OK, nil, 1, false},
	{"goaway-after", "answers and then says GOAWAY", codes.OK, nil, 1, false},
	{"refuses", "refuses the call", codes.Unavailable, []string{"refused the call twice", waiting}, 2, false},
	{"resets", "resets the call", codes.Internal, []string{waiting}, 1, false},
	{"resets-within", "resets the call within its answer", codes.Internal, []string{reading}, 1, false},
	{"resets-after", "resets the call after its answer", codes.OK, nil, 1, false},

	{"two-messages", "answers two messages", codes.Internal, []string{unreadable, "more than one message"}, 1, false},
	{"data-after-end", "goes on after the end of its answer", codes.OK, nil, 1, false},
	{"answers-twice", "answers twice", codes.OK, nil, 1, false},
	{"other-stream", "answers a call that nobody made", codes.Internal, []string{waiting}, 1, false},
	{"pushes", "pushes what nobody asked for", codes.Internal, []string{waiting}, 1, false},

	{"only-well", "sends trailers only, with status 0", codes.Internal, []string{unreadable, "without a message"}, 1, false},
	{"only-rejected", "sends trailers only, with a rejection", codes.Aborted, nil, 1, false},
	{"no-status", "sends trailers without a status", codes.Internal, []string{unreadable, "without a status"}, 1, false},
	{"no-trailers", "ends its answer without trailers", codes.Internal, []string{unreadable, "without a status"}, 1, false},
	{"no-headers", "answers without headers", codes.Internal, []string{waiting}, 1, false},
	{"half-a-message", "ends its answer within the message", codes.Internal, []string{unreadable, "half a message"}, 1, false},
	{"does-not-decode", "answers garbage in a proper frame", codes.Internal, []string{decoding}, 1, false},
	{"compressed", "compresses its answer", codes.Internal, []string{unreadable, "compressed"}, 1, false},
	{"other-type", "answers with another content-type", codes.Unknown, []string{unreadable, "text/html"}, 1, false},
	{"proxy-page", "is a proxy with a page about an error", codes.Unavailable, []string{unreadable, "502"}, 1, false},

	{"large-answer", "answers 5 MB", codes.ResourceExhausted, []string{unreadable, "bytes"}, 1, false},
	{"lying-length", "announces an answer of 4 GB", codes.ResourceExhausted, []string{unreadable, "4294967295 bytes"}, 1, false},
	{"long-message", "rejects with a message of 60 kB", codes.ResourceExhausted, []string{unreadable, "headers"}, 1, false},
	{"large-message", "rejects with a message of 5 MB", codes.Internal, []string{reading}, 1, false},
	{"many-headers", "answers 5 MB of headers", codes.ResourceExhausted, []string{unreadable, "headers"}, 1, false},
	{"byte-by-byte", "answers byte by byte", codes.OK, nil, 1, false},
}

// check asks one of them, and then a healthy one at the same address.
func (s *suite) check(r row, others *others) {
	var logic *child
	who := "business logic that " + r.what
	sent := others.count()
	if r.way != refusing {
		logic = startChild(r.way, s.addresses[r.way])
	}
	root := engine.NewRoot()
	response, err := s.send(domain(r.way), root, 0)
	code, message := answerText(err)
	tap.Note("%s: %v %.300s", r.way, code, message)
	s.checkStatus(r, who, code, message)
	stored := s.stored(root)
	tap.OK(err != nil && stored == 0 || err == nil && stored == wild.Two && len(response.Events.Pages) == wild.Two,
		who+" leaves no event, or one set when the command is acknowledged", err, stored)
	if logic != nil {
		tap.OK(logic.calls() <= r.calls, fmt.Sprintf("%s is called %d times at most", who, r.calls), logic.calls())
		logic.end()
	}
	s.checkHealthy(r.way, root, stored, "after "+who+" a healthy one at its address is served")
	tap.OK(engine.WaitFor(10*time.Second, func() bool { return others.count() > sent+1 }) && others.failed() == nil,
		who+" does no harm to other domains", others.failed(), others)
}

func (s *suite) checkStatus(r row, who string, code codes.Code, message string) {
	if code == codes.OK && (r.orOK || r.code == codes.OK) {
		tap.OK(true, who+" is OK when its answer came whole")
		return
	}
	missing := missingWords(message, r.words)
	if r.words != nil {
		missing += missingWords(message, []string{`"` + domain(r.way) + `"`, s.addresses[r.way]})
	}
	tap.OK(code == r.code && missing == "",
		fmt.Sprintf("%s is %v, saying at which phase, which domain and which address", who, r.code),
		fmt.Sprintf("got %v: %.400s", code, message), missing)
}

// checkHealthy puts obedient business logic where the other one was.
func (s *suite) checkHealthy(way string, root []byte, stored int64, name string) {
	good, err := peer.Listen(s.addresses[way], 100)
	if err != nil {
		tap.OK(false, name, err)
		return
	}
	defer good.Close()
	served := engine.WaitFor(10*time.Second, func() bool {
		_, err = s.send(domain(way), root, uint32(stored))
		return err == nil
	})
	tap.OK(served && s.stored(root) == stored+1, name, err, s.stored(root))
}

// checkLate: an answer that nobody waits for any more.
func (s *suite) checkLate(others *others) {
	logic := startChild("late", s.addresses["late"])
	defer logic.end()
	root := engine.NewRoot()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	_, err := s.sendWithin(ctx, domain("late"), root, 0)
	cancel()
	code, _ := answerText(err)
	tap.Is(code, codes.DeadlineExceeded, "a caller that gives up is not kept waiting by business logic that is late")
	tap.OK(engine.WaitFor(10*time.Second, func() bool { return logic.said(wild.Answered) == 1 }),
		"business logic can answer a call that was given up")
	_, err = s.send(domain("late"), root, 0)
	tap.OK(err == nil && s.stored(root) == wild.Two,
		"an answer to a call that was given up writes nothing, and the next command's answer is its own", err, s.stored(root))
	tap.OK(others.failed() == nil, "an answer to a call that was given up does no harm to other domains", others.failed())
}

// checkDeathBeforeCommit keeps the commit waiting by another transaction that
// has written to the aggregate, until business logic is dead.
func (s *suite) checkDeathBeforeCommit(others *others) {
	const way = unused
	root := engine.NewRoot()
	other, in := s.openTransaction(domain(way), root)
	defer other.Wait() //nolint:errcheck // it ends with its input
	logic := startChild("killed-after", s.addresses[way])
	answered := make(chan error, 1)
	go func() {
		_, err := s.send(domain(way), root, 0)
		answered <- err
	}()
	select {
	case <-logic.over:
	case <-answered:
		tap.Bail("the command was answered before business logic was dead")
	}
	logic.end()
	tap.OK(len(answered) == 0 && s.stored(root) == 0 && logic.calls() == 1,
		"business logic can be dead after its answer and before the commit", len(answered), s.stored(root), logic.calls())
	fmt.Fprintln(in, "ROLLBACK;")
	in.Close()
	err := <-answered
	tap.OK(err == nil && s.stored(root) == wild.Two,
		"what business logic answered before it died is committed once", err, s.stored(root))
	s.checkHealthy(way, root, s.stored(root), "after a death before the commit a healthy one is served")
	tap.OK(others.failed() == nil, "a death before the commit does no harm to other domains", others.failed())
}

// openTransaction has written an event under the root and goes on.
func (s *suite) openTransaction(domain string, root []byte) (*exec.Cmd, io.WriteCloser) {
	command := exec.Command(s.Psql, "-XAtq", "-v", "ON_ERROR_STOP=1")
	in, err := command.StdinPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		tap.Bail("could not start psql: %v", err)
	}
	fmt.Fprintf(in, "SET application_name = 'the other writer'; BEGIN;"+
		" SELECT angzarr.append('%s', '%x', 0, ARRAY[angzarr.new_event('test.Other', 'x')]);\n", domain, root)
	if !engine.WaitFor(10*time.Second, func() bool {
		n, err := s.Count("SELECT count(*) FROM pg_stat_activity" +
			" WHERE application_name = 'the other writer' AND state = 'idle in transaction'")
		return err == nil && n == 1
	}) {
		tap.Bail("the other transaction does not come to be open")
	}
	return command, in
}

func missingWords(text string, words []string) string {
	missing := ""
	for _, word := range words {
		if !strings.Contains(text, word) {
			missing += fmt.Sprintf("the message does not hold %q ", word)
		}
	}
	return missing
}
