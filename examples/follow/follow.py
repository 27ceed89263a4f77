#!/usr/bin/env python3
"""Follows the log of angzarr: LISTEN, read what is new, acknowledge, wait.

follow.py SUBSCRIPTION [DOMAIN...], with the usual PG* variables.  Needs libpq and
nothing else.  Prints a line per event; ends at Ctrl-C.
"""
import ctypes
import ctypes.util
import select
import sys

MAX_EVENTS = 100
# A notification may be lost with a connection to a server that crashed: look now and then.
PATIENCE_SECONDS = 60

pq = ctypes.CDLL(ctypes.util.find_library("pq"))
for name in ("PQconnectdb", "PQexecParams", "PQnotifies"):
    getattr(pq, name).restype = ctypes.c_void_p
for name in ("PQgetvalue", "PQerrorMessage"):
    getattr(pq, name).restype = ctypes.c_char_p
CONNECTION_OK, COMMAND_OK, TUPLES_OK = 0, 1, 2


class Database:
    def __init__(self):
        self.connection = ctypes.c_void_p(pq.PQconnectdb(b""))
        if pq.PQstatus(self.connection) != CONNECTION_OK:
            raise SystemExit(self.message())

    def message(self):
        return pq.PQerrorMessage(self.connection).decode().strip()

    def run(self, statement, *values):
        """The rows, as lists of texts."""
        given = (ctypes.c_char_p * len(values))(*[str(value).encode() for value in values])
        result = ctypes.c_void_p(pq.PQexecParams(
            self.connection, statement.encode(), len(values), None, given, None, None, 0))
        if pq.PQresultStatus(result) not in (COMMAND_OK, TUPLES_OK):
            raise SystemExit(self.message())
        rows = [[pq.PQgetvalue(result, row, column).decode() for column in range(pq.PQnfields(result))]
                for row in range(pq.PQntuples(result))]
        pq.PQclear(result)
        return rows

    def wait(self, seconds):
        """Until a notification has come, or for so long."""
        if not self.forget_notifications():
            select.select([pq.PQsocket(self.connection)], [], [], seconds)
            if not pq.PQconsumeInput(self.connection):
                raise SystemExit(self.message())
            self.forget_notifications()

    def forget_notifications(self):
        count = 0
        while notification := pq.PQnotifies(self.connection):
            pq.PQfreemem(ctypes.c_void_p(notification))
            count += 1
        return count


def read(database, subscription):
    """Reads, works and acknowledges in one transaction; how many there were."""
    database.run("BEGIN ISOLATION LEVEL READ COMMITTED")
    events = database.run(
        "SELECT position, domain, root, sequence, type_url FROM angzarr.next_events($1, $2)",
        subscription, MAX_EVENTS)
    for event in events:
        print(*event, flush=True)
    if events:
        database.run("SELECT angzarr.ack($1, $2)", subscription, events[-1][0])
    database.run("COMMIT")
    return len(events)


def follow(subscription, domains):
    database = Database()
    database.run("SELECT angzarr.subscribe($1, $2)", subscription, "{" + ",".join(domains) + "}")
    # Before reading: what comes after it is notified.
    database.run("LISTEN angzarr")
    while True:
        while read(database, subscription):
            pass
        database.wait(PATIENCE_SECONDS)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        follow(sys.argv[1], sys.argv[2:])
    except KeyboardInterrupt:
        pass
