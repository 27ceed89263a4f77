"""Lets Angzarr call the rules of a domain: books and commands in, events or a
rejection out.

Angzarr sends what has happened to one aggregate (an EventBook: perhaps a
snapshot, then the events after it) together with the command. The service holds
nothing between two calls, so any number of copies of it may run.

The rules are a module that has

    DOMAIN             its name
    State              the message that its events add up to
    COMMANDS, EVENTS   the messages that it knows
    decide, apply      what a command causes, and what an event changes
    UNDO               of which commands it can undo the effects, and how
    rejected           what a rejection of something that it caused makes of it;
                       only where somebody is told of rejections
"""

import grpc
from angzarr_v1 import command_handler_pb2 as handler
from angzarr_v1 import command_handler_pb2_grpc, types_pb2

from shop.messages import UnknownMessage, by_full_name, id_of, type_name, unpack
from shop.rules import Rejection, TooLate
from shop.status import abort

_NOTIFICATION = by_full_name([types_pb2.Notification])
_NEWS = by_full_name([types_pb2.RejectionNotification, types_pb2.Compensate])


class NotUnderstood(Exception):
    """News that these rules have no answer to."""

    reason = "UNKNOWN_NOTIFICATION"

    def __init__(self, message):
        super().__init__(message)
        self.message = message


class AggregateService(command_handler_pb2_grpc.CommandHandlerServiceServicer):
    """The methods Angzarr calls. HandleFact is left out: nothing but our own
    decisions happens in the shop."""

    def __init__(self, rules, snapshot_every=50):
        self._rules = rules
        self._commands = by_full_name(rules.COMMANDS)
        self._events = by_full_name(rules.EVENTS)
        self._states = by_full_name([rules.State])
        self._undo = by_full_name(rules.UNDO)
        self._snapshot_every = snapshot_every

    def Handle(self, request, context):
        domain = self._rules.DOMAIN
        try:
            return self._answer(request)
        except Rejection as rejection:
            abort(context, grpc.StatusCode.FAILED_PRECONDITION, domain, rejection)
        except UnknownMessage as unknown:
            abort(context, grpc.StatusCode.INVALID_ARGUMENT, domain, unknown)
        except NotUnderstood as news:
            abort(context, grpc.StatusCode.UNIMPLEMENTED, domain, news)
        except TooLate as late:
            return _revocation(str(late))

    def Replay(self, request, context):
        try:
            state = self.fold(request.base_snapshot, request.events)
        except UnknownMessage as unknown:
            abort(
                context, grpc.StatusCode.INVALID_ARGUMENT, self._rules.DOMAIN, unknown
            )
        response = handler.ReplayResponse()
        response.state.Pack(state)
        return response

    def fold(self, snapshot, pages):
        """The state that a snapshot and the events after it add up to."""
        state = self._rules.State()
        if snapshot.HasField("state"):
            state = unpack(snapshot.state, self._states)
        for page in pages:
            self._rules.apply(state, unpack(page.event, self._events))
        return state

    def _answer(self, request):
        book = request.events
        state = self.fold(book.snapshot, book.pages)
        response = handler.BusinessResponse()
        answer = response.events
        for page in request.command.pages:
            for event in self._decide(state, page):
                self._rules.apply(state, event)
                answer.pages.add().event.Pack(event)
        if self._is_snapshot_due(len(book.pages), len(answer.pages)):
            answer.snapshot.state.Pack(state)
        answer.SetInParent()
        return response

    def _decide(self, state, page):
        if type_name(page.command) in _NOTIFICATION:
            return self._react(state, page)
        return self._rules.decide(state, unpack(page.command, self._commands))

    def _react(self, state, page):
        """Answers news of Angzarr about something that this aggregate caused, or
        that was done to it."""
        payload = unpack(page.command, _NOTIFICATION).payload
        if type_name(payload) not in _NEWS:
            raise NotUnderstood(f'no news of type "{type_name(payload)}" are known')
        news = unpack(payload, _NEWS)
        if isinstance(news, types_pb2.Compensate):
            return self._compensate(state, news, page.header.angzarr_deferred.source)
        if not hasattr(self._rules, "rejected"):
            raise NotUnderstood(f'"{self._rules.DOMAIN}" causes nothing elsewhere')
        reason = news.rejection_reason or news.code or "rejected without a reason"
        return self._rules.rejected(state, reason)

    def _compensate(self, state, news, source):
        """Undoes a command that was carried out; `source` is the aggregate whose
        event had caused it."""
        command = self._undo.get(news.command_type.rsplit("/", 1)[-1])
        if command is None:
            raise NotUnderstood(f'a "{news.command_type}" cannot be undone')
        if not news.sequences:
            return []
        reason = news.reason or "undone without a reason"
        return self._rules.UNDO[command](state, id_of(source), reason)

    def _is_snapshot_due(self, n_loaded, n_new):
        if self._snapshot_every == 0 or n_new == 0:
            return False
        return n_loaded + n_new >= self._snapshot_every


def _revocation(reason):
    """Not undone: keep it as a dead letter, and tell the operator."""
    response = handler.BusinessResponse()
    response.revocation.send_to_dead_letter_queue = True
    response.revocation.escalate = True
    response.revocation.reason = reason
    return response
