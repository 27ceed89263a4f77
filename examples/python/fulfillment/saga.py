"""A saga translates: events of one domain become commands of another.

It holds nothing between two calls. Angzarr calls it once for each event of an
order, stamps the commands with where they came from, and carries them out. One
that is rejected, say because the goods are out of stock, is told to the order,
which then cancels itself.
"""

import grpc
import inventory_pb2 as inventory
import order_pb2 as order
from angzarr_v1 import saga_pb2, saga_pb2_grpc

from shop.messages import (
    UnknownMessage,
    by_full_name,
    command_book,
    cover_of_key,
    id_of,
    unpack_known,
)
from shop.status import abort

NAME = "order-fulfillment"
_EVENTS = by_full_name([order.OrderSubmitted])


class OrderFulfillment(saga_pb2_grpc.SagaServiceServicer):
    def Handle(self, request, context):
        response = saga_pb2.SagaResponse()
        try:
            for page in request.source.pages:
                submitted = unpack_known(page.event, _EVENTS)
                if submitted is not None:
                    order_id = id_of(request.source.cover)
                    response.commands.extend(reservations(order_id, submitted))
        except UnknownMessage as unknown:
            abort(context, grpc.StatusCode.INVALID_ARGUMENT, NAME, unknown)
        return response


def reservations(order_id, submitted):
    """One command for each kind of goods: each has an inventory of its own."""
    return [
        command_book(
            cover_of_key("inventory", item.sku),
            inventory.Reserve(
                order_id=order_id, sku=item.sku, quantity=item.quantity
            ),
        )
        for item in submitted.items
    ]
