"""Serves the order domain until it is told to stop.

    python3 -m order --listen localhost:7001
    python3 -m order --listen unix:/run/shop/order.sock

Prints one line when it takes calls; SIGTERM and SIGINT let running calls end.
"""

import argparse
import signal
import threading
from concurrent import futures

import grpc
from angzarr_v1 import command_handler_pb2_grpc

from order.service import OrderService

GRACE_SECONDS = 5


def main():
    options = parse_options()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=options.threads))
    command_handler_pb2_grpc.add_CommandHandlerServiceServicer_to_server(
        OrderService(options.snapshot_every), server
    )
    port = server.add_insecure_port(options.listen)
    if port == 0:
        raise SystemExit(f"order: cannot listen on {options.listen}")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    print(f"order: ready on {address(options.listen, port)}", flush=True)
    stop.wait()
    server.stop(GRACE_SECONDS).wait()


def parse_options():
    parser = argparse.ArgumentParser(prog="order", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--listen",
        default="localhost:7001",
        metavar="ADDRESS",
        help="host:port (port 0: a free one) or unix:/path (default: %(default)s)",
    )
    parser.add_argument(
        "--snapshot-every",
        type=int,
        default=50,
        metavar="EVENTS",
        help="return a snapshot when so many events were read without one; "
        "0 never does (default: %(default)s)",
    )
    parser.add_argument("--threads", type=int, default=8, metavar="N")
    return parser.parse_args()


def address(listen, port):
    """What was asked for, with the port that was found."""
    if listen.startswith("unix:"):
        return listen
    return f"{listen.rsplit(':', 1)[0]}:{port}"


if __name__ == "__main__":
    main()
