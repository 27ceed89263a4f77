// Stale commands: what is merged, what is not, and what the caller is told.

package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/peer"
	"angzarr.io/e2e/internal/tap"
)

// checkReplay: business logic that cannot fold, will not, or is wrong.
func (s *suite) checkReplay() {
	for _, c := range []struct {
		replay, name string
		code         codes.Code
		words        []string
	}{
		{"no-replay", "without Replay a stale COMMUTATIVE command is refused like a STRICT one",
			codes.FailedPrecondition, []string{"Sequence mismatch: command expects 1, aggregate is at 3"}},
		{"replay-fails", "a Replay that fails fails the command with its code, and names the phase",
			codes.Aborted, []string{"Replay", "obey-three", s.peer.Address, peer.RejectionMessage}},
		{"replay-garbage", "a Replay that answers no message is INTERNAL and names who said it",
			codes.Internal, []string{"obey-three", s.peer.Address, "ReplayResponse"}},
		{"replay-broken", "a Replay that answers no state is INTERNAL and names who said it",
			codes.Internal, []string{"Replay", "obey-three", s.peer.Address}},
		{"replay-slow", "a Replay that is slow is DEADLINE_EXCEEDED and named",
			codes.DeadlineExceeded, []string{"Replay", "obey-three"}},
		{"replay-hangs-up", "a Replay that hangs up is UNAVAILABLE and named",
			codes.Unavailable, []string{"Replay", "obey-three"}},
	} {
		id := engine.NewRoot()
		s.mustSend(engine.Request("obey-three", id, page(0)))
		_, err := s.send(replaying(c.replay, "obey-three", id, 1))
		missing := missingWords(status.Convert(err).Message(), c.words)
		tap.OK(status.Code(err) == c.code && missing == "" && s.events(id) == 3,
			c.name+"; nothing is written", err, missing)
	}
	id := engine.NewRoot()
	s.mustSend(engine.Request("obey-three", id, page(0)))
	for i, replay := range []string{"replay-unset", "replay-same"} {
		response, err := s.send(replaying(replay, "obey-three", id, 1))
		tap.OK(err == nil && response.GetEvents().GetNextSequence() == uint32(6+3*i),
			"states without a difference have no overlap ("+replay+")", err)
		tap.Is(len(s.peer.Calls(replay)), 3, "Replay is called three times ("+replay+")")
	}
	s.checkOvertaken()
}

// checkOvertaken lets somebody append while business logic decides.
func (s *suite) checkOvertaken() {
	for _, c := range []struct {
		replay, name string
		code         codes.Code
		calls        int
	}{
		{"replay-unset", "a COMMUTATIVE command that was overtaken is decided again and merged", codes.OK, 2},
		{"no-replay", "a COMMUTATIVE command that was overtaken is refused when there is no Replay", codes.FailedPrecondition, 2},
	} {
		id := engine.NewRoot()
		before := len(s.peer.Calls("unhurried"))
		var err error
		var done sync.WaitGroup
		done.Add(1)
		go func() {
			defer done.Done()
			_, err = s.send(replaying(c.replay, "unhurried", id, 0))
		}()
		engine.WaitFor(10*time.Second, func() bool { return len(s.peer.Calls("unhurried")) > before })
		_, appendErr := s.SQL("SELECT angzarr.append('unhurried', '%s', 0,"+
			" ARRAY[angzarr.new_event('/test.Happened', '')])", uuidText(id))
		done.Wait()
		stored := int64(1)
		if c.code == codes.OK {
			stored = 2
		}
		tap.OK(appendErr == nil && status.Code(err) == c.code && s.events(id) == stored &&
			len(s.peer.Calls("unhurried")) == before+c.calls, c.name, appendErr, err, s.events(id))
	}
}

// replaying is a stale command whose correlation id tells the peer how to
// answer Replay.
func replaying(replay, domain string, id []byte, expected uint32) *angzarrv1.CommandRequest {
	request := engine.Request(domain, id, engine.Page(commutative, expected, someCommand()))
	request.Command.Cover.CorrelationId = replay
	return request
}

// orders is the example of one language, and what it is registered as.
type orders struct {
	*suite
	domain string
	name   string
}

// checkMerging: the example services fold their events like any user's would.
func (s *suite) checkMerging() {
	for language, address := range s.orders {
		whole, full := "order-"+language, "order-"+language+"-full"
		_, err := s.SQL("SELECT angzarr.register_aggregate('%s', '%s'),"+
			" angzarr.register_aggregate('%s', '%s', send_snapshots => false)", whole, address, full, address)
		if err != nil {
			tap.Bail("could not register the order services: %v", err)
		}
		for domain, name := range map[string]string{whole: language, full: language + ", full books"} {
			o := &orders{suite: s, domain: domain, name: name}
			known := engine.WaitFor(10*time.Second, func() bool {
				_, err := o.ask(engine.NewRoot(), commutative, 0, createOrder())
				return err == nil
			})
			tap.OK(known, "the order service is there ("+name+")")
			o.checkBoundaries()
			o.checkOverlap()
			o.checkSnapshots()
			o.checkRaces()
		}
	}
	s.checkFieldNames()
}

// checkFieldNames: who has told the engine what an order looks like gets names.
func (s *suite) checkFieldNames() {
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto((&orderv1.OrderState{}).ProtoReflect().Descriptor().ParentFile())}})
	if err == nil {
		_, err = s.SQL("SELECT angzarr.register_descriptors('\\x%x')", set)
	}
	if err != nil {
		tap.Bail("the order's types could not be registered: %v", err)
	}
	for language := range s.orders {
		o := &orders{suite: s, domain: "order-" + language, name: language}
		id := o.begun()
		known := engine.WaitFor(10*time.Second, func() bool {
			_, err = o.ask(id, commutative, 1, addItem("cup", 1200))
			return fieldsOf(err) == "items"
		})
		o.ok(known, "fields that overlap are named when their type is registered", err)
	}
}

// ask sends one command of the order domain.
func (o *orders) ask(id []byte, merge angzarrv1.MergeStrategy, expected uint32, command proto.Message) (*angzarrv1.CommandResponse, error) {
	packed, err := anypb.New(command)
	if err != nil {
		return nil, err
	}
	return o.send(engine.Request(o.domain, id, engine.Page(merge, expected, packed)))
}

// begun is an order with an item: two events.
func (o *orders) begun() []byte {
	id := engine.NewRoot()
	for i, command := range []proto.Message{createOrder(), addItem("tea", 450)} {
		if _, err := o.ask(id, strict, uint32(i), command); err != nil {
			tap.Bail("an order cannot be begun: %v", err)
		}
	}
	return id
}

func (o *orders) ok(good bool, name string, why ...any) {
	tap.OK(good, name+" ("+o.name+")", why...)
}

func (o *orders) checkBoundaries() {
	id := o.begun()
	_, err := o.ask(id, commutative, 2, addItem("cup", 1200))
	o.ok(err == nil && o.events(id) == 3, "COMMUTATIVE with the right number is fine", err)
	_, err = o.ask(id, commutative, 4, addItem("pot", 2200))
	o.ok(status.Convert(err).Message() == "Sequence mismatch: command expects 4, aggregate is at 3",
		"COMMUTATIVE that expects more than there is is refused with both numbers", err)
	response, err := o.ask(id, commutative, 2, changeAddress("Cork"))
	o.ok(err == nil && numbers(response.GetEvents()) == "[3]",
		"a stale command that changes other fields is appended at the head", err)
	response, err = o.ask(id, commutative, 3, changeAddress("Cork"))
	o.ok(err == nil && len(response.GetEvents().GetPages()) == 0 && o.events(id) == 4,
		"a stale command without events is OK and writes nothing", err)
	_, err = o.ask(id, commutative, 2, addItem("tea", 1))
	o.ok(strings.Contains(fmt.Sprint(reasonOf(err)), "PRICE_DIFFERS"),
		"a stale command that breaks a rule is told the rule", err)
	_, err = o.ask(id, angzarrv1.MergeStrategy_MERGE_UNSPECIFIED, 2, &orderv1.CancelOrder{Reason: "late"})
	o.ok(err == nil && o.events(id) == 5, "a command that names no strategy is merged as COMMUTATIVE", err)

	id = o.begun()
	_, err = o.ask(id, commutative, 0, changeAddress("Cork"))
	o.ok(err == nil && o.events(id) == 3,
		"a command that expects a new aggregate is compared with no state at all, and merged", err)
	_, err = o.ask(id, commutative, 0, addItem("cup", 1200))
	o.ok(fieldsOf(err) == "2", "a command that expects a new aggregate is refused for a field that is set by now", err)
}

func (o *orders) checkOverlap() {
	id := o.begun()
	if _, err := o.ask(id, strict, 2, addItem("cup", 1200)); err != nil {
		tap.Bail("an item cannot be added: %v", err)
	}
	_, err := o.ask(id, commutative, 2, addItem("pot", 2200))
	info := reasonOf(err)
	o.ok(status.Code(err) == codes.FailedPrecondition && info.GetReason() == "FIELD_OVERLAP" && info.GetDomain() == "angzarr.io",
		"a stale command that changes the same field is FAILED_PRECONDITION with ErrorInfo FIELD_OVERLAP of angzarr.io", err)
	data := info.GetMetadata()
	o.ok(data["domain"] == o.domain && data["root"] == uuidText(id) && data["expected"] == "2" &&
		data["actual"] == "3" && data["fields"] == "2",
		"its metadata tells domain, root, expected, actual and fields", info)
	var retry, book bool
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.RetryInfo:
			retry = true
		case *angzarrv1.EventBook:
			book = d.NextSequence == 3
		}
	}
	o.ok(retry && book, "an overlap carries RetryInfo and the current book", err)
	o.ok(o.events(id) == 3, "an overlap writes nothing", o.events(id))
	_, err = o.ask(id, strict, 2, changeAddress("Cork"))
	o.ok(reasonOf(err).GetReason() == "SEQUENCE_MISMATCH", "under STRICT other fields do not help", err)
}

// checkSnapshots meets a snapshot after every second event.
func (o *orders) checkSnapshots() {
	begin := func() []byte {
		id := o.begun()
		for i, command := range []proto.Message{changeAddress("Cork"), addItem("cup", 1200), addItem("pot", 2200)} {
			if _, err := o.ask(id, strict, uint32(i+2), command); err != nil {
				tap.Bail("an order cannot go on: %v", err)
			}
		}
		return id
	}
	id := begin()
	kept, err := o.SQL("SELECT max(sequence) FROM angzarr.snapshots WHERE root = '%s' AND domain = '%s'", uuidText(id), o.domain)
	newest := map[bool]string{false: "3", true: "4"}[strings.HasSuffix(o.domain, "-full")]
	o.ok(err == nil && kept == newest, "there is a snapshot of the order", kept, err)
	// The address was changed at 2: who expects 3 or more has seen it.
	for expected := uint32(0); expected < 5; expected++ {
		id := begin()
		_, err := o.ask(id, commutative, expected, changeAddress("Galway"))
		good := err == nil && o.events(id) == 6
		if expected <= 2 {
			good = fieldsOf(err) == "3" && o.events(id) == 5
		}
		o.ok(good, fmt.Sprintf("with a snapshot at %s of 5 events a command that expects %d is judged by what happened since",
			newest, expected), err, o.events(id))
	}
}

// checkRaces: two clients that have read the same state.
func (o *orders) checkRaces() {
	id := o.begun()
	errs := o.both(id, changeAddress("Cork"), addItem("cup", 1200))
	o.ok(errs[0] == nil && errs[1] == nil && o.events(id) == 4,
		"two clients that change different fields of one state both succeed", errs, o.events(id))
	id = o.begun()
	errs = o.both(id, addItem("pot", 2200), addItem("cup", 1200))
	if errs[0] != nil {
		errs[0], errs[1] = errs[1], errs[0]
	}
	o.ok(errs[0] == nil && fieldsOf(errs[1]) == "2" && o.events(id) == 3,
		"of two clients that change the same field one wins and the other is told the field", errs, o.events(id))
}

func (o *orders) both(id []byte, commands ...proto.Message) []error {
	errs := make([]error, len(commands))
	var all sync.WaitGroup
	for i := range commands {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			_, errs[i] = o.ask(id, commutative, 2, commands[i])
		}(i)
	}
	all.Wait()
	return errs
}

// reasonOf is the ErrorInfo of a failed call, or nil.
func reasonOf(err error) *errdetails.ErrorInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info
		}
	}
	return nil
}

// fieldsOf is what a FIELD_OVERLAP names, else "".
func fieldsOf(err error) string {
	if info := reasonOf(err); info.GetReason() == "FIELD_OVERLAP" {
		return info.GetMetadata()["fields"]
	}
	return ""
}

func createOrder() proto.Message { return &orderv1.CreateOrder{CustomerId: "alice"} }

func addItem(sku string, cents int64) proto.Message {
	return &orderv1.AddItem{Sku: sku, Quantity: 1, UnitPriceCents: cents}
}

func changeAddress(city string) proto.Message {
	return &orderv1.ChangeShippingAddress{ShippingAddress: &orderv1.Address{
		Recipient: "Alice", Street: "1 Quay", City: city, Country: "IE"}}
}
