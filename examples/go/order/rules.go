// The rules of an order: what a command does to it, and what an event makes of
// it. Nothing in this file knows gRPC, Angzarr or a database.

package main

import (
	"angzarr.io/examples/shop"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/protobuf/proto"
)

const (
	maxPriceCents = 100_000_000
	maxQuantity   = 10_000
	maxItems      = 100
)

var rules = shop.Rules[*orderv1.OrderState]{
	Domain:   "order",
	NewState: func() *orderv1.OrderState { return &orderv1.OrderState{} },
	Decide:   decide,
	Apply:    apply,
	Rejected: rejected,
	Undo: map[string]func(*orderv1.OrderState, string, string) ([]proto.Message, error){
		"shop.order.v1.ConfirmOrder": undoConfirmation,
	},
}

// decide returns the events that command causes in an order that is in state.
// A command that breaks a rule is answered with a *shop.Rejection.
func decide(state *orderv1.OrderState, command proto.Message) ([]proto.Message, error) {
	switch c := command.(type) {
	case *orderv1.CreateOrder:
		return create(state, c)
	case *orderv1.AddItem:
		return addItem(state, c)
	case *orderv1.ChangeShippingAddress:
		return changeShippingAddress(state, c)
	case *orderv1.SubmitOrder:
		return submit(state)
	case *orderv1.ConfirmOrder:
		return confirm(state)
	case *orderv1.CancelOrder:
		return cancel(state, c)
	}
	return nil, shop.Unknown(command, "command")
}

// apply changes state to what it is after event.
func apply(state *orderv1.OrderState, event proto.Message) error {
	switch e := event.(type) {
	case *orderv1.OrderCreated:
		state.CustomerId = e.CustomerId
		state.Status = orderv1.OrderStatus_ORDER_STATUS_OPEN
	case *orderv1.ItemAdded:
		applyItemAdded(state, e)
	case *orderv1.ShippingAddressChanged:
		state.ShippingAddress = e.ShippingAddress
	case *orderv1.OrderSubmitted:
		state.Status = orderv1.OrderStatus_ORDER_STATUS_SUBMITTED
	case *orderv1.OrderConfirmed:
		state.Status = orderv1.OrderStatus_ORDER_STATUS_CONFIRMED
	case *orderv1.OrderCancelled:
		state.Status = orderv1.OrderStatus_ORDER_STATUS_CANCELLED
		state.CancelReason = e.Reason
	default:
		return shop.Unknown(event, "event")
	}
	return nil
}

func applyItemAdded(state *orderv1.OrderState, event *orderv1.ItemAdded) {
	item := findItem(state, event.Sku)
	if item == nil {
		item = &orderv1.Item{Sku: event.Sku}
		state.Items = append(state.Items, item)
	}
	item.Quantity += event.Quantity
	item.UnitPriceCents = event.UnitPriceCents
}

func create(state *orderv1.OrderState, c *orderv1.CreateOrder) ([]proto.Message, error) {
	if state.Status != orderv1.OrderStatus_ORDER_STATUS_UNSPECIFIED {
		return nil, shop.Reject("ORDER_ALREADY_CREATED",
			`the order was already created, for customer "%s"`, state.CustomerId)
	}
	if c.CustomerId == "" {
		return nil, shop.Reject("CUSTOMER_ID_EMPTY", "customer_id must not be empty")
	}
	return shop.Events(&orderv1.OrderCreated{CustomerId: c.CustomerId})
}

func addItem(state *orderv1.OrderState, c *orderv1.AddItem) ([]proto.Message, error) {
	if err := requireOpen(state); err != nil {
		return nil, err
	}
	if c.Sku == "" {
		return nil, shop.Reject("SKU_EMPTY", "sku must not be empty")
	}
	if c.Quantity == 0 {
		return nil, shop.Reject("QUANTITY_ZERO", `quantity of "%s" must be at least 1`, c.Sku)
	}
	if c.UnitPriceCents < 0 || c.UnitPriceCents > maxPriceCents {
		return nil, shop.Reject("PRICE_OUT_OF_RANGE",
			`unit_price_cents of "%s" must be from 0 to %d, not %d`,
			c.Sku, maxPriceCents, c.UnitPriceCents)
	}
	if err := requireRoomFor(state, c); err != nil {
		return nil, err
	}
	return shop.Events(&orderv1.ItemAdded{
		Sku:            c.Sku,
		Quantity:       c.Quantity,
		UnitPriceCents: c.UnitPriceCents,
	})
}

func changeShippingAddress(state *orderv1.OrderState, c *orderv1.ChangeShippingAddress) ([]proto.Message, error) {
	if err := requireOpen(state); err != nil {
		return nil, err
	}
	address := c.GetShippingAddress()
	for _, required := range []struct{ name, value string }{
		{"recipient", address.GetRecipient()},
		{"street", address.GetStreet()},
		{"city", address.GetCity()},
		{"country", address.GetCountry()},
	} {
		if required.value == "" {
			return nil, shop.Reject("ADDRESS_INCOMPLETE",
				"shipping_address.%s must not be empty", required.name)
		}
	}
	if proto.Equal(address, state.ShippingAddress) {
		return nil, nil
	}
	return shop.Events(&orderv1.ShippingAddressChanged{ShippingAddress: address})
}

func submit(state *orderv1.OrderState) ([]proto.Message, error) {
	if err := requireOpen(state); err != nil {
		return nil, err
	}
	if len(state.Items) == 0 {
		return nil, shop.Reject("ORDER_EMPTY", "an empty order cannot be submitted")
	}
	if state.ShippingAddress == nil {
		return nil, shop.Reject("ADDRESS_MISSING",
			"an order without a shipping address cannot be submitted")
	}
	var total int64
	for _, item := range state.Items {
		total += int64(item.Quantity) * item.UnitPriceCents
	}
	return shop.Events(&orderv1.OrderSubmitted{
		CustomerId:      state.CustomerId,
		TotalCents:      total,
		ShippingAddress: state.ShippingAddress,
		Items:           state.Items,
	})
}

func confirm(state *orderv1.OrderState) ([]proto.Message, error) {
	if err := requireAlive(state); err != nil {
		return nil, err
	}
	if state.Status != orderv1.OrderStatus_ORDER_STATUS_SUBMITTED {
		return nil, shop.Reject("ORDER_NOT_SUBMITTED",
			"an order that was not submitted is not confirmed")
	}
	return shop.Events(&orderv1.OrderConfirmed{})
}

func cancel(state *orderv1.OrderState, c *orderv1.CancelOrder) ([]proto.Message, error) {
	if err := requireAlive(state); err != nil {
		return nil, err
	}
	if c.Reason == "" {
		return nil, shop.Reject("REASON_EMPTY", "reason must not be empty")
	}
	return shop.Events(&orderv1.OrderCancelled{Reason: c.Reason})
}

// rejected: something that the submission of this order caused was rejected.
func rejected(state *orderv1.OrderState, reason string) ([]proto.Message, error) {
	switch state.Status {
	case orderv1.OrderStatus_ORDER_STATUS_SUBMITTED:
		return shop.Events(&orderv1.OrderCancelled{Reason: reason})
	case orderv1.OrderStatus_ORDER_STATUS_CANCELLED:
		return nil, nil
	}
	return nil, &shop.TooLate{Message: "only a submitted order is cancelled for this: " + reason}
}

func undoConfirmation(state *orderv1.OrderState, _, reason string) ([]proto.Message, error) {
	if state.Status != orderv1.OrderStatus_ORDER_STATUS_CONFIRMED {
		return nil, nil
	}
	return shop.Events(&orderv1.OrderCancelled{Reason: reason})
}

func requireAlive(state *orderv1.OrderState) error {
	switch state.Status {
	case orderv1.OrderStatus_ORDER_STATUS_UNSPECIFIED:
		return shop.Reject("ORDER_NOT_CREATED", "the order has not been created")
	case orderv1.OrderStatus_ORDER_STATUS_CANCELLED:
		return shop.Reject("ORDER_CANCELLED", "the order was cancelled: %s", state.CancelReason)
	case orderv1.OrderStatus_ORDER_STATUS_CONFIRMED:
		return shop.Reject("ORDER_CONFIRMED", "the order was already confirmed")
	}
	return nil
}

func requireOpen(state *orderv1.OrderState) error {
	if err := requireAlive(state); err != nil {
		return err
	}
	if state.Status == orderv1.OrderStatus_ORDER_STATUS_SUBMITTED {
		return shop.Reject("ORDER_SUBMITTED", "the order was already submitted")
	}
	return nil
}

func requireRoomFor(state *orderv1.OrderState, c *orderv1.AddItem) error {
	quantity := uint64(c.Quantity)
	held := findItem(state, c.Sku)
	if held == nil && len(state.Items) >= maxItems {
		return shop.Reject("ORDER_FULL", "an order holds at most %d different items", maxItems)
	}
	if held != nil {
		if held.UnitPriceCents != c.UnitPriceCents {
			return shop.Reject("PRICE_DIFFERS", `"%s" is already in the order at %d cents, not %d`,
				c.Sku, held.UnitPriceCents, c.UnitPriceCents)
		}
		quantity += uint64(held.Quantity)
	}
	if quantity > maxQuantity {
		return shop.Reject("QUANTITY_TOO_LARGE", `an order holds at most %d of "%s", not %d`,
			maxQuantity, c.Sku, quantity)
	}
	return nil
}

func findItem(state *orderv1.OrderState, sku string) *orderv1.Item {
	for _, item := range state.Items {
		if item.Sku == sku {
			return item
		}
	}
	return nil
}
