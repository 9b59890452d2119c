package money

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestParseRate(t *testing.T) {
	for _, c := range []struct {
		in, want string
		code     Code
	}{
		{"7.1923", "7.1923", ""},
		{"7.10", "7.1", ""},
		{"7", "7", ""},
		{"007", "7", ""},
		{"10", "10", ""},
		{"0.000000001", "0.000000001", ""},
		{"18446744073.709551615", "18446744073.709551615", ""},
		{"18446744073.709551616", "", RateRange},
		{"99999999999999999999", "", RateRange},
		{"-99999999999999999999", "", RateRange},
		{"0", "", RateRange},
		{"0.000000000", "", RateRange},
		{"-1", "", RateRange},
		{"7.1234567890", "", RatePrecision},
		{"0.0000000001", "", RatePrecision},
		{"", "", RateSyntax},
		{".", "", RateSyntax},
		{".5", "", RateSyntax},
		{"5.", "", RateSyntax},
		{"+5", "", RateSyntax},
		{"--5", "", RateSyntax},
		{"1,5", "", RateSyntax},
		{"1e3", "", RateSyntax},
		{"1_0", "", RateSyntax},
		{"0x1", "", RateSyntax},
		{" 1", "", RateSyntax},
		{"1.-5", "", RateSyntax},
		{"１", "", RateSyntax},
		{"NaN", "", RateSyntax},
		{"Inf", "", RateSyntax},
	} {
		r, err := ParseRate(c.in)
		if code(err) != c.code || err == nil && r.String() != c.want || err != nil && r != (Rate{}) {
			t.Errorf("ParseRate(%q) = %v, %v; want %s, %q", c.in, r, err, c.want, c.code)
		}
	}
}

func TestRateJSON(t *testing.T) {
	type quote struct {
		Low  Rate `json:"low"`
		High Rate `json:"high,omitzero"`
	}
	b, err := json.Marshal(quote{Low: Rate{7_100_000_000}})
	if err != nil || string(b) != `{"low":"7.1"}` {
		t.Errorf("%s, %v", b, err)
	}
	var q quote
	if err := json.Unmarshal([]byte(`{"low":"7.10","high":"7.2"}`), &q); err != nil || q != (quote{Rate{7_100_000_000}, Rate{7_200_000_000}}) {
		t.Errorf("%v, %v", q, err)
	}
	for _, s := range []string{`{"low":""}`, `{"low":"0"}`, `{"low":7.1}`, `{"low":"7.1 "}`} {
		if err := json.Unmarshal([]byte(s), &q); err == nil {
			t.Errorf("%s was read", s)
		}
	}
	if b, err := json.Marshal(quote{}); err == nil {
		t.Errorf("no rate was written as %s", b)
	}
}

// rates are of every size, as rates in the world are.
func rates() *rapid.Generator[Rate] {
	return rapid.Custom(func(t *rapid.T) Rate {
		return Rate{max(1, rapid.Uint64().Draw(t, "bits")>>rapid.IntRange(0, 63).Draw(t, "shift"))}
	})
}

// slowly is Convert in rational numbers of any size.
func slowly(minor int64, r Rate, from, to int) *big.Int {
	pow := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
	num := new(big.Int).Mul(big.NewInt(minor), new(big.Int).SetUint64(r.nano))
	num.Mul(num, pow(to))
	quo, rem := new(big.Int).QuoRem(num, pow(from+rateDecimals), new(big.Int))
	half := rem.Lsh(rem, 1).Cmp(pow(from + rateDecimals))
	if half > 0 || half == 0 && quo.Bit(0) == 1 {
		quo.Add(quo, big.NewInt(1))
	}
	return quo
}

func checkConvert(t interface{ Fatalf(string, ...any) }, m Money, r Rate, to Currency) {
	want := slowly(m.Minor, r, exponents[m.Currency], exponents[to])
	got, err := Convert(m, r, to)
	var code Code
	if e, ok := err.(*Error); ok {
		code = e.Code
	}
	switch {
	case want.Sign() == 0:
		if code != Zero {
			t.Fatalf("%v at %v in %s = %v, %v; want nothing", m, r, to, got, err)
		}
	case want.Cmp(big.NewInt(Max)) > 0:
		if code != Overflow {
			t.Fatalf("%v at %v in %s = %v, %v; want %v, too large", m, r, to, got, err, want)
		}
	case err != nil || got.Currency != to || got.Minor != want.Int64():
		t.Fatalf("%v at %v in %s = %v, %v; want %v", m, r, to, got, err, want)
	}
}

func TestConvertIsExact(t *testing.T) {
	all := slices.Sorted(maps.Keys(exponents))
	amounts := rapid.Custom(func(t *rapid.T) int64 {
		return rapid.OneOf(rapid.Int64Range(1, 1000), rapid.Int64Range(1, 1_000_000), rapid.Int64Range(1, Max)).Draw(t, "minor")
	})
	rapid.Check(t, func(t *rapid.T) {
		m := Money{amounts.Draw(t, "amount"), rapid.SampledFrom(all).Draw(t, "from")}
		checkConvert(t, m, rates().Draw(t, "rate"), rapid.SampledFrom(all).Draw(t, "to"))
	})
}

// Every pair of exponents, with every small amount and the rates at which halves
// and edges come up.
func TestConvertEverySmallAmount(t *testing.T) {
	byExponent := []Currency{"JPY", "CNY", "KWD"}
	var rate []Rate
	for _, n := range []uint64{1, 5, 1e3, 5e5, 1e6, 5e6, 1e7, 5e7, 1e8, 5e8, 15e8, 25e8, 1e9, 1e12, 5e17, 999_999_999, 1_000_000_001, math.MaxUint64} {
		rate = append(rate, Rate{n})
	}
	for _, from := range byExponent {
		for _, to := range byExponent {
			for _, r := range rate {
				for minor := int64(1); minor <= 1010; minor++ {
					checkConvert(t, Money{minor, from}, r, to)
					checkConvert(t, Money{Max + 1 - minor, from}, r, to)
				}
			}
		}
	}
}

func TestConvertByHand(t *testing.T) {
	for _, c := range []struct {
		in   Money
		rate string
		to   Currency
		want string // an amount, or the code of an error
	}{
		{Money{1000, "USD"}, "7.1923", "CNY", "CNY 71.92"},
		{Money{1000, "USD"}, "157.25", "JPY", "JPY 1572"}, // 1572.5
		{Money{1000, "USD"}, "157.35", "JPY", "JPY 1574"}, // 1573.5
		{Money{1573, "JPY"}, "0.0063", "USD", "USD 9.91"},
		{Money{1, "JPY"}, "0.0021", "KWD", "KWD 0.002"},
		{Money{1234, "KWD"}, "3.25", "USD", "USD 4.01"},
		{Money{1, "VND"}, "0.0003", "CNY", string(Zero)},
		{Money{1, "VND"}, "0.005", "CNY", string(Zero)}, // half a fen, to even
		{Money{1, "VND"}, "0.015", "CNY", "CNY 0.02"},
		{Money{Max, "CNY"}, "1", "USD", "USD 10000000000.00"},
		{Money{Max, "CNY"}, "1.000000001", "USD", string(Overflow)},
		{Money{Max, "JPY"}, "18446744073.709551615", "KWD", string(Overflow)},
		{Money{0, "CNY"}, "1", "USD", string(Zero)},
		{Money{-1, "CNY"}, "1", "USD", string(Negative)},
		{Money{math.MinInt64, "CNY"}, "1", "USD", string(Negative)},
		{Money{Max + 1, "CNY"}, "0.1", "USD", string(Overflow)},
		{Money{1, "XXX"}, "1", "USD", string(Unknown)},
		{Money{1, "CNY"}, "1", "XXX", string(Unknown)},
		{Money{1, "CNY"}, "none", "USD", string(RateRange)},
	} {
		r, _ := ParseRate(c.rate)
		m, err := Convert(c.in, r, c.to)
		got := m.String()
		if err != nil {
			got = string(code(err))
		}
		if got != c.want {
			t.Errorf("%#v at %s in %s = %s (%v), want %s", c.in, c.rate, c.to, got, err, c.want)
		}
	}
}

func TestBetween(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low, high := rates().Draw(t, "low"), rates().Draw(t, "high")
		of := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, math.MaxInt)).Draw(t, "of")
		step := rapid.IntRange(0, of).Draw(t, "step")
		// low + trunc((high - low) * step / of): Quo truncates, which is towards low.
		want := new(big.Int).Sub(new(big.Int).SetUint64(high.nano), new(big.Int).SetUint64(low.nano))
		want.Mul(want, big.NewInt(int64(step))).Quo(want, big.NewInt(int64(of)))
		want.Add(want, new(big.Int).SetUint64(low.nano))
		got := Between(low, high, step, of)
		if new(big.Int).SetUint64(got.nano).Cmp(want) != 0 {
			t.Fatalf("%d/%d between %v and %v is %v, want %v nano", step, of, low, high, got, want)
		}
		if Between(low, high, 0, of) != low || Between(low, high, of, of) != high {
			t.Fatal("the ends are not the ends")
		}
	})
	low, high := Rate{7_000_000_000}, Rate{7_000_000_010}
	for _, c := range []struct {
		step, of int
		want     uint64
	}{{1, 3, 3}, {2, 3, 6}, {-1, 3, 0}, {4, 3, 10}, {1, 0, 0}, {1, -1, 0}, {math.MinInt, 1, 0}, {math.MaxInt, 1, 10}, {0, 0, 0}} {
		if got := Between(low, high, c.step, c.of); got.nano != low.nano+c.want {
			t.Errorf("%d/%d is %v", c.step, c.of, got)
		}
	}
}

func TestWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low, mid, high := rates().Draw(t, "low"), rates().Draw(t, "mid"), rates().Draw(t, "high")
		num := new(big.Int).Sub(new(big.Int).SetUint64(high.nano), new(big.Int).SetUint64(low.nano))
		num.Abs(num).Mul(num, big.NewInt(10_000))
		want, rem := num.QuoRem(num, new(big.Int).SetUint64(mid.nano), new(big.Int))
		if rem.Sign() > 0 {
			want.Add(want, big.NewInt(1))
		}
		if most := big.NewInt(math.MaxInt); want.Cmp(most) > 0 {
			want = most
		}
		if got := Width(low, mid, high); want.Cmp(big.NewInt(int64(got))) != 0 {
			t.Fatalf("%v..%v of %v is %d, want %v", low, high, mid, got, want)
		}
	})
	for _, c := range []struct {
		low, mid, high uint64
		want           int
	}{
		{7_000, 7_000, 7_000, 0},
		{9_900, 10_000, 10_000, 100},
		{9_999, 10_000, 10_000, 1},
		{9_999_999, 10_000_000, 10_000_000, 1},
		{1, 0, 2, math.MaxInt},
		{0, 0, 0, math.MaxInt},
		{1, 1, math.MaxUint64, math.MaxInt},
	} {
		if got := Width(Rate{c.low}, Rate{c.mid}, Rate{c.high}); got != c.want {
			t.Errorf("%+v is %d", c, got)
		}
	}
}

func TestRateCmp(t *testing.T) {
	a, b := Rate{1}, Rate{math.MaxUint64}
	if got := fmt.Sprint(a.Cmp(b), b.Cmp(a), a.Cmp(a)); got != "-1 1 0" {
		t.Error(got)
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"7.1923", "0.000000001", "18446744073.709551615", "18446744073.709551616", "-1", "0", "1e9", "1_0", ".", "１", "7.1000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRate(s)
		if err != nil {
			if code(err) == "" || r != (Rate{}) {
				t.Fatalf("%v with %v", r, err)
			}
			return
		}
		exact, ok := new(big.Rat).SetString(s)
		if !ok || exact.Sign() <= 0 || exact.Cmp(new(big.Rat).SetFrac(new(big.Int).SetUint64(r.nano), big.NewInt(rateOne))) != 0 {
			t.Fatalf("%q was read as %v", s, r)
		}
		if back, err := ParseRate(r.String()); err != nil || back != r {
			t.Fatalf("%q: %v read back as %v, %v", s, r, back, err)
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	m, r := Money{1280, "USD"}, Rate{7_192_300_000}
	for b.Loop() {
		if _, err := Convert(m, r, "CNY"); err != nil {
			b.Fatal(err)
		}
	}
}
