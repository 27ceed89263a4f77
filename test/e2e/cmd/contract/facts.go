// Facts: what already happened, recorded once and never refused.

package main

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

func (s *suite) checkFacts() {
	s.checkFactHandlers()
	s.checkFactKeys()
	s.checkFactFailures()
	s.checkFactValidation()
	s.checkSameFactFromMany()
	s.checkSameFactInSQL("COMMIT")
	s.checkSameFactInSQL("ROLLBACK")
}

// record injects facts as any client does.
func (s *suite) record(request *angzarrv1.EventRequest) (*angzarrv1.FactInjectionResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return s.Commands.HandleEvent(ctx, request)
}

// mustRecord injects facts that have to be recorded for what follows.
func (s *suite) mustRecord(request *angzarrv1.EventRequest) *angzarrv1.FactInjectionResponse {
	response, err := s.record(request)
	if err != nil {
		tap.Bail("a plain fact failed: %v", err)
	}
	return response
}

func external(id string) *angzarrv1.PageHeader {
	return &angzarrv1.PageHeader{SequenceType: &angzarrv1.PageHeader_ExternalDeferred{
		ExternalDeferred: &angzarrv1.ExternalDeferredSequence{ExternalId: id, Description: "from outside"},
	}}
}

func factPage(header *angzarrv1.PageHeader) *angzarrv1.EventPage {
	return &angzarrv1.EventPage{Header: header, Payload: &angzarrv1.EventPage_Event{
		Event: &anypb.Any{TypeUrl: "/test.Paid", Value: []byte("in full")},
	}}
}

func facts(domain string, root []byte, pages ...*angzarrv1.EventPage) *angzarrv1.EventRequest {
	return &angzarrv1.EventRequest{Events: &angzarrv1.EventBook{Cover: engine.Cover(domain, root), Pages: pages}}
}

func fact(domain string, root []byte, id string) *angzarrv1.EventRequest {
	return facts(domain, root, factPage(external(id)))
}

func skipping(request *angzarrv1.EventRequest) *angzarrv1.EventRequest {
	request.SkipHandler = true
	return request
}

// typesOf tells what is stored of an aggregate, in order.
func (s *suite) typesOf(id []byte) string {
	stored, err := s.SQL("SELECT string_agg(sequence || type_url, ' ' ORDER BY sequence)"+
		" FROM angzarr.events WHERE root = '%s'", uuidText(id))
	if err != nil {
		tap.Bail("could not read the events: %v", err)
	}
	return stored
}

func (s *suite) checkFactHandlers() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("fact-two", id, page(0)))
	request := fact("fact-two", id, "payment-1")
	request.Events.Cover.CorrelationId = "order-8"
	request.Events.Cover.Ext = &anypb.Any{TypeUrl: "/test.Ext", Value: []byte("of the fact")}
	response := s.mustRecord(request)
	tap.Is(numbers(response.Events), "[1 2]", "what HandleFact returns is appended at the head, and its pages carry header.sequence")
	tap.OK(!response.AlreadyProcessed && response.Events.GetNextSequence() == 3 && response.Events.Snapshot == nil,
		"a fact that is new is not called already processed", response)
	tap.OK(response.Events.Cover.GetCorrelationId() == "order-8" &&
		string(response.Events.Cover.GetExt().GetValue()) == "of the fact",
		"its events carry the fact book's correlation id and ext", response.Events.Cover)
	given := s.peer.Facts("fact-two")[0]
	tap.OK(proto.Equal(given.GetFacts(), request.Events), "HandleFact is given the facts as they were sent", given)
	tap.OK(numbers(given.GetPriorEvents()) == "[0]" && given.GetPriorEvents().GetNextSequence() == 1,
		"HandleFact is given the events before them", given)

	skipped := s.mustRecord(skipping(fact("fact-two", id, "payment-2")))
	tap.OK(numbers(skipped.Events) == "[3]" && len(s.peer.Facts("fact-two")) == 1,
		"skip_handler appends the facts themselves and calls nobody", skipped)
	tap.OK(skipped.Events.Pages[0].GetEvent().GetTypeUrl() == "/test.Paid", "a fact keeps its payload", skipped)

	own := engine.NewRoot()
	request = facts("obey", own, factPage(engine.Sequence(40)), factPage(external("payment-3")))
	request.Events.Pages[1].CreatedAt = timestamppb.New(time.Unix(1700000000, 123456000))
	response = s.mustRecord(request)
	tap.Is(s.typesOf(own), "0/test.Paid 1/test.Paid",
		"HandleFact UNIMPLEMENTED: the facts are appended themselves, whatever number they came with")
	tap.OK(response.Events.Pages[1].GetCreatedAt().AsTime().Equal(time.Unix(1700000000, 123456000)),
		"a fact keeps the time that it came with", response.Events.Pages[1])

	_, err := s.record(fact("down", engine.NewRoot(), "payment-4"))
	tap.Is(status.Code(err), codes.Unavailable, "a fact whose handler cannot be reached is UNAVAILABLE")
	_, err = s.record(skipping(fact("down", engine.NewRoot(), "payment-4")))
	tap.OK(err == nil, "skip_handler works while the handler cannot be reached", err)

	response = s.mustRecord(fact("fact-own-ext", engine.NewRoot(), "payment-5"))
	tap.Is(string(response.Events.Cover.GetExt().GetValue()), "of the handler",
		"the ext of HandleFact's book goes before the facts'")
	stated := engine.NewRoot()
	s.mustRecord(fact("fact-state", stated, "payment-6"))
	tap.Is(s.snapshotsOf("fact-state", stated), "1 paid", "a snapshot that HandleFact returns is kept at the last event")
	isolated := fact("obey", engine.NewRoot(), "payment-7")
	isolated.SyncMode = angzarrv1.SyncMode_SYNC_MODE_ISOLATED
	s.mustRecord(isolated)
	stored, err := s.SQL("SELECT isolated FROM angzarr.events WHERE root = '%s'",
		uuidText(isolated.Events.Cover.Root.Value))
	tap.OK(err == nil && stored == "t", "facts in mode ISOLATED are stored as isolated", stored, err)
}

func (s *suite) checkFactKeys() {
	id := engine.NewRoot()
	first := s.mustRecord(fact("fact-two", id, "payment-1"))
	s.mustSend(engine.Request("fact-two", id, page(2)))
	called := len(s.peer.Facts("fact-two"))
	again := s.mustRecord(fact("fact-two", id, "payment-1"))
	same := again.AlreadyProcessed && len(again.Events.Pages) == len(first.Events.Pages)
	for i := range again.Events.Pages {
		same = same && proto.Equal(again.Events.Pages[i], first.Events.Pages[i])
	}
	tap.OK(same, "a repeat returns the first events with already_processed = true", first, again)
	tap.OK(len(s.peer.Facts("fact-two")) == called && s.events(id) == 3, "a repeat calls nobody and writes nothing")

	other := engine.NewRoot()
	tap.OK(!s.mustRecord(fact("fact-two", other, "payment-1")).AlreadyProcessed,
		"the key is of one aggregate: another root's fact of the same external_id is new")
	tap.OK(!s.mustRecord(fact("fact-two", id, "payment-2")).AlreadyProcessed, "another external_id is another fact")
	book := facts("fact-two", other, factPage(external("payment-8")), factPage(external("payment-9")))
	s.mustRecord(book)
	tap.OK(s.mustRecord(fact("fact-two", other, "payment-8")).AlreadyProcessed &&
		!s.mustRecord(fact("fact-two", other, "payment-9")).AlreadyProcessed,
		"the external_id of the first page is the key of all")
	nameless := engine.NewRoot()
	s.mustRecord(fact("obey", nameless, ""))
	response := s.mustRecord(fact("obey", nameless, ""))
	tap.OK(!response.AlreadyProcessed && s.events(nameless) == 2, "an empty external_id is no key", response)

	nothing := engine.NewRoot()
	s.mustRecord(fact("fact-none", nothing, "payment-1"))
	response = s.mustRecord(fact("fact-none", nothing, "payment-1"))
	tap.OK(response.AlreadyProcessed && len(response.Events.Pages) == 0,
		"a fact that HandleFact made nothing of is remembered too", response)

	emitted := func(index uint32) *angzarrv1.EventRequest {
		return facts("fact-two", id, factPage(&angzarrv1.PageHeader{
			SequenceType: &angzarrv1.PageHeader_AngzarrDeferred{AngzarrDeferred: &angzarrv1.AngzarrDeferredSequence{
				Source: engine.Cover("cart", other), SourceSeq: 4, SourceComponent: "checkout", CommandIndex: index,
			}}}))
	}
	tap.OK(!s.mustRecord(emitted(0)).AlreadyProcessed && s.mustRecord(emitted(0)).AlreadyProcessed &&
		!s.mustRecord(emitted(1)).AlreadyProcessed, "a fact that a component emits has its provenance for a key")
}

func (s *suite) checkFactFailures() {
	id := engine.NewRoot()
	before := len(s.peer.Facts("fact-refuse"))
	_, err := s.record(fact("fact-refuse", id, "payment-1"))
	var info *errdetails.ErrorInfo
	for _, detail := range status.Convert(err).Details() {
		if d, ok := detail.(*errdetails.ErrorInfo); ok {
			info = d
		}
	}
	tap.OK(status.Code(err) == codes.InvalidArgument && info.GetReason() == "NO_FACT_HANDLER",
		"INVALID_ARGUMENT with NO_FACT_HANDLER is passed through", err)
	_, err = s.record(fact("fact-refuse", id, "payment-1"))
	tap.OK(status.Code(err) == codes.InvalidArgument && len(s.peer.Facts("fact-refuse")) == before+2,
		"a fact that failed is not remembered: a repeat asks again", err)
	for _, c := range []struct {
		domain string
		word   string
	}{{"fact-fail", "out of order"}, {"fact-garbage", "fact-garbage"}} {
		_, err := s.record(fact(c.domain, id, "payment-1"))
		tap.OK(status.Code(err) == codes.Internal && missingWords(err.Error(), []string{c.word}) == "",
			"any other failure of HandleFact ("+c.domain+") is passed through", err)
	}
	kept, err := s.Count("SELECT count(*) FROM angzarr.processed WHERE root = '%s'", uuidText(id))
	tap.OK(err == nil && kept == 0 && s.events(id) == 0, "a fact that failed writes nothing, and no key", kept, err)
}

func (s *suite) checkFactValidation() {
	before := s.events()
	bare := facts("obey", engine.NewRoot(), factPage(nil), factPage(engine.Sequence(0)))
	early := fact("obey", engine.NewRoot(), "x")
	early.Events.Pages[0].CreatedAt = &timestamppb.Timestamp{Seconds: 1 << 40}
	empty := facts("obey", engine.NewRoot(), &angzarrv1.EventPage{Header: external("x")})
	many := facts("obey", engine.NewRoot())
	for i := 0; i < 101; i++ {
		many.Events.Pages = append(many.Events.Pages, factPage(external("x")))
	}
	large := fact("obey", engine.NewRoot(), "x")
	large.Events.Pages[0].GetEvent().Value = make([]byte, 257<<10)
	mode := fact("obey", engine.NewRoot(), "x")
	mode.SyncMode = 9
	for _, c := range []struct {
		name, word string
		request    *angzarrv1.EventRequest
	}{
		{"a request whose every page lacks a deferred header", "external_deferred", bare},
		{"facts without a book", "events is missing", &angzarrv1.EventRequest{}},
		{"facts without pages", "events.pages is empty", facts("obey", engine.NewRoot())},
		{"a fact with an impossible created_at", "created_at", early},
		{"a fact without payload", "events.pages[0] has no payload", empty},
		{"facts of more than 100 pages", "max_pages_per_book", many},
		{"a fact over the payload size", "max_payload_size", large},
		{"facts of an unknown sync mode", "sync_mode is 9", mode},
		{"facts without root", "events.cover.root", facts("obey", nil, factPage(external("x")))},
		{"facts of a domain with a capital", "events.cover.domain", fact("Obey", engine.NewRoot(), "x")},
	} {
		_, err := s.record(c.request)
		tap.OK(status.Code(err) == codes.InvalidArgument && missingWords(err.Error(), []string{c.word}) == "",
			c.name+" is INVALID_ARGUMENT, and says which field", err)
	}
	_, err := s.record(fact("nobody", engine.NewRoot(), "x"))
	tap.OK(status.Code(err) == codes.NotFound && missingWords(err.Error(), []string{"nobody"}) == "",
		"a fact for a domain nobody registered is NOT_FOUND, naming it", err)
	_, err = s.record(fact("disabled", engine.NewRoot(), "x"))
	tap.Is(status.Code(err), codes.Unavailable, "a fact for a disabled component is UNAVAILABLE")
	tap.Is(s.events(), before, "facts that are refused write nothing")
	simple := fact("obey", engine.NewRoot(), "x")
	simple.SyncMode = angzarrv1.SyncMode_SYNC_MODE_SIMPLE
	_, err = s.record(simple)
	tap.Is(status.Code(err), codes.OK, "facts in mode SIMPLE are recorded where nobody listens")
}

// checkSameFactFromMany injects one fact over several connections at a time.
func (s *suite) checkSameFactFromMany() {
	const clients = 12
	id := engine.NewRoot()
	answers := make([]*angzarrv1.FactInjectionResponse, clients)
	errs := make([]error, clients)
	var ready, all sync.WaitGroup
	start := make(chan struct{})
	for i := 0; i < clients; i++ {
		connection, err := engine.Connect(s.Address)
		if err != nil {
			tap.Bail("no further connection: %v", err)
		}
		defer connection.Close()
		client := angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection)
		ready.Add(1)
		all.Add(1)
		go func(i int) {
			defer all.Done()
			ready.Done()
			<-start
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			answers[i], errs[i] = client.HandleEvent(ctx, fact("fact-slow", id, "payment-1"))
		}(i)
	}
	ready.Wait()
	close(start)
	all.Wait()
	wrote, same := 0, true
	for i := range answers {
		if errs[i] != nil {
			same = false
			continue
		}
		if !answers[i].AlreadyProcessed {
			wrote++
		}
		same = same && proto.Equal(answers[i].Events, answers[0].Events)
	}
	tap.OK(wrote == 1 && s.events(id) == 2 && len(s.peer.Facts("fact-slow")) == 1,
		fmt.Sprintf("of %d connections that inject one fact at one time one writes", clients), wrote, s.events(id), errs)
	tap.OK(same && numbers(answers[0].GetEvents()) == "[0 1]", "and all of them get the same events", answers, errs)
}

// checkSameFactInSQL lets a session have appended the same fact, and not yet
// ended, when it comes in over gRPC.
func (s *suite) checkSameFactInSQL(end string) {
	id := engine.NewRoot()
	session := exec.Command(s.Psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", "SET application_name = 'holder'", "-c",
		fmt.Sprintf("BEGIN; SELECT angzarr.append_once('payment-1', 'fact-two', '%s', 0,"+
			" ARRAY[angzarr.new_event('test.InSQL', 'x')]); SELECT pg_sleep(1); %s", uuidText(id), end))
	if err := session.Start(); err != nil {
		tap.Bail("no session: %v", err)
	}
	held := engine.WaitFor(10*time.Second, func() bool {
		n, err := s.Count("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holder' AND wait_event = 'PgSleep'")
		return err == nil && n == 1
	})
	response, err := s.record(fact("fact-two", id, "payment-1"))
	ended := session.Wait()
	if end == "COMMIT" {
		tap.OK(held && ended == nil && err == nil && response.AlreadyProcessed && s.typesOf(id) == "0/test.InSQL",
			"a fact appended in SQL and the same one over gRPC have one key: who comes second waits and gets the first one's events",
			response, err, ended)
		return
	}
	tap.OK(held && ended == nil && err == nil && !response.AlreadyProcessed && numbers(response.GetEvents()) == "[0 1]",
		"a fact whose first writer rolls back is recorded by the second", response, err, ended)
}
