"""What the tests share: tables of rules, services on free ports, books."""

import json
import pathlib
from concurrent import futures

import grpc
from angzarr_v1 import command_handler_pb2 as handler
from angzarr_v1 import command_handler_pb2_grpc, types_pb2
from google.protobuf import json_format, symbol_database
from google_rpc import error_details_pb2, status_pb2

from shop.aggregate import AggregateService

EXAMPLES = pathlib.Path(__file__).parents[2]
ORDER_ID = "92ab9191-4f7d-5ff2-adcf-93a1e494c055"


def rows(name):
    """The rows of a table of rules."""
    return json.loads((EXAMPLES / name).read_text())


def message(values, package=""):
    """A message from its JSON form with "@type"."""
    fields = {name: value for name, value in values.items() if name != "@type"}
    kind = symbol_database.Default().GetSymbol(package + values["@type"])
    return json_format.ParseDict(fields, kind())


def add_tests(case, table, check):
    """Gives a test case one test for each row of a table."""
    for row in rows(table):
        name = "test_" + row["name"].replace(" ", "_")
        if hasattr(case, name):
            raise ValueError(f'two rows are named "{row["name"]}"')
        setattr(case, name, lambda self, row=row: check(self, row))


def serve(test, add_to_server, service, threads=4):
    """Serves on a free port while the test runs; the channel to it."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=threads))
    add_to_server(service, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    test.addCleanup(lambda: server.stop(None).wait())
    channel = grpc.insecure_channel(f"localhost:{port}")
    test.addCleanup(channel.close)
    return channel


def serve_aggregate(test, rules, snapshot_every=50):
    """The stub of a service with these rules."""
    channel = serve(
        test,
        command_handler_pb2_grpc.add_CommandHandlerServiceServicer_to_server,
        AggregateService(rules, snapshot_every),
    )
    return command_handler_pb2_grpc.CommandHandlerServiceStub(channel)


def refused(test, call):
    """Code, message and ErrorInfo of a call that must fail with details."""
    with test.assertRaises(grpc.RpcError) as caught:
        call()
    error = caught.exception
    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    test.assertEqual(status.code, error.code().value[0])
    test.assertEqual(status.message, error.details())
    info = error_details_pb2.ErrorInfo()
    test.assertTrue(status.details[0].Unpack(info))
    return error.code(), error.details(), info


def contextual(commands, events=(), snapshot=None):
    """What Angzarr sends an aggregate."""
    request = handler.ContextualCommand()
    pack_events(request.events.pages, events)
    if snapshot is not None:
        request.events.snapshot.state.Pack(snapshot)
    for command in commands:
        request.command.pages.add().command.Pack(command)
    return request


def pack_events(pages, events):
    for event in events:
        pages.add().event.Pack(event)


def unpacked(packed):
    """The message in an Any, whatever it is."""
    kind = symbol_database.Default().GetSymbol(packed.type_url.rsplit("/", 1)[-1])
    return kind.FromString(packed.value)


def notification(cover, payload):
    """News of Angzarr, as a command."""
    news = types_pb2.Notification(cover=cover)
    news.payload.Pack(payload)
    news.sent_at.FromSeconds(1772366400)
    return news


def shown(messages):
    """Messages as something that can be compared and read, whatever is in them."""
    return [
        (message.DESCRIPTOR.full_name, json_format.MessageToDict(message))
        for message in messages
    ]
