"""The service answers over real gRPC what Angzarr's contract asks of it."""

import unittest

import grpc
import order_pb2 as order
from angzarr_v1 import command_handler_pb2 as handler
from angzarr_v1 import types_pb2

from order import rules
from tests.helpers import contextual, pack_events, refused, serve_aggregate


class Service(unittest.TestCase):
    def setUp(self):
        self.stub = serve_aggregate(self, rules, snapshot_every=3)

    def handle(self, *commands, events=(), snapshot=None):
        return self.stub.Handle(contextual(commands, events, snapshot), timeout=5)

    def refused(self, call):
        return refused(self, call)

    def test_an_accepted_command_is_answered_with_its_events(self):
        answer = self.handle(order.CreateOrder(customer_id="alice"))
        self.assertEqual(answer.WhichOneof("result"), "events")
        event = order.OrderCreated()
        self.assertTrue(answer.events.pages[0].event.Unpack(event))
        self.assertEqual(event.customer_id, "alice")
        self.assertFalse(answer.events.HasField("snapshot"))

    def test_a_broken_rule_is_failed_precondition_with_its_reason_in_the_details(self):
        code, message, info = self.refused(lambda: self.handle(order.SubmitOrder()))
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(message, "the order has not been created")
        self.assertEqual((info.domain, info.reason), ("order", "ORDER_NOT_CREATED"))

    def test_a_command_that_changes_nothing_is_answered_with_no_events(self):
        address = order.Address(
            recipient="Alice", street="1 Quay", city="Cork", country="IE"
        )
        answer = self.handle(
            order.ChangeShippingAddress(shipping_address=address),
            events=[
                order.OrderCreated(customer_id="alice"),
                order.ShippingAddressChanged(shipping_address=address),
            ],
        )
        self.assertEqual(answer.WhichOneof("result"), "events")
        self.assertEqual(len(answer.events.pages), 0)

    def test_the_second_command_of_a_book_sees_the_events_of_the_first(self):
        answer = self.handle(
            order.CreateOrder(customer_id="alice"),
            order.AddItem(sku="tea", quantity=1),
        )
        self.assertEqual(len(answer.events.pages), 2)

    def test_history_begins_with_the_snapshot(self):
        snapshot = order.OrderState(
            customer_id="alice", status=order.ORDER_STATUS_CANCELLED, cancel_reason="x"
        )
        code, message, _ = self.refused(
            lambda: self.handle(order.SubmitOrder(), snapshot=snapshot)
        )
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(message, "the order was cancelled: x")

    def test_a_long_history_is_answered_with_a_snapshot_of_the_new_state(self):
        answer = self.handle(
            order.AddItem(sku="tea", quantity=1),
            events=[
                order.OrderCreated(customer_id="alice"),
                order.ItemAdded(sku="tea", quantity=2),
            ],
        )
        state = order.OrderState()
        self.assertTrue(answer.events.snapshot.state.Unpack(state))
        self.assertEqual(state.items[0].quantity, 3)

    def test_replay_folds_the_events_onto_the_snapshot(self):
        request = handler.ReplayRequest()
        request.base_snapshot.state.Pack(
            order.OrderState(customer_id="alice", status=order.ORDER_STATUS_OPEN)
        )
        pack_events(request.events, [order.ItemAdded(sku="tea", quantity=2)])
        state = order.OrderState()
        self.assertTrue(self.stub.Replay(request, timeout=5).state.Unpack(state))
        self.assertEqual(state.customer_id, "alice")
        self.assertEqual(state.items[0].quantity, 2)

    def test_replay_of_nothing_is_the_state_of_an_order_before_its_creation(self):
        answer = self.stub.Replay(handler.ReplayRequest(), timeout=5)
        state = order.OrderState()
        self.assertTrue(answer.state.Unpack(state))
        self.assertEqual(state, order.OrderState())

    def test_a_command_of_another_domain_is_refused_by_name(self):
        code, message, _ = self.refused(lambda: self.handle(types_pb2.Cover()))
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn('"io.angzarr.v1.Cover"', message)

    def test_bytes_that_do_not_decode_are_refused(self):
        request = handler.ContextualCommand()
        command = request.command.pages.add().command
        command.type_url = "/shop.order.v1.CreateOrder"
        command.value = b"\xff\xff\xff"
        code, message, _ = self.refused(lambda: self.stub.Handle(request, timeout=5))
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("does not decode", message)

    def test_an_event_is_no_command_and_a_command_no_event(self):
        code, _, _ = self.refused(lambda: self.handle(order.OrderCreated()))
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        code, _, _ = self.refused(
            lambda: self.handle(order.SubmitOrder(), events=[order.SubmitOrder()])
        )
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)

    def test_facts_are_not_implemented(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.HandleFact(handler.FactRequest(), timeout=5)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)


if __name__ == "__main__":
    unittest.main()
