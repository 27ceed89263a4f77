package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// connect serves orders on a free port for the time of one test.
func connect(t *testing.T) (angzarrv1.CommandHandlerServiceClient, context.Context) {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	angzarrv1.RegisterCommandHandlerServiceServer(server, &service{snapshotEvery: 3})
	go server.Serve(listener) //nolint:errcheck // a failure shows in the calls
	t.Cleanup(server.Stop)
	connection, err := grpc.Dial(listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	t.Cleanup(cancel)
	return angzarrv1.NewCommandHandlerServiceClient(connection), ctx
}

func TestAnAcceptedCommandIsAnsweredWithItsEvents(t *testing.T) {
	client, ctx := connect(t)
	answer, err := client.Handle(ctx, contextual(t, nil, nil, &orderv1.CreateOrder{CustomerId: "alice"}))
	if err != nil {
		t.Fatal(err)
	}
	var event orderv1.OrderCreated
	mustUnpack(t, answer.GetEvents().Pages[0].GetEvent(), &event)
	if event.CustomerId != "alice" || answer.GetEvents().Snapshot != nil {
		t.Errorf("answer is %v", answer)
	}
}

func TestABrokenRuleIsFailedPreconditionWithItsReasonInTheDetails(t *testing.T) {
	client, ctx := connect(t)
	_, err := client.Handle(ctx, contextual(t, nil, nil, &orderv1.SubmitOrder{}))
	mustBe(t, err, codes.FailedPrecondition, "the order has not been created", "ORDER_NOT_CREATED")
}

func TestACommandThatChangesNothingIsAnsweredWithNoEvents(t *testing.T) {
	client, ctx := connect(t)
	address := &orderv1.Address{Recipient: "Alice", Street: "1 Quay", City: "Cork", Country: "IE"}
	history := []proto.Message{
		&orderv1.OrderCreated{CustomerId: "alice"},
		&orderv1.ShippingAddressChanged{ShippingAddress: address},
	}
	answer, err := client.Handle(ctx, contextual(t, nil, history,
		&orderv1.ChangeShippingAddress{ShippingAddress: address}))
	if err != nil {
		t.Fatal(err)
	}
	if answer.GetEvents() == nil || len(answer.GetEvents().Pages) != 0 {
		t.Errorf("answer is %v", answer)
	}
}

func TestTheSecondCommandOfABookSeesTheEventsOfTheFirst(t *testing.T) {
	client, ctx := connect(t)
	answer, err := client.Handle(ctx, contextual(t, nil, nil,
		&orderv1.CreateOrder{CustomerId: "alice"}, &orderv1.AddItem{Sku: "tea", Quantity: 1}))
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.GetEvents().Pages) != 2 {
		t.Errorf("answer is %v", answer)
	}
}

func TestHistoryBeginsWithTheSnapshot(t *testing.T) {
	client, ctx := connect(t)
	snapshot := &orderv1.OrderState{
		CustomerId:   "alice",
		Status:       orderv1.OrderStatus_ORDER_STATUS_CANCELLED,
		CancelReason: "x",
	}
	_, err := client.Handle(ctx, contextual(t, snapshot, nil, &orderv1.SubmitOrder{}))
	mustBe(t, err, codes.FailedPrecondition, "the order was cancelled: x", "ORDER_CANCELLED")
}

func TestALongHistoryIsAnsweredWithASnapshotOfTheNewState(t *testing.T) {
	client, ctx := connect(t)
	history := []proto.Message{
		&orderv1.OrderCreated{CustomerId: "alice"},
		&orderv1.ItemAdded{Sku: "tea", Quantity: 2},
	}
	answer, err := client.Handle(ctx, contextual(t, nil, history, &orderv1.AddItem{Sku: "tea", Quantity: 1}))
	if err != nil {
		t.Fatal(err)
	}
	var state orderv1.OrderState
	mustUnpack(t, answer.GetEvents().GetSnapshot().GetState(), &state)
	if state.Items[0].Quantity != 3 {
		t.Errorf("state is %v", &state)
	}
}

func TestReplayFoldsTheEventsOntoTheSnapshot(t *testing.T) {
	client, ctx := connect(t)
	answer, err := client.Replay(ctx, &angzarrv1.ReplayRequest{
		BaseSnapshot: &angzarrv1.Snapshot{State: pack(t, &orderv1.OrderState{
			CustomerId: "alice", Status: orderv1.OrderStatus_ORDER_STATUS_OPEN})},
		Events: eventPages(t, []proto.Message{&orderv1.ItemAdded{Sku: "tea", Quantity: 2}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	var state orderv1.OrderState
	mustUnpack(t, answer.State, &state)
	if state.CustomerId != "alice" || state.Items[0].Quantity != 2 {
		t.Errorf("state is %v", &state)
	}
}

func TestWhatTheDomainDoesNotKnowIsInvalid(t *testing.T) {
	client, ctx := connect(t)
	for name, request := range map[string]*angzarrv1.ContextualCommand{
		"a message of another domain": contextual(t, nil, nil, &angzarrv1.Cover{}),
		"an event as a command":       contextual(t, nil, nil, &orderv1.OrderCreated{}),
		"a command as an event":       contextual(t, nil, []proto.Message{&orderv1.SubmitOrder{}}, &orderv1.SubmitOrder{}),
		"a type nobody has":           rawCommand("/shop.order.v1.Nothing", ""),
		"bytes that do not decode":    rawCommand("/shop.order.v1.CreateOrder", "\xff\xff\xff"),
		"a page without a command":    rawCommand("", ""),
	} {
		_, err := client.Handle(ctx, request)
		t.Run(name, func(t *testing.T) { mustBe(t, err, codes.InvalidArgument, "", "UNKNOWN_MESSAGE") })
	}
}

func TestFactsAreNotImplemented(t *testing.T) {
	client, ctx := connect(t)
	_, err := client.HandleFact(ctx, &angzarrv1.FactRequest{})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("answered with %v", err)
	}
}

// mustBe checks code, message and the reason that travels as details.
func mustBe(t *testing.T, err error, code codes.Code, message, reason string) {
	t.Helper()
	got := status.Convert(err)
	if got.Code() != code || !strings.Contains(got.Message(), message) {
		t.Fatalf("answered with %v", err)
	}
	if len(got.Details()) != 1 {
		t.Fatalf("details are %v", got.Details())
	}
	info, ok := got.Details()[0].(*errdetails.ErrorInfo)
	if !ok || info.Domain != "order" || info.Reason != reason {
		t.Errorf("details are %v", got.Details())
	}
}

func contextual(t *testing.T, snapshot *orderv1.OrderState, history []proto.Message, commands ...proto.Message) *angzarrv1.ContextualCommand {
	t.Helper()
	book := &angzarrv1.EventBook{Pages: eventPages(t, history)}
	if snapshot != nil {
		book.Snapshot = &angzarrv1.Snapshot{State: pack(t, snapshot)}
	}
	asked := &angzarrv1.CommandBook{}
	for _, command := range commands {
		asked.Pages = append(asked.Pages, &angzarrv1.CommandPage{
			Payload: &angzarrv1.CommandPage_Command{Command: pack(t, command)},
		})
	}
	return &angzarrv1.ContextualCommand{Events: book, Command: asked}
}

func rawCommand(typeURL, value string) *angzarrv1.ContextualCommand {
	return &angzarrv1.ContextualCommand{Command: &angzarrv1.CommandBook{
		Pages: []*angzarrv1.CommandPage{{Payload: &angzarrv1.CommandPage_Command{
			Command: &anypb.Any{TypeUrl: typeURL, Value: []byte(value)},
		}}},
	}}
}

func eventPages(t *testing.T, history []proto.Message) []*angzarrv1.EventPage {
	t.Helper()
	var pages []*angzarrv1.EventPage
	for _, event := range history {
		pages = append(pages, &angzarrv1.EventPage{
			Payload: &angzarrv1.EventPage_Event{Event: pack(t, event)},
		})
	}
	return pages
}

func pack(t *testing.T, message proto.Message) *anypb.Any {
	t.Helper()
	packed, err := anypb.New(message)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func mustUnpack(t *testing.T, packed *anypb.Any, into proto.Message) {
	t.Helper()
	if err := packed.UnmarshalTo(into); err != nil {
		t.Fatal(err)
	}
}
