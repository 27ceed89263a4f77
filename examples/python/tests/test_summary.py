"""The projector keeps its table over real gRPC, in the PostgreSQL of PGHOST."""

import os
import unittest
import uuid

import grpc
import order_pb2 as order
import psycopg2
import summary_pb2
from angzarr_v1 import projector_pb2_grpc, types_pb2

from shop.messages import cover_of
from summary.projector import OrderSummary
from summary.table import Table
from tests.helpers import refused, serve, unpacked

HISTORY = [
    order.OrderCreated(customer_id="alice"),
    order.ItemAdded(sku="tea", quantity=2, unit_price_cents=450),
    order.ItemAdded(sku="cup", quantity=1, unit_price_cents=1200),
    order.ShippingAddressChanged(),
    order.OrderSubmitted(),
]


@unittest.skipUnless(os.environ.get("PGHOST"), "PGHOST names no PostgreSQL")
class Projector(unittest.TestCase):
    def setUp(self):
        self.connection = psycopg2.connect("")
        self.connection.autocommit = True
        self.addCleanup(self.connection.close)
        self.name = f"summaries_{uuid.uuid4().hex}"
        table = Table(f"application_name={self.name}", self.name)
        table.create()
        self.addCleanup(self.sql, f"DROP TABLE {self.name}")
        channel = serve(
            self,
            projector_pb2_grpc.add_ProjectorServiceServicer_to_server,
            OrderSummary(table),
            threads=1,
        )
        self.stub = projector_pb2_grpc.ProjectorServiceStub(channel)
        self.order_id = str(uuid.uuid4())

    def sql(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None

    def book(self, first, events, edition=""):
        book = types_pb2.EventBook(cover=cover_of("order", self.order_id))
        if edition:
            book.cover.edition.name = edition
        for number, event in enumerate(events, first):
            book.pages.add(header={"sequence": number}).event.Pack(event)
        return book

    def handle(self, first, events, edition=""):
        return self.stub.Handle(self.book(first, events, edition), timeout=5)

    def rows(self):
        return self.sql(
            "SELECT edition, customer_id, status, quantity, total_cents, cancel_reason, "
            f"last_sequence FROM {self.name} ORDER BY edition"
        )

    def test_the_events_of_an_order_become_its_row_and_the_same_is_answered(self):
        answer = self.handle(0, HISTORY)
        self.assertEqual(self.rows(), [("", "alice", "submitted", 3, 2100, "", 4)])
        self.assertEqual(answer.cover.domain, "order")
        self.assertEqual((answer.projector, answer.sequence), ("order-summary", 4))
        self.assertEqual(
            unpacked(answer.projection),
            summary_pb2.OrderSummary(
                order_id=self.order_id,
                customer_id="alice",
                status="submitted",
                quantity=3,
                total_cents=2100,
                last_sequence=4,
            ),
        )

    def test_events_that_are_given_again_do_nothing(self):
        self.handle(0, HISTORY)
        answer = self.handle(1, HISTORY[1:3])
        self.assertEqual(self.rows(), [("", "alice", "submitted", 3, 2100, "", 4)])
        self.assertEqual(answer.sequence, 4)

    def test_of_a_book_that_is_new_in_part_that_part_counts(self):
        self.handle(0, HISTORY[:2])
        self.handle(1, HISTORY[1:])
        self.assertEqual(self.rows(), [("", "alice", "submitted", 3, 2100, "", 4)])

    def test_a_cancelled_and_a_confirmed_order_say_so(self):
        self.handle(0, [*HISTORY, order.OrderConfirmed()])
        self.assertEqual(self.rows()[0][2], "confirmed")
        self.handle(6, [order.OrderCancelled(reason="moved")])
        self.assertEqual(
            self.rows(), [("", "alice", "cancelled", 3, 2100, "moved", 6)]
        )

    def test_an_edition_has_a_row_of_its_own(self):
        self.handle(0, HISTORY)
        self.handle(0, HISTORY[:1], edition="what-if")
        self.assertEqual(
            [(row[0], row[2]) for row in self.rows()],
            [("", "submitted"), ("what-if", "open")],
        )

    def test_a_speculation_answers_what_would_be_and_stores_nothing(self):
        self.handle(0, HISTORY)
        event = order.OrderCancelled(reason="what if")
        answer = self.stub.HandleSpeculative(self.book(5, [event]), timeout=5)
        self.assertEqual(unpacked(answer.projection).status, "cancelled")
        self.assertEqual(self.rows()[0][2], "submitted")

    def test_an_event_that_does_not_decode_is_refused_and_nothing_is_stored(self):
        book = self.book(0, HISTORY[:1])
        broken = book.pages.add(header={"sequence": 1}).event
        broken.type_url = "/shop.order.v1.ItemAdded"
        broken.value = b"\xff\xff\xff"
        code, _, _ = refused(self, lambda: self.stub.Handle(book, timeout=5))
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(self.rows(), [])

    def test_a_connection_that_was_lost_is_made_anew_the_next_time(self):
        self.handle(0, HISTORY[:1])
        self.sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            f"WHERE application_name = '{self.name}'"
        )
        with self.assertRaises(grpc.RpcError) as caught:
            self.handle(1, HISTORY[1:])
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.handle(1, HISTORY[1:]).sequence, 4)
        self.assertEqual(self.rows(), [("", "alice", "submitted", 3, 2100, "", 4)])


class Names(unittest.TestCase):
    def test_a_name_that_is_no_table_is_refused(self):
        for name in ("", "Orders", 'a"b', "a; DROP TABLE b", "a" * 64):
            with self.subTest(name), self.assertRaises(ValueError):
                Table("", name)


if __name__ == "__main__":
    unittest.main()
