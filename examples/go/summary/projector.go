// A projector makes something to read out of events; here a row for each order.
//
// Angzarr gives it a book of consecutive events of one order, at least once and
// in order. It answers with what it has made of them, which a client that sends
// a command in the mode SIMPLE gets together with the events.

package main

import (
	"context"
	"errors"

	"angzarr.io/examples/shop"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

const name = "order-summary"

type projector struct {
	angzarrv1.UnimplementedProjectorServiceServer
	table *table
}

func (p *projector) Handle(ctx context.Context, book *angzarrv1.EventBook) (*angzarrv1.Projection, error) {
	s, err := p.table.change(ctx, shop.IDOf(book.GetCover()), book.GetCover().GetEdition().GetName(),
		func(s *summary) error { return s.add(book.GetPages()) })
	return projectionOf(book, s, err)
}

// HandleSpeculative answers what it would make of these events; nothing is
// stored.
func (p *projector) HandleSpeculative(ctx context.Context, book *angzarrv1.EventBook) (*angzarrv1.Projection, error) {
	s, err := p.table.read(ctx, shop.IDOf(book.GetCover()), book.GetCover().GetEdition().GetName())
	if err == nil {
		err = s.add(book.GetPages())
	}
	return projectionOf(book, s, err)
}

func projectionOf(book *angzarrv1.EventBook, s *summary, err error) (*angzarrv1.Projection, error) {
	var unknown *shop.UnknownMessage

	if errors.As(err, &unknown) {
		return nil, shop.StatusOf(name, err)
	}
	if err != nil {
		// It may work the next time, and Angzarr will ask again.
		return nil, status.Errorf(codes.Unavailable, "%s: %v", name, err)
	}
	message := s.message()
	packed, err := anypb.New(message)
	if err != nil {
		return nil, shop.StatusOf(name, err)
	}
	return &angzarrv1.Projection{
		Cover:      book.GetCover(),
		Projector:  name,
		Sequence:   message.LastSequence,
		Projection: packed,
	}, nil
}

// add adds the events that the summary does not tell of yet. Of those that it
// has no use for only the sequence is kept.
func (s *summary) add(pages []*angzarrv1.EventPage) error {
	for _, page := range pages {
		sequence := int64(page.GetHeader().GetSequence())
		if sequence <= s.lastSequence {
			continue
		}
		event, err := shop.UnpackKnown(page.GetEvent())
		if err != nil {
			return err
		}
		s.apply(event)
		s.lastSequence = sequence
	}
	return nil
}

func (s *summary) apply(event proto.Message) {
	switch e := event.(type) {
	case *orderv1.OrderCreated:
		s.customerID = e.CustomerId
		s.status = "open"
	case *orderv1.ItemAdded:
		s.quantity += int64(e.Quantity)
		s.totalCents += int64(e.Quantity) * e.UnitPriceCents
	case *orderv1.OrderSubmitted:
		s.status = "submitted"
	case *orderv1.OrderConfirmed:
		s.status = "confirmed"
	case *orderv1.OrderCancelled:
		s.status = "cancelled"
		s.cancelReason = e.Reason
	}
}
