package money

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func code(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		cur  Currency
		want int64
		code Code
	}{
		{"12.80", "CNY", 1280, ""},
		{"12.8", "CNY", 1280, ""},
		{"12", "CNY", 1200, ""},
		{"0.01", "CNY", 1, ""},
		{"007", "CNY", 700, ""},
		{"500", "JPY", 500, ""},
		{"1.234", "KWD", 1234, ""},
		{"1.2", "KWD", 1200, ""},
		{"10000000000.00", "CNY", Max, ""},
		{"10000000000.01", "CNY", 0, Overflow},
		{"99999999999999999999999999", "CNY", 0, Overflow},
		{"9223372036854775807", "JPY", 0, Overflow},
		{"500.0", "JPY", 0, Precision},
		{"1.2345", "KWD", 0, Precision},
		{"1.000", "CNY", 0, Precision},
		{"0", "CNY", 0, Zero},
		{"0.00", "CNY", 0, Zero},
		{"-0", "CNY", 0, Zero},
		{"-1", "CNY", 0, Negative},
		{"", "CNY", 0, Syntax},
		{".", "CNY", 0, Syntax},
		{".5", "CNY", 0, Syntax},
		{"5.", "CNY", 0, Syntax},
		{"--5", "CNY", 0, Syntax},
		{"+5", "CNY", 0, Syntax},
		{"1,000", "CNY", 0, Syntax},
		{"1e3", "CNY", 0, Syntax},
		{" 1", "CNY", 0, Syntax},
		{"１２", "CNY", 0, Syntax},
		{"NaN", "CNY", 0, Syntax},
		{"1", "XXX", 0, Unknown},
		{"1", "cny", 0, Unknown},
		{"1", "", 0, Unknown},
	} {
		m, err := Parse(c.in, c.cur)
		if code(err) != c.code || err == nil && (m.Minor != c.want || m.Currency != c.cur) {
			t.Errorf("Parse(%q, %s) = %v, %v; want %d, %q", c.in, c.cur, m, err, c.want, c.code)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		m    Money
		want string
	}{
		{Money{1280, "CNY"}, "CNY 12.80"},
		{Money{1, "CNY"}, "CNY 0.01"},
		{Money{-1280, "CNY"}, "CNY -12.80"},
		{Money{500, "JPY"}, "JPY 500"},
		{Money{1234, "KWD"}, "KWD 1.234"},
		{Money{math.MinInt64, "CNY"}, "CNY -92233720368547758.08"},
		{Money{math.MinInt64, "JPY"}, "JPY -9223372036854775808"},
	} {
		if got := c.m.String(); got != c.want {
			t.Errorf("%#v is %q, want %q", c.m, got, c.want)
		}
	}
}

func TestAddIsChecked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		got, err := Money{a, "CNY"}.Add(Money{b, "CNY"})
		over := b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b
		if over != (err != nil) || err == nil && got.Minor != a+b {
			t.Fatalf("%d + %d = %v, %v", a, b, got, err)
		}
	})
	if _, err := (Money{1, "CNY"}).Add(Money{1, "JPY"}); code(err) != Mixed {
		t.Errorf("adding two currencies: %v", err)
	}
	if _, err := (Money{1, "CNY"}).Less(Money{1, "JPY"}); code(err) != Mixed {
		t.Errorf("comparing two currencies: %v", err)
	}
}

func TestParseReadsWhatDecimalWrote(t *testing.T) {
	var all []Currency
	for c := range exponents {
		all = append(all, c)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := Money{rapid.Int64Range(1, Max).Draw(t, "minor"), rapid.SampledFrom(all).Draw(t, "currency")}
		back, err := Parse(m.Decimal(), m.Currency)
		if err != nil || back != m {
			t.Fatalf("%v read back as %v, %v", m, back, err)
		}
	})
}

func TestJSON(t *testing.T) {
	var m Money
	if err := json.Unmarshal([]byte(`{"minor":5,"currency":"ZZZ"}`), &m); code(err) != Unknown {
		t.Errorf("unknown currency in JSON: %v", err)
	}
	if err := json.Unmarshal([]byte(`{"minor":5,"currency":"CNY"}`), &m); err != nil || m != (Money{5, "CNY"}) {
		t.Errorf("%v, %v", m, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"12.80", "-1", "0", "1.234", "99999999999999999999", ".", "1e9", "１"} {
		f.Add(s, "CNY")
		f.Add(s, "JPY")
		f.Add(s, "KWD")
	}
	f.Fuzz(func(t *testing.T, s, c string) {
		m, err := Parse(s, Currency(c))
		if err != nil {
			if code(err) == "" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if m.Check() != nil {
			t.Fatalf("Parse(%q, %q) let through %v", s, c, m)
		}
		back, err := Parse(m.Decimal(), m.Currency)
		if err != nil || back != m || strings.ContainsAny(s, "eE,+ ") {
			t.Fatalf("Parse(%q, %q) = %v, back %v %v", s, c, m, back, err)
		}
	})
}
