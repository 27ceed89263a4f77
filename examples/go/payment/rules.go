// The rules of a payment: money is taken once, and perhaps given back. Nothing
// in this file knows gRPC, Angzarr or a database.

package main

import (
	"angzarr.io/examples/shop"
	paymentv1 "angzarr.io/proto/shop/payment/v1"
	"google.golang.org/protobuf/proto"
)

const limitCents = 100_000

var rules = shop.Rules[*paymentv1.PaymentState]{
	Domain:   "payment",
	NewState: func() *paymentv1.PaymentState { return &paymentv1.PaymentState{} },
	Decide:   decide,
	Apply:    apply,
	Undo: map[string]func(*paymentv1.PaymentState, string, string) ([]proto.Message, error){
		"shop.payment.v1.Charge": undoCharge,
	},
}

// decide returns the events that command causes in a payment that is in state.
// A command that breaks a rule is answered with a *shop.Rejection.
func decide(state *paymentv1.PaymentState, command proto.Message) ([]proto.Message, error) {
	switch c := command.(type) {
	case *paymentv1.Charge:
		return charge(state, c)
	case *paymentv1.Refund:
		return refund(state, c)
	}
	return nil, shop.Unknown(command, "command")
}

// apply changes state to what it is after event.
func apply(state *paymentv1.PaymentState, event proto.Message) error {
	switch e := event.(type) {
	case *paymentv1.Charged:
		state.OrderId = e.OrderId
		state.CustomerId = e.CustomerId
		state.AmountCents = e.AmountCents
		state.Status = paymentv1.PaymentStatus_PAYMENT_STATUS_CHARGED
	case *paymentv1.Refunded:
		state.Status = paymentv1.PaymentStatus_PAYMENT_STATUS_REFUNDED
	default:
		return shop.Unknown(event, "event")
	}
	return nil
}

func charge(state *paymentv1.PaymentState, c *paymentv1.Charge) ([]proto.Message, error) {
	switch {
	case c.OrderId == "":
		return nil, shop.Reject("ORDER_ID_EMPTY", "order_id must not be empty")
	case c.CustomerId == "":
		return nil, shop.Reject("CUSTOMER_ID_EMPTY", "customer_id must not be empty")
	case c.AmountCents < 0:
		return nil, shop.Reject("AMOUNT_NEGATIVE",
			"amount_cents must not be negative, not %d", c.AmountCents)
	case state.Status == paymentv1.PaymentStatus_PAYMENT_STATUS_REFUNDED:
		return nil, shop.Reject("PAYMENT_REFUNDED", "the payment was already refunded")
	case state.Status == paymentv1.PaymentStatus_PAYMENT_STATUS_CHARGED:
		return chargeAgain(state, c)
	case c.AmountCents > limitCents:
		return nil, shop.Reject("DECLINED",
			"a payment of %d cents is over the limit of %d", c.AmountCents, limitCents)
	}
	return shop.Events(&paymentv1.Charged{
		OrderId:     c.OrderId,
		CustomerId:  c.CustomerId,
		AmountCents: c.AmountCents,
	})
}

func chargeAgain(state *paymentv1.PaymentState, c *paymentv1.Charge) ([]proto.Message, error) {
	if c.AmountCents != state.AmountCents {
		return nil, shop.Reject("ALREADY_CHARGED",
			"%d cents were already charged, not %d", state.AmountCents, c.AmountCents)
	}
	return nil, nil
}

func refund(state *paymentv1.PaymentState, c *paymentv1.Refund) ([]proto.Message, error) {
	if state.Status == paymentv1.PaymentStatus_PAYMENT_STATUS_UNSPECIFIED {
		return nil, shop.Reject("NOT_CHARGED", "nothing was charged")
	}
	if c.Reason == "" {
		return nil, shop.Reject("REASON_EMPTY", "reason must not be empty")
	}
	return giveBack(state, c.Reason)
}

func giveBack(state *paymentv1.PaymentState, reason string) ([]proto.Message, error) {
	if state.Status != paymentv1.PaymentStatus_PAYMENT_STATUS_CHARGED {
		return nil, nil
	}
	return shop.Events(&paymentv1.Refunded{
		OrderId:     state.OrderId,
		AmountCents: state.AmountCents,
		Reason:      reason,
	})
}

func undoCharge(state *paymentv1.PaymentState, _, reason string) ([]proto.Message, error) {
	return giveBack(state, reason)
}
