"""Lets Angzarr call the rules: books and commands in, events or a rejection out.

Angzarr sends what has happened to one order (an EventBook: perhaps a snapshot,
then the events after it) together with the command. The service holds nothing
between two calls, so any number of copies of it may run.
"""

import grpc
import order_pb2 as order
from angzarr_v1 import command_handler_pb2 as handler
from angzarr_v1 import command_handler_pb2_grpc
from google.protobuf.message import DecodeError
from google_rpc import error_details_pb2, status_pb2

from order import rules


def _by_full_name(classes):
    return {message.DESCRIPTOR.full_name: message for message in classes}


_COMMANDS = _by_full_name(rules.COMMANDS)
_EVENTS = _by_full_name(rules.EVENTS)
_STATES = _by_full_name([order.OrderState])


class OrderService(command_handler_pb2_grpc.CommandHandlerServiceServicer):
    """The methods Angzarr calls. HandleFact is left out: nothing but our own
    decisions happens to an order."""

    def __init__(self, snapshot_every=50):
        self._snapshot_every = snapshot_every

    def Handle(self, request, context):
        try:
            return self._answer(request)
        except rules.Rejection as rejection:
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, rejection)
        except UnknownMessage as unknown:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, unknown)

    def Replay(self, request, context):
        try:
            state = fold(request.base_snapshot, request.events)
        except UnknownMessage as unknown:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, unknown)
        response = handler.ReplayResponse()
        response.state.Pack(state)
        return response

    def _answer(self, request):
        book = request.events
        state = fold(book.snapshot, book.pages)
        response = handler.BusinessResponse()
        answer = response.events
        for page in request.command.pages:
            for event in rules.decide(state, unpack(page.command, _COMMANDS)):
                rules.apply(state, event)
                answer.pages.add().event.Pack(event)
        if self._is_snapshot_due(len(book.pages), len(answer.pages)):
            answer.snapshot.state.Pack(state)
        answer.SetInParent()
        return response

    def _is_snapshot_due(self, n_loaded, n_new):
        if self._snapshot_every == 0 or n_new == 0:
            return False
        return n_loaded + n_new >= self._snapshot_every


class UnknownMessage(Exception):
    """A message that is none of those expected, or does not decode."""

    reason = "UNKNOWN_MESSAGE"

    def __init__(self, message):
        super().__init__(message)
        self.message = message


def fold(snapshot, pages):
    """The state that a snapshot and the events after it add up to."""
    state = order.OrderState()
    if snapshot.HasField("state"):
        state = unpack(snapshot.state, _STATES)
    for page in pages:
        rules.apply(state, unpack(page.event, _EVENTS))
    return state


def unpack(packed, classes):
    """The message in an Any, which must be one of `classes`; what stands before
    the last "/" of its type is of no meaning."""
    name = packed.type_url.rsplit("/", 1)[-1]
    if name not in classes:
        known = ", ".join(classes)
        raise UnknownMessage(f'"{name}" is not known here, but {known}')
    try:
        return classes[name].FromString(packed.value)
    except DecodeError as error:
        raise UnknownMessage(f'a "{name}" does not decode: {error}') from error


def _abort(context, code, error):
    """Ends the call with a status that carries the reason as details."""
    status = status_pb2.Status(code=code.value[0], message=error.message)
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(reason=error.reason, domain="order")
    )
    context.set_trailing_metadata(
        (("grpc-status-details-bin", status.SerializeToString()),)
    )
    context.abort(code, error.message)
