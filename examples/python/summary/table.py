"""The table order_summaries: what the projector keeps, one row for each order.

A row remembers the sequence of the last event that it tells of. Angzarr gives an
event at least once; one that was given before finds a row that is as far, and
changes nothing. The row and that number change in one transaction, so nothing is
lost or counted twice when anything dies in between.
"""

import re
import threading

import psycopg2
import summary_pb2
from psycopg2 import sql

COLUMNS = (
    "customer_id",
    "status",
    "quantity",
    "total_cents",
    "cancel_reason",
    "last_sequence",
)
# An edition is a branch of the timeline: the same orders, told otherwise.
CREATE = """
CREATE TABLE IF NOT EXISTS {table} (
    order_id uuid NOT NULL,
    edition text NOT NULL,
    customer_id text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT '',
    quantity bigint NOT NULL DEFAULT 0,
    total_cents bigint NOT NULL DEFAULT 0,
    cancel_reason text NOT NULL DEFAULT '',
    last_sequence bigint NOT NULL DEFAULT -1,
    PRIMARY KEY (order_id, edition)
)"""
INSERT = "INSERT INTO {table} (order_id, edition) VALUES (%s, %s) ON CONFLICT DO NOTHING"
SELECT = "SELECT {columns} FROM {table} WHERE order_id = %s AND edition = %s"
UPDATE = "UPDATE {table} SET ({columns}) = ROW %s WHERE order_id = %s AND edition = %s"


class Table:
    """Each thread has a connection of its own, made anew after a failure."""

    def __init__(self, database, name):
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
            raise ValueError(f'"{name}" is not the name of a table')
        self._database = database
        self._name = sql.Identifier(name)
        self._local = threading.local()

    def create(self):
        self._in_transaction(lambda cursor: cursor.execute(self._statement(CREATE)))

    def read(self, order_id, edition):
        """The summary of an order, or an empty one; changes nothing."""
        return self._in_transaction(lambda cursor: self._find(cursor, order_id, edition))

    def change(self, order_id, edition, change):
        """Gives the summary of an order to `change`, which changes it, and
        stores what came of it. Nobody else changes it meanwhile."""

        def change_row(cursor):
            cursor.execute(self._statement(INSERT), (order_id, edition))
            summary = self._find(cursor, order_id, edition, " FOR UPDATE")
            change(summary)
            values = tuple(getattr(summary, column) for column in COLUMNS)
            cursor.execute(self._statement(UPDATE), (values, order_id, edition))
            return summary

        return self._in_transaction(change_row)

    def _find(self, cursor, order_id, edition, lock=""):
        cursor.execute(self._statement(SELECT + lock), (order_id, edition))
        row = cursor.fetchone()
        summary = Summary(order_id)
        if row is not None:
            for column, value in zip(COLUMNS, row):
                setattr(summary, column, value)
        return summary

    def _statement(self, text):
        columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
        return sql.SQL(text).format(table=self._name, columns=columns)

    def _in_transaction(self, work):
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg2.connect(self._database)
            self._local.connection = connection
        try:
            with connection, connection.cursor() as cursor:
                return work(cursor)
        except psycopg2.Error:
            connection.close()
            raise


class Summary:
    """A row."""

    def __init__(self, order_id):
        self.order_id = order_id
        self.customer_id = ""
        self.status = ""
        self.quantity = 0
        self.total_cents = 0
        self.cancel_reason = ""
        self.last_sequence = -1

    def message(self):
        return summary_pb2.OrderSummary(
            order_id=self.order_id,
            customer_id=self.customer_id,
            status=self.status,
            quantity=self.quantity,
            total_cents=self.total_cents,
            cancel_reason=self.cancel_reason,
            last_sequence=max(self.last_sequence, 0),
        )
