"""The smallest handler does what docs/handlers.md says of it."""

import unittest
from concurrent import futures

import grpc
from angzarr_v1 import command_handler_pb2 as handler
from angzarr_v1 import command_handler_pb2_grpc
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

from counter import Counter


class CounterService(unittest.TestCase):
    def setUp(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
        command_handler_pb2_grpc.add_CommandHandlerServiceServicer_to_server(
            Counter(), self.server
        )
        port = self.server.add_insecure_port("localhost:0")
        self.server.start()
        self.addCleanup(lambda: self.server.stop(None).wait())
        channel = grpc.insecure_channel(f"localhost:{port}")
        self.addCleanup(channel.close)
        self.stub = command_handler_pb2_grpc.CommandHandlerServiceStub(channel)

    def handle(self, *commands, events=()):
        request = handler.ContextualCommand()
        for added in events:
            request.events.pages.add().event.Pack(Int64Value(value=added))
        for command in commands:
            request.command.pages.add().command.Pack(command)
        return self.stub.Handle(request, timeout=5)

    def refused(self, *commands, events=()):
        with self.assertRaises(grpc.RpcError) as caught:
            self.handle(*commands, events=events)
        return caught.exception.code(), caught.exception.details()

    def test_a_number_is_added(self):
        answer = self.handle(Int64Value(value=-3), events=[5])
        added = Int64Value()
        self.assertEqual(len(answer.events.pages), 1)
        self.assertTrue(answer.events.pages[0].event.Unpack(added))
        self.assertEqual(added.value, -3)

    def test_all_commands_of_a_book_count(self):
        code, message = self.refused(
            Int64Value(value=-3), Int64Value(value=-3), events=[5]
        )
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(message, "the counter would fall to -1")

    def test_another_type_is_refused_by_name(self):
        code, message = self.refused(StringValue(value="3"))
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(
            message,
            '"type.googleapis.com/google.protobuf.StringValue" is not known here',
        )


if __name__ == "__main__":
    unittest.main()
