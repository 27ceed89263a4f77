package shoptest

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"angzarr.io/examples/shop"
	"google.golang.org/protobuf/proto"
)

// ReadRows reads the rows of a table beside the folders of the languages.
func ReadRows[R any](t *testing.T, name string) []R {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	var rows []R
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		t.Fatal("the table is empty")
	}
	return rows
}

// row is one line of the rules of an aggregate: events that happened; a
// command, or a rejection that the aggregate is told of, or a command to undo;
// what must come of it.
type row struct {
	Name     string            `json:"name"`
	Given    []json.RawMessage `json:"given"`
	When     json.RawMessage   `json:"when"`
	Told     *string           `json:"told"`
	Undo     []string          `json:"undo"`
	Then     []json.RawMessage `json:"then"`
	Rejected []string          `json:"rejected"`
	TooLate  string            `json:"too_late"`
}

// CheckTable checks rules against every row of a table.
func CheckTable[S proto.Message](t *testing.T, rules shop.Rules[S], name string) {
	t.Helper()
	for _, r := range ReadRows[row](t, name) {
		r := r
		t.Run(r.Name, func(t *testing.T) { checkRow(t, rules, &r) })
	}
}

func checkRow[S proto.Message](t *testing.T, rules shop.Rules[S], r *row) {
	pkg := "shop." + rules.Domain + ".v1"
	state := rules.NewState()
	for _, event := range Messages(t, r.Given, pkg) {
		if err := rules.Apply(state, event); err != nil {
			t.Fatal(err)
		}
	}
	before := proto.Clone(state)
	decided, err := ask(t, rules, state, pkg, r)
	if !proto.Equal(state, before) {
		t.Error("the state was changed")
	}
	var rejection *shop.Rejection
	var late *shop.TooLate
	switch {
	case r.Rejected != nil:
		if !errors.As(err, &rejection) {
			t.Fatalf("got %v and %v, want a rejection", decided, err)
		}
		if rejection.Reason != r.Rejected[0] || rejection.Message != r.Rejected[1] {
			t.Errorf("rejected as %q %q, want %q", rejection.Reason, rejection.Message, r.Rejected)
		}
	case r.TooLate != "":
		if !errors.As(err, &late) || late.Message != r.TooLate {
			t.Errorf("got %v and %v, want that it is too late", decided, err)
		}
	case err != nil:
		t.Fatal(err)
	default:
		MustBeEqual(t, "events", decided, Messages(t, r.Then, pkg))
	}
}

func ask[S proto.Message](t *testing.T, rules shop.Rules[S], state S, pkg string, r *row) ([]proto.Message, error) {
	switch {
	case r.Told != nil:
		return rules.Rejected(state, *r.Told)
	case r.Undo != nil:
		undo := rules.Undo[pkg+"."+r.Undo[0]]
		if undo == nil {
			t.Fatalf("%s cannot be undone", r.Undo[0])
		}
		return undo(state, r.Undo[1], r.Undo[2])
	}
	return rules.Decide(state, Message(t, r.When, pkg))
}
