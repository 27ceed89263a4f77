"""Serves the process manager "checkout" until it is told to stop.

    python3 -m checkout --listen localhost:7024 --patience 900
"""

from angzarr_v1 import process_manager_pb2_grpc

from checkout.service import NAME, Checkout
from shop.serve import new_server, options_parser, run


def main():
    parser = options_parser(NAME, "localhost:7024")
    parser.add_argument(
        "--patience",
        type=int,
        default=900,
        metavar="SECONDS",
        help="cancel an order that is not confirmed after so long "
        "(default: %(default)s)",
    )
    options = parser.parse_args()
    server = new_server(options)
    process_manager_pb2_grpc.add_ProcessManagerServiceServicer_to_server(
        Checkout(options.patience), server
    )
    run(NAME, server, options.listen)


if __name__ == "__main__":
    main()
