"""Serves the order domain until it is told to stop.

    python3 -m order --listen localhost:7001
    python3 -m order --listen unix:/run/shop/order.sock
"""

from order import rules
from shop.serve import serve_aggregate

if __name__ == "__main__":
    serve_aggregate(rules, "localhost:7001")
