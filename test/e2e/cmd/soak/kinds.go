// The kinds of requests that are more than a plain command or query.

package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
)

const correlation = "soak"

var serial int64

// next is a number that no other request has.
func next() int64 { return atomic.AddInt64(&serial, 1) }

// commute changes what items do not touch, as of when the order was made.
func (l *load) commute(ctx context.Context) error {
	root, err := l.pick(ctx, 1)
	if err != nil {
		return err
	}
	return l.handle(ctx, "order", root, angzarrv1.MergeStrategy_MERGE_COMMUTATIVE, 1,
		&orderv1.ChangeShippingAddress{ShippingAddress: &orderv1.Address{Recipient: "bob", Street: "12 Elm Street", PostalCode: "12345", City: "Springfield", Country: "US"}})
}

func (l *load) manual(ctx context.Context) error {
	root, err := l.pick(ctx, 0)
	if err != nil {
		return err
	}
	return l.handle(ctx, "order", root, angzarrv1.MergeStrategy_MERGE_MANUAL, 5000, &orderv1.AddItem{Sku: "tea", Quantity: 1})
}

// deferred sends a command twice under one key.
func (l *load) deferred(ctx context.Context) error {
	command, err := anypb.New(&orderv1.CreateOrder{CustomerId: "carol"})
	if err != nil {
		return err
	}
	page := engine.Page(handles, 0, command)
	page.Header = &angzarrv1.PageHeader{SequenceType: &angzarrv1.PageHeader_AngzarrDeferred{
		AngzarrDeferred: &angzarrv1.AngzarrDeferredSequence{
			Source:          engine.Cover("cart", engine.NewRoot()),
			SourceComponent: "checkout",
			SourceSeq:       uint32(next()),
		}}}
	request := engine.Request("order", engine.NewRoot(), page)
	if _, err := l.commands().HandleCommand(ctx, request); err != nil {
		return err
	}
	_, err = l.commands().HandleCommand(ctx, request)
	return err
}

// fact sends a fact twice; its business logic is not asked.
func (l *load) fact(ctx context.Context) error {
	request := &angzarrv1.EventRequest{SkipHandler: true, Events: &angzarrv1.EventBook{
		Cover: engine.Cover("slow", engine.NewRoot()),
		Pages: []*angzarrv1.EventPage{{
			Header: &angzarrv1.PageHeader{SequenceType: &angzarrv1.PageHeader_ExternalDeferred{
				ExternalDeferred: &angzarrv1.ExternalDeferredSequence{ExternalId: fmt.Sprint("payment-", next())}}},
			Payload: &angzarrv1.EventPage_Event{Event: &anypb.Any{TypeUrl: "/test.Paid", Value: []byte("much")}},
		}},
	}}
	if _, err := l.commands().HandleEvent(ctx, request); err != nil {
		return err
	}
	again, err := l.commands().HandleEvent(ctx, request)
	if err == nil && !again.AlreadyProcessed {
		return fmt.Errorf("a fact was recorded twice")
	}
	return err
}

func (l *load) speculate(ctx context.Context) error {
	root, err := l.pick(ctx, 0)
	if err != nil {
		return err
	}
	command, err := anypb.New(&orderv1.AddItem{Sku: "tea", Quantity: 1, UnitPriceCents: 450})
	if err != nil {
		return err
	}
	_, err = l.commands().HandleSyncSpeculative(ctx, &angzarrv1.SpeculateCommandHandlerRequest{
		Command: engine.Request("order", root, engine.Page(handles, 0, command)).Command,
	})
	return err
}

// branch writes to an edition of its own, and deletes it now and then.
func (l *load) branch(ctx context.Context) error {
	n := next()
	edition := fmt.Sprint("what-if-", n)
	command, err := anypb.New(&orderv1.CreateOrder{CustomerId: "dave"})
	if err != nil {
		return err
	}
	request := engine.Request("order", engine.NewRoot(), engine.Page(strict, 0, command))
	request.Command.Cover.Edition = &angzarrv1.Edition{Name: edition}
	if _, err = l.commands().HandleCommand(ctx, request); err != nil || n%2 == 0 {
		return err
	}
	deletion, err := anypb.New(&angzarrv1.DeleteEditionEvents{Edition: edition, Domain: "order"})
	if err != nil {
		return err
	}
	_, err = l.commands().HandleCommand(ctx, engine.Request("_angzarr", engine.NewRoot(), engine.Page(strict, 0, deletion)))
	return err
}

func (l *load) past(ctx context.Context) error {
	root, err := l.pick(ctx, 0)
	if err != nil {
		return err
	}
	_, err = l.queries().GetEventBook(ctx, &angzarrv1.Query{
		Cover: engine.Cover("order", root),
		Selection: &angzarrv1.Query_Temporal{Temporal: &angzarrv1.TemporalQuery{
			PointInTime: &angzarrv1.TemporalQuery_AsOfSequence{AsOfSequence: 3}}},
	})
	return err
}

func (l *load) streamed(ctx context.Context) error {
	root, err := l.pick(ctx, 0)
	if err != nil {
		return err
	}
	return l.readAll(ctx, &angzarrv1.Query{Cover: engine.Cover("order", root)})
}

// correlated gives an order an id of its own, and reads by that.
func (l *load) correlated(ctx context.Context) error {
	command, err := anypb.New(&orderv1.CreateOrder{CustomerId: "erin"})
	if err != nil {
		return err
	}
	request := engine.Request("order", engine.NewRoot(), engine.Page(strict, 0, command))
	request.Command.Cover.CorrelationId = fmt.Sprint(correlation, "-", next())
	if _, err := l.commands().HandleCommand(ctx, request); err != nil {
		return err
	}
	return l.readAll(ctx, &angzarrv1.Query{Cover: &angzarrv1.Cover{CorrelationId: request.Command.Cover.CorrelationId}})
}

func (l *load) readAll(ctx context.Context, query *angzarrv1.Query) error {
	books, err := l.queries().GetEvents(ctx, query)
	if err != nil {
		return err
	}
	next := uint32(0)
	for {
		book, err := books.Recv()
		if err == io.EOF && next > 0 {
			return nil
		}
		if err == io.EOF {
			return fmt.Errorf("nothing came for %v", query)
		}
		if err != nil {
			return err
		}
		// A snapshot may stand for all there is.
		next = book.NextSequence
	}
}

// subscribe waits for one event of an id of its own, then leaves.
func (l *load) subscribe(ctx context.Context) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	id := fmt.Sprint(correlation, "-", next())
	books, err := angzarrv1.NewEventStreamServiceClient(l.client()).Subscribe(ctx, &angzarrv1.EventStreamFilter{CorrelationId: id})
	if err != nil {
		return err
	}
	if _, err := books.Header(); err != nil {
		return err
	}
	command, err := anypb.New(&orderv1.CreateOrder{CustomerId: "frank"})
	if err != nil {
		return err
	}
	request := engine.Request("order", engine.NewRoot(), engine.Page(strict, 0, command))
	request.Command.Cover.CorrelationId = id
	if _, err := l.commands().HandleCommand(ctx, request); err != nil {
		return err
	}
	_, err = books.Recv()
	return err
}
