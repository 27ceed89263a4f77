"""Serves the saga "order-fulfillment" until it is told to stop.

    python3 -m fulfillment --listen localhost:7023
"""

from angzarr_v1 import saga_pb2_grpc

from fulfillment.saga import NAME, OrderFulfillment
from shop.serve import new_server, options_parser, run


def main():
    options = options_parser(NAME, "localhost:7023").parse_args()
    server = new_server(options)
    saga_pb2_grpc.add_SagaServiceServicer_to_server(OrderFulfillment(), server)
    run(NAME, server, options.listen)


if __name__ == "__main__":
    main()
