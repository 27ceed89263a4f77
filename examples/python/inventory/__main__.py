"""Serves the inventory domain until it is told to stop.

    python3 -m inventory --listen localhost:7021
"""

from inventory import rules
from shop.serve import serve_aggregate

if __name__ == "__main__":
    serve_aggregate(rules, "localhost:7021")
