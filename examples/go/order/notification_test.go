package main

import (
	"testing"

	"angzarr.io/examples/shop"
	"angzarr.io/examples/shop/shoptest"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

func rejection(t *testing.T, reason string) *angzarrv1.Notification {
	return shoptest.Notification(t, shop.CoverOfKey("order", "1"), &angzarrv1.RejectionNotification{
		RejectedCommand: &angzarrv1.CommandBook{Cover: shop.CoverOfKey("inventory", "tea")},
		RejectionReason: reason,
		Code:            "OUT_OF_STOCK",
	})
}

func submittedAnd(more ...proto.Message) []proto.Message {
	return append([]proto.Message{
		&orderv1.OrderCreated{CustomerId: "alice"},
		&orderv1.OrderSubmitted{CustomerId: "alice"},
	}, more...)
}

func TestARejectionCancelsTheOrderThatCausedItWithItsReason(t *testing.T) {
	client, ctx := connect(t)
	for told, reason := range map[string]string{"10 are available": "10 are available", "": "OUT_OF_STOCK"} {
		answer, err := client.Handle(ctx, shoptest.Contextual(t, nil, submittedAnd(), rejection(t, told)))
		if err != nil {
			t.Fatal(err)
		}
		shoptest.MustBeEqual(t, "events", shoptest.EventsOf(t, answer.GetEvents()),
			[]proto.Message{&orderv1.OrderCancelled{Reason: reason}})
	}
}

func TestARejectionThatComesAgainIsAnsweredWithNoEvents(t *testing.T) {
	client, ctx := connect(t)
	history := submittedAnd(&orderv1.OrderCancelled{Reason: "10 are available"})
	answer, err := client.Handle(ctx, shoptest.Contextual(t, nil, history, rejection(t, "10 are available")))
	if err != nil {
		t.Fatal(err)
	}
	if answer.GetEvents() == nil || len(answer.GetEvents().Pages) != 0 {
		t.Errorf("answer is %v", answer)
	}
}

func TestAConfirmedOrderAsksForAPersonInstead(t *testing.T) {
	client, ctx := connect(t)
	history := submittedAnd(&orderv1.OrderConfirmed{})
	answer, err := client.Handle(ctx, shoptest.Contextual(t, nil, history, rejection(t, "10 are available")))
	if err != nil {
		t.Fatal(err)
	}
	want := &angzarrv1.RevocationResponse{
		SendToDeadLetterQueue: true,
		Escalate:              true,
		Reason:                "only a submitted order is cancelled for this: 10 are available",
	}
	if !proto.Equal(answer.GetRevocation(), want) {
		t.Errorf("answer is %v", answer)
	}
}

func TestUndoingItsConfirmationCancelsAnOrder(t *testing.T) {
	client, ctx := connect(t)
	news := shoptest.Notification(t, shop.CoverOfKey("order", "1"), &angzarrv1.Compensate{
		Sequences: []uint32{3}, Reason: "it failed", CommandType: "shop.order.v1.ConfirmOrder"})
	answer, err := client.Handle(ctx, shoptest.Contextual(t, nil, submittedAnd(&orderv1.OrderConfirmed{}), news))
	if err != nil {
		t.Fatal(err)
	}
	shoptest.MustBeEqual(t, "events", shoptest.EventsOf(t, answer.GetEvents()),
		[]proto.Message{&orderv1.OrderCancelled{Reason: "it failed"}})
}

func TestNewsThatNobodyHasAnAnswerToAreUnimplemented(t *testing.T) {
	client, ctx := connect(t)
	cover := shop.CoverOfKey("order", "1")
	for name, news := range map[string]*angzarrv1.Notification{
		"another command": shoptest.Notification(t, cover, &angzarrv1.Compensate{
			Sequences: []uint32{1}, CommandType: "shop.order.v1.SubmitOrder"}),
		"another type": shoptest.Notification(t, cover, &orderv1.OrderCreated{}),
		"nothing":      {},
	} {
		_, err := client.Handle(ctx, shoptest.Contextual(t, nil, submittedAnd(), news))
		t.Run(name, func(t *testing.T) {
			shoptest.MustBe(t, err, codes.Unimplemented, "", "order", "UNKNOWN_NOTIFICATION")
		})
	}
}
