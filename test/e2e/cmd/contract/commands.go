// Commands that reach business logic, and what is written of its answer.

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/peer"
	"angzarr.io/e2e/internal/tap"
)

func (s *suite) checkCommands() {
	id := engine.NewRoot()
	first := s.mustSend(engine.Request("obey-three", id, page(0)))
	tap.Is(numbers(first.Events), "[0 1 2]", "the first events of an aggregate are numbered from 0")
	tap.Is(first.Events.GetNextSequence(), 3, "the answer says the next sequence")
	tap.OK(first.Events.Snapshot == nil, "the answer holds no snapshot")
	tap.OK(proto.Equal(first.Events.GetCover(), engine.Cover("obey-three", id)),
		"the answer's cover is the aggregate's, main as an unset edition", first.Events.GetCover())
	tap.Is(s.events(id), 3, "what is acknowledged is stored")

	second := s.mustSend(engine.Request("obey-three", id, page(3)))
	tap.Is(numbers(second.Events), "[3 4 5]", "the answer holds the new pages only, numbered on")

	calls := s.peer.Calls("obey-three")
	book := calls[len(calls)-1].Request.GetEvents()
	tap.Is(numbers(book), "[0 1 2]", "business logic is given all that happened before")
	tap.Is(book.GetNextSequence(), 3, "business logic is told the next sequence")
	tap.OK(proto.Equal(book.GetCover(), engine.Cover("obey-three", id)),
		"business logic is given the aggregate's cover", book.GetCover())
	same := len(book.Pages) == 3
	for i := range book.Pages {
		same = same && proto.Equal(book.Pages[i], first.Events.Pages[i])
	}
	tap.OK(same, "what business logic is given is what was answered: payload, time and number", book)

	quiet := engine.NewRoot()
	for _, name := range []string{"quiet", "no-pages"} {
		response, err := s.send(engine.Request(name, quiet, page(0)))
		tap.OK(err == nil && len(response.GetEvents().GetPages()) == 0 &&
			response.GetEvents().GetNextSequence() == 0 && response.GetEvents().GetCover().GetDomain() == name,
			"an answer without events ("+name+") is OK: an empty book with its cover", err, response)
	}
	tap.Is(s.events(quiet), 0, "an answer without events writes nothing")

	many := engine.NewRoot()
	request := engine.Request("obey", many, page(0), page(77), page(78))
	response, err := s.send(request)
	tap.OK(err == nil && numbers(response.GetEvents()) == "[0]",
		"of several pages the first one's header decides", err)
	calls = s.peer.Calls("obey")
	given := calls[len(calls)-1].Request.GetCommand()
	tap.OK(proto.Equal(given, request.Command), "business logic is given the command as it was sent", given)
}

func (s *suite) checkMergeStrategies() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("obey-three", id, page(0)))
	called := len(s.peer.Calls("obey-three"))
	unspecified := angzarrv1.MergeStrategy_MERGE_UNSPECIFIED
	for _, c := range []struct {
		merge    angzarrv1.MergeStrategy
		expected uint32
	}{{strict, 1}, {strict, 4}, {commutative, 4}, {unspecified, 9}} {
		_, err := s.send(engine.Request("obey-three", id, engine.Page(c.merge, c.expected, someCommand())))
		want := fmt.Sprintf("Sequence mismatch: command expects %d, aggregate is at 3", c.expected)
		tap.OK(status.Code(err) == codes.FailedPrecondition && status.Convert(err).Message() == want,
			fmt.Sprintf("%v that expects %d of an aggregate at 3 is FAILED_PRECONDITION with both numbers", c.merge, c.expected), err)
	}
	_, err := s.send(engine.Request("obey-three", id, &angzarrv1.CommandPage{
		MergeStrategy: strict, Payload: &angzarrv1.CommandPage_Command{Command: someCommand()}}))
	tap.Is(status.Convert(err).Message(), "Sequence mismatch: command expects 0, aggregate is at 3",
		"a page without header expects sequence 0")
	tap.Is(len(s.peer.Calls("obey-three")), called, "business logic is not asked about a stale STRICT command, or one ahead of its aggregate")
	s.checkMismatchDetails(id)

	response, err := s.send(engine.Request("obey-three", id, engine.Page(aggregateHandles, 0, someCommand())))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[3 4 5]",
		"AGGREGATE_HANDLES with a stale number is decided by business logic, and appended at the head", err, response)
	s.checkRace()
}

func (s *suite) checkMismatchDetails(id []byte) {
	_, err := s.send(engine.Request("obey-three", id, page(1)))
	var info *errdetails.ErrorInfo
	var retry *errdetails.RetryInfo
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.RetryInfo:
			retry = d
		}
	}
	tap.OK(info.GetReason() == "SEQUENCE_MISMATCH" && info.GetDomain() == "angzarr.io",
		"a mismatch carries ErrorInfo SEQUENCE_MISMATCH of angzarr.io", info)
	tap.OK(info.GetMetadata()["expected"] == "1" && info.GetMetadata()["actual"] == "3" &&
		info.GetMetadata()["domain"] == "obey-three" && info.GetMetadata()["root"] == uuidText(id),
		"its metadata tells domain, root, expected and actual", info)
	tap.OK(retry != nil, "a mismatch carries RetryInfo: sent again with the right number it may succeed")
}

// checkRace lets two commands decide about the same state at the same time.
func (s *suite) checkRace() {
	for _, merge := range []angzarrv1.MergeStrategy{aggregateHandles, strict} {
		id := engine.NewRoot()
		errs := make([]error, 2)
		var both sync.WaitGroup
		for i := range errs {
			both.Add(1)
			go func(i int) {
				defer both.Done()
				_, errs[i] = s.send(engine.Request("rendezvous", id, engine.Page(merge, 0, someCommand())))
			}(i)
		}
		both.Wait()
		if merge == aggregateHandles {
			tap.OK(errs[0] == nil && errs[1] == nil && s.events(id) == 2,
				"of two AGGREGATE_HANDLES commands at one time both succeed, one after the other", errs, s.events(id))
			continue
		}
		if errs[0] != nil {
			errs[0], errs[1] = errs[1], errs[0]
		}
		tap.OK(errs[0] == nil && status.Code(errs[1]) == codes.FailedPrecondition && s.events(id) == 1,
			"of two STRICT commands at one time one wins and the other is a mismatch", errs, s.events(id))
		tap.Is(status.Convert(errs[1]).Message(), "Sequence mismatch: command expects 0, aggregate is at 1",
			"the one that was overtaken is told both numbers")
	}
}

func (s *suite) checkStamping() {
	id := engine.NewRoot()
	request := engine.Request("obey", id, page(0))
	request.Command.Cover.CorrelationId = "order-7"
	request.Command.Cover.Ext = &anypb.Any{TypeUrl: "/test.Ext", Value: []byte{0, 1, 2, 0xff}}
	before := time.Now()
	response := s.mustSend(request)
	made := response.Events.Pages[0].GetCreatedAt().AsTime()
	tap.OK(!made.Before(before.Add(-time.Second)) && !made.After(time.Now().Add(time.Second)),
		"an event without a time is stamped with the present", made)
	tap.Is(made.Nanosecond()%1000, 0, "a time is kept to the microsecond")
	tap.Is(response.Events.Cover.GetCorrelationId(), "order-7", "the events have the command's correlation id")
	tap.OK(proto.Equal(response.Events.Cover.GetExt(), request.Command.Cover.Ext),
		"the events carry the command's ext where business logic gives none", response.Events.Cover)
	stored, err := s.SQL("SELECT correlation_id, type_url, position > 0, depth FROM angzarr.events"+
		" WHERE root = '%s'", uuidText(id))
	tap.OK(err == nil && stored == "order-7|type.googleapis.com/test.Happened|t|0",
		"correlation id, type and depth 0 are stored", stored, err)

	id = engine.NewRoot()
	request = engine.Request("own-ext", id, page(0))
	request.Command.Cover.Ext = &anypb.Any{TypeUrl: "/test.Ext", Value: []byte("of the command")}
	response = s.mustSend(request)
	tap.Is(string(response.Events.Cover.GetExt().GetValue()), "of the handler",
		"business logic's ext goes before the command's")

	id = engine.NewRoot()
	request = engine.Request("other-correlation", id, page(0))
	request.Command.Cover.CorrelationId = "mine"
	response = s.mustSend(request)
	tap.OK(response.Events.Cover.GetCorrelationId() == "mine" && response.Events.Cover.Edition == nil,
		"a correlation id and an edition that business logic invents are overwritten", response.Events.Cover)

	id = engine.NewRoot()
	response = s.mustSend(engine.Request("snapshot", id, page(0)))
	tap.OK(response.Events.Snapshot == nil && numbers(response.Events) == "[0 1]",
		"a snapshot that business logic returns is not in the answer", response.Events)
	response = s.mustSend(engine.Request("snapshot", id, page(2)))
	tap.Is(numbers(response.Events), "[2 3]", "events are numbered on behind a snapshot")
	tap.Is(s.snapshotsOf("snapshot", id), "3 after 4",
		"a snapshot that business logic returns is kept at the last event of its command, and takes the place of the one before")
	calls := s.peer.Calls("snapshot")
	book := calls[len(calls)-1].Request.GetEvents()
	tap.OK(book.GetSnapshot().GetSequence() == 1 && string(book.GetSnapshot().GetState().GetValue()) == "after 2" &&
		len(book.Pages) == 0 && book.NextSequence == 2,
		"business logic is given the newest snapshot and the pages after it", book)
}

// snapshotsOf tells what is stored of an aggregate: sequences and states.
func (s *suite) snapshotsOf(domain string, id []byte) string {
	stored, err := s.SQL("SELECT string_agg(sequence || ' ' || convert_from(state, 'UTF8'), ', ' ORDER BY sequence)"+
		" FROM angzarr.snapshots WHERE root = '%s' AND domain = '%s'", uuidText(id), domain)
	if err != nil {
		tap.Bail("could not read the snapshots: %v", err)
	}
	return stored
}

func (s *suite) checkAnswers() {
	id := engine.NewRoot()
	response := s.mustSend(engine.Request("numbered", id, page(0)))
	response = s.mustSend(engine.Request("numbered", id, page(2)))
	tap.Is(numbers(response.Events), "[2 3]", "business logic may number its events from the next sequence on")
	for _, c := range []struct {
		domain, name string
		words        []string
	}{
		{"misnumbered", "events with other numbers", []string{"7", "0"}},
		{"numbered-gap", "events with a gap in their numbers", []string{"5", "1"}},
		{"other-domain", "events of another domain", []string{"elsewhere", "other-domain"}},
		{"other-root", "events of another root", []string{strings.Repeat("ab", 4)}},
		{"empty-page", "an event without a payload", nil},
		{"notify", "a notification", []string{"otification"}},
	} {
		id := engine.NewRoot()
		_, err := s.send(engine.Request(c.domain, id, page(0)))
		missing := missingWords(status.Convert(err).Message(), c.words)
		tap.OK(status.Code(err) == codes.Internal && missing == "" && s.events(id) == 0,
			c.name+" as an answer is INTERNAL, says what was found, and writes nothing", err, missing)
	}
	_, err := s.send(engine.Request("revoke", engine.NewRoot(), page(0)))
	tap.OK(status.Code(err) == codes.FailedPrecondition &&
		strings.Contains(status.Convert(err).Message(), peer.RevocationReason),
		"a revocation as the answer to a command is FAILED_PRECONDITION with its reason", err)
	s.checkRejections()
}

func (s *suite) checkRejections() {
	for _, name := range []string{"reject", "reject-late"} {
		answer, err := s.raw(handleCommand, mustMarshal(engine.Request(name, engine.NewRoot(), page(0))), nil)
		if err != nil {
			tap.OK(false, "a rejection ("+name+") is answered", err)
			continue
		}
		tap.Is(answer.status, fmt.Sprint(uint32(codes.Aborted)), "a rejection's code is passed on ("+name+")")
		tap.Is(answer.message, peer.RejectionMessage, "a rejection's message is passed on, whatever it is written in ("+name+")")
		tap.OK(bytes.Equal(answer.details, peer.RejectionDetails),
			"a rejection's details are passed on byte for byte ("+name+")",
			fmt.Sprintf("got  %x", answer.details), fmt.Sprintf("want %x", peer.RejectionDetails))
	}
	answer, err := s.raw(handleCommand, mustMarshal(engine.Request("reject-long", engine.NewRoot(), page(0))), nil)
	tap.OK(err == nil && answer.status == "9" && len(answer.details) == peer.LongDetails &&
		bytes.Count(answer.details, []byte{0xa5}) == peer.LongDetails,
		fmt.Sprintf("details of %d bytes are passed on whole", peer.LongDetails), err)
	before := len(s.peer.Calls("reject-plain"))
	_, err = s.send(engine.Request("reject-plain", engine.NewRoot(), page(0)))
	tap.OK(status.Code(err) == codes.FailedPrecondition && status.Convert(err).Message() == "no" &&
		len(status.Convert(err).Details()) == 0, "a rejection without details gets none", err)
	tap.Is(len(s.peer.Calls("reject-plain"))-before, 1, "a rejected command is not tried again")
	_, err = s.send(engine.Request("bad-status", engine.NewRoot(), page(0)))
	tap.Is(status.Code(err), codes.Unknown, "a status that is no number is UNKNOWN")
	_, err = s.send(engine.Request("unimplemented", engine.NewRoot(), page(0)))
	tap.Is(status.Code(err), codes.Unimplemented, "UNIMPLEMENTED of business logic is passed on")
}

// checkManyCalls has more calls under way than the peer allows on one
// connection.
func (s *suite) checkManyCalls() {
	const n = 300
	errs := make(chan error, n)
	for i := 0; i < n; i++ {
		go func() {
			_, err := s.send(engine.Request("aggregate", engine.NewRoot(), page(0)))
			errs <- err
		}()
	}
	var failed []error
	for i := 0; i < n; i++ {
		if err := <-errs; err != nil {
			failed = append(failed, err)
		}
	}
	tap.OK(len(failed) == 0, "300 commands at one time succeed with a peer that allows 100 calls on a connection",
		len(failed), failed)
}

func (s *suite) checkMetadata() {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	request := engine.Request("obey", engine.NewRoot(), page(0))
	_, err := s.raw(handleCommand, mustMarshal(request), map[string]string{
		"traceparent": trace, "tracestate": "a=1,b=2", "x-correlation-id": "from-metadata",
		"authorization": "Bearer secret", "cookie": "secret=1", "grpc-timeout": "1500m",
	})
	calls := s.peer.Calls("obey")
	header := calls[len(calls)-1].Header
	tap.OK(err == nil && header.Get("Traceparent") == trace, "traceparent travels to business logic", err, header)
	tap.Is(header.Get("Tracestate"), "a=1,b=2", "tracestate travels with it")
	tap.Is(header.Get("X-Correlation-Id"), "from-metadata", "x-correlation-id travels to business logic")
	tap.OK(header.Get("Authorization") == "" && header.Get("Cookie") == "",
		"authorization and cookies do not", header)
	tap.OK(header.Get("Grpc-Timeout") != "", "business logic is told its deadline", header)
	tap.Is(header.Get("Content-Type"), "application/grpc", "business logic is called with application/grpc")
	tap.Is(header.Get("Te"), "trailers", "business logic is asked for trailers")

	request = engine.Request("obey", engine.NewRoot(), page(0))
	request.Command.Cover.CorrelationId = "from-the-cover"
	s.mustSend(request)
	calls = s.peer.Calls("obey")
	tap.Is(calls[len(calls)-1].Header.Get("X-Correlation-Id"), "from-the-cover",
		"without x-correlation-id of the caller the command's own correlation id is sent along")
}

func (s *suite) checkTime() {
	id := engine.NewRoot()
	start := time.Now()
	_, err := s.send(engine.Request("slow", id, page(0)))
	took := time.Since(start)
	tap.OK(status.Code(err) == codes.DeadlineExceeded && strings.Contains(status.Convert(err).Message(), "slow"),
		"business logic that is too slow is DEADLINE_EXCEEDED and named", err)
	tap.OK(took >= callTimeout-100*time.Millisecond && took < callTimeout+2*time.Second,
		"it is given call_timeout and no more", took)
	s.checkCallWasGivenUp("the call that was too slow is given up")

	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	_, err = s.Commands.HandleCommand(ctx, engine.Request("slow", id, page(0)))
	cancel()
	tap.Is(status.Code(err), codes.DeadlineExceeded, "a caller's own deadline holds", err)
	s.checkCallWasGivenUp("when the caller's deadline has passed the call to business logic is given up")

	ctx, cancel = context.WithCancel(context.Background())
	before := len(s.peer.Calls("slow"))
	go func() {
		engine.WaitFor(5*time.Second, func() bool { return len(s.peer.Calls("slow")) > before })
		cancel()
	}()
	_, err = s.Commands.HandleCommand(ctx, engine.Request("slow", id, page(0)))
	tap.Is(status.Code(err), codes.Canceled, "a caller can cancel", err)
	s.checkCallWasGivenUp("when the caller cancels the call to business logic is given up")
	tap.Is(s.events(id), 0, "no call that was given up has written anything")
}

func (s *suite) checkCallWasGivenUp(name string) {
	calls := s.peer.Calls("slow")
	select {
	case <-calls[len(calls)-1].Cancelled:
		tap.OK(true, name)
	case <-time.After(time.Second):
		tap.OK(false, name, "it still went on after a second")
	}
}

// checkBrokenPeers asks peers that do not answer as they should.
func (s *suite) checkBrokenPeers() {
	for _, c := range []struct {
		domain string
		code   codes.Code
		name   string
	}{
		{"garbage", codes.Internal, "an answer that does not decode"},
		{"half-a-message", codes.Internal, "an answer that ends within its message"},
		{"two-messages", codes.Internal, "an answer of two messages"},
		{"compressed", codes.Internal, "an answer that says it is compressed"},
		{"no-message", codes.Internal, "an answer without a message"},
		{"no-status", codes.Internal, "an answer without a status"},
		{"web-page", codes.Unavailable, "a web page of a proxy (503)"},
		{"reset", codes.Internal, "an answer that is reset"},
		{"hang-up", codes.Unavailable, "a connection that is cut"},
		{"big-answer", codes.ResourceExhausted, "an answer of 5 MB"},
	} {
		id := engine.NewRoot()
		_, err := s.send(engine.Request(c.domain, id, page(0)))
		got := status.Code(err)
		good := got == c.code || c.code == codes.Internal && got == codes.Unknown
		tap.OK(good && strings.Contains(status.Convert(err).Message(), c.domain) && s.events(id) == 0,
			fmt.Sprintf("%s is %v, names the domain and writes nothing", c.name, c.code), err)
		_, err = s.send(engine.Request("aggregate", engine.NewRoot(), page(0)))
		tap.OK(err == nil, "after "+c.name+" other domains of the same peer are served", err)
		tap.Is(len(s.peer.Calls(c.domain)), 1, "a call that ended with "+c.name+" is not made again")
	}
	for _, c := range []struct{ domain, name string }{
		{"many-pages", "an answer of 101 events"},
		{"big-page", "an event of 300 kB"},
	} {
		id := engine.NewRoot()
		_, err := s.send(engine.Request(c.domain, id, page(0)))
		tap.OK(err != nil && status.Code(err) != codes.Unknown && s.events(id) == 0,
			c.name+" is refused, and writes nothing", err)
	}
	_, err := s.send(engine.Request("down", engine.NewRoot(), page(0)))
	missing := missingWords(status.Convert(err).Message(), []string{"down", s.down})
	tap.OK(status.Code(err) == codes.Unavailable && missing == "",
		"business logic that is down is UNAVAILABLE, naming domain and address", err, missing)
	s.checkBack()
}

// checkBack starts business logic where there was none.
func (s *suite) checkBack() {
	p, err := peer.Listen(s.down, 100)
	if err != nil {
		tap.Bail("could not listen at %s again: %v", s.down, err)
	}
	defer p.Close()
	var last error
	back := engine.WaitFor(5*time.Second, func() bool {
		_, last = s.send(engine.Request("down", engine.NewRoot(), page(0)))
		return last == nil
	})
	tap.OK(back, "business logic that comes back is found within five seconds", last)
	p.HangUp()
	back = engine.WaitFor(5*time.Second, func() bool {
		_, last = s.send(engine.Request("down", engine.NewRoot(), page(0)))
		return last == nil
	})
	tap.OK(back, "after its connections were cut it is found again", last)
}

func uuidText(id []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func mustMarshal(message proto.Message) []byte {
	encoded, err := proto.Marshal(message)
	if err != nil {
		panic(err)
	}
	return encoded
}
