"""Serves the payment domain until it is told to stop.

    python3 -m payment --listen localhost:7022
"""

from payment import rules
from shop.serve import serve_aggregate

if __name__ == "__main__":
    serve_aggregate(rules, "localhost:7022")
