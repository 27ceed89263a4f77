// Lets Angzarr call the rules of a checkout.
//
// A process manager sees events of several domains that share a correlation id,
// together with what it has remembered of them so far: its process events, an
// aggregate of its own domain. It holds nothing else between two calls.
//
// Its one trigger page is one of three things: an event of somebody else; a
// Notification, when a command of its own was rejected; TimeoutElapsed, when a
// timer of its own has run out.

package main

import (
	"context"
	"time"

	"angzarr.io/examples/shop"
	timerv1 "angzarr.io/proto/angzarr/timer/v1"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	inventoryv1 "angzarr.io/proto/shop/inventory/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const name = "checkout"

type service struct {
	angzarrv1.UnimplementedProcessManagerServiceServer
	patience time.Duration
}

func (s *service) Handle(_ context.Context, request *angzarrv1.ProcessManagerHandleRequest) (*angzarrv1.ProcessManagerHandleResponse, error) {
	response, err := s.react(request)
	if err != nil {
		// Nobody would know what else to do: it becomes a dead letter.
		return nil, shop.StatusOf(name, err)
	}
	return response, nil
}

func (s *service) react(request *angzarrv1.ProcessManagerHandleRequest) (*angzarrv1.ProcessManagerHandleResponse, error) {
	all, err := remembered(request.GetProcessState())
	if err != nil {
		return nil, err
	}
	pages := request.GetTrigger().GetPages()
	if len(pages) == 0 {
		return nil, &shop.UnknownMessage{Message: "the trigger has no page"}
	}
	page := pages[len(pages)-1]
	event, err := shop.UnpackKnown(page.GetEvent())
	if err != nil {
		return nil, err
	}
	switch e := event.(type) {
	case *angzarrv1.Notification:
		return handedBack(all, e)
	case *timerv1.TimeoutElapsed:
		if event, err = shop.UnpackKnown(e.GetPayload()); err != nil {
			return nil, err
		}
	}
	orderID := orderOf(event, request.GetTrigger().GetCover())
	// The time is the event's, not the clock's: asked twice, the answer is the same.
	deadline := timestamppb.New(page.GetCreatedAt().AsTime().Add(s.patience))
	decided, err := decide(all.of(orderID), event, deadline)
	if err != nil {
		return nil, err
	}
	return responseOf(orderID, decided)
}

// remembered is what the process events add up to.
func remembered(book *angzarrv1.EventBook) (checkouts, error) {
	all := checkouts{}
	for _, page := range book.GetPages() {
		event, err := shop.UnpackKnown(page.GetEvent())
		if err != nil {
			return nil, err
		}
		all.apply(event)
	}
	return all, nil
}

// handedBack answers the rejection of a command of this process.
func handedBack(all checkouts, news *angzarrv1.Notification) (*angzarrv1.ProcessManagerHandleResponse, error) {
	payload, err := shop.Unpack(news.GetPayload())
	if err != nil {
		return nil, err
	}
	rejection, ok := payload.(*angzarrv1.RejectionNotification)
	if !ok || len(rejection.GetRejectedCommand().GetPages()) == 0 {
		return nil, shop.Unknown(payload, "notification")
	}
	book := rejection.GetRejectedCommand()
	command, err := shop.Unpack(book.Pages[0].GetCommand())
	if err != nil {
		return nil, err
	}
	orderID := orderOf(command, book.GetCover())
	decided, err := rejected(all.of(orderID), command, shop.RejectionReason(rejection))
	if err != nil {
		return nil, err
	}
	return responseOf(orderID, decided)
}

// orderOf says which order a message is about: those of an order are about
// their own aggregate, all others say whose they are.
func orderOf(message proto.Message, cover *angzarrv1.Cover) string {
	if named, ok := message.(interface{ GetOrderId() string }); ok && named.GetOrderId() != "" {
		return named.GetOrderId()
	}
	return shop.IDOf(cover)
}

// responseOf makes process events and commands into what Angzarr wants: it
// fills in the headers.
func responseOf(orderID string, decided *answer) (*angzarrv1.ProcessManagerHandleResponse, error) {
	response := &angzarrv1.ProcessManagerHandleResponse{}
	book := &angzarrv1.EventBook{}
	for _, event := range decided.events {
		page, err := shop.EventPage(event)
		if err != nil {
			return nil, err
		}
		book.Pages = append(book.Pages, page)
	}
	if len(book.Pages) > 0 {
		response.ProcessEvents = []*angzarrv1.EventBook{book}
	}
	for _, command := range decided.commands {
		cover, err := target(orderID, command)
		if err != nil {
			return nil, err
		}
		book, err := shop.CommandBook(cover, command)
		if err != nil {
			return nil, err
		}
		response.Commands = append(response.Commands, book)
	}
	return response, nil
}

// target is the aggregate that a command is for.
func target(orderID string, command proto.Message) (*angzarrv1.Cover, error) {
	switch c := command.(type) {
	case *orderv1.ConfirmOrder, *orderv1.CancelOrder:
		return shop.CoverOf("order", orderID)
	case *inventoryv1.Release:
		return shop.CoverOfKey("inventory", c.Sku), nil
	}
	return shop.CoverOfKey("payment", orderID), nil
}
