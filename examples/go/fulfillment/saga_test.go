package main

import (
	"context"
	"testing"

	"angzarr.io/examples/shop"
	"angzarr.io/examples/shop/shoptest"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	inventoryv1 "angzarr.io/proto/shop/inventory/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

func connect(t *testing.T) (angzarrv1.SagaServiceClient, context.Context) {
	t.Helper()
	connection, ctx := shoptest.Connect(t, func(server *grpc.Server) {
		angzarrv1.RegisterSagaServiceServer(server, &saga{})
	})
	return angzarrv1.NewSagaServiceClient(connection), ctx
}

func trigger(t *testing.T, events ...proto.Message) *angzarrv1.SagaHandleRequest {
	t.Helper()
	order, err := shop.CoverOf("order", shoptest.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	return &angzarrv1.SagaHandleRequest{
		Source: &angzarrv1.EventBook{Cover: order, Pages: shoptest.Pages(t, 4, events...)}}
}

func TestEachKindOfGoodsIsReservedAtItsOwnInventory(t *testing.T) {
	client, ctx := connect(t)
	answer, err := client.Handle(ctx, trigger(t, &orderv1.OrderSubmitted{Items: []*orderv1.Item{
		{Sku: "tea", Quantity: 2, UnitPriceCents: 450},
		{Sku: "cup", Quantity: 1, UnitPriceCents: 1200},
	}}))
	if err != nil {
		t.Fatal(err)
	}
	shoptest.MustBeEqual(t, "commands", shoptest.CommandsOf(t, answer.Commands), []proto.Message{
		&inventoryv1.Reserve{OrderId: shoptest.OrderID, Sku: "tea", Quantity: 2},
		&inventoryv1.Reserve{OrderId: shoptest.OrderID, Sku: "cup", Quantity: 1},
	})
	for i, sku := range []string{"tea", "cup"} {
		if cover := shop.CoverOfKey("inventory", sku); !proto.Equal(answer.Commands[i].Cover, cover) {
			t.Errorf("%s is reserved at %v", sku, answer.Commands[i].Cover)
		}
	}
}

func TestOtherEventsOfAnOrderCauseNothing(t *testing.T) {
	client, ctx := connect(t)
	answer, err := client.Handle(ctx, trigger(t, &orderv1.OrderCreated{CustomerId: "alice"}))
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Commands) != 0 || len(answer.Events) != 0 {
		t.Errorf("answer is %v", answer)
	}
}

func TestATypeNobodyHasHeardOfCausesNothing(t *testing.T) {
	client, ctx := connect(t)
	request := trigger(t, &orderv1.OrderCreated{})
	request.Source.Pages[0].GetEvent().TypeUrl = "/shop.order.v1.Unheard"
	answer, err := client.Handle(ctx, request)
	if err != nil || len(answer.Commands) != 0 {
		t.Errorf("answer is %v and %v", answer, err)
	}
}

func TestAnEventThatDoesNotDecodeIsRefused(t *testing.T) {
	client, ctx := connect(t)
	request := trigger(t, &orderv1.OrderSubmitted{})
	request.Source.Pages[0].GetEvent().Value = []byte("\xff\xff\xff")
	_, err := client.Handle(ctx, request)
	shoptest.MustBe(t, err, codes.InvalidArgument, "cannot be read", "order-fulfillment", "UNKNOWN_MESSAGE")
}
