package main

import (
	"encoding/hex"
	"testing"
)

func TestARootIsTheOneThatTheSQLFunctionRootOfMakes(t *testing.T) {
	namespace, err := parseUUID(namespaceOID)
	if err != nil {
		t.Fatal(err)
	}
	got := hex.EncodeToString(uuid5(namespace, "cart:alice"))
	if want := "92ab91914f7d5ff2adcf93a1e494c055"; got != want {
		t.Errorf("root of cart alice is %s, want %s", got, want)
	}
}

func TestARootThatIsNoUUIDIsRefused(t *testing.T) {
	for _, text := range []string{"", "92ab9191", "92ab9191-4f7d-5ff2-adcf-93a1e494c0zz"} {
		if _, err := parseUUID(text); err == nil {
			t.Errorf("%q was taken for a UUID", text)
		}
	}
}

func TestACommandOfAnotherNameIsRefused(t *testing.T) {
	if _, err := commandFromJSON([]string{"OrderCreated", "{}"}); err == nil {
		t.Error("an event was taken for a command")
	}
	if _, err := commandFromJSON([]string{"CreateOrder", `{"nobody": 1}`}); err == nil {
		t.Error("an unknown field was taken")
	}
}
