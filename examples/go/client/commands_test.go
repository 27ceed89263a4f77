package main

import "testing"

func TestACommandOfAnotherNameIsRefused(t *testing.T) {
	if _, _, err := commandFromJSON([]string{"OrderCreated", "{}"}); err == nil {
		t.Error("an event was taken for a command")
	}
	if _, _, err := commandFromJSON([]string{"CreateOrder", `{"nobody": 1}`}); err == nil {
		t.Error("an unknown field was taken")
	}
}

func TestACommandGoesToItsOwnDomain(t *testing.T) {
	for name, want := range map[string]string{
		"SubmitOrder": "order", "AddStock": "inventory", "Refund": "payment",
	} {
		packed, domain, err := commandFromJSON([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		if full := string(packed.MessageName()); domain != want || full != "shop."+want+".v1."+name {
			t.Errorf("%s is %s of domain %s", name, full, domain)
		}
	}
}
