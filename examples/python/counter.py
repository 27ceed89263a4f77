"""The smallest business logic: a counter, without a .proto file of its own.

A command is a number to add, an event the number that was added; both are
google.protobuf.Int64Value. It may not fall below zero.

    build/examples/counter-python localhost:7002
"""

import sys
from concurrent import futures

import grpc
from angzarr_v1 import command_handler_pb2 as handler
from angzarr_v1 import command_handler_pb2_grpc
from google.protobuf.wrappers_pb2 import Int64Value


class Counter(command_handler_pb2_grpc.CommandHandlerServiceServicer):
    def Handle(self, request, context):
        total = sum(number(page.event, context) for page in request.events.pages)
        answer = handler.BusinessResponse()
        for page in request.command.pages:
            added = number(page.command, context)
            total += added
            if total < 0:
                context.abort(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"the counter would fall to {total}",
                )
            answer.events.pages.add().event.Pack(Int64Value(value=added))
        return answer


def number(packed, context):
    message = Int64Value()
    if not packed.Unpack(message):
        context.abort(
            grpc.StatusCode.INVALID_ARGUMENT, f'"{packed.type_url}" is not known here'
        )
    return message.value


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    command_handler_pb2_grpc.add_CommandHandlerServiceServicer_to_server(
        Counter(), server
    )
    server.add_insecure_port(sys.argv[1])
    server.start()
    print(f"counter: ready on {sys.argv[1]}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
