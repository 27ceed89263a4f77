// Requests that are refused before anything is done.

package main

import (
	"fmt"
	"strings"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

// invalid is one line of the table: how a good request is spoilt, and words
// that the refusal must hold (the field, and what was found).
type invalid struct {
	name  string
	spoil func(r *angzarrv1.CommandRequest)
	words []string
}

// The order is that of the contract.
var invalidRequests = []invalid{
	{"a request without a command",
		func(r *angzarrv1.CommandRequest) { r.Command = nil }, []string{"command"}},
	{"a command of 101 pages",
		func(r *angzarrv1.CommandRequest) { repeat(r, 101) }, []string{"pages", "101", "100"}},
	{"a payload of one byte over 256 kB",
		func(r *angzarrv1.CommandRequest) { payload(r, 256<<10+1) }, []string{"command", "262145", "262144"}},
	{"a command without a cover",
		func(r *angzarrv1.CommandRequest) { r.Command.Cover = nil }, []string{"cover"}},
	{"an empty domain", domain(""), []string{"domain"}},
	{"a domain of 65 characters", domain(strings.Repeat("d", 65)), []string{"domain", "65"}},
	{"a domain that begins with a capital", domain("Order"), []string{"domain", "Order"}},
	{"a domain that begins with a digit", domain("9order"), []string{"domain", "9order"}},
	{"a domain that begins with a hyphen", domain("-order"), []string{"domain", "-order"}},
	{"a domain with a dot", domain("or.der"), []string{"domain", "or.der"}},
	{"a domain with a blank", domain("or der"), []string{"domain", "or der"}},
	{"a domain with a letter beyond ASCII", domain("ordér"), []string{"domain"}},
	{"a domain with a zero byte", domain("order\x00x"), []string{"domain"}},
	{"a command without a root",
		func(r *angzarrv1.CommandRequest) { r.Command.Cover.Root = nil }, []string{"root"}},
	{"a root of no bytes", root(0), []string{"root", "0"}},
	{"a root of 15 bytes", root(15), []string{"root", "15"}},
	{"a root of 17 bytes", root(17), []string{"root", "17"}},
	{"an edition name of 65 characters", edition(strings.Repeat("e", 65)), []string{"edition", "65"}},
	{"an edition name that begins with a digit", edition("9th"), []string{"edition", "9th"}},
	{"an edition name that begins with an underscore", edition("_e"), []string{"edition", "_e"}},
	{"an edition name with a capital", edition("eDition"), []string{"edition", "eDition"}},
	{"a correlation id of 129 characters", correlation(strings.Repeat("c", 129)), []string{"correlation_id", "129"}},
	{"a correlation id with a blank", correlation("a b"), []string{"correlation_id", "a b"}},
	{"a correlation id with a dot", correlation("a.b"), []string{"correlation_id", "a.b"}},
	{"a command without pages",
		func(r *angzarrv1.CommandRequest) { r.Command.Pages = nil }, []string{"pages"}},
	{"a page without a payload",
		func(r *angzarrv1.CommandRequest) { r.Command.Pages[0].Payload = nil }, []string{"pages[0]", "command"}},
	{"a second page without a payload",
		func(r *angzarrv1.CommandRequest) { repeat(r, 2); r.Command.Pages[1].Payload = nil }, []string{"pages[1]"}},
	{"pages that disagree in merge strategy",
		func(r *angzarrv1.CommandRequest) { repeat(r, 2); r.Command.Pages[1].MergeStrategy = aggregateHandles },
		[]string{"merge_strategy", "pages[1]"}},
	{"an external_deferred sequence on a command",
		func(r *angzarrv1.CommandRequest) {
			r.Command.Pages[0].Header = &angzarrv1.PageHeader{
				SequenceType: &angzarrv1.PageHeader_ExternalDeferred{
					ExternalDeferred: &angzarrv1.ExternalDeferredSequence{ExternalId: "x"},
				}}
		}, []string{"external_deferred"}},
	{"an unknown merge strategy",
		func(r *angzarrv1.CommandRequest) { r.Command.Pages[0].MergeStrategy = 99 }, []string{"merge_strategy", "99"}},
	{"an unknown sync mode",
		func(r *angzarrv1.CommandRequest) { r.SyncMode = 99 }, []string{"sync_mode", "99"}},
	{"a negative sync mode",
		func(r *angzarrv1.CommandRequest) { r.SyncMode = -1 }, []string{"sync_mode", "-1"}},
	{"an unknown cascade error mode",
		func(r *angzarrv1.CommandRequest) { r.CascadeErrorMode = 99 }, []string{"cascade_error_mode", "99"}},
	{"an unknown sync mode on a page",
		func(r *angzarrv1.CommandRequest) {
			mode := angzarrv1.SyncMode(99)
			r.Command.Pages[0].Header.SyncMode = &mode
		}, []string{"sync_mode", "99"}},
}

// Of several faults the first in the contract's order is the one named.
var invalidTwice = []invalid{
	{"too many pages and no cover",
		func(r *angzarrv1.CommandRequest) { repeat(r, 101); r.Command.Cover = nil }, []string{"pages"}},
	{"a payload too large and no cover",
		func(r *angzarrv1.CommandRequest) { payload(r, 300<<10); r.Command.Cover = nil }, []string{"pages[0]"}},
	{"a bad domain and a bad root",
		func(r *angzarrv1.CommandRequest) { domain("Bad")(r); root(3)(r) }, []string{"domain"}},
	{"a bad root and a bad edition",
		func(r *angzarrv1.CommandRequest) { root(3)(r); edition("E")(r) }, []string{"root"}},
	{"a bad edition and a bad correlation id",
		func(r *angzarrv1.CommandRequest) { edition("E")(r); correlation("!")(r) }, []string{"edition"}},
	{"a bad correlation id and no pages",
		func(r *angzarrv1.CommandRequest) { correlation("!")(r); r.Command.Pages = nil }, []string{"correlation_id"}},
	{"an unknown domain and no pages",
		func(r *angzarrv1.CommandRequest) { domain("nobody")(r); r.Command.Pages = nil }, []string{"pages"}},
}

func (s *suite) checkValidation() {
	before := s.events()
	for _, row := range invalidRequests {
		s.checkInvalid(row, row.name+" is INVALID_ARGUMENT and the message says what was found where")
	}
	for _, row := range invalidTwice {
		s.checkInvalid(row, "of "+row.name+" the first in the contract's order is named")
	}
	tap.Is(s.events(), before, "no refused request has written anything")
	s.checkLimitsThatHold()
}

func (s *suite) checkInvalid(row invalid, name string) {
	request := engine.Request("obey", engine.NewRoot(), page(0))
	row.spoil(request)
	_, err := s.send(request)
	missing := missingWords(status.Convert(err).Message(), row.words)
	tap.OK(status.Code(err) == codes.InvalidArgument && missing == "", name,
		fmt.Sprintf("got %v", err), missing)
}

// checkLimitsThatHold sends what is just within each limit.
func (s *suite) checkLimitsThatHold() {
	for _, row := range []invalid{
		{name: "a command of 100 pages", spoil: func(r *angzarrv1.CommandRequest) { repeat(r, 100) }},
		{name: "a payload of 256 kB", spoil: func(r *angzarrv1.CommandRequest) { payload(r, 256<<10) }},
		{name: "a correlation id of 128 characters", spoil: correlation(strings.Repeat("aZ09-_xy", 16))},
		{name: "an edition named angzarr, which is the main timeline", spoil: edition("angzarr")},
		{name: "an edition without a name, which is the main timeline", spoil: edition("")},
		{name: "a page without a header, which expects sequence 0",
			spoil: func(r *angzarrv1.CommandRequest) { r.Command.Pages[0].Header = nil }},
		{name: "an unset sync mode", spoil: func(r *angzarrv1.CommandRequest) { r.SyncMode = 0 }},
		{name: "sync mode ISOLATED", spoil: func(r *angzarrv1.CommandRequest) {
			r.SyncMode = angzarrv1.SyncMode_SYNC_MODE_ISOLATED
		}},
		{name: "sync mode DECISION", spoil: func(r *angzarrv1.CommandRequest) {
			r.SyncMode = angzarrv1.SyncMode_SYNC_MODE_DECISION
		}},
	} {
		request := engine.Request("obey", engine.NewRoot(), page(0))
		row.spoil(request)
		response, err := s.send(request)
		tap.OK(err == nil && numbers(response.GetEvents()) == "[0]", row.name+" is accepted", err, response)
	}
}

func (s *suite) checkRouting() {
	for _, name := range []string{"nobody", "_a-1", strings.Repeat("d", 64)} {
		_, err := s.send(engine.Request(name, engine.NewRoot(), page(0)))
		tap.OK(status.Code(err) == codes.NotFound && strings.Contains(status.Convert(err).Message(), name),
			fmt.Sprintf("the domain %q, which nobody registered, is NOT_FOUND and named", name), err)
	}
	_, err := s.send(engine.Request("disabled", engine.NewRoot(), page(0)))
	tap.OK(status.Code(err) == codes.Unavailable && strings.Contains(status.Convert(err).Message(), "disabled"),
		"a disabled component is UNAVAILABLE and named", err)
	tap.Is(len(s.peer.Calls("disabled")), 0, "a disabled component is not called")
}

// checkNotServed asks for what this version does not have.
func (s *suite) checkNotServed() {
	before := s.events()
	cascade := engine.Request("obey", engine.NewRoot(), page(0))
	mode := angzarrv1.SyncMode_SYNC_MODE_CASCADE
	cascade.Command.Pages[0].Header.SyncMode = &mode
	cascade.CascadeErrorMode = angzarrv1.CascadeErrorMode_CASCADE_ERROR_COMPENSATE
	_, err := s.send(cascade)
	tap.OK(status.Code(err) == codes.Unimplemented && strings.Contains(status.Convert(err).Message(), "COMPENSATE"),
		"a page's CASCADE in error mode COMPENSATE is not served yet: UNIMPLEMENTED, and said so", err)
	tap.Is(s.events(), before, "what is not served writes nothing")
}

func missingWords(text string, words []string) string {
	var missing []string
	for _, word := range words {
		if !strings.Contains(text, word) {
			missing = append(missing, word)
		}
	}
	if missing == nil {
		return ""
	}
	return fmt.Sprintf("the message does not hold %q", missing)
}

func domain(name string) func(r *angzarrv1.CommandRequest) {
	return func(r *angzarrv1.CommandRequest) { r.Command.Cover.Domain = name }
}

func root(size int) func(r *angzarrv1.CommandRequest) {
	return func(r *angzarrv1.CommandRequest) {
		r.Command.Cover.Root = &angzarrv1.UUID{Value: make([]byte, size)}
	}
}

func edition(name string) func(r *angzarrv1.CommandRequest) {
	return func(r *angzarrv1.CommandRequest) {
		r.Command.Cover.Edition = &angzarrv1.Edition{Name: name}
	}
}

func correlation(id string) func(r *angzarrv1.CommandRequest) {
	return func(r *angzarrv1.CommandRequest) { r.Command.Cover.CorrelationId = id }
}

// repeat makes so many pages of the one there is.
func repeat(r *angzarrv1.CommandRequest, n int) {
	for len(r.Command.Pages) < n {
		r.Command.Pages = append(r.Command.Pages, page(0))
	}
}

// payload gives the first page a command of so many bytes.
func payload(r *angzarrv1.CommandRequest, size int) {
	r.Command.Pages[0].Payload = &angzarrv1.CommandPage_Command{
		Command: &anypb.Any{TypeUrl: "/test.Big", Value: make([]byte, size)},
	}
}
