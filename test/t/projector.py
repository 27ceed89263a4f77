#!/usr/bin/python3
"""A projector in raw bytes, for tests: projector.py PORT prints a line for each book it is given.

"book ROOT FIRST..LAST": the root's last byte, and sequences.  A payload says how it is answered:
"poison" never well, with INVALID_ARGUMENT; "flaky" well at the third time; all others well.
"""

import re
import sys
import threading
from concurrent import futures

import grpc


def fields(message):
    """(number, value) of each field; a varint's value is a number, all others are bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = varint()
            yield key >> 3, message[at : at + size]
            at += size


def first(message, number, default=b""):
    return next((value for found, value in fields(message) if found == number), default)


class Projector(grpc.GenericRpcHandler):
    def __init__(self):
        self.lock = threading.Lock()
        self.tries = {}

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(self.handle)

    def handle(self, book, context):
        cover = first(book, 1)
        root = first(first(cover, 1), 1)
        pages = [page for number, page in fields(book) if number == 3]
        sequences = [first(first(page, 1), 1, 0) for page in pages]
        with self.lock:
            print(f"book {root[-1]} {sequences[0]}..{sequences[-1]}", flush=True)
            for page, sequence in zip(pages, sequences):
                self.judge(first(first(page, 3), 2), root + bytes([sequence]), context)
        return b""

    def judge(self, payload, event, context):
        if re.search(b"poison", payload):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "this cannot be projected")
        if re.search(b"flaky", payload):
            self.tries[event] = self.tries.get(event, 0) + 1
            if self.tries[event] < 3:
                context.abort(grpc.StatusCode.INTERNAL, "not yet")


if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([Projector()])
    port = server.add_insecure_port(f"localhost:{sys.argv[1]}")
    server.start()
    print(f"port {port}", flush=True)
    threading.Event().wait()
