"""A projector makes something to read out of events; here a row for each order.

Angzarr gives it a book of consecutive events of one order, at least once and in
order. It answers with what it has made of them, which a client that sends a
command in the mode SIMPLE gets together with the events.
"""

import grpc
import order_pb2 as order
import psycopg2
from angzarr_v1 import projector_pb2_grpc, types_pb2

from shop.messages import UnknownMessage, by_full_name, id_of, unpack_known
from shop.status import abort

NAME = "order-summary"


class OrderSummary(projector_pb2_grpc.ProjectorServiceServicer):
    def __init__(self, table):
        self._table = table

    def Handle(self, request, context):
        return self._answer(request, context, self._store)

    def HandleSpeculative(self, request, context):
        """What it would make of these events; nothing is stored."""
        return self._answer(request, context, self._only_look)

    def _store(self, book, order_id):
        return self._table.change(
            order_id, book.cover.edition.name, lambda summary: add(summary, book.pages)
        )

    def _only_look(self, book, order_id):
        summary = self._table.read(order_id, book.cover.edition.name)
        add(summary, book.pages)
        return summary

    def _answer(self, book, context, work):
        try:
            summary = work(book, id_of(book.cover))
        except UnknownMessage as unknown:
            abort(context, grpc.StatusCode.INVALID_ARGUMENT, NAME, unknown)
        except psycopg2.Error as error:
            # It may work the next time, and Angzarr will ask again.
            context.abort(grpc.StatusCode.UNAVAILABLE, f"{NAME}: {error}".strip())
        projection = types_pb2.Projection(
            cover=book.cover, projector=NAME, sequence=summary.message().last_sequence
        )
        projection.projection.Pack(summary.message())
        return projection


def add(summary, pages):
    """Adds the events that the summary does not tell of yet. Of those that it
    has no use for only the sequence is kept."""
    for page in pages:
        if page.header.sequence <= summary.last_sequence:
            continue
        event = unpack_known(page.event, _EVENTS)
        if event is not None:
            _CHANGES[type(event)](summary, event)
        summary.last_sequence = page.header.sequence


def _created(summary, event):
    summary.customer_id = event.customer_id
    summary.status = "open"


def _item_added(summary, event):
    summary.quantity += event.quantity
    summary.total_cents += event.quantity * event.unit_price_cents


def _submitted(summary, event):
    summary.status = "submitted"


def _confirmed(summary, event):
    summary.status = "confirmed"


def _cancelled(summary, event):
    summary.status = "cancelled"
    summary.cancel_reason = event.reason


_CHANGES = {
    order.OrderCreated: _created,
    order.ItemAdded: _item_added,
    order.OrderSubmitted: _submitted,
    order.OrderConfirmed: _confirmed,
    order.OrderCancelled: _cancelled,
}
_EVENTS = by_full_name(_CHANGES)
