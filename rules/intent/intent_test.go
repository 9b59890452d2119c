package intent

import (
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"qrposd/rules/money"
)

func load(t testing.TB, text []byte) *Classifier {
	t.Helper()
	c, err := Load("f.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func cny(minor int64) money.Money { return money.Money{Minor: minor, Currency: "CNY"} }

// Every condition of an intent holds, or it does not match.
func TestClassifyConditions(t *testing.T) {
	c := load(t, []byte(good()))
	match := In{Basket: []string{"礼品卡"}, Amount: cny(5000), Clock: 23 * 3600, Flow: "merchant"}
	for _, x := range []struct {
		name   string
		change func(*In)
		want   bool
	}{
		{"all", func(*In) {}, true},
		{"capitals", func(in *In) { in.Basket = []string{"GIFT_card"} }, true},
		{"one of many", func(in *In) { in.Basket = []string{"food", "", "gift_card"} }, true},
		{"other item", func(in *In) { in.Basket = []string{"gift_cards", "gift"} }, false},
		{"empty basket", func(in *In) { in.Basket = nil }, false},
		{"most", func(in *In) { in.Amount = cny(50000) }, true},
		{"too much", func(in *In) { in.Amount = cny(50001) }, false},
		{"too little", func(in *In) { in.Amount = cny(4999) }, false},
		{"other currency", func(in *In) { in.Amount.Currency = "USD" }, false},
		{"no amount", func(in *In) { in.Amount = money.Money{} }, false},
		{"begins", func(in *In) { in.Clock = 22 * 3600 }, true},
		{"before", func(in *In) { in.Clock = 22*3600 - 1 }, false},
		{"midnight", func(in *In) { in.Clock = 0 }, true},
		{"last second", func(in *In) { in.Clock = 6*3600 - 1 }, true},
		{"ended", func(in *In) { in.Clock = 6 * 3600 }, false},
		{"no time", func(in *In) { in.Clock = -1 }, false},
		{"no time of a day", func(in *In) { in.Clock = 86400 }, false},
		{"other flow", func(in *In) { in.Flow = "payer" }, false},
		{"no flow", func(in *In) { in.Flow = "" }, false},
	} {
		in := match
		x.change(&in)
		want := Verdict{"purchase", 60, "shop/1.2"}
		if x.want {
			want = Verdict{"gift_card", 95, "shop/1.2"}
		}
		if got := c.Classify(in); got != want {
			t.Errorf("%s: %+v", x.name, got)
		}
	}
}

func TestClassifyHoursOfADay(t *testing.T) {
	for text, want := range map[string][2]int{ // first second, and the first after
		good(`"22:00"`, `"00:00"`, `"06:00"`, `"24:00"`): {0, 86400},
		good(`"22:00"`, `"09:30"`, `"06:00"`, `"09:31"`): {34200, 34260},
		good(`"22:00"`, `"23:59"`, `"06:00"`, `"00:00"`): {86340, 86400},
	} {
		c := load(t, []byte(text))
		for clock := range 86400 {
			got := c.Classify(In{Basket: []string{"gift_card"}, Amount: cny(5000), Clock: clock, Flow: "merchant"}).Label == "gift_card"
			if got != (want[0] <= clock && clock < want[1]) {
				t.Fatalf("%v: %d is %v", want, clock, got)
			}
		}
	}
}

func TestClassifyFirstMatchWins(t *testing.T) {
	const two = "[[intent]]\nlabel = \"transfer\"\nconfidence = 0\nbasket = [\"礼品卡\"]\n"
	c := load(t, []byte(good()+two))
	in := In{Basket: []string{"礼品卡"}, Amount: cny(5000), Clock: 0, Flow: "merchant"}
	if got := c.Classify(in); got.Label != "gift_card" {
		t.Errorf("%+v", got)
	}
	in.Flow = "payer"
	if got := c.Classify(in); got != (Verdict{"transfer", 0, "shop/1.2"}) {
		t.Errorf("%+v", got)
	}
}

func TestDefault(t *testing.T) {
	c := load(t, Default)
	if got, want := c.Labels(), []string{"gift_card", "purchase", "top_up", "transfer", "unclear"}; !slices.Equal(got, want) {
		t.Errorf("labels %v", got)
	}
	noon, night := 12*3600, 2*3600
	for _, x := range []struct {
		in   In
		want Verdict
	}{
		{In{nil, cny(1280), noon, "payer"}, Verdict{"purchase", 60, "default/1"}},
		{In{[]string{"food"}, cny(1280), noon, "payer"}, Verdict{"purchase", 90, "default/1"}},
		{In{[]string{"food", "gift_card"}, cny(1280), noon, "payer"}, Verdict{"gift_card", 95, "default/1"}},
		{In{[]string{"充值"}, cny(1280), night, "merchant"}, Verdict{"top_up", 95, "default/1"}},
		{In{[]string{"remittance"}, cny(1280), noon, "payer"}, Verdict{"transfer", 95, "default/1"}},
		{In{nil, cny(300000), night, "payer"}, Verdict{"unclear", 30, "default/1"}},
		{In{nil, cny(300000), noon, "payer"}, Verdict{"purchase", 60, "default/1"}},
		{In{nil, money.Money{Minor: 300000, Currency: "THB"}, night, "payer"}, Verdict{"purchase", 60, "default/1"}},
		{In{}, Verdict{"purchase", 60, "default/1"}},
	} {
		if got := c.Classify(x.in); got != x.want {
			t.Errorf("%+v is %+v, want %+v", x.in, got, x.want)
		}
	}
}

// The same sale gets the same verdict: from another reading of the file, at
// another time, and by several at once.
func TestClassifyIsDeterministic(t *testing.T) {
	one, two := load(t, Default), load(t, Default)
	item := rapid.SampledFrom([]string{"gift_card", "food", "充值", "transfer", "TOP_UP", "x", ""})
	rapid.Check(t, func(t *rapid.T) {
		in := In{
			Basket: rapid.SliceOfN(item, 0, 5).Draw(t, "basket"),
			Amount: money.Money{Minor: rapid.Int64().Draw(t, "minor"), Currency: rapid.SampledFrom([]money.Currency{"CNY", "USD", "JPY", ""}).Draw(t, "currency")},
			Clock:  rapid.IntRange(-1, 86400).Draw(t, "clock"),
			Flow:   rapid.SampledFrom([]string{"payer", "merchant", ""}).Draw(t, "flow"),
		}
		want := one.Classify(in)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if got := two.Classify(in); got != want {
					t.Errorf("%+v: %+v and %+v", in, want, got)
				}
			})
		}
		wg.Wait()
	})
}

func BenchmarkClassify(b *testing.B) {
	c := load(b, Default)
	in := In{Basket: []string{"bread", "milk", "butter"}, Amount: cny(1280), Clock: 12 * 3600, Flow: "payer"}
	b.ReportAllocs()
	for b.Loop() {
		c.Classify(in)
	}
}
