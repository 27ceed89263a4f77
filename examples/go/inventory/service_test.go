package main

import (
	"testing"

	"angzarr.io/examples/shop"
	"angzarr.io/examples/shop/shoptest"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	inventoryv1 "angzarr.io/proto/shop/inventory/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// compensation asks to undo a command that the order with shoptest.OrderID had
// led to.
func compensation(t *testing.T, command string, history []proto.Message, sequences ...uint32) *angzarrv1.ContextualCommand {
	t.Helper()
	order, err := shop.CoverOf("order", shoptest.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	request := shoptest.Contextual(t, nil, history, shoptest.Notification(t,
		shop.CoverOfKey("inventory", "tea"), &angzarrv1.Compensate{
			Sequences: sequences, Reason: "it failed", CommandType: command}))
	request.Command.Pages[0].Header = &angzarrv1.PageHeader{
		SequenceType: &angzarrv1.PageHeader_AngzarrDeferred{
			AngzarrDeferred: &angzarrv1.AngzarrDeferredSequence{Source: order}}}
	return request
}

func held() []proto.Message {
	return []proto.Message{
		&inventoryv1.StockAdded{Sku: "tea", Quantity: 9},
		&inventoryv1.Reserved{OrderId: "another", Sku: "tea", Quantity: 3},
		&inventoryv1.Reserved{OrderId: shoptest.OrderID, Sku: "tea", Quantity: 2},
	}
}

func TestOutOfStockIsFailedPreconditionWithThatReason(t *testing.T) {
	client, ctx := shoptest.ConnectAggregate(t, rules, 50)
	_, err := client.Handle(ctx, shoptest.Contextual(t, nil, nil,
		&inventoryv1.Reserve{OrderId: shoptest.OrderID, Sku: "tea", Quantity: 1}))
	shoptest.MustBe(t, err, codes.FailedPrecondition, `0 of "tea" are available, not 1`, "inventory", "OUT_OF_STOCK")
}

func TestAReservationIsUndoneForTheOrderInItsProvenance(t *testing.T) {
	client, ctx := shoptest.ConnectAggregate(t, rules, 50)
	answer, err := client.Handle(ctx, compensation(t, "shop.inventory.v1.Reserve", held(), 2))
	if err != nil {
		t.Fatal(err)
	}
	shoptest.MustBeEqual(t, "events", shoptest.EventsOf(t, answer.GetEvents()), []proto.Message{
		&inventoryv1.Released{OrderId: shoptest.OrderID, Sku: "tea", Quantity: 2, Reason: "it failed"}})
}

func TestACommandThatProducedNoEventsLeavesNothingToUndo(t *testing.T) {
	client, ctx := shoptest.ConnectAggregate(t, rules, 50)
	answer, err := client.Handle(ctx, compensation(t, "shop.inventory.v1.Reserve", held()))
	if err != nil {
		t.Fatal(err)
	}
	shoptest.MustBeEqual(t, "events", shoptest.EventsOf(t, answer.GetEvents()), nil)
}

func TestNewsThatNobodyHasAnAnswerToAreUnimplemented(t *testing.T) {
	client, ctx := shoptest.ConnectAggregate(t, rules, 50)
	_, err := client.Handle(ctx, compensation(t, "shop.inventory.v1.AddStock", held(), 0))
	shoptest.MustBe(t, err, codes.Unimplemented, "cannot be undone", "inventory", "UNKNOWN_NOTIFICATION")
	_, err = client.Handle(ctx, shoptest.Contextual(t, nil, held(), shoptest.Notification(t,
		shop.CoverOfKey("inventory", "tea"), &angzarrv1.RejectionNotification{})))
	shoptest.MustBe(t, err, codes.Unimplemented, "causes nothing", "inventory", "UNKNOWN_NOTIFICATION")
}

func TestWhatWasReservedBeforeASnapshotIsStillHeldAfterIt(t *testing.T) {
	client, ctx := shoptest.ConnectAggregate(t, rules, 1)
	first, err := client.Handle(ctx, shoptest.Contextual(t, nil, held()[:1],
		&inventoryv1.Reserve{OrderId: shoptest.OrderID, Sku: "tea", Quantity: 2}))
	if err != nil {
		t.Fatal(err)
	}
	state := shoptest.Unpack(t, first.GetEvents().GetSnapshot().GetState())
	answer, err := client.Handle(ctx, shoptest.Contextual(t, state, nil,
		&inventoryv1.Release{OrderId: shoptest.OrderID, Sku: "tea", Reason: "moved"}))
	if err != nil {
		t.Fatal(err)
	}
	shoptest.MustBeEqual(t, "events", shoptest.EventsOf(t, answer.GetEvents()), []proto.Message{
		&inventoryv1.Released{OrderId: shoptest.OrderID, Sku: "tea", Quantity: 2, Reason: "moved"}})
}
