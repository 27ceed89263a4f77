package shop

import (
	"encoding/hex"
	"testing"
)

func TestARootIsTheOneThatTheSQLFunctionRootOfMakes(t *testing.T) {
	got := hex.EncodeToString(CoverOfKey("cart", "alice").Root.Value)
	if want := "92ab91914f7d5ff2adcf93a1e494c055"; got != want {
		t.Errorf("root of cart alice is %s, want %s", got, want)
	}
}

func TestTheIDOfAnAggregateIsTheTextFormOfItsRoot(t *testing.T) {
	cover, err := CoverOf("order", "92ab9191-4f7d-5ff2-adcf-93a1e494c055")
	if err != nil {
		t.Fatal(err)
	}
	if id := IDOf(cover); id != "92ab9191-4f7d-5ff2-adcf-93a1e494c055" {
		t.Errorf("its id is %q", id)
	}
}

func TestARootThatIsNoUUIDIsRefused(t *testing.T) {
	for _, text := range []string{"", "92ab9191", "92ab9191-4f7d-5ff2-adcf-93a1e494c0zz"} {
		if _, err := ParseUUID(text); err == nil {
			t.Errorf("%q was taken for a UUID", text)
		}
	}
}
