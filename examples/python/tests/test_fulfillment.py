"""The saga turns a submitted order into reservations, over real gRPC."""

import unittest

import grpc
import inventory_pb2 as inventory
import order_pb2 as order
from angzarr_v1 import saga_pb2, saga_pb2_grpc

from fulfillment.saga import OrderFulfillment
from shop.messages import cover_of, cover_of_key
from tests.helpers import ORDER_ID, pack_events, refused, serve, unpacked


class Saga(unittest.TestCase):
    def handle(self, *events):
        request = saga_pb2.SagaHandleRequest()
        request.source.cover.CopyFrom(cover_of("order", ORDER_ID))
        pack_events(request.source.pages, events)
        return self.call(request)

    def call(self, request):
        channel = serve(
            self, saga_pb2_grpc.add_SagaServiceServicer_to_server, OrderFulfillment()
        )
        return saga_pb2_grpc.SagaServiceStub(channel).Handle(request, timeout=5)

    def test_each_kind_of_goods_is_reserved_at_its_own_inventory(self):
        answer = self.handle(
            order.OrderSubmitted(
                items=[
                    order.Item(sku="tea", quantity=2, unit_price_cents=450),
                    order.Item(sku="cup", quantity=1, unit_price_cents=1200),
                ]
            )
        )
        self.assertEqual(
            [book.cover for book in answer.commands],
            [cover_of_key("inventory", "tea"), cover_of_key("inventory", "cup")],
        )
        self.assertEqual(
            [unpacked(book.pages[0].command) for book in answer.commands],
            [
                inventory.Reserve(order_id=ORDER_ID, sku="tea", quantity=2),
                inventory.Reserve(order_id=ORDER_ID, sku="cup", quantity=1),
            ],
        )
        for book in answer.commands:
            self.assertEqual(len(book.pages), 1)
            self.assertFalse(book.pages[0].HasField("header"), "Angzarr stamps it")
        self.assertEqual(len(answer.events), 0)

    def test_an_inventory_has_the_root_that_the_sql_function_root_of_makes(self):
        root = cover_of_key("cart", "alice").root.value
        self.assertEqual(root.hex(), "92ab91914f7d5ff2adcf93a1e494c055")

    def test_other_events_of_an_order_cause_nothing(self):
        answer = self.handle(order.OrderCreated(customer_id="alice"))
        self.assertEqual(answer, saga_pb2.SagaResponse())

    def test_an_event_that_does_not_decode_is_refused(self):
        request = saga_pb2.SagaHandleRequest()
        request.source.cover.CopyFrom(cover_of("order", ORDER_ID))
        event = request.source.pages.add().event
        event.type_url = "/shop.order.v1.OrderSubmitted"
        event.value = b"\xff\xff\xff"
        code, message, info = refused(self, lambda: self.call(request))
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("does not decode", message)
        self.assertEqual(info.domain, "order-fulfillment")


if __name__ == "__main__":
    unittest.main()
