// The rules of an inventory: how much there is of one thing, and for whom.
// Nothing in this file knows gRPC, Angzarr or a database.

package main

import (
	"angzarr.io/examples/shop"
	inventoryv1 "angzarr.io/proto/shop/inventory/v1"
	"google.golang.org/protobuf/proto"
)

const maxQuantity = 1_000_000_000

var rules = shop.Rules[*inventoryv1.InventoryState]{
	Domain:   "inventory",
	NewState: func() *inventoryv1.InventoryState { return &inventoryv1.InventoryState{} },
	Decide:   decide,
	Apply:    apply,
	// A Reserve is caused by its order, so the cause says whose goods to give
	// back.
	Undo: map[string]func(*inventoryv1.InventoryState, string, string) ([]proto.Message, error){
		"shop.inventory.v1.Reserve": giveBack,
	},
}

// decide returns the events that command causes in an inventory that is in
// state. A command that breaks a rule is answered with a *shop.Rejection.
func decide(state *inventoryv1.InventoryState, command proto.Message) ([]proto.Message, error) {
	switch c := command.(type) {
	case *inventoryv1.AddStock:
		return addStock(state, c)
	case *inventoryv1.Reserve:
		return reserve(state, c)
	case *inventoryv1.Release:
		return release(state, c)
	}
	return nil, shop.Unknown(command, "command")
}

// apply changes state to what it is after event.
func apply(state *inventoryv1.InventoryState, event proto.Message) error {
	switch e := event.(type) {
	case *inventoryv1.StockAdded:
		state.Sku = e.Sku
		state.Available += uint64(e.Quantity)
	case *inventoryv1.Reserved:
		state.Available -= uint64(e.Quantity)
		state.Reservations = append(state.Reservations,
			&inventoryv1.Reservation{OrderId: e.OrderId, Quantity: e.Quantity})
	case *inventoryv1.Released:
		state.Available += uint64(e.Quantity)
		forget(state, e.OrderId)
	default:
		return shop.Unknown(event, "event")
	}
	return nil
}

func addStock(state *inventoryv1.InventoryState, c *inventoryv1.AddStock) ([]proto.Message, error) {
	if c.Sku == "" {
		return nil, shop.Reject("SKU_EMPTY", "sku must not be empty")
	}
	if state.Sku != "" && state.Sku != c.Sku {
		return nil, shop.Reject("SKU_DIFFERS",
			`this is the stock of "%s", not "%s"`, state.Sku, c.Sku)
	}
	if err := requireSome(c.Sku, c.Quantity); err != nil {
		return nil, err
	}
	if c.Quantity > maxQuantity {
		return nil, shop.Reject("QUANTITY_TOO_LARGE",
			`at most %d of "%s" come in at one time, not %d`, maxQuantity, c.Sku, c.Quantity)
	}
	return shop.Events(&inventoryv1.StockAdded{Sku: c.Sku, Quantity: c.Quantity})
}

func reserve(state *inventoryv1.InventoryState, c *inventoryv1.Reserve) ([]proto.Message, error) {
	if c.OrderId == "" {
		return nil, shop.Reject("ORDER_ID_EMPTY", "order_id must not be empty")
	}
	if err := requireSome(c.Sku, c.Quantity); err != nil {
		return nil, err
	}
	if held := find(state, c.OrderId); held != nil {
		if held.Quantity == c.Quantity {
			return nil, nil
		}
		return nil, shop.Reject("ALREADY_RESERVED",
			`order %s already holds %d of "%s", not %d`,
			c.OrderId, held.Quantity, state.Sku, c.Quantity)
	}
	if uint64(c.Quantity) > state.Available {
		return nil, shop.Reject("OUT_OF_STOCK",
			`%d of "%s" are available, not %d`, state.Available, c.Sku, c.Quantity)
	}
	return shop.Events(&inventoryv1.Reserved{OrderId: c.OrderId, Sku: state.Sku, Quantity: c.Quantity})
}

func release(state *inventoryv1.InventoryState, c *inventoryv1.Release) ([]proto.Message, error) {
	if c.Reason == "" {
		return nil, shop.Reject("REASON_EMPTY", "reason must not be empty")
	}
	return giveBack(state, c.OrderId, c.Reason)
}

func giveBack(state *inventoryv1.InventoryState, orderID, reason string) ([]proto.Message, error) {
	held := find(state, orderID)
	if held == nil {
		return nil, nil
	}
	return shop.Events(&inventoryv1.Released{
		OrderId:  orderID,
		Sku:      state.Sku,
		Quantity: held.Quantity,
		Reason:   reason,
	})
}

func requireSome(sku string, quantity uint32) error {
	if quantity == 0 {
		return shop.Reject("QUANTITY_ZERO", `quantity of "%s" must be at least 1`, sku)
	}
	return nil
}

func find(state *inventoryv1.InventoryState, orderID string) *inventoryv1.Reservation {
	for _, held := range state.Reservations {
		if held.OrderId == orderID {
			return held
		}
	}
	return nil
}

func forget(state *inventoryv1.InventoryState, orderID string) {
	for i, held := range state.Reservations {
		if held.OrderId == orderID {
			state.Reservations = append(state.Reservations[:i], state.Reservations[i+1:]...)
			return
		}
	}
}
