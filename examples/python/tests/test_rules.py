"""The rules keep every promise of the tables, and the ones only code can tell."""

import unittest

import order_pb2 as order

from inventory import rules as inventory_rules
from order import rules
from payment import rules as payment_rules
from shop.rules import Rejection, TooLate
from tests.helpers import add_tests, message


class Table(unittest.TestCase):
    """Each row: events that happened; a command, or a rejection that the
    aggregate is told of, or a command to undo; what must come of it."""

    rules = None
    maxDiff = None

    def of(self, values):
        return message(values, f"shop.{self.rules.DOMAIN}.v1.")

    def check(self, row):
        state = self.rules.State()
        for event in row["given"]:
            self.rules.apply(state, self.of(event))
        before = state.SerializeToString()
        if "rejected" in row:
            with self.assertRaises(Rejection) as caught:
                self.ask(state, row)
            rejection = caught.exception
            self.assertEqual([rejection.reason, rejection.message], row["rejected"])
        elif "too_late" in row:
            with self.assertRaises(TooLate) as late:
                self.ask(state, row)
            self.assertEqual(str(late.exception), row["too_late"])
        else:
            expected = [self.of(event) for event in row["then"]]
            self.assertEqual(self.ask(state, row), expected)
        self.assertEqual(state.SerializeToString(), before, "the state was changed")

    def ask(self, state, row):
        if "told" in row:
            return self.rules.rejected(state, row["told"])
        if "undo" in row:
            command, cause, reason = row["undo"]
            kind = type(self.of({"@type": command}))
            return self.rules.UNDO[kind](state, cause, reason)
        return self.rules.decide(state, self.of(row["when"]))


class OrderTable(Table):
    rules = rules


class InventoryTable(Table):
    rules = inventory_rules


class PaymentTable(Table):
    rules = payment_rules


add_tests(OrderTable, "order_rules.json", Table.check)
add_tests(InventoryTable, "inventory_rules.json", Table.check)
add_tests(PaymentTable, "payment_rules.json", Table.check)


def state_after(events):
    state = order.OrderState()
    for event in events:
        rules.apply(state, event)
    return state


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
        with self.assertRaises(Rejection) as caught:
            rules.decide(state, order.AddItem(sku="sku-100", quantity=1))
        self.assertEqual(caught.exception.reason, "ORDER_FULL")
        more = rules.decide(state, order.AddItem(sku="sku-99", quantity=1))
        self.assertEqual(len(more), 1)


if __name__ == "__main__":
    unittest.main()
