package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"qrposd/daemon/api"
	"qrposd/rules/money"
)

// A basket is one of its sale or none: what does not add up, is in no currency of
// the sale or has no category is refused in words.
func TestReadBasket(t *testing.T) {
	line := func(amount string, quantity int) api.Line {
		return api.Line{SKU: "6901234567892", Name: "oolong", Category: "drink", Quantity: quantity, Amount: amount}
	}
	total := money.Money{Minor: 1280, Currency: "CNY"}
	many := slices.Repeat([]api.Line{line("0.40", 1)}, 32)
	for name, tc := range map[string]struct {
		lines []api.Line
		why   string
		each  []int64
	}{
		"none":             {nil, "", nil},
		"one":              {[]api.Line{line("12.80", 1)}, "", []int64{1280}},
		"several":          {[]api.Line{line("12.00", 3), line("0.80", 1)}, "", []int64{400, 80}},
		"not divisible":    {[]api.Line{line("12.80", 3)}, "", []int64{426}},
		"as many as may":   {many, "", slices.Repeat([]int64{40}, 32)},
		"too many":         {append(slices.Clone(many), line("0.40", 1)), "33 lines", nil},
		"too little":       {[]api.Line{line("12.79", 1)}, "12.79 together", nil},
		"too much":         {[]api.Line{line("12.80", 1), line("0.01", 1)}, "12.81 together", nil},
		"nothing":          {[]api.Line{line("12.80", 1), line("0.00", 1)}, "line 2: the amount is zero", nil},
		"below zero":       {[]api.Line{line("13.80", 1), line("-1.00", 1)}, "line 2: the amount is negative", nil},
		"no amount":        {[]api.Line{line("twelve", 1)}, "line 1", nil},
		"too precise":      {[]api.Line{line("12.800", 1)}, "too many decimals", nil},
		"no pieces":        {[]api.Line{line("12.80", 0)}, "no quantity", nil},
		"no category":      {[]api.Line{{Quantity: 1, Amount: "12.80"}}, "no category", nil},
		"a huge line":      {[]api.Line{line("999999999999999999999999", 1)}, "too large", nil},
		"a long category":  {[]api.Line{{Category: strings.Repeat("x", 257), Quantity: 1, Amount: "12.80"}}, "no category", nil},
		"too many of them": {[]api.Line{line("12.80", 10_000)}, "no quantity", nil},
	} {
		items, err := readBasket(tc.lines, total)
		if (err == nil) != (tc.why == "") || err != nil && !strings.Contains(err.Error(), tc.why) {
			t.Errorf("%s: %v, want %q", name, err, tc.why)
		}
		var each []int64
		for _, it := range items {
			each = append(each, it.Each)
		}
		if !slices.Equal(each, tc.each) {
			t.Errorf("%s: %v, want %v", name, each, tc.each)
		}
	}
}

// The till hears of a basket before its sale is opened and again when that is over;
// under one key there is one basket.
func TestOpenWithBasket(t *testing.T) {
	s := start(t, newShop())
	var heard []string
	s.Rung = func(key string, items []Item) { heard = append(heard, fmt.Sprint(key, items)) }
	const basket = `"basket":[{"sku":"6901234567892","name":"for Li Lei","category":"drink","quantity":2,"amount":"12.80"}]}`
	with := strings.TrimSuffix(good, "}") + "," + basket
	res, body := send(t, s.url, sell(with))
	if res.StatusCode != 201 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	bare := strings.Trim(key, `"`)
	if want := []string{bare + "[{drink 2 640}]", bare + "[]"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	if strings.Contains(string(body), "Li Lei") {
		t.Errorf("the name of an article was kept: %s", body)
	}
	for _, other := range []string{good, strings.Replace(with, `"drink"`, `"food"`, 1), strings.Replace(with, `"quantity":2`, `"quantity":1`, 1)} {
		if p := refusedSale(t, s, other); p.Code != "once_mismatch" {
			t.Errorf("%s: %+v", other, p)
		}
	}
	heard = nil
	for _, wrong := range []string{strings.Replace(with, `"amount":"12.80"}]`, `"amount":"1.00"}]`, 1), strings.Replace(with, `"amount":"12.80"}]`, `"amount":"1,00"}]`, 1)} {
		if p := refusedSale(t, s, wrong); p.Status != 422 || p.Code != "basket_mismatch" || p.Hint == "" || p.Text == nil || p.Text.Zh == "" {
			t.Errorf("%s: %+v", wrong, p)
		}
	}
	if p := refusedSale(t, s, strings.Replace(with, `"quantity":2`, `"quantity":-2`, 1)); p.Status != 422 {
		t.Errorf("a quantity below zero: %+v", p)
	}
	if len(heard) != 0 {
		t.Errorf("the till heard of baskets that were refused: %q", heard)
	}
}

func refusedSale(t *testing.T, s *till, body string) api.Problem {
	t.Helper()
	res, got := send(t, s.url, sell(body))
	return problemOf(t, res, got)
}

// Whatever comes, a basket is refused or adds up to its sale, and no line of it
// costs less than nothing.
func FuzzReadBasket(f *testing.F) {
	f.Add("drink", 2, "12.80", "food", 1, "0.01", int64(1281))
	f.Add("", -1, "-0", "x", 9999, "99999999999999999999", int64(-1))
	f.Fuzz(func(t *testing.T, c1 string, q1 int, a1, c2 string, q2 int, a2 string, minor int64) {
		items, err := readBasket([]api.Line{{Category: c1, Quantity: q1, Amount: a1}, {Category: c2, Quantity: q2, Amount: a2}}, money.Money{Minor: minor, Currency: "CNY"})
		if err != nil {
			if len(items) != 0 {
				t.Fatalf("refused, and %v", items)
			}
			return
		}
		sum := int64(0)
		for i, a := range []string{a1, a2} {
			m, err := money.Parse(a, "CNY")
			if err != nil || m.Minor <= 0 || items[i].Each < 0 || items[i].Each > m.Minor {
				t.Fatalf("%q is %v of %v", a, items[i], m)
			}
			sum += m.Minor
		}
		if sum != minor || len(items) != 2 || c1 == "" || c2 == "" {
			t.Fatalf("%v for %d", items, minor)
		}
	})
}
