package main

import (
	"testing"
	"time"

	"angzarr.io/examples/shop"
	"angzarr.io/examples/shop/shoptest"
	timerv1 "angzarr.io/proto/angzarr/timer/v1"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	checkoutv1 "angzarr.io/proto/shop/checkout/v1"
	inventoryv1 "angzarr.io/proto/shop/inventory/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	paymentv1 "angzarr.io/proto/shop/payment/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var (
	tea     = shop.CoverOfKey("inventory", "tea")
	money   = shop.CoverOfKey("payment", shoptest.OrderID)
	itself  = &angzarrv1.Cover{Domain: "checkout"}
	started = &checkoutv1.CheckoutStarted{
		OrderId: shoptest.OrderID, CustomerId: "alice", TotalCents: 900, Skus: []string{"tea"}}
	inCharge = []proto.Message{
		started,
		&timerv1.TimeoutScheduled{Name: shoptest.OrderID},
		&checkoutv1.StockSecured{OrderId: shoptest.OrderID, Sku: "tea"},
		&checkoutv1.PaymentRequested{OrderId: shoptest.OrderID},
	}
)

func orderCover(t *testing.T) *angzarrv1.Cover {
	t.Helper()
	cover, err := shop.CoverOf("order", shoptest.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	return cover
}

// handle calls the service with one event and what it remembers.
func handle(t *testing.T, cover *angzarrv1.Cover, event proto.Message, state ...proto.Message) (*angzarrv1.ProcessManagerHandleResponse, error) {
	t.Helper()
	connection, ctx := shoptest.Connect(t, func(server *grpc.Server) {
		angzarrv1.RegisterProcessManagerServiceServer(server, &service{patience: 15 * time.Minute})
	})
	return angzarrv1.NewProcessManagerServiceClient(connection).Handle(ctx,
		&angzarrv1.ProcessManagerHandleRequest{
			Trigger:      &angzarrv1.EventBook{Cover: cover, Pages: shoptest.Pages(t, 7, event)},
			ProcessState: &angzarrv1.EventBook{Pages: shoptest.Pages(t, 0, state...)},
		})
}

// check compares an answer; each command is for the cover of the same place.
func check(t *testing.T, answer *angzarrv1.ProcessManagerHandleResponse, err error, events, commands []proto.Message, covers ...*angzarrv1.Cover) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var found []proto.Message
	for _, book := range answer.ProcessEvents {
		found = append(found, shoptest.EventsOf(t, book)...)
	}
	shoptest.MustBeEqual(t, "process events", found, events)
	shoptest.MustBeEqual(t, "commands", shoptest.CommandsOf(t, answer.Commands), commands)
	for i, cover := range covers {
		if !proto.Equal(answer.Commands[i].Cover, cover) {
			t.Errorf("command %d is for %v, want %v", i, answer.Commands[i].Cover, cover)
		}
	}
}

func TestTheTimeOfAnOrderCountsFromItsSubmission(t *testing.T) {
	answer, err := handle(t, orderCover(t), &orderv1.OrderSubmitted{
		CustomerId: "alice", TotalCents: 900,
		Items: []*orderv1.Item{{Sku: "tea", Quantity: 2, UnitPriceCents: 450}}})
	check(t, answer, err, []proto.Message{started, &timerv1.TimeoutScheduled{
		Name:    shoptest.OrderID,
		DueAt:   &timestamppb.Timestamp{Seconds: 1772367300}, // 2026-03-01T12:15:00Z
		Payload: shoptest.Pack(t, &checkoutv1.CheckoutDeadline{OrderId: shoptest.OrderID}),
	}}, nil)
}

func TestTheMoneyIsAskedForAtThePaymentOfTheOrder(t *testing.T) {
	answer, err := handle(t, tea, &inventoryv1.Reserved{OrderId: shoptest.OrderID, Sku: "tea", Quantity: 2}, started)
	check(t, answer, err, inCharge[2:], []proto.Message{
		&paymentv1.Charge{OrderId: shoptest.OrderID, CustomerId: "alice", AmountCents: 900}}, money)
}

func TestTheOrderItselfIsConfirmed(t *testing.T) {
	answer, err := handle(t, money, &paymentv1.Charged{OrderId: shoptest.OrderID, AmountCents: 900}, inCharge...)
	check(t, answer, err, []proto.Message{
		&checkoutv1.CheckoutCompleted{OrderId: shoptest.OrderID},
		&timerv1.TimeoutCancelled{Name: shoptest.OrderID},
	}, []proto.Message{&orderv1.ConfirmOrder{}}, orderCover(t))
}

// calledOff is what must be remembered and done when it ends for this reason.
func calledOff(reason string) (events, commands []proto.Message) {
	return []proto.Message{
			&checkoutv1.CheckoutCancelled{OrderId: shoptest.OrderID, Reason: reason},
			&timerv1.TimeoutCancelled{Name: shoptest.OrderID},
		}, []proto.Message{
			&inventoryv1.Release{OrderId: shoptest.OrderID, Sku: "tea", Reason: reason},
			&orderv1.CancelOrder{Reason: reason},
		}
}

func TestATimerThatHasRunOutReleasesAndCancels(t *testing.T) {
	answer, err := handle(t, itself, &timerv1.TimeoutElapsed{
		Name:    shoptest.OrderID,
		Payload: shoptest.Pack(t, &checkoutv1.CheckoutDeadline{OrderId: shoptest.OrderID}),
	}, inCharge...)
	events, commands := calledOff("it was not reserved and paid for in time")
	check(t, answer, err, events, commands, tea, orderCover(t))
}

// handBack tells it that a command of its own was rejected.
func handBack(t *testing.T, cover *angzarrv1.Cover, command proto.Message) (*angzarrv1.ProcessManagerHandleResponse, error) {
	t.Helper()
	book, err := shop.CommandBook(cover, command)
	if err != nil {
		t.Fatal(err)
	}
	return handle(t, itself, shoptest.Notification(t, itself, &angzarrv1.RejectionNotification{
		RejectedCommand: book, RejectionReason: "declined"}), inCharge...)
}

func TestAChargeThatIsHandedBackReleasesAndCancels(t *testing.T) {
	answer, err := handBack(t, money, &paymentv1.Charge{OrderId: shoptest.OrderID})
	events, commands := calledOff("declined")
	check(t, answer, err, events, commands, tea, orderCover(t))
}

func TestACommandOfAnOrderThatIsHandedBackIsAboutItsTarget(t *testing.T) {
	answer, err := handBack(t, orderCover(t), &orderv1.CancelOrder{})
	check(t, answer, err, nil, nil)
}

func TestARejectionThatMustNotBeIsRefusedSoThatItBecomesADeadLetter(t *testing.T) {
	_, err := handBack(t, tea, &inventoryv1.Release{OrderId: shoptest.OrderID})
	shoptest.MustBe(t, err, codes.InvalidArgument, "shop.inventory.v1.Release", "checkout", "UNKNOWN_MESSAGE")
}

func TestTwoOrdersOfOneCorrelationIDAreTwoCheckouts(t *testing.T) {
	other := &checkoutv1.CheckoutStarted{OrderId: "another", Skus: []string{"tea"}}
	answer, err := handle(t, tea, &inventoryv1.Reserved{OrderId: "another", Sku: "tea", Quantity: 2}, started, other)
	check(t, answer, err, []proto.Message{
		&checkoutv1.StockSecured{OrderId: "another", Sku: "tea"},
		&checkoutv1.PaymentRequested{OrderId: "another"},
	}, []proto.Message{&paymentv1.Charge{OrderId: "another"}})
}

func TestAnEventThatIsNoConcernOfItIsAnsweredWithNothing(t *testing.T) {
	answer, err := handle(t, tea, &inventoryv1.StockAdded{Sku: "tea", Quantity: 5}, started)
	check(t, answer, err, nil, nil)
}
