#!/usr/bin/python3
"""A process manager and an aggregate in raw bytes, for tests: process.py PORT.

The process manager does what the payload of an event says: "set NAME MILLISECONDS WORD…" sets a timer
that carries the words, "cancel NAME" cancels one, "nameless" tries to set one without a name.  When one
elapses it prints "elapsed NAME SEQUENCE CORRELATION", records that, and sends the words to an aggregate of
domain "stock"; with the word "silent" it records nothing, with "again" it sets the timer for a day later.
The aggregate prints "stock WORD…" and records an event; with the word "stuck" it never answers the first
time it is asked.  "poison" is refused by the process manager.
"""

import sys
import threading
import time
import uuid
from concurrent import futures

import grpc

from projector import first

TIMER = "angzarr.timer.v1."
DAY = 86400000


def varint(value):
    encoded = b""
    while value > 127:
        encoded += bytes([value & 127 | 128])
        value >>= 7
    return encoded + bytes([value])


def field(number, value):
    """A field: a number's is a varint, of text or bytes with their length; None is no field."""
    if value is None:
        return b""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def packed(type_name, value):
    return field(1, "type.googleapis.com/" + type_name) + field(2, value)


def page(type_name, value):
    return field(3, packed(type_name, value))


def book(*pages):
    return b"".join(field(3, each) for each in pages)


def scheduled(name, milliseconds, words):
    due = int(time.time() * 1000) + milliseconds
    at = field(1, due // 1000) + field(2, due % 1000 * 1000000)
    return page(TIMER + "TimeoutScheduled", field(1, name) + field(2, at) + field(3, packed("shop.Words", words)))


class Process(grpc.GenericRpcHandler):
    def __init__(self):
        self.was_stuck = False

    def service(self, details):
        if details.method.endswith("ProcessManagerService/Handle"):
            return grpc.unary_unary_rpc_method_handler(self.react)
        if details.method.endswith("CommandHandlerService/Handle"):
            return grpc.unary_unary_rpc_method_handler(self.command)
        return None

    def react(self, request, context):
        trigger = first(request, 1)
        correlation = first(first(trigger, 1), 3).decode()
        found = first(trigger, 3)
        event = first(found, 3)
        if first(event, 1).decode().endswith(TIMER + "TimeoutElapsed"):
            return self.elapsed(first(event, 2), first(first(found, 1), 1, 0), correlation, context)
        return field(1, self.asked(first(event, 2).decode().split(" ", 3)))

    def asked(self, words):
        if words[0] == "set":
            return book(scheduled(words[1], int(words[2]), words[3]))
        if words[0] == "cancel":
            return book(page(TIMER + "TimeoutCancelled", field(1, words[1])))
        if words[0] == "nameless":
            return book(scheduled("", 1, ""))
        return book()

    def elapsed(self, event, sequence, correlation, context):
        name = first(event, 1).decode()
        words = first(first(event, 3), 2).decode()
        print(f"elapsed {name} {sequence} {correlation}", flush=True)
        if "poison" in words:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "this timer is poison")
        pages = [] if "silent" in words else [page("shop.TimedOut", name)]
        if "again" in words:
            pages.append(scheduled(name, DAY, words))
        root = uuid.uuid5(uuid.NAMESPACE_DNS, correlation).bytes
        cover = field(1, field(1, root)) + field(2, "stock")
        command = field(1, cover) + field(2, page("shop.Note", words))
        return field(1, book(*pages)) + field(2, command)

    def command(self, request, context):
        words = first(first(first(first(request, 2), 2), 3), 2).decode()
        print(f"stock {words}", flush=True)
        if "stuck" in words and not self.was_stuck:
            self.was_stuck = True
            threading.Event().wait()
        return field(1, book(page("shop.Noted", words)))


server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
server.add_generic_rpc_handlers([Process()])
port = server.add_insecure_port(f"localhost:{sys.argv[1]}")
server.start()
print(f"port {port}", flush=True)
threading.Event().wait()
