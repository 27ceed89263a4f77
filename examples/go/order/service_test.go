package main

import (
	"context"
	"testing"

	"angzarr.io/examples/shop/shoptest"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// connect serves orders on a free port for the time of one test.
func connect(t *testing.T) (angzarrv1.CommandHandlerServiceClient, context.Context) {
	t.Helper()
	return shoptest.ConnectAggregate(t, rules, 3)
}

func TestAnAcceptedCommandIsAnsweredWithItsEvents(t *testing.T) {
	client, ctx := connect(t)
	answer, err := client.Handle(ctx, shoptest.Contextual(t, nil, nil, &orderv1.CreateOrder{CustomerId: "alice"}))
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
	_, err := client.Handle(ctx, shoptest.Contextual(t, nil, nil, &orderv1.SubmitOrder{}))
	shoptest.MustBe(t, err, codes.FailedPrecondition, "the order has not been created", "order", "ORDER_NOT_CREATED")
}

func TestACommandThatChangesNothingIsAnsweredWithNoEvents(t *testing.T) {
	client, ctx := connect(t)
	address := &orderv1.Address{Recipient: "Alice", Street: "1 Quay", City: "Cork", Country: "IE"}
	history := []proto.Message{
		&orderv1.OrderCreated{CustomerId: "alice"},
		&orderv1.ShippingAddressChanged{ShippingAddress: address},
	}
	answer, err := client.Handle(ctx, shoptest.Contextual(t, nil, history,
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
	answer, err := client.Handle(ctx, shoptest.Contextual(t, nil, nil,
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
	_, err := client.Handle(ctx, shoptest.Contextual(t, snapshot, nil, &orderv1.SubmitOrder{}))
	shoptest.MustBe(t, err, codes.FailedPrecondition, "the order was cancelled: x", "order", "ORDER_CANCELLED")
}

func TestALongHistoryIsAnsweredWithASnapshotOfTheNewState(t *testing.T) {
	client, ctx := connect(t)
	history := []proto.Message{
		&orderv1.OrderCreated{CustomerId: "alice"},
		&orderv1.ItemAdded{Sku: "tea", Quantity: 2},
	}
	answer, err := client.Handle(ctx, shoptest.Contextual(t, nil, history, &orderv1.AddItem{Sku: "tea", Quantity: 1}))
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
		BaseSnapshot: &angzarrv1.Snapshot{State: shoptest.Pack(t, &orderv1.OrderState{
			CustomerId: "alice", Status: orderv1.OrderStatus_ORDER_STATUS_OPEN})},
		Events: shoptest.Pages(t, 0, &orderv1.ItemAdded{Sku: "tea", Quantity: 2}),
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
		"a message of another domain": shoptest.Contextual(t, nil, nil, &angzarrv1.Cover{}),
		"an event as a command":       shoptest.Contextual(t, nil, nil, &orderv1.OrderCreated{}),
		"a command as an event":       shoptest.Contextual(t, nil, []proto.Message{&orderv1.SubmitOrder{}}, &orderv1.SubmitOrder{}),
		"a type nobody has":           rawCommand("/shop.order.v1.Nothing", ""),
		"bytes that do not decode":    rawCommand("/shop.order.v1.CreateOrder", "\xff\xff\xff"),
		"a page without a command":    rawCommand("", ""),
	} {
		_, err := client.Handle(ctx, request)
		t.Run(name, func(t *testing.T) { shoptest.MustBe(t, err, codes.InvalidArgument, "", "order", "UNKNOWN_MESSAGE") })
	}
}

func TestFactsAreNotImplemented(t *testing.T) {
	client, ctx := connect(t)
	_, err := client.HandleFact(ctx, &angzarrv1.FactRequest{})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("answered with %v", err)
	}
}

func rawCommand(typeURL, value string) *angzarrv1.ContextualCommand {
	return &angzarrv1.ContextualCommand{Command: &angzarrv1.CommandBook{
		Pages: []*angzarrv1.CommandPage{{Payload: &angzarrv1.CommandPage_Command{
			Command: &anypb.Any{TypeUrl: typeURL, Value: []byte(value)},
		}}},
	}}
}

func mustUnpack(t *testing.T, packed *anypb.Any, into proto.Message) {
	t.Helper()
	if err := packed.UnmarshalTo(into); err != nil {
		t.Fatal(err)
	}
}
