// The rules of a checkout: which step comes after which event. Nothing in this
// file knows gRPC, Angzarr or a database.
//
// decide and rejected answer what happened with process events, to be
// remembered, and commands, to be carried out; apply adds one process event to
// what is remembered. Events of different aggregates come in any order: goods
// may be reserved before this process hears that the order was submitted, and
// the money may come after the customer has gone. Therefore each rule asks how
// far the checkout is.

package main

import (
	"angzarr.io/examples/shop"
	timerv1 "angzarr.io/proto/angzarr/timer/v1"
	checkoutv1 "angzarr.io/proto/shop/checkout/v1"
	inventoryv1 "angzarr.io/proto/shop/inventory/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	paymentv1 "angzarr.io/proto/shop/payment/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	afterTheEnd = "the order was cancelled"
	goodsGone   = "the goods are no longer reserved"
	timeIsUp    = "it was not reserved and paid for in time"
)

type status int

const (
	isNew status = iota
	waiting
	charging
	confirmed
	cancelled
)

// checkout is what is remembered of one order.
type checkout struct {
	orderID    string
	status     status
	customerID string
	totalCents int64
	skus       []string
	secured    []string
}

// checkouts are all that share a correlation id, by order id.
type checkouts map[string]*checkout

// of returns the checkout of an order, perhaps one that begins now.
func (all checkouts) of(orderID string) *checkout {
	if held := all[orderID]; held != nil {
		return held
	}
	return &checkout{orderID: orderID}
}

// answer is what is to be remembered, and what is to be done.
type answer struct {
	events   []proto.Message
	commands []proto.Message
}

// decide answers an event of the order, of its goods or its money, or the end
// of its time; all others with nothing. deadline is when a checkout that begins
// now must be done.
func decide(state *checkout, event proto.Message, deadline *timestamppb.Timestamp) (*answer, error) {
	switch e := event.(type) {
	case *orderv1.OrderSubmitted:
		return submitted(state, e, deadline)
	case *inventoryv1.Reserved:
		return reserved(state, e.Sku), nil
	case *inventoryv1.Released:
		return released(state, e.Sku), nil
	case *paymentv1.Charged:
		return charged(state), nil
	case *orderv1.OrderCancelled:
		return orderCancelled(state, e.Reason), nil
	case *checkoutv1.CheckoutDeadline:
		return deadlinePassed(state), nil
	}
	return &answer{}, nil
}

func submitted(state *checkout, event *orderv1.OrderSubmitted, deadline *timestamppb.Timestamp) (*answer, error) {
	if state.status != isNew {
		return &answer{}, nil
	}
	payload, err := anypb.New(&checkoutv1.CheckoutDeadline{OrderId: state.orderID})
	if err != nil {
		return nil, err
	}
	var skus []string
	for _, item := range event.Items {
		skus = append(skus, item.Sku)
	}
	a := &answer{}
	a.remember(
		&checkoutv1.CheckoutStarted{
			OrderId:    state.orderID,
			CustomerId: event.CustomerId,
			TotalCents: event.TotalCents,
			Skus:       skus,
		},
		&timerv1.TimeoutScheduled{Name: state.orderID, DueAt: deadline, Payload: payload})
	if hasAll(state.secured, skus) {
		a.askForMoney(state.orderID, event.CustomerId, event.TotalCents)
	}
	return a, nil
}

func reserved(state *checkout, sku string) *answer {
	a := &answer{}
	switch {
	case state.status == cancelled:
		a.do(release(state, sku, afterTheEnd))
	case !has(state.secured, sku):
		a.remember(&checkoutv1.StockSecured{OrderId: state.orderID, Sku: sku})
		if state.status == waiting && hasAll(append([]string{sku}, state.secured...), state.skus) {
			a.askForMoney(state.orderID, state.customerID, state.totalCents)
		}
	}
	return a
}

func released(state *checkout, sku string) *answer {
	a := &answer{}
	if state.status != cancelled && has(state.secured, sku) {
		a.remember(&checkoutv1.StockLost{OrderId: state.orderID, Sku: sku})
	}
	return a
}

func charged(state *checkout) *answer {
	a := &answer{}
	switch {
	case state.status == cancelled:
		a.do(refund(state, afterTheEnd))
	case state.status != charging:
	case !hasAll(state.secured, state.skus):
		a.callOff(state, goodsGone)
		a.do(refund(state, goodsGone), &orderv1.CancelOrder{Reason: goodsGone})
	default:
		a.remember(
			&checkoutv1.CheckoutCompleted{OrderId: state.orderID},
			&timerv1.TimeoutCancelled{Name: state.orderID})
		a.do(&orderv1.ConfirmOrder{})
	}
	return a
}

func orderCancelled(state *checkout, reason string) *answer {
	a := &answer{}
	if state.status == isNew || state.status == cancelled {
		return a
	}
	a.callOff(state, reason)
	if state.status == confirmed {
		a.do(refund(state, reason))
	}
	return a
}

func deadlinePassed(state *checkout) *answer {
	a := &answer{}
	if state.status == waiting || state.status == charging {
		a.callOff(state, timeIsUp)
		a.do(&orderv1.CancelOrder{Reason: timeIsUp})
	}
	return a
}

// rejected answers the rejection of a command of this process.
func rejected(state *checkout, command proto.Message, reason string) (*answer, error) {
	a := &answer{}
	switch command.(type) {
	case *paymentv1.Charge:
		if state.status == charging {
			a.callOff(state, reason)
			a.do(&orderv1.CancelOrder{Reason: reason})
		}
	case *orderv1.ConfirmOrder:
		// The order was cancelled just before. That event comes too; whichever
		// is the first gives everything back.
		if state.status == confirmed {
			a.callOff(state, reason)
			a.do(refund(state, reason))
		}
	case *orderv1.CancelOrder:
		// The order has ended without us, which is what was wanted.
	default:
		return nil, shop.Unknown(command, "command that may be rejected")
	}
	return a, nil
}

func (a *answer) remember(events ...proto.Message) { a.events = append(a.events, events...) }

func (a *answer) do(commands ...proto.Message) { a.commands = append(a.commands, commands...) }

func (a *answer) askForMoney(orderID, customerID string, totalCents int64) {
	a.remember(&checkoutv1.PaymentRequested{OrderId: orderID})
	a.do(&paymentv1.Charge{OrderId: orderID, CustomerId: customerID, AmountCents: totalCents})
}

// callOff ends the checkout and gives the goods back.
func (a *answer) callOff(state *checkout, reason string) {
	a.remember(
		&checkoutv1.CheckoutCancelled{OrderId: state.orderID, Reason: reason},
		&timerv1.TimeoutCancelled{Name: state.orderID})
	for _, sku := range state.secured {
		a.do(release(state, sku, reason))
	}
}

func release(state *checkout, sku, reason string) proto.Message {
	return &inventoryv1.Release{OrderId: state.orderID, Sku: sku, Reason: reason}
}

func refund(state *checkout, reason string) proto.Message {
	return &paymentv1.Refund{OrderId: state.orderID, Reason: reason}
}

// apply adds one process event. The events of timers among them are meant for
// Angzarr.
func (all checkouts) apply(event proto.Message) {
	named, ok := event.(interface{ GetOrderId() string })
	if !ok {
		return
	}
	state := all.of(named.GetOrderId())
	all[state.orderID] = state
	switch e := event.(type) {
	case *checkoutv1.CheckoutStarted:
		state.status = waiting
		state.customerID = e.CustomerId
		state.totalCents = e.TotalCents
		state.skus = e.Skus
	case *checkoutv1.StockSecured:
		state.secured = append(state.secured, e.Sku)
	case *checkoutv1.StockLost:
		state.secured = without(state.secured, e.Sku)
	case *checkoutv1.PaymentRequested:
		state.status = charging
	case *checkoutv1.CheckoutCompleted:
		state.status = confirmed
	case *checkoutv1.CheckoutCancelled:
		state.status = cancelled
	}
}

func has(list []string, wanted string) bool {
	for _, one := range list {
		if one == wanted {
			return true
		}
	}
	return false
}

func hasAll(list, wanted []string) bool {
	for _, one := range wanted {
		if !has(list, one) {
			return false
		}
	}
	return true
}

func without(list []string, unwanted string) []string {
	var rest []string
	for _, one := range list {
		if one != unwanted {
			rest = append(rest, one)
		}
	}
	return rest
}
