"""The rules keep every promise of order_rules.json, and the ones only code can tell."""

import json
import pathlib
import unittest

import order_pb2 as order
from google.protobuf import json_format

from order import rules

TABLE = pathlib.Path(__file__).parents[2] / "order_rules.json"


def message(values):
    """A message of the domain from its JSON form with "@type"."""
    fields = {name: value for name, value in values.items() if name != "@type"}
    return json_format.ParseDict(fields, getattr(order, values["@type"])())


def state_after(events):
    state = order.OrderState()
    for event in events:
        rules.apply(state, event)
    return state


class TableOfRules(unittest.TestCase):
    """Each row: events that happened, a command, what must come of it."""

    def check(self, row):
        state = state_after(message(event) for event in row["given"])
        before = state.SerializeToString()
        command = message(row["when"])
        if "rejected" in row:
            with self.assertRaises(rules.Rejection) as caught:
                rules.decide(state, command)
            rejection = caught.exception
            self.assertEqual([rejection.reason, rejection.message], row["rejected"])
        else:
            events = rules.decide(state, command)
            self.assertEqual(events, [message(event) for event in row["then"]])
        self.assertEqual(state.SerializeToString(), before, "decide changed the state")


def add_rows():
    rows = json.loads(TABLE.read_text())
    for row in rows:
        name = "test_" + row["name"].replace(" ", "_")
        if hasattr(TableOfRules, name):
            raise ValueError(f'two rows are named "{row["name"]}"')
        setattr(TableOfRules, name, lambda self, row=row: self.check(row))


add_rows()


class State(unittest.TestCase):
    def test_goods_added_twice_are_one_item(self):
        state = state_after(
            [
                order.OrderCreated(customer_id="alice"),
                order.ItemAdded(sku="tea", quantity=2, unit_price_cents=450),
                order.ItemAdded(sku="cup", quantity=1, unit_price_cents=1200),
                order.ItemAdded(sku="tea", quantity=3, unit_price_cents=450),
            ]
        )
        self.assertEqual(
            [(i.sku, i.quantity, i.unit_price_cents) for i in state.items],
            [("tea", 5, 450), ("cup", 1, 1200)],
        )

    def test_a_cancelled_order_remembers_why_and_what_it_held(self):
        state = state_after(
            [
                order.OrderCreated(customer_id="alice"),
                order.ItemAdded(sku="tea", quantity=2, unit_price_cents=450),
                order.OrderCancelled(reason="moved"),
            ]
        )
        self.assertEqual(state.status, order.ORDER_STATUS_CANCELLED)
        self.assertEqual(state.cancel_reason, "moved")
        self.assertEqual(len(state.items), 1)

    def test_the_hundred_and_first_kind_of_goods_is_refused_and_the_hundredth_not(self):
        state = state_after([order.OrderCreated(customer_id="alice")])
        for number in range(99):
            rules.apply(state, order.ItemAdded(sku=f"sku-{number}", quantity=1))
        (event,) = rules.decide(state, order.AddItem(sku="sku-99", quantity=1))
        rules.apply(state, event)
        with self.assertRaises(rules.Rejection) as caught:
            rules.decide(state, order.AddItem(sku="sku-100", quantity=1))
        self.assertEqual(caught.exception.reason, "ORDER_FULL")
        more = rules.decide(state, order.AddItem(sku="sku-99", quantity=1))
        self.assertEqual(len(more), 1)


if __name__ == "__main__":
    unittest.main()
