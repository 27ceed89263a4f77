"""The rules of an order: what a command does to it, and what an event makes of it.

Nothing here knows gRPC, Angzarr or a database. `decide` answers a command with
events or raises Rejection; `apply` adds one event to a state; `rejected` and
UNDO say what becomes of the order when something elsewhere went wrong.
"""

import order_pb2 as order

from shop.rules import Rejection, TooLate

DOMAIN = "order"
State = order.OrderState

MAX_PRICE_CENTS = 100_000_000
MAX_QUANTITY = 10_000
MAX_ITEMS = 100
REQUIRED_IN_ADDRESS = ("recipient", "street", "city", "country")


def decide(state, command):
    """The events that `command` causes in an order that is in `state`."""
    return _DECISIONS[type(command)](state, command)


def apply(state, event):
    """Changes `state` to what it is after `event`."""
    _CHANGES[type(event)](state, event)


# ------------------------------------------------------------- decisions


def _create(state, command):
    if state.status != order.ORDER_STATUS_UNSPECIFIED:
        raise Rejection(
            "ORDER_ALREADY_CREATED",
            f'the order was already created, for customer "{state.customer_id}"',
        )
    if not command.customer_id:
        raise Rejection("CUSTOMER_ID_EMPTY", "customer_id must not be empty")
    return [order.OrderCreated(customer_id=command.customer_id)]


def _add_item(state, command):
    _require_open(state)
    if not command.sku:
        raise Rejection("SKU_EMPTY", "sku must not be empty")
    if command.quantity == 0:
        raise Rejection(
            "QUANTITY_ZERO", f'quantity of "{command.sku}" must be at least 1'
        )
    if not 0 <= command.unit_price_cents <= MAX_PRICE_CENTS:
        raise Rejection(
            "PRICE_OUT_OF_RANGE",
            f'unit_price_cents of "{command.sku}" must be from 0 to '
            f"{MAX_PRICE_CENTS}, not {command.unit_price_cents}",
        )
    _require_room_for(state, command)
    return [
        order.ItemAdded(
            sku=command.sku,
            quantity=command.quantity,
            unit_price_cents=command.unit_price_cents,
        )
    ]


def _change_shipping_address(state, command):
    _require_open(state)
    for field in REQUIRED_IN_ADDRESS:
        if not getattr(command.shipping_address, field):
            raise Rejection(
                "ADDRESS_INCOMPLETE", f"shipping_address.{field} must not be empty"
            )
    if command.shipping_address == state.shipping_address:
        return []
    return [order.ShippingAddressChanged(shipping_address=command.shipping_address)]


def _submit(state, command):
    _require_open(state)
    if not state.items:
        raise Rejection("ORDER_EMPTY", "an empty order cannot be submitted")
    if not state.HasField("shipping_address"):
        raise Rejection(
            "ADDRESS_MISSING",
            "an order without a shipping address cannot be submitted",
        )
    return [
        order.OrderSubmitted(
            customer_id=state.customer_id,
            total_cents=sum(i.quantity * i.unit_price_cents for i in state.items),
            shipping_address=state.shipping_address,
            items=state.items,
        )
    ]


def _confirm(state, command):
    _require_alive(state)
    if state.status != order.ORDER_STATUS_SUBMITTED:
        raise Rejection(
            "ORDER_NOT_SUBMITTED", "an order that was not submitted is not confirmed"
        )
    return [order.OrderConfirmed()]


def _cancel(state, command):
    _require_alive(state)
    if not command.reason:
        raise Rejection("REASON_EMPTY", "reason must not be empty")
    return [order.OrderCancelled(reason=command.reason)]


_DECISIONS = {
    order.CreateOrder: _create,
    order.AddItem: _add_item,
    order.ChangeShippingAddress: _change_shipping_address,
    order.SubmitOrder: _submit,
    order.ConfirmOrder: _confirm,
    order.CancelOrder: _cancel,
}
COMMANDS = tuple(_DECISIONS)


def _require_alive(state):
    if state.status == order.ORDER_STATUS_UNSPECIFIED:
        raise Rejection("ORDER_NOT_CREATED", "the order has not been created")
    if state.status == order.ORDER_STATUS_CANCELLED:
        raise Rejection(
            "ORDER_CANCELLED", f"the order was cancelled: {state.cancel_reason}"
        )
    if state.status == order.ORDER_STATUS_CONFIRMED:
        raise Rejection("ORDER_CONFIRMED", "the order was already confirmed")


def _require_open(state):
    _require_alive(state)
    if state.status == order.ORDER_STATUS_SUBMITTED:
        raise Rejection("ORDER_SUBMITTED", "the order was already submitted")


def _require_room_for(state, command):
    held = _find_item(state, command.sku)
    if held is not None and held.unit_price_cents != command.unit_price_cents:
        raise Rejection(
            "PRICE_DIFFERS",
            f'"{command.sku}" is already in the order at '
            f"{held.unit_price_cents} cents, not {command.unit_price_cents}",
        )
    if held is None and len(state.items) >= MAX_ITEMS:
        raise Rejection(
            "ORDER_FULL", f"an order holds at most {MAX_ITEMS} different items"
        )
    quantity = command.quantity + (held.quantity if held is not None else 0)
    if quantity > MAX_QUANTITY:
        raise Rejection(
            "QUANTITY_TOO_LARGE",
            f'an order holds at most {MAX_QUANTITY} of "{command.sku}", '
            f"not {quantity}",
        )


def _find_item(state, sku):
    return next((item for item in state.items if item.sku == sku), None)


# ------------------------------------------------------- what went wrong


def rejected(state, reason):
    """Something that the submission of this order caused was rejected."""
    if state.status == order.ORDER_STATUS_SUBMITTED:
        return [order.OrderCancelled(reason=reason)]
    if state.status == order.ORDER_STATUS_CANCELLED:
        return []
    raise TooLate(f"only a submitted order is cancelled for this: {reason}")


def _undo_confirmation(state, cause, reason):
    if state.status != order.ORDER_STATUS_CONFIRMED:
        return []
    return [order.OrderCancelled(reason=reason)]


UNDO = {order.ConfirmOrder: _undo_confirmation}


# --------------------------------------------------------------- changes


def _created(state, event):
    state.customer_id = event.customer_id
    state.status = order.ORDER_STATUS_OPEN


def _item_added(state, event):
    held = _find_item(state, event.sku)
    if held is None:
        held = state.items.add(sku=event.sku)
    held.quantity += event.quantity
    held.unit_price_cents = event.unit_price_cents


def _shipping_address_changed(state, event):
    state.shipping_address.CopyFrom(event.shipping_address)


def _submitted(state, event):
    state.status = order.ORDER_STATUS_SUBMITTED


def _confirmed(state, event):
    state.status = order.ORDER_STATUS_CONFIRMED


def _cancelled(state, event):
    state.status = order.ORDER_STATUS_CANCELLED
    state.cancel_reason = event.reason


_CHANGES = {
    order.OrderCreated: _created,
    order.ItemAdded: _item_added,
    order.ShippingAddressChanged: _shipping_address_changed,
    order.OrderSubmitted: _submitted,
    order.OrderConfirmed: _confirmed,
    order.OrderCancelled: _cancelled,
}
EVENTS = tuple(_CHANGES)
