package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// row is one line of order_rules.json: events that happened, a command, what
// must come of it.
type row struct {
	Name     string            `json:"name"`
	Given    []json.RawMessage `json:"given"`
	When     json.RawMessage   `json:"when"`
	Then     []json.RawMessage `json:"then"`
	Rejected []string          `json:"rejected"`
}

func TestEveryRuleOfTheTableHolds(t *testing.T) {
	text, err := os.ReadFile("../../order_rules.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		t.Fatal("the table is empty")
	}
	for _, r := range rows {
		r := r
		t.Run(r.Name, func(t *testing.T) { checkRow(t, &r) })
	}
}

func checkRow(t *testing.T, r *row) {
	state := stateAfter(t, messages(t, r.Given)...)
	before := proto.Clone(state)
	decided, err := decide(state, message(t, r.When))
	if !proto.Equal(state, before) {
		t.Error("decide changed the state")
	}
	if r.Rejected != nil {
		var rejection *Rejection
		if !errors.As(err, &rejection) {
			t.Fatalf("got %v and %v, want a rejection", decided, err)
		}
		if rejection.Reason != r.Rejected[0] || rejection.Message != r.Rejected[1] {
			t.Fatalf("rejected as %q %q, want %q", rejection.Reason, rejection.Message, r.Rejected)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	want := messages(t, r.Then)
	if len(decided) != len(want) {
		t.Fatalf("got %v, want %v", decided, want)
	}
	for i := range want {
		if !proto.Equal(decided[i], want[i]) {
			t.Errorf("event %d is %v, want %v", i, decided[i], want[i])
		}
	}
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
	var rejection *Rejection
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

func messages(t *testing.T, list []json.RawMessage) []proto.Message {
	t.Helper()
	var all []proto.Message
	for _, text := range list {
		all = append(all, message(t, text))
	}
	return all
}

// message makes a message of the domain from its JSON form with "@type".
func message(t *testing.T, text json.RawMessage) proto.Message {
	t.Helper()
	var fields map[string]json.RawMessage
	var name protoreflect.Name
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(fields["@type"], &name); err != nil {
		t.Fatal(err)
	}
	delete(fields, "@type")
	rest, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName("shop.order.v1." + protoreflect.FullName(name))
	if err != nil {
		t.Fatal(err)
	}
	made := kind.New().Interface()
	if err := protojson.Unmarshal(rest, made); err != nil {
		t.Fatal(err)
	}
	return made
}
