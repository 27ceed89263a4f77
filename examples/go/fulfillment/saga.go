// A saga translates: events of one domain become commands of another.
//
// It holds nothing between two calls. Angzarr calls it once for each event of
// an order, stamps the commands with where they came from, and carries them
// out. One that is rejected, say because the goods are out of stock, is told to
// the order, which then cancels itself.

package main

import (
	"context"

	"angzarr.io/examples/shop"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	inventoryv1 "angzarr.io/proto/shop/inventory/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
)

const name = "order-fulfillment"

type saga struct {
	angzarrv1.UnimplementedSagaServiceServer
}

func (*saga) Handle(_ context.Context, request *angzarrv1.SagaHandleRequest) (*angzarrv1.SagaResponse, error) {
	response := &angzarrv1.SagaResponse{}
	for _, page := range request.GetSource().GetPages() {
		event, err := shop.UnpackKnown(page.GetEvent())
		if err != nil {
			return nil, shop.StatusOf(name, err)
		}
		submitted, ok := event.(*orderv1.OrderSubmitted)
		if !ok {
			continue
		}
		books, err := reservations(shop.IDOf(request.GetSource().GetCover()), submitted)
		if err != nil {
			return nil, shop.StatusOf(name, err)
		}
		response.Commands = append(response.Commands, books...)
	}
	return response, nil
}

// reservations are one command for each kind of goods: each has an inventory
// of its own.
func reservations(orderID string, submitted *orderv1.OrderSubmitted) ([]*angzarrv1.CommandBook, error) {
	var books []*angzarrv1.CommandBook
	for _, item := range submitted.Items {
		book, err := shop.CommandBook(shop.CoverOfKey("inventory", item.Sku), &inventoryv1.Reserve{
			OrderId:  orderID,
			Sku:      item.Sku,
			Quantity: item.Quantity,
		})
		if err != nil {
			return nil, err
		}
		books = append(books, book)
	}
	return books, nil
}
