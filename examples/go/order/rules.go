// The rules of an order: what a command does to it, and what an event makes of
// it. Nothing in this file knows gRPC, Angzarr or a database.

package main

import (
	"fmt"

	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/protobuf/proto"
)

const (
	maxPriceCents = 100_000_000
	maxQuantity   = 10_000
	maxItems      = 100
)

// Rejection is a broken rule: a word for programs and a sentence for people.
type Rejection struct {
	Reason  string
	Message string
}

func (r *Rejection) Error() string { return r.Message }

func reject(reason, format string, args ...any) error {
	return &Rejection{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// decide returns the events that command causes in an order that is in state.
// A command that breaks a rule is answered with a *Rejection.
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
	case *orderv1.CancelOrder:
		return cancel(state, c)
	}
	return nil, unknown(command, "command")
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
	case *orderv1.OrderCancelled:
		state.Status = orderv1.OrderStatus_ORDER_STATUS_CANCELLED
		state.CancelReason = e.Reason
	default:
		return unknown(event, "event")
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
		return nil, reject("ORDER_ALREADY_CREATED",
			`the order was already created, for customer "%s"`, state.CustomerId)
	}
	if c.CustomerId == "" {
		return nil, reject("CUSTOMER_ID_EMPTY", "customer_id must not be empty")
	}
	return events(&orderv1.OrderCreated{CustomerId: c.CustomerId})
}

func addItem(state *orderv1.OrderState, c *orderv1.AddItem) ([]proto.Message, error) {
	if err := requireOpen(state); err != nil {
		return nil, err
	}
	if c.Sku == "" {
		return nil, reject("SKU_EMPTY", "sku must not be empty")
	}
	if c.Quantity == 0 {
		return nil, reject("QUANTITY_ZERO", `quantity of "%s" must be at least 1`, c.Sku)
	}
	if c.UnitPriceCents < 0 || c.UnitPriceCents > maxPriceCents {
		return nil, reject("PRICE_OUT_OF_RANGE",
			`unit_price_cents of "%s" must be from 0 to %d, not %d`,
			c.Sku, maxPriceCents, c.UnitPriceCents)
	}
	if err := requireRoomFor(state, c); err != nil {
		return nil, err
	}
	return events(&orderv1.ItemAdded{
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
			return nil, reject("ADDRESS_INCOMPLETE",
				"shipping_address.%s must not be empty", required.name)
		}
	}
	if proto.Equal(address, state.ShippingAddress) {
		return nil, nil
	}
	return events(&orderv1.ShippingAddressChanged{ShippingAddress: address})
}

func submit(state *orderv1.OrderState) ([]proto.Message, error) {
	if err := requireOpen(state); err != nil {
		return nil, err
	}
	if len(state.Items) == 0 {
		return nil, reject("ORDER_EMPTY", "an empty order cannot be submitted")
	}
	if state.ShippingAddress == nil {
		return nil, reject("ADDRESS_MISSING",
			"an order without a shipping address cannot be submitted")
	}
	var total int64
	for _, item := range state.Items {
		total += int64(item.Quantity) * item.UnitPriceCents
	}
	return events(&orderv1.OrderSubmitted{
		CustomerId:      state.CustomerId,
		TotalCents:      total,
		ShippingAddress: state.ShippingAddress,
	})
}

func cancel(state *orderv1.OrderState, c *orderv1.CancelOrder) ([]proto.Message, error) {
	if err := requireAlive(state); err != nil {
		return nil, err
	}
	if c.Reason == "" {
		return nil, reject("REASON_EMPTY", "reason must not be empty")
	}
	return events(&orderv1.OrderCancelled{Reason: c.Reason})
}

func requireAlive(state *orderv1.OrderState) error {
	switch state.Status {
	case orderv1.OrderStatus_ORDER_STATUS_UNSPECIFIED:
		return reject("ORDER_NOT_CREATED", "the order has not been created")
	case orderv1.OrderStatus_ORDER_STATUS_CANCELLED:
		return reject("ORDER_CANCELLED", "the order was cancelled: %s", state.CancelReason)
	}
	return nil
}

func requireOpen(state *orderv1.OrderState) error {
	if err := requireAlive(state); err != nil {
		return err
	}
	if state.Status == orderv1.OrderStatus_ORDER_STATUS_SUBMITTED {
		return reject("ORDER_SUBMITTED", "the order was already submitted")
	}
	return nil
}

func requireRoomFor(state *orderv1.OrderState, c *orderv1.AddItem) error {
	quantity := uint64(c.Quantity)
	held := findItem(state, c.Sku)
	if held == nil && len(state.Items) >= maxItems {
		return reject("ORDER_FULL", "an order holds at most %d different items", maxItems)
	}
	if held != nil {
		if held.UnitPriceCents != c.UnitPriceCents {
			return reject("PRICE_DIFFERS", `"%s" is already in the order at %d cents, not %d`,
				c.Sku, held.UnitPriceCents, c.UnitPriceCents)
		}
		quantity += uint64(held.Quantity)
	}
	if quantity > maxQuantity {
		return reject("QUANTITY_TOO_LARGE", `an order holds at most %d of "%s", not %d`,
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

func events(list ...proto.Message) ([]proto.Message, error) {
	return list, nil
}
