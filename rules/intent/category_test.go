package intent

import "testing"

// Only words of the file get through, and a category classifies as it did before.
func TestCategory(t *testing.T) {
	c, err := Load("default", Default)
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]string{
		"food": "food", "Food": "food", "GIFT_CARD": "gift_card", "食品": "食品", "other": Other, "": Other, "Li Lei": Other, "13800138000": Other, "food ": Other,
	} {
		got := c.Category(word)
		if got != want {
			t.Errorf("%q is %q, want %q", word, got, want)
		}
		if want != Other && c.Classify(In{Basket: []string{got}, Clock: -1}) != c.Classify(In{Basket: []string{word}, Clock: -1}) {
			t.Errorf("%q is for something else as %q", word, got)
		}
	}
}
