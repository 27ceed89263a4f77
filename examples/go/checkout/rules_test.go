package main

import (
	"encoding/json"
	"reflect"
	"testing"

	"angzarr.io/examples/shop/shoptest"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// row is one line of checkout_rules.json: process events so far; an event, or
// a rejection of a command; what must be remembered and done.
type row struct {
	Name     string            `json:"name"`
	Given    []json.RawMessage `json:"given"`
	When     json.RawMessage   `json:"when"`
	Rejected json.RawMessage   `json:"rejected"`
	Reason   string            `json:"reason"`
	Then     []json.RawMessage `json:"then"`
	Commands []json.RawMessage `json:"commands"`
}

func TestEveryStepOfTheTableIsTaken(t *testing.T) {
	for _, r := range shoptest.ReadRows[row](t, "checkout_rules.json") {
		r := r
		t.Run(r.Name, func(t *testing.T) { checkRow(t, &r) })
	}
}

// stateOf folds the events of a row; called twice, it gives the same again.
func stateOf(t *testing.T, r *row) *checkout {
	all := checkouts{}
	for _, event := range shoptest.Messages(t, r.Given, "") {
		all.apply(event)
	}
	return all.of("order-1")
}

func checkRow(t *testing.T, r *row) {
	var decided *answer
	var err error

	state := stateOf(t, r)
	if r.Rejected != nil {
		decided, err = rejected(state, shoptest.Message(t, r.Rejected, ""), r.Reason)
	} else {
		deadline := &timestamppb.Timestamp{Seconds: 1772367300} // 2026-03-01T12:15:00Z
		decided, err = decide(state, shoptest.Message(t, r.When, ""), deadline)
	}
	if err != nil {
		t.Fatal(err)
	}
	shoptest.MustBeEqual(t, "process events", decided.events, shoptest.Messages(t, r.Then, ""))
	shoptest.MustBeEqual(t, "commands", decided.commands, shoptest.Messages(t, r.Commands, ""))
	if !reflect.DeepEqual(state, stateOf(t, r)) {
		t.Error("the state was changed")
	}
}
