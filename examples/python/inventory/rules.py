"""The rules of an inventory: how much there is of one thing, and for whom.

Nothing here knows gRPC, Angzarr or a database.
"""

import inventory_pb2 as inventory

from shop.rules import Rejection

DOMAIN = "inventory"
State = inventory.InventoryState
MAX_QUANTITY = 1_000_000_000


def decide(state, command):
    """The events that `command` causes in an inventory that is in `state`."""
    return _DECISIONS[type(command)](state, command)


def apply(state, event):
    """Changes `state` to what it is after `event`."""
    _CHANGES[type(event)](state, event)


# ------------------------------------------------------------- decisions


def _add_stock(state, command):
    if not command.sku:
        raise Rejection("SKU_EMPTY", "sku must not be empty")
    if state.sku and state.sku != command.sku:
        raise Rejection(
            "SKU_DIFFERS", f'this is the stock of "{state.sku}", not "{command.sku}"'
        )
    _require_some(command)
    if command.quantity > MAX_QUANTITY:
        raise Rejection(
            "QUANTITY_TOO_LARGE",
            f'at most {MAX_QUANTITY} of "{command.sku}" come in at one time, '
            f"not {command.quantity}",
        )
    return [inventory.StockAdded(sku=command.sku, quantity=command.quantity)]


def _reserve(state, command):
    if not command.order_id:
        raise Rejection("ORDER_ID_EMPTY", "order_id must not be empty")
    _require_some(command)
    held = _find(state, command.order_id)
    if held is not None and held.quantity == command.quantity:
        return []
    if held is not None:
        raise Rejection(
            "ALREADY_RESERVED",
            f"order {command.order_id} already holds {held.quantity} "
            f'of "{state.sku}", not {command.quantity}',
        )
    if command.quantity > state.available:
        raise Rejection(
            "OUT_OF_STOCK",
            f'{state.available} of "{command.sku}" are available, '
            f"not {command.quantity}",
        )
    return [
        inventory.Reserved(
            order_id=command.order_id, sku=state.sku, quantity=command.quantity
        )
    ]


def _release(state, command):
    if not command.reason:
        raise Rejection("REASON_EMPTY", "reason must not be empty")
    return _give_back(state, command.order_id, command.reason)


_DECISIONS = {
    inventory.AddStock: _add_stock,
    inventory.Reserve: _reserve,
    inventory.Release: _release,
}
COMMANDS = tuple(_DECISIONS)


def _give_back(state, order_id, reason):
    held = _find(state, order_id)
    if held is None:
        return []
    return [
        inventory.Released(
            order_id=order_id, sku=state.sku, quantity=held.quantity, reason=reason
        )
    ]


def _require_some(command):
    if command.quantity == 0:
        raise Rejection(
            "QUANTITY_ZERO", f'quantity of "{command.sku}" must be at least 1'
        )


def _find(state, order_id):
    return next((r for r in state.reservations if r.order_id == order_id), None)


# ------------------------------------------------------- what went wrong


# A Reserve is caused by its order, so the cause says whose goods to give back.
UNDO = {inventory.Reserve: _give_back}


# --------------------------------------------------------------- changes


def _stock_added(state, event):
    state.sku = event.sku
    state.available += event.quantity


def _reserved(state, event):
    state.available -= event.quantity
    state.reservations.add(order_id=event.order_id, quantity=event.quantity)


def _released(state, event):
    state.available += event.quantity
    state.reservations.remove(_find(state, event.order_id))


_CHANGES = {
    inventory.StockAdded: _stock_added,
    inventory.Reserved: _reserved,
    inventory.Released: _released,
}
EVENTS = tuple(_CHANGES)
