"""Lets Angzarr call the rules of a checkout.

A process manager sees events of several domains that share a correlation id,
together with what it has remembered of them so far: its process events, an
aggregate of its own domain. It holds nothing else between two calls.

Its one trigger page is one of three things: an event of somebody else; a
Notification, when a command of its own was rejected; TimeoutElapsed, when a
timer of its own has run out.
"""

import grpc
import inventory_pb2 as inventory
import order_pb2 as order
from angzarr_timer_v1 import timer_pb2 as timer
from angzarr_v1 import process_manager_pb2, process_manager_pb2_grpc, types_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from checkout import rules
from shop.messages import (
    UnknownMessage,
    by_full_name,
    command_book,
    cover_of,
    cover_of_key,
    id_of,
    unpack,
    unpack_known,
)
from shop.status import abort

NAME = "checkout"
_EVENTS = by_full_name(rules.EVENTS)
_PROCESS_EVENTS = by_full_name(rules.PROCESS_EVENTS)
_REJECTABLE = by_full_name(rules.REJECTABLE)
_OWN_TRIGGERS = by_full_name([types_pb2.Notification, timer.TimeoutElapsed])
_REJECTION = by_full_name([types_pb2.RejectionNotification])


class Checkout(process_manager_pb2_grpc.ProcessManagerServiceServicer):
    def __init__(self, patience_seconds):
        self._patience_seconds = patience_seconds

    def Handle(self, request, context):
        try:
            checkouts = remembered(request.process_state)
            page = request.trigger.pages[-1]
            own = unpack_known(page.event, _OWN_TRIGGERS)
            if isinstance(own, types_pb2.Notification):
                return _rejected(checkouts, own)
            packed = page.event if own is None else own.payload
            event = unpack_known(packed, _EVENTS)
            if event is None:
                return process_manager_pb2.ProcessManagerHandleResponse()
            return self._answer(checkouts, request.trigger, event)
        except UnknownMessage as unknown:
            # Nobody would know what else to do: it becomes a dead letter.
            abort(context, grpc.StatusCode.INVALID_ARGUMENT, NAME, unknown)

    def _answer(self, checkouts, trigger, event):
        # An event of an order is about its own aggregate; all others say whose they are.
        order_id = getattr(event, "order_id", None) or id_of(trigger.cover)
        deadline = after(trigger.pages[-1].created_at, self._patience_seconds)
        state = checkouts.get(order_id, rules.Checkout(order_id))
        return response(order_id, rules.decide(state, event, deadline))


def remembered(book):
    """The checkouts that the process events add up to. The events of timers
    among them are meant for Angzarr."""
    checkouts = {}
    for page in book.pages:
        event = unpack_known(page.event, _PROCESS_EVENTS)
        if event is not None:
            rules.apply(checkouts, event)
    return checkouts


def _rejected(checkouts, notification):
    news = unpack(notification.payload, _REJECTION)
    book = news.rejected_command
    command = unpack(book.pages[0].command, _REJECTABLE)
    order_id = getattr(command, "order_id", None) or id_of(book.cover)
    state = checkouts.get(order_id, rules.Checkout(order_id))
    reason = news.rejection_reason or news.code or "rejected without a reason"
    return response(order_id, rules.rejected(state, command, reason))


def response(order_id, answer):
    """Process events and commands as Angzarr wants them: it fills in the headers."""
    message = process_manager_pb2.ProcessManagerHandleResponse()
    if answer.events:
        book = message.process_events.add()
        for event in answer.events:
            book.pages.add().event.Pack(event)
    for command in answer.commands:
        message.commands.append(command_book(target(order_id, command), command))
    return message


def target(order_id, command):
    """The aggregate that a command is for."""
    if isinstance(command, (order.ConfirmOrder, order.CancelOrder)):
        return cover_of("order", order_id)
    if isinstance(command, inventory.Release):
        return cover_of_key("inventory", command.sku)
    return cover_of_key("payment", order_id)


def after(timestamp, seconds):
    """So long after a time. That is the event's, not the clock's: asked twice,
    the answer is the same."""
    return Timestamp(seconds=timestamp.seconds + seconds, nanos=timestamp.nanos)
