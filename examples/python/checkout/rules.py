"""The rules of a checkout: which step comes after which event.

Nothing here knows gRPC, Angzarr or a database. `decide` and `rejected` answer
what happened with process events, to be remembered, and commands, to be carried
out; `apply` adds one process event to what is remembered.

Events of different aggregates come in any order: goods may be reserved before
this process hears that the order was submitted, and the money may come after
the customer has gone. Therefore each rule asks how far the checkout is.
"""

from dataclasses import dataclass, field

import checkout_pb2 as checkout
import inventory_pb2 as inventory
import order_pb2 as order
import payment_pb2 as payment
from angzarr_timer_v1 import timer_pb2 as timer

NEW, WAITING, CHARGING, CONFIRMED, CANCELLED = (
    "new",
    "waiting for goods",
    "waiting for money",
    "confirmed",
    "cancelled",
)


@dataclass
class Checkout:
    """What is remembered of one order."""

    order_id: str
    status: str = NEW
    customer_id: str = ""
    total_cents: int = 0
    skus: list = field(default_factory=list)
    secured: list = field(default_factory=list)

    def has_all_goods(self):
        return set(self.skus) <= set(self.secured)


@dataclass
class Answer:
    """What is to be remembered, and what is to be done."""

    events: list = field(default_factory=list)
    commands: list = field(default_factory=list)


NOTHING = Answer()


def decide(state, event, deadline):
    """The answer to an event of the order, of its goods or its money, or to the
    end of its time. `deadline` is when a checkout that begins now must be done."""
    if isinstance(event, order.OrderSubmitted):
        return _submitted(state, event, deadline)
    return _DECISIONS[type(event)](state, event)


# ------------------------------------------------------------- decisions


def _submitted(state, event, deadline):
    if state.status != NEW:
        return NOTHING
    skus = [item.sku for item in event.items]
    started = checkout.CheckoutStarted(
        order_id=state.order_id,
        customer_id=event.customer_id,
        total_cents=event.total_cents,
        skus=skus,
    )
    scheduled = timer.TimeoutScheduled(name=state.order_id, due_at=deadline)
    scheduled.payload.Pack(checkout.CheckoutDeadline(order_id=state.order_id))
    answer = Answer([started, scheduled])
    if set(skus) <= set(state.secured):
        _ask_for_money(answer, state.order_id, event.customer_id, event.total_cents)
    return answer


def _reserved(state, event):
    if state.status == CANCELLED:
        return Answer([], [_release(state, event.sku, "the order was cancelled")])
    if event.sku in state.secured:
        return NOTHING
    answer = Answer(
        [checkout.StockSecured(order_id=state.order_id, sku=event.sku)]
    )
    secured = {event.sku, *state.secured}
    if state.status == WAITING and set(state.skus) <= secured:
        _ask_for_money(answer, state.order_id, state.customer_id, state.total_cents)
    return answer


def _released(state, event):
    if state.status == CANCELLED or event.sku not in state.secured:
        return NOTHING
    return Answer([checkout.StockLost(order_id=state.order_id, sku=event.sku)])


def _charged(state, event):
    if state.status == CANCELLED:
        return Answer([], [_refund(state, "the order was cancelled")])
    if state.status != CHARGING:
        return NOTHING
    if not state.has_all_goods():
        reason = "the goods are no longer reserved"
        answer = _call_off(state, reason)
        answer.commands += [_refund(state, reason), order.CancelOrder(reason=reason)]
        return answer
    return Answer(
        [
            checkout.CheckoutCompleted(order_id=state.order_id),
            timer.TimeoutCancelled(name=state.order_id),
        ],
        [order.ConfirmOrder()],
    )


def _order_cancelled(state, event):
    if state.status in (NEW, CANCELLED):
        return NOTHING
    answer = _call_off(state, event.reason)
    if state.status == CONFIRMED:
        answer.commands.append(_refund(state, event.reason))
    return answer


def _deadline_passed(state, event):
    if state.status not in (WAITING, CHARGING):
        return NOTHING
    reason = "it was not reserved and paid for in time"
    answer = _call_off(state, reason)
    answer.commands.append(order.CancelOrder(reason=reason))
    return answer


_DECISIONS = {
    inventory.Reserved: _reserved,
    inventory.Released: _released,
    payment.Charged: _charged,
    order.OrderCancelled: _order_cancelled,
    checkout.CheckoutDeadline: _deadline_passed,
}
EVENTS = (order.OrderSubmitted, *_DECISIONS)


# ------------------------------------------------------------ rejections


def rejected(state, command, reason):
    """The answer when a command of this process was rejected."""
    return _REJECTIONS[type(command)](state, reason)


def _charge_rejected(state, reason):
    if state.status != CHARGING:
        return NOTHING
    answer = _call_off(state, reason)
    answer.commands.append(order.CancelOrder(reason=reason))
    return answer


def _confirm_rejected(state, reason):
    """The order was cancelled just before. That event comes too; whichever is
    the first gives everything back."""
    if state.status != CONFIRMED:
        return NOTHING
    answer = _call_off(state, reason)
    answer.commands.append(_refund(state, reason))
    return answer


def _cancel_rejected(state, reason):
    """The order has ended without us, which is what was wanted."""
    return NOTHING


_REJECTIONS = {
    payment.Charge: _charge_rejected,
    order.ConfirmOrder: _confirm_rejected,
    order.CancelOrder: _cancel_rejected,
}
REJECTABLE = tuple(_REJECTIONS)


# ----------------------------------------------------------- what to do


def _ask_for_money(answer, order_id, customer_id, total_cents):
    answer.events.append(checkout.PaymentRequested(order_id=order_id))
    answer.commands.append(
        payment.Charge(
            order_id=order_id, customer_id=customer_id, amount_cents=total_cents
        )
    )


def _call_off(state, reason):
    """Ends the checkout and gives the goods back."""
    return Answer(
        [
            checkout.CheckoutCancelled(order_id=state.order_id, reason=reason),
            timer.TimeoutCancelled(name=state.order_id),
        ],
        [_release(state, sku, reason) for sku in state.secured],
    )


def _release(state, sku, reason):
    return inventory.Release(order_id=state.order_id, sku=sku, reason=reason)


def _refund(state, reason):
    return payment.Refund(order_id=state.order_id, reason=reason)


# --------------------------------------------------------------- changes


def apply(checkouts, event):
    """Adds one process event to the checkouts, a dictionary by order id."""
    state = checkouts.setdefault(event.order_id, Checkout(event.order_id))
    _CHANGES[type(event)](state, event)


def _apply_started(state, event):
    state.status = WAITING
    state.customer_id = event.customer_id
    state.total_cents = event.total_cents
    state.skus = list(event.skus)


def _apply_secured(state, event):
    state.secured.append(event.sku)


def _apply_lost(state, event):
    state.secured.remove(event.sku)


def _becomes(status):
    def change(state, event):
        state.status = status

    return change


_CHANGES = {
    checkout.CheckoutStarted: _apply_started,
    checkout.StockSecured: _apply_secured,
    checkout.StockLost: _apply_lost,
    checkout.PaymentRequested: _becomes(CHARGING),
    checkout.CheckoutCompleted: _becomes(CONFIRMED),
    checkout.CheckoutCancelled: _becomes(CANCELLED),
}
PROCESS_EVENTS = tuple(_CHANGES)
