package main

import (
	"testing"

	"angzarr.io/examples/shop/shoptest"
)

func TestEveryRuleOfTheTableHolds(t *testing.T) {
	shoptest.CheckTable(t, rules, "payment_rules.json")
}
