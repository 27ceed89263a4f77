"""A small client of Angzarr: sends one command to an order, or to an inventory or
a payment of the shop, or shows its events.

    client-python send --key 1001 CreateOrder '{"customerId": "alice"}'
    client-python send --key 1001 --sequence 1 AddItem '{"sku": "tea", "quantity": 2}'
    client-python book --key 1001
    client-python send --key tea AddStock '{"sku": "tea", "quantity": 100}'
    client-python book --domain inventory --key tea

A command belongs to one domain, so the client knows which one.

Prints the answer as JSON. A call that fails ends it with status 1 and prints
the gRPC code, the message and the reason on standard error.
"""

import argparse
import sys
import uuid

import grpc
import inventory_pb2
import order_pb2
import payment_pb2
from angzarr_v1 import (
    command_handler_pb2,
    command_handler_pb2_grpc,
    query_pb2,
    query_pb2_grpc,
    types_pb2,
)
from google.protobuf import json_format
from google_rpc import error_details_pb2, status_pb2

COMMANDS = {
    "order": [
        order_pb2.CreateOrder,
        order_pb2.AddItem,
        order_pb2.ChangeShippingAddress,
        order_pb2.SubmitOrder,
        order_pb2.ConfirmOrder,
        order_pb2.CancelOrder,
    ],
    "inventory": [
        inventory_pb2.AddStock,
        inventory_pb2.Reserve,
        inventory_pb2.Release,
    ],
    "payment": [payment_pb2.Charge, payment_pb2.Refund],
}
DOMAINS = {
    command.DESCRIPTOR.name: domain
    for domain, commands in COMMANDS.items()
    for command in commands
}
CLASSES = {
    command.DESCRIPTOR.name: command
    for commands in COMMANDS.values()
    for command in commands
}


def main():
    options = parse_options()
    metadata = [("traceparent", options.traceparent)] if options.traceparent else []
    with grpc.insecure_channel(options.server) as channel:
        try:
            answer = options.run(
                channel, options, metadata=metadata, timeout=options.timeout
            )
        except grpc.RpcError as error:
            print(describe(error), file=sys.stderr)
            return 1
    print(json_format.MessageToJson(answer))
    return 0


def send(channel, options, **call):
    """Sends a command. With --sequence it holds only if the aggregate is exactly
    there; without, its own rules decide alone."""
    request = types_pb2.CommandRequest()
    request.command.cover.CopyFrom(cover(DOMAINS[options.command], options))
    page = request.command.pages.add(merge_strategy=types_pb2.MERGE_AGGREGATE_HANDLES)
    if options.sequence is not None:
        page.merge_strategy = types_pb2.MERGE_STRICT
        page.header.sequence = options.sequence
    page.command.Pack(json_format.Parse(options.json, CLASSES[options.command]()))
    stub = command_handler_pb2_grpc.CommandHandlerCoordinatorServiceStub(channel)
    return stub.HandleCommand(request, **call)


def book(channel, options, **call):
    """Asks for the events of an aggregate, all or a range of them."""
    query = query_pb2.Query(cover=cover(options.domain, options))
    if options.lower is not None:
        query.range.lower = options.lower
    if options.upper is not None:
        query.range.upper = options.upper
    return query_pb2_grpc.EventQueryServiceStub(channel).GetEventBook(query, **call)


def cover(domain, options):
    """Which aggregate is meant. A business key becomes a root as the SQL function
    angzarr.root_of makes one."""
    root = options.root
    if root is None:
        root = uuid.uuid5(uuid.NAMESPACE_OID, f"{domain}:{options.key}")
    return types_pb2.Cover(
        domain=domain,
        root=types_pb2.UUID(value=root.bytes),
        correlation_id=options.correlation_id,
    )


def describe(error):
    """Code and message of a failed call, and the reason in its details."""
    text = f"{error.code().name}: {error.details()}"
    for name, value in error.trailing_metadata():
        if name == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    text += f" [{info.domain}: {info.reason}]"
    return text


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", default="localhost:1310", metavar="HOST:PORT")
    parser.add_argument("--timeout", type=float, default=10, metavar="SECONDS")
    parser.add_argument("--traceparent", help="W3C trace context to send along")
    verbs = parser.add_subparsers(required=True, metavar="send | book")

    verb = verbs.add_parser("send", help="send a command")
    add_cover_options(verb)
    verb.add_argument("--sequence", type=int, help="the next sequence you expect")
    verb.add_argument("command", choices=DOMAINS, metavar="COMMAND")
    verb.add_argument("json", nargs="?", default="{}", metavar="JSON")
    verb.set_defaults(run=send)

    verb = verbs.add_parser("book", help="show the events of an aggregate")
    verb.add_argument("--domain", choices=COMMANDS, default="order")
    add_cover_options(verb)
    verb.add_argument("--from", dest="lower", type=int, metavar="SEQUENCE")
    verb.add_argument("--to", dest="upper", type=int, metavar="SEQUENCE")
    verb.set_defaults(run=book)
    return parser.parse_args()


def add_cover_options(parser):
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--key", help="your own name of it")
    which.add_argument("--root", type=uuid.UUID, metavar="UUID")
    parser.add_argument("--correlation-id", default="", metavar="ID")


if __name__ == "__main__":
    sys.exit(main())
