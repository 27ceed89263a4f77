package main

import (
	"testing"

	"angzarr.io/examples/shop"
	"angzarr.io/examples/shop/shoptest"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	paymentv1 "angzarr.io/proto/shop/payment/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

func TestDeclinedIsFailedPreconditionWithThatReason(t *testing.T) {
	client, ctx := shoptest.ConnectAggregate(t, rules, 50)
	_, err := client.Handle(ctx, shoptest.Contextual(t, nil, nil,
		&paymentv1.Charge{OrderId: shoptest.OrderID, CustomerId: "alice", AmountCents: 100001}))
	shoptest.MustBe(t, err, codes.FailedPrecondition, "over the limit", "payment", "DECLINED")
}

func TestAChargeIsUndoneByARefundAndOtherCommandsAreNot(t *testing.T) {
	client, ctx := shoptest.ConnectAggregate(t, rules, 50)
	history := []proto.Message{
		&paymentv1.Charged{OrderId: shoptest.OrderID, CustomerId: "alice", AmountCents: 900}}
	undo := func(command string) *angzarrv1.Notification {
		return shoptest.Notification(t, shop.CoverOfKey("payment", shoptest.OrderID), &angzarrv1.Compensate{
			Sequences: []uint32{0}, Reason: "it failed", CommandType: command})
	}
	answer, err := client.Handle(ctx, shoptest.Contextual(t, nil, history, undo("shop.payment.v1.Charge")))
	if err != nil {
		t.Fatal(err)
	}
	shoptest.MustBeEqual(t, "events", shoptest.EventsOf(t, answer.GetEvents()), []proto.Message{
		&paymentv1.Refunded{OrderId: shoptest.OrderID, AmountCents: 900, Reason: "it failed"}})
	_, err = client.Handle(ctx, shoptest.Contextual(t, nil, history, undo("shop.payment.v1.Refund")))
	shoptest.MustBe(t, err, codes.Unimplemented, "cannot be undone", "payment", "UNKNOWN_NOTIFICATION")
}
