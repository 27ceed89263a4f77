package main

import (
	"errors"
	"fmt"
	"testing"

	"angzarr.io/examples/shop"
	"angzarr.io/examples/shop/shoptest"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/protobuf/proto"
)

func TestEveryRuleOfTheTableHolds(t *testing.T) {
	shoptest.CheckTable(t, rules, "order_rules.json")
}

func TestGoodsAddedTwiceAreOneItem(t *testing.T) {
	state := stateAfter(t,
		&orderv1.OrderCreated{CustomerId: "alice"},
		&orderv1.ItemAdded{Sku: "tea", Quantity: 2, UnitPriceCents: 450},
		&orderv1.ItemAdded{Sku: "cup", Quantity: 1, UnitPriceCents: 1200},
		&orderv1.ItemAdded{Sku: "tea", Quantity: 3, UnitPriceCents: 450})
	if len(state.Items) != 2 || state.Items[0].Quantity != 5 || state.Items[1].Quantity != 1 {
		t.Errorf("items are %v", state.Items)
	}
}

func TestTheHundredAndFirstKindOfGoodsIsRefusedAndTheHundredthNot(t *testing.T) {
	state := stateAfter(t, &orderv1.OrderCreated{CustomerId: "alice"})
	for i := 0; i < 99; i++ {
		mustApply(t, state, &orderv1.ItemAdded{Sku: fmt.Sprint("sku-", i), Quantity: 1})
	}
	last := &orderv1.AddItem{Sku: "sku-99", Quantity: 1}
	decided, err := decide(state, last)
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, state, decided[0])
	var rejection *shop.Rejection
	_, err = decide(state, &orderv1.AddItem{Sku: "sku-100", Quantity: 1})
	if !errors.As(err, &rejection) || rejection.Reason != "ORDER_FULL" {
		t.Errorf("the next kind is answered with %v", err)
	}
	if _, err = decide(state, last); err != nil {
		t.Errorf("more of a kind it holds is answered with %v", err)
	}
}

func stateAfter(t *testing.T, list ...proto.Message) *orderv1.OrderState {
	t.Helper()
	state := &orderv1.OrderState{}
	for _, event := range list {
		mustApply(t, state, event)
	}
	return state
}

func mustApply(t *testing.T, state *orderv1.OrderState, event proto.Message) {
	t.Helper()
	if err := apply(state, event); err != nil {
		t.Fatal(err)
	}
}
