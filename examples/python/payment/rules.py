"""The rules of a payment: money is taken once, and perhaps given back.

Nothing here knows gRPC, Angzarr or a database.
"""

import payment_pb2 as payment

from shop.rules import Rejection

DOMAIN = "payment"
State = payment.PaymentState
LIMIT_CENTS = 100_000


def decide(state, command):
    """The events that `command` causes in a payment that is in `state`."""
    return _DECISIONS[type(command)](state, command)


def apply(state, event):
    """Changes `state` to what it is after `event`."""
    _CHANGES[type(event)](state, event)


# ------------------------------------------------------------- decisions


def _charge(state, command):
    if not command.order_id:
        raise Rejection("ORDER_ID_EMPTY", "order_id must not be empty")
    if not command.customer_id:
        raise Rejection("CUSTOMER_ID_EMPTY", "customer_id must not be empty")
    if command.amount_cents < 0:
        raise Rejection(
            "AMOUNT_NEGATIVE",
            f"amount_cents must not be negative, not {command.amount_cents}",
        )
    if state.status == payment.PAYMENT_STATUS_REFUNDED:
        raise Rejection("PAYMENT_REFUNDED", "the payment was already refunded")
    if state.status == payment.PAYMENT_STATUS_CHARGED:
        return _charge_again(state, command)
    if command.amount_cents > LIMIT_CENTS:
        raise Rejection(
            "DECLINED",
            f"a payment of {command.amount_cents} cents is over the limit of "
            f"{LIMIT_CENTS}",
        )
    return [
        payment.Charged(
            order_id=command.order_id,
            customer_id=command.customer_id,
            amount_cents=command.amount_cents,
        )
    ]


def _charge_again(state, command):
    if command.amount_cents != state.amount_cents:
        raise Rejection(
            "ALREADY_CHARGED",
            f"{state.amount_cents} cents were already charged, "
            f"not {command.amount_cents}",
        )
    return []


def _refund(state, command):
    if state.status == payment.PAYMENT_STATUS_UNSPECIFIED:
        raise Rejection("NOT_CHARGED", "nothing was charged")
    if not command.reason:
        raise Rejection("REASON_EMPTY", "reason must not be empty")
    return _give_back(state, command.reason)


_DECISIONS = {payment.Charge: _charge, payment.Refund: _refund}
COMMANDS = tuple(_DECISIONS)


def _give_back(state, reason):
    if state.status != payment.PAYMENT_STATUS_CHARGED:
        return []
    return [
        payment.Refunded(
            order_id=state.order_id, amount_cents=state.amount_cents, reason=reason
        )
    ]


# ------------------------------------------------------- what went wrong


UNDO = {payment.Charge: lambda state, cause, reason: _give_back(state, reason)}


# --------------------------------------------------------------- changes


def _charged(state, event):
    state.order_id = event.order_id
    state.customer_id = event.customer_id
    state.amount_cents = event.amount_cents
    state.status = payment.PAYMENT_STATUS_CHARGED


def _refunded(state, event):
    state.status = payment.PAYMENT_STATUS_REFUNDED


_CHANGES = {payment.Charged: _charged, payment.Refunded: _refunded}
EVENTS = tuple(_CHANGES)
