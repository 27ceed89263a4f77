"""Serves one service of the shop until it is told to stop.

Prints one line when it takes calls; SIGTERM and SIGINT let running calls end.
"""

import argparse
import signal
import threading
from concurrent import futures

import grpc
from angzarr_v1 import command_handler_pb2_grpc

from shop.aggregate import AggregateService

GRACE_SECONDS = 5


def serve_aggregate(rules, listen):
    """Serves the rules of a domain, by default at the address `listen`."""
    parser = options_parser(rules.DOMAIN, listen)
    parser.add_argument(
        "--snapshot-every",
        type=int,
        default=50,
        metavar="EVENTS",
        help="return a snapshot when so many events were read without one; "
        "0 never does (default: %(default)s)",
    )
    options = parser.parse_args()
    server = new_server(options)
    command_handler_pb2_grpc.add_CommandHandlerServiceServicer_to_server(
        AggregateService(rules, options.snapshot_every), server
    )
    run(rules.DOMAIN, server, options.listen)


def options_parser(name, listen):
    """What every service can be told."""
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument(
        "--listen",
        default=listen,
        metavar="ADDRESS",
        help="host:port (port 0: a free one) or unix:/path (default: %(default)s)",
    )
    parser.add_argument("--threads", type=int, default=8, metavar="N")
    return parser


def new_server(options):
    return grpc.server(futures.ThreadPoolExecutor(max_workers=options.threads))


def run(name, server, listen):
    """Serves until a signal comes."""
    port = server.add_insecure_port(listen)
    if port == 0:
        raise SystemExit(f"{name}: cannot listen on {listen}")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    print(f"{name}: ready on {_address(listen, port)}", flush=True)
    stop.wait()
    server.stop(GRACE_SECONDS).wait()


def _address(listen, port):
    """What was asked for, with the port that was found."""
    if listen.startswith("unix:"):
        return listen
    return f"{listen.rsplit(':', 1)[0]}:{port}"
