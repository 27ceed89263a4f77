"""Aggregates answer Angzarr's news over real gRPC, as commands."""

import unittest

import grpc
import inventory_pb2 as inventory
import order_pb2 as order
import payment_pb2 as payment
from angzarr_v1 import types_pb2

from inventory import rules as inventory_rules
from order import rules as order_rules
from payment import rules as payment_rules
from shop.messages import cover_of, cover_of_key
from tests.helpers import (
    ORDER_ID,
    contextual,
    notification,
    refused,
    serve_aggregate,
    unpacked,
)

ORDER = cover_of("order", ORDER_ID)
SUBMITTED = [order.OrderCreated(customer_id="alice"), order.OrderSubmitted()]


def rejection(reason="10 are available", code="OUT_OF_STOCK"):
    news = types_pb2.RejectionNotification(rejection_reason=reason, code=code)
    news.rejected_command.cover.CopyFrom(cover_of_key("inventory", "tea"))
    return notification(ORDER, news)


def compensation(command, sequences=(1,)):
    news = types_pb2.Compensate(
        sequences=sequences, reason="it failed", command_type=command
    )
    return notification(ORDER, news)


class Notifications(unittest.TestCase):
    def answer(self, rules, news, events):
        request = contextual([news], events)
        deferred = request.command.pages[0].header.angzarr_deferred
        deferred.source.CopyFrom(ORDER)
        deferred.source_component = "order-fulfillment"
        return serve_aggregate(self, rules).Handle(request, timeout=5)

    def events(self, *call):
        answer = self.answer(*call)
        self.assertEqual(answer.WhichOneof("result"), "events")
        return [unpacked(page.event) for page in answer.events.pages]

    def not_understood(self, *call):
        code, _, info = refused(self, lambda: self.answer(*call))
        self.assertEqual(code, grpc.StatusCode.UNIMPLEMENTED)
        self.assertEqual(info.reason, "UNKNOWN_NOTIFICATION")
        self.assertEqual(info.domain, call[0].DOMAIN)

    def test_a_rejection_cancels_the_order_that_caused_it_with_its_reason(self):
        self.assertEqual(
            self.events(order_rules, rejection(), SUBMITTED),
            [order.OrderCancelled(reason="10 are available")],
        )

    def test_a_rejection_without_a_message_gives_its_code_as_the_reason(self):
        self.assertEqual(
            self.events(order_rules, rejection(reason=""), SUBMITTED),
            [order.OrderCancelled(reason="OUT_OF_STOCK")],
        )

    def test_a_rejection_that_comes_again_is_answered_with_no_events(self):
        events = [*SUBMITTED, order.OrderCancelled(reason="10 are available")]
        self.assertEqual(self.events(order_rules, rejection(), events), [])

    def test_a_confirmed_order_asks_for_a_person_instead(self):
        events = [*SUBMITTED, order.OrderConfirmed()]
        answer = self.answer(order_rules, rejection(), events)
        self.assertEqual(answer.WhichOneof("result"), "revocation")
        self.assertTrue(answer.revocation.send_to_dead_letter_queue)
        self.assertTrue(answer.revocation.escalate)
        self.assertFalse(answer.revocation.abort)
        self.assertFalse(answer.revocation.emit_system_revocation)
        self.assertIn("10 are available", answer.revocation.reason)

    def test_a_reservation_is_undone_for_the_order_in_its_provenance(self):
        events = [
            inventory.StockAdded(sku="tea", quantity=9),
            inventory.Reserved(order_id="another", sku="tea", quantity=3),
            inventory.Reserved(order_id=ORDER_ID, sku="tea", quantity=2),
        ]
        self.assertEqual(
            self.events(
                inventory_rules, compensation("shop.inventory.v1.Reserve"), events
            ),
            [
                inventory.Released(
                    order_id=ORDER_ID, sku="tea", quantity=2, reason="it failed"
                )
            ],
        )

    def test_a_charge_is_undone_by_a_refund(self):
        events = [
            payment.Charged(order_id=ORDER_ID, customer_id="alice", amount_cents=900)
        ]
        self.assertEqual(
            self.events(payment_rules, compensation("shop.payment.v1.Charge"), events),
            [
                payment.Refunded(
                    order_id=ORDER_ID, amount_cents=900, reason="it failed"
                )
            ],
        )

    def test_a_command_that_produced_no_events_leaves_nothing_to_undo(self):
        events = [
            payment.Charged(order_id=ORDER_ID, customer_id="alice", amount_cents=900)
        ]
        news = compensation("shop.payment.v1.Charge", sequences=())
        self.assertEqual(self.events(payment_rules, news, events), [])

    def test_news_that_nobody_has_an_answer_to_are_unimplemented(self):
        for rules, news in (
            (inventory_rules, rejection()),
            (payment_rules, rejection()),
            (inventory_rules, compensation("shop.inventory.v1.AddStock")),
            (payment_rules, compensation("shop.payment.v1.Refund")),
            (order_rules, compensation("shop.order.v1.SubmitOrder")),
            (order_rules, notification(ORDER, order.OrderCreated())),
            (order_rules, types_pb2.Notification()),
        ):
            with self.subTest(rules.DOMAIN, payload=news.payload.type_url):
                self.not_understood(rules, news, [])


class OtherDomains(unittest.TestCase):
    def test_out_of_stock_is_failed_precondition_with_that_reason(self):
        stub = serve_aggregate(self, inventory_rules)
        command = inventory.Reserve(order_id=ORDER_ID, sku="tea", quantity=1)
        code, message, info = refused(
            self, lambda: stub.Handle(contextual([command]), timeout=5)
        )
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(message, '0 of "tea" are available, not 1')
        self.assertEqual((info.domain, info.reason), ("inventory", "OUT_OF_STOCK"))

    def test_declined_is_failed_precondition_with_that_reason(self):
        stub = serve_aggregate(self, payment_rules)
        command = payment.Charge(
            order_id=ORDER_ID, customer_id="alice", amount_cents=100001
        )
        code, _, info = refused(
            self, lambda: stub.Handle(contextual([command]), timeout=5)
        )
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual((info.domain, info.reason), ("payment", "DECLINED"))

    def test_what_was_reserved_before_a_snapshot_is_still_held_after_it(self):
        stub = serve_aggregate(self, inventory_rules, snapshot_every=1)
        reserve = inventory.Reserve(order_id=ORDER_ID, sku="tea", quantity=2)
        first = stub.Handle(
            contextual([reserve], [inventory.StockAdded(sku="tea", quantity=3)]),
            timeout=5,
        )
        state = unpacked(first.events.snapshot.state)
        release = inventory.Release(order_id=ORDER_ID, sku="tea", reason="moved")
        answer = stub.Handle(contextual([release], snapshot=state), timeout=5)
        self.assertEqual(
            [unpacked(page.event) for page in answer.events.pages],
            [
                inventory.Released(
                    order_id=ORDER_ID, sku="tea", quantity=2, reason="moved"
                )
            ],
        )


if __name__ == "__main__":
    unittest.main()
