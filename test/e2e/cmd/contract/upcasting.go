// Old events in their form of today: section 10, with an upcaster of our own.

package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that ours stands before
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

const (
	oldType = "type.googleapis.com/test.Happened"
	newType = "/test.HappenedV2"
)

// upcaster does to the events of a domain what its name says.
type upcaster struct {
	angzarrv1.UnimplementedUpcasterServiceServer
}

func (upcaster) Upcast(ctx context.Context, request *angzarrv1.UpcastRequest) (*angzarrv1.UpcastResponse, error) {
	answer := &angzarrv1.UpcastResponse{}
	for _, old := range request.GetEvents() {
		// Only what the contract asks for: number and payload.
		answer.Events = append(answer.Events, &angzarrv1.EventPage{
			Header:  engine.Sequence(old.GetHeader().GetSequence()),
			Payload: &angzarrv1.EventPage_Event{Event: &anypb.Any{TypeUrl: newType, Value: old.GetEvent().GetValue()}},
		})
	}
	switch request.GetDomain() {
	case "up-fewer":
		answer.Events = answer.Events[1:]
	case "up-more":
		answer.Events = append(answer.Events, answer.Events[0])
	case "up-sequence":
		answer.Events[1].Header = engine.Sequence(7)
	case "up-no-header":
		answer.Events[0].Header = nil
	case "up-empty-page":
		answer.Events[2].Payload = nil
	case "up-refuse":
		return nil, status.Error(codes.PermissionDenied, "not for you")
	case "up-slow":
		// Longer than its caller waits, which tells it when to give up.
		<-ctx.Done()
		time.Sleep(2 * time.Second)
	case "up-garbage":
		answer.Events = nil
	}
	return answer, nil
}

// garbageCodec sends bytes that are no message in place of an empty answer.
type garbageCodec struct{ encoding.Codec }

func (c garbageCodec) Marshal(message any) ([]byte, error) {
	if answer, ok := message.(*angzarrv1.UpcastResponse); ok && len(answer.GetEvents()) == 0 {
		return []byte{0xff, 0xff, 0xff, 0xff}, nil
	}
	return c.Codec.Marshal(message)
}

// startUpcaster returns its address and what stops it.
func startUpcaster() (string, func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tap.Bail("no upcaster: %v", err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(garbageCodec{encoding.GetCodec("proto")}))
	angzarrv1.RegisterUpcasterServiceServer(server, upcaster{})
	go server.Serve(listener) //nolint:errcheck // ends with the test
	return "grpc://" + listener.Addr().String(), server.Stop
}

// upcast gives a domain to the peer and its events to an upcaster; returns the
// root of an aggregate with three events.
func (s *suite) upcast(domain, address, options string) []byte {
	if err := s.Register(s.peer.Address, domain); err != nil {
		tap.Bail("could not register: %v", err)
	}
	id := engine.NewRoot()
	for i := uint32(0); i < 3; i++ {
		s.mustSend(engine.Request(domain, id, page(i)))
	}
	if _, err := s.SQL("SELECT angzarr.register_upcaster('%s', '%s'%s)", domain, address, options); err != nil {
		tap.Bail("could not register the upcaster: %v", err)
	}
	return id
}

func (s *suite) checkUpcasting() {
	address, stop := startUpcaster()
	defer stop()
	s.checkUpcast(address)
	s.checkUpcastForOthers(address)
	s.checkUpcastFailures(address)
	s.checkDisabledUpcaster(address)
}

func (s *suite) checkUpcast(address string) {
	id := s.upcast("up-rename", address, "")
	stored, err := s.query(&angzarrv1.Query{Cover: engine.Cover("up-rename", id)})
	if err != nil {
		tap.Bail("a query failed: %v", err)
	}
	response, err := s.send(engine.Request("up-rename", id, page(3)))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[3]",
		"a command for a domain with an upcaster is carried out", err)
	tap.OK(strings.HasSuffix(response.GetEvents().GetPages()[0].GetEvent().GetTypeUrl(), "test.Happened"),
		"its answer has the new events as they are stored", response)

	calls := s.peer.Calls("up-rename")
	given := calls[len(calls)-1].Request.GetEvents()
	tap.Is(numbers(given), "[0 1 2]", "business logic is given as many pages with the same sequences")
	renamed, timed := true, true
	for i, p := range given.GetPages() {
		renamed = renamed && p.GetEvent().GetTypeUrl() == newType
		timed = timed && p.GetCreatedAt().AsTime().Equal(stored.GetPages()[i].GetCreatedAt().AsTime())
	}
	tap.OK(renamed, "business logic is given the events that the upcaster made", given)
	tap.OK(timed, "and they have the time at which they were stored, also where the upcaster left it out", given)

	book, err := s.query(&angzarrv1.Query{Cover: engine.Cover("up-rename", id)})
	same := err == nil && numbers(book) == "[0 1 2 3]"
	for _, p := range book.GetPages() {
		same = same && p.GetEvent().GetTypeUrl() == oldType
	}
	tap.OK(same, "queries give the pages as they are stored", err, book)
	n, err := s.Count("SELECT count(*) FROM angzarr.events WHERE domain = 'up-rename' AND type_url = '%s'", oldType)
	tap.OK(err == nil && n == 4, "stored events never change", err, n)

	fresh := engine.NewRoot()
	_, err = s.send(engine.Request("up-rename", fresh, page(0)))
	tap.OK(err == nil, "an aggregate without events needs no upcaster", err)
	_, err = s.SQL("SELECT angzarr.unregister('up-rename-upcaster')")
	if err != nil {
		tap.Bail("could not unregister: %v", err)
	}
	s.mustSend(engine.Request("up-rename", id, page(4)))
	calls = s.peer.Calls("up-rename")
	given = calls[len(calls)-1].Request.GetEvents()
	tap.Is(given.GetPages()[0].GetEvent().GetTypeUrl(), oldType,
		"after the upcaster is unregistered business logic is given the pages as they are stored")
}

// checkUpcastForOthers is about the books that facts and speculative commands meet.
func (s *suite) checkUpcastForOthers(address string) {
	id := s.upcast("up-others", address, "")
	response, err := s.record(fact("up-others", id, "payment-1"))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[3]" &&
		response.GetEvents().GetPages()[0].GetEvent().GetTypeUrl() == "/test.Paid",
		"a fact for a domain with an upcaster is recorded as it is", err, response)
	given := s.peer.Facts("up-others")
	prior := given[len(given)-1].GetPriorEvents()
	tap.OK(numbers(prior) == "[0 1 2]" && allOfType(prior, newType),
		"HandleFact is given the events before the fact as the upcaster made them", prior)

	_, err = s.speculate(engine.Request("up-others", id, page(0)), asOf(1))
	book := s.lastBook("up-others")
	tap.OK(err == nil && numbers(book) == "[0 1]" && allOfType(book, newType),
		"a speculative command meets the events of its point as the upcaster made them", err, book)

	id = s.upcast("up-lost", address, "")
	if _, err := s.SQL("SELECT angzarr.unregister('up-lost-upcaster'); SELECT angzarr.register_upcaster('up-lost', 'grpc://%s')",
		s.down); err != nil {
		tap.Bail("could not move the upcaster: %v", err)
	}
	called := len(s.peer.Facts("up-lost")) + len(s.peer.Calls("up-lost"))
	_, recorded := s.record(fact("up-lost", id, "payment-1"))
	_, speculated := s.speculate(engine.Request("up-lost", id, page(0)), nil)
	tap.OK(status.Code(recorded) == codes.Internal && status.Code(speculated) == codes.Internal &&
		len(s.peer.Facts("up-lost"))+len(s.peer.Calls("up-lost")) == called && s.events(id) == 3,
		"a fact or a speculative command whose book cannot be upcast is INTERNAL, asks nobody and writes nothing",
		recorded, speculated)
	response, err = s.record(skipping(fact("up-lost", id, "payment-1")))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[3]",
		"a fact that skips the handler needs no upcaster", err, response)
}

func allOfType(book *angzarrv1.EventBook, name string) bool {
	for _, p := range book.GetPages() {
		if p.GetEvent().GetTypeUrl() != name {
			return false
		}
	}
	return len(book.GetPages()) > 0
}

func (s *suite) checkUpcastFailures(address string) {
	for _, c := range []struct{ domain, address, options, says string }{
		{"up-fewer", address, "", "answered 2 events, it was given 3"},
		{"up-more", address, "", "answered 4 events, it was given 3"},
		{"up-sequence", address, "", "answered sequence 7 for event 1"},
		{"up-no-header", address, "", "answered no sequence for event 0"},
		{"up-empty-page", address, "", "answered no payload for event 2"},
		{"up-garbage", address, "", "answered what does not decode"},
		{"up-refuse", address, "", "failed with PERMISSION_DENIED: not for you"},
		{"up-down", "grpc://" + s.down, "", "failed with UNAVAILABLE"},
		{"up-slow", address, ", deadline => '300 ms'", "failed with DEADLINE_EXCEEDED"},
	} {
		id := s.upcast(c.domain, c.address, c.options)
		called := len(s.peer.Calls(c.domain))
		begin := time.Now()
		_, err := s.send(engine.Request(c.domain, id, page(3)))
		message := status.Convert(err).Message()
		whose := fmt.Sprintf("the upcaster of domain %q at %s ", c.domain, c.address)
		tap.OK(status.Code(err) == codes.Internal && strings.HasPrefix(message, whose) && strings.Contains(message, c.says),
			fmt.Sprintf("an upcaster that goes wrong (%s) is INTERNAL, naming domain, address and what it did", c.domain), err)
		tap.OK(len(s.peer.Calls(c.domain)) == called && s.events(id) == 3,
			"then business logic is not asked and nothing is written ("+c.domain+")")
		tap.OK(time.Since(begin) < 10*time.Second, "and the answer comes in time ("+c.domain+")", time.Since(begin))
	}
	s.mustSend(engine.Request("obey", engine.NewRoot(), page(0)))
}

func (s *suite) checkDisabledUpcaster(address string) {
	id := s.upcast("up-disabled", address, ", name => 'pausing'")
	if _, err := s.SQL("SELECT angzarr.disable('pausing')"); err != nil {
		tap.Bail("could not disable: %v", err)
	}
	_, err := s.send(engine.Request("up-disabled", id, page(3)))
	tap.OK(status.Code(err) == codes.Unavailable &&
		strings.HasPrefix(status.Convert(err).Message(), `the upcaster of domain "up-disabled" is disabled`),
		"a disabled upcaster is not passed over: UNAVAILABLE, naming the domain", err)
	if _, err := s.SQL("SELECT angzarr.enable('pausing')"); err != nil {
		tap.Bail("could not enable: %v", err)
	}
	_, err = s.send(engine.Request("up-disabled", id, page(3)))
	tap.OK(err == nil, "enabled again it goes on", err)
}
