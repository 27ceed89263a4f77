#!/usr/bin/python3
"""Both ends of a command, and a subscriber, in raw bytes, for tests of the server's processes.

    peer.py handler SECONDS       prints its port; refuses each command after so long
    peer.py call HOST:PORT        sends one command and prints how it ended
    peer.py subscribe HOST:PORT CORRELATION_ID    prints a line for each book
"""

import sys
import threading
import time
from concurrent import futures

import grpc

SUBSCRIBE = "/io.angzarr.v1.EventStreamService/Subscribe"
HANDLE_COMMAND = "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleCommand"
ROOT = bytes(range(16))


def field(number, payload):
    """One length-delimited field of a message; short ones only."""
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def command():
    cover = field(1, field(1, ROOT)) + field(2, b"order")
    merge = bytes([2 << 3, 3])  # MERGE_AGGREGATE_HANDLES
    page = merge + field(3, field(1, b"/orders.CreateOrder"))
    return field(1, field(1, cover) + field(2, page))


class Handler(grpc.GenericRpcHandler):
    """Whatever is called."""

    def __init__(self, seconds):
        self.seconds = seconds

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(self.refuse)

    def refuse(self, request, context):
        print("called", flush=True)
        time.sleep(self.seconds)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "decided")


def serve(seconds):
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers([Handler(seconds)])
    port = server.add_insecure_port("localhost:0")
    server.start()
    print(f"port {port}", flush=True)
    threading.Event().wait()


def call(target):
    with grpc.insecure_channel(target) as channel:
        try:
            channel.unary_unary(HANDLE_COMMAND)(command(), timeout=30)
            print("OK")
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}")


def subscribe(target, correlation_id):
    with grpc.insecure_channel(target) as channel:
        try:
            books = channel.unary_stream(SUBSCRIBE)(field(1, correlation_id.encode()))
            books.initial_metadata()
            print("subscribed", flush=True)
            for book in books:
                print(f"book of {len(book)} bytes", flush=True)
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "handler":
        serve(float(sys.argv[2]))
    elif sys.argv[1] == "subscribe":
        subscribe(sys.argv[2], sys.argv[3])
    else:
        call(sys.argv[2])
