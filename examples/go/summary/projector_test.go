package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	"angzarr.io/examples/shop"
	"angzarr.io/examples/shop/shoptest"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	summaryv1 "angzarr.io/proto/shop/summary/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

var history = []proto.Message{
	&orderv1.OrderCreated{CustomerId: "alice"},
	&orderv1.ItemAdded{Sku: "tea", Quantity: 2, UnitPriceCents: 450},
	&orderv1.ItemAdded{Sku: "cup", Quantity: 1, UnitPriceCents: 1200},
	&orderv1.ShippingAddressChanged{},
	&orderv1.OrderSubmitted{},
}

// fixture is the service with a table of its own, in the PostgreSQL of PGHOST.
type fixture struct {
	t      *testing.T
	ctx    context.Context
	client angzarrv1.ProjectorServiceClient
	table  *table
}

func start(t *testing.T) *fixture {
	t.Helper()
	if os.Getenv("PGHOST") == "" {
		t.Skip("PGHOST names no PostgreSQL")
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	opened, err := openTable("", fmt.Sprintf("summaries_%x", random))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := opened.database.Exec(opened.statement("DROP TABLE $table")); err != nil {
			t.Error(err)
		}
		opened.database.Close()
	})
	connection, ctx := shoptest.Connect(t, func(server *grpc.Server) {
		angzarrv1.RegisterProjectorServiceServer(server, &projector{table: opened})
	})
	return &fixture{t, ctx, angzarrv1.NewProjectorServiceClient(connection), opened}
}

func (f *fixture) book(edition string, first int, events ...proto.Message) *angzarrv1.EventBook {
	f.t.Helper()
	cover, err := shop.CoverOf("order", shoptest.OrderID)
	if err != nil {
		f.t.Fatal(err)
	}
	if edition != "" {
		cover.Edition = &angzarrv1.Edition{Name: edition}
	}
	return &angzarrv1.EventBook{Cover: cover, Pages: shoptest.Pages(f.t, first, events...)}
}

func (f *fixture) handle(edition string, first int, events ...proto.Message) *angzarrv1.Projection {
	f.t.Helper()
	answer, err := f.client.Handle(f.ctx, f.book(edition, first, events...))
	if err != nil {
		f.t.Fatal(err)
	}
	return answer
}

// rows must be these, each as its columns from edition on.
func (f *fixture) rows(want ...string) {
	f.t.Helper()
	var found sql.NullString
	err := f.table.database.QueryRow(f.table.statement(`SELECT string_agg(concat_ws('|', edition, customer_id,
		status, quantity, total_cents, cancel_reason, last_sequence), E'\n' ORDER BY edition) FROM $table`)).Scan(&found)
	if err != nil {
		f.t.Fatal(err)
	}
	if found.String != strings.Join(want, "\n") {
		f.t.Errorf("the rows are %q, want %q", found.String, want)
	}
}

func TestTheEventsOfAnOrderBecomeItsRowAndTheSameIsAnswered(t *testing.T) {
	f := start(t)
	answer := f.handle("", 0, history...)
	f.rows("|alice|submitted|3|2100||4")
	if answer.Projector != "order-summary" || answer.Sequence != 4 || answer.Cover.Domain != "order" {
		t.Errorf("answer is %v", answer)
	}
	want := &summaryv1.OrderSummary{OrderId: shoptest.OrderID, CustomerId: "alice",
		Status: "submitted", Quantity: 3, TotalCents: 2100, LastSequence: 4}
	if got := shoptest.Unpack(t, answer.Projection); !proto.Equal(got, want) {
		t.Errorf("projection is %v", got)
	}
}

func TestEventsThatAreGivenAgainDoNothing(t *testing.T) {
	f := start(t)
	f.handle("", 0, history...)
	if answer := f.handle("", 1, history[1:3]...); answer.Sequence != 4 {
		t.Errorf("answer is %v", answer)
	}
	f.rows("|alice|submitted|3|2100||4")
}

func TestOfABookThatIsNewInPartThatPartCounts(t *testing.T) {
	f := start(t)
	f.handle("", 0, history[:2]...)
	f.handle("", 1, history[1:]...)
	f.rows("|alice|submitted|3|2100||4")
}

func TestAConfirmedAndACancelledOrderSaySo(t *testing.T) {
	f := start(t)
	f.handle("", 0, history...)
	f.handle("", 5, &orderv1.OrderConfirmed{})
	f.rows("|alice|confirmed|3|2100||5")
	f.handle("", 6, &orderv1.OrderCancelled{Reason: "moved"})
	f.rows("|alice|cancelled|3|2100|moved|6")
}

func TestAnEditionHasARowOfItsOwn(t *testing.T) {
	f := start(t)
	f.handle("", 0, history...)
	f.handle("what-if", 0, history[0])
	f.rows("|alice|submitted|3|2100||4", "what-if|alice|open|0|0||0")
}

func TestASpeculationAnswersWhatWouldBeAndStoresNothing(t *testing.T) {
	f := start(t)
	f.handle("", 0, history...)
	answer, err := f.client.HandleSpeculative(f.ctx, f.book("", 5, &orderv1.OrderCancelled{Reason: "what if"}))
	if err != nil {
		t.Fatal(err)
	}
	if would := shoptest.Unpack(t, answer.Projection).(*summaryv1.OrderSummary); would.Status != "cancelled" {
		t.Errorf("it would be %v", would)
	}
	f.rows("|alice|submitted|3|2100||4")
}

func TestAnEventThatDoesNotDecodeIsRefusedAndNothingIsStored(t *testing.T) {
	f := start(t)
	book := f.book("", 0, history[:2]...)
	book.Pages[1].GetEvent().Value = []byte("\xff\xff\xff")
	_, err := f.client.Handle(f.ctx, book)
	shoptest.MustBe(t, err, codes.InvalidArgument, "cannot be read", "order-summary", "UNKNOWN_MESSAGE")
	f.rows()
}

func TestANameThatIsNoTableIsRefused(t *testing.T) {
	for _, name := range []string{"", "Orders", `a"b`, "a; DROP TABLE b", strings.Repeat("a", 64)} {
		if _, err := openTable("", name); err == nil || !strings.Contains(err.Error(), "not the name") {
			t.Errorf("%q is answered with %v", name, err)
		}
	}
}
