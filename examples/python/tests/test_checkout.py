"""The process manager takes each step at its time, and says so over real gRPC."""

import copy
import unittest

import checkout_pb2 as checkout
import grpc
import inventory_pb2 as inventory
import order_pb2 as order
import payment_pb2 as payment
from angzarr_timer_v1 import timer_pb2 as timer
from angzarr_v1 import process_manager_pb2 as manager
from angzarr_v1 import process_manager_pb2_grpc, types_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from checkout import rules
from checkout.service import Checkout
from shop.messages import command_book, cover_of, cover_of_key
from tests.helpers import (
    ORDER_ID,
    add_tests,
    message,
    notification,
    pack_events,
    refused,
    serve,
    shown,
    unpacked,
)

DEADLINE = Timestamp(seconds=1772367300)  # 2026-03-01T12:15:00Z
TEA = cover_of_key("inventory", "tea")


class Table(unittest.TestCase):
    """Each row: process events so far; an event, or a rejection of a command;
    what must be remembered and done."""

    maxDiff = None

    def check(self, row):
        checkouts = {}
        for event in row["given"]:
            rules.apply(checkouts, message(event))
        state = checkouts.get("order-1", rules.Checkout("order-1"))
        before = copy.deepcopy(state)
        if "rejected" in row:
            answer = rules.rejected(state, message(row["rejected"]), row["reason"])
        else:
            answer = rules.decide(state, message(row["when"]), DEADLINE)
        self.assertEqual(
            shown(answer.events), shown(message(event) for event in row["then"])
        )
        self.assertEqual(
            shown(answer.commands), shown(message(command) for command in row["commands"])
        )
        self.assertEqual(state, before, "the state was changed")


add_tests(Table, "checkout_rules.json", Table.check)


class Service(unittest.TestCase):
    def setUp(self):
        channel = serve(
            self,
            process_manager_pb2_grpc.add_ProcessManagerServiceServicer_to_server,
            Checkout(patience_seconds=900),
        )
        self.stub = process_manager_pb2_grpc.ProcessManagerServiceStub(channel)
        self.waiting = checkout.CheckoutStarted(
            order_id=ORDER_ID, customer_id="alice", total_cents=900, skus=["tea"]
        )

    def handle(self, cover, event, state=()):
        request = manager.ProcessManagerHandleRequest()
        request.trigger.cover.CopyFrom(cover)
        page = request.trigger.pages.add()
        page.created_at.FromSeconds(1772366400)  # 2026-03-01T12:00:00Z
        page.event.Pack(event)
        pack_events(request.process_state.pages, state)
        return self.stub.Handle(request, timeout=5)

    def events(self, answer):
        return [
            unpacked(page.event) for book in answer.process_events for page in book.pages
        ]

    def commands(self, answer):
        for book in answer.commands:
            self.assertEqual(len(book.pages), 1)
            self.assertFalse(book.pages[0].HasField("header"), "Angzarr stamps it")
        return [(book.cover, unpacked(book.pages[0].command)) for book in answer.commands]

    def charging(self):
        return [
            self.waiting,
            checkout.StockSecured(order_id=ORDER_ID, sku="tea"),
            checkout.PaymentRequested(order_id=ORDER_ID),
        ]

    def test_the_time_of_an_order_counts_from_its_submission(self):
        submitted = order.OrderSubmitted(
            customer_id="alice",
            total_cents=900,
            items=[order.Item(sku="tea", quantity=2, unit_price_cents=450)],
        )
        answer = self.handle(cover_of("order", ORDER_ID), submitted)
        started, scheduled = self.events(answer)
        self.assertEqual(started, self.waiting)
        self.assertEqual((scheduled.name, scheduled.due_at), (ORDER_ID, DEADLINE))
        self.assertEqual(
            unpacked(scheduled.payload), checkout.CheckoutDeadline(order_id=ORDER_ID)
        )
        self.assertEqual(self.commands(answer), [])

    def test_the_money_is_asked_for_at_the_payment_of_the_order(self):
        reserved = inventory.Reserved(order_id=ORDER_ID, sku="tea", quantity=2)
        answer = self.handle(TEA, reserved, [self.waiting])
        self.assertEqual(
            self.commands(answer),
            [
                (
                    cover_of_key("payment", ORDER_ID),
                    payment.Charge(
                        order_id=ORDER_ID, customer_id="alice", amount_cents=900
                    ),
                )
            ],
        )

    def test_the_order_itself_is_confirmed(self):
        charged = payment.Charged(order_id=ORDER_ID, amount_cents=900)
        answer = self.handle(
            cover_of_key("payment", ORDER_ID), charged, self.charging()
        )
        self.assertEqual(
            self.commands(answer), [(cover_of("order", ORDER_ID), order.ConfirmOrder())]
        )

    def test_a_timer_that_has_run_out_releases_and_cancels(self):
        elapsed = timer.TimeoutElapsed(name=ORDER_ID, due_at=DEADLINE)
        elapsed.payload.Pack(checkout.CheckoutDeadline(order_id=ORDER_ID))
        answer = self.handle(
            types_pb2.Cover(domain="checkout"), elapsed, self.charging()
        )
        reason = "it was not reserved and paid for in time"
        self.assertEqual(
            self.commands(answer),
            [
                (
                    TEA,
                    inventory.Release(order_id=ORDER_ID, sku="tea", reason=reason),
                ),
                (cover_of("order", ORDER_ID), order.CancelOrder(reason=reason)),
            ],
        )

    def rejection(self, cover, command, reason="declined"):
        own = types_pb2.Cover(domain="checkout")
        news = types_pb2.RejectionNotification(rejection_reason=reason)
        news.rejected_command.CopyFrom(command_book(cover, command))
        return self.handle(own, notification(own, news), self.charging())

    def test_a_charge_that_is_handed_back_releases_and_cancels(self):
        answer = self.rejection(
            cover_of_key("payment", ORDER_ID), payment.Charge(order_id=ORDER_ID)
        )
        self.assertEqual(
            [command for _, command in self.commands(answer)],
            [
                inventory.Release(order_id=ORDER_ID, sku="tea", reason="declined"),
                order.CancelOrder(reason="declined"),
            ],
        )

    def test_a_command_of_an_order_that_is_handed_back_is_about_its_target(self):
        answer = self.rejection(cover_of("order", ORDER_ID), order.CancelOrder())
        self.assertEqual(answer, manager.ProcessManagerHandleResponse())

    def test_a_rejection_that_must_not_be_is_refused_so_that_it_becomes_a_dead_letter(
        self,
    ):
        code, _, info = refused(
            self,
            lambda: self.rejection(TEA, inventory.Release(order_id=ORDER_ID)),
        )
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(info.domain, "checkout")

    def test_two_orders_of_one_correlation_id_are_two_checkouts(self):
        other = checkout.CheckoutStarted(order_id="another", skus=["tea"])
        reserved = inventory.Reserved(order_id="another", sku="tea", quantity=2)
        answer = self.handle(TEA, reserved, [self.waiting, other])
        self.assertEqual(
            self.events(answer),
            [
                checkout.StockSecured(order_id="another", sku="tea"),
                checkout.PaymentRequested(order_id="another"),
            ],
        )

    def test_its_own_timer_events_are_passed_over_in_its_state(self):
        state = [self.waiting, timer.TimeoutScheduled(name=ORDER_ID)]
        reserved = inventory.Reserved(order_id=ORDER_ID, sku="tea", quantity=2)
        self.assertEqual(len(self.events(self.handle(TEA, reserved, state))), 2)

    def test_an_event_that_is_no_concern_of_it_is_answered_with_nothing(self):
        answer = self.handle(TEA, inventory.StockAdded(sku="tea", quantity=5))
        self.assertEqual(answer, manager.ProcessManagerHandleResponse())


if __name__ == "__main__":
    unittest.main()
