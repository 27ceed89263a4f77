"""Serves the projector "order-summary" until it is told to stop.

    python3 -m summary --listen localhost:7025 --database 'dbname=shop'

The database is where its table is; it need not be the one of the events.
"""

from angzarr_v1 import projector_pb2_grpc

from shop.serve import new_server, options_parser, run
from summary.projector import NAME, OrderSummary
from summary.table import Table


def main():
    parser = options_parser(NAME, "localhost:7025")
    parser.add_argument(
        "--database",
        default="",
        metavar="CONNINFO",
        help="as for psql; what is not given is taken from PGHOST, PGDATABASE ...",
    )
    parser.add_argument("--table", default="order_summaries", metavar="NAME")
    options = parser.parse_args()
    table = Table(options.database, options.table)
    table.create()
    server = new_server(options)
    projector_pb2_grpc.add_ProjectorServiceServicer_to_server(
        OrderSummary(table), server
    )
    run(NAME, server, options.listen)


if __name__ == "__main__":
    main()
