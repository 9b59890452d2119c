package money

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// The ways a rate can be wrong.
const (
	RateSyntax    Code = "rate_syntax"
	RatePrecision Code = "rate_precision"
	RateRange     Code = "rate_range"
)

const (
	rateDecimals = 9
	rateOne      = 1_000_000_000
)

// Rate is an exact price of one unit of a base currency in a quote currency, in
// major units of both, with at most nine decimals. It does not know the two
// currencies: who asked for the rate does. The zero value is no rate, and is
// neither written nor read.
//
// Nine decimals in 64 bits reach from one IDR in KWD to one KWD in IDR and
// beyond, and a product with an amount fits in 128 bits, which no float does.
type Rate struct{ nano uint64 }

// ParseRate reads a decimal such as "7.1923". More than nine decimals are
// refused and not rounded: a rounded rate is another one than was agreed.
func ParseRate(s string) (Rate, error) {
	digits, neg := strings.CutPrefix(s, "-")
	whole, frac, point := strings.Cut(digits, ".")
	if !allDigits(whole) || point && !allDigits(frac) {
		return Rate{}, &Error{RateSyntax, fmt.Sprintf("%.32q is not a rate", s), "digits with a point, such as 7.1923"}
	}
	if len(frac) > rateDecimals {
		return Rate{}, &Error{RatePrecision, fmt.Sprintf("%.32q has too many decimals", s), fmt.Sprintf("a rate has at most %d decimals", rateDecimals)}
	}
	nano, err := strconv.ParseUint(whole+frac+strings.Repeat("0", rateDecimals-len(frac)), 10, 64)
	switch {
	case err != nil:
		return Rate{}, &Error{RateRange, "the rate is too large", fmt.Sprintf("a rate is at most %s", Rate{math.MaxUint64})}
	case nano == 0:
		return Rate{}, &Error{RateRange, "the rate is zero", "a rate is the price of one unit, above zero"}
	case neg:
		return Rate{}, &Error{RateRange, "the rate is negative", "a rate is the price of one unit, above zero"}
	}
	return Rate{nano}, nil
}

// String is the one form of r that ParseRate and people agree on: no zeros at
// the end, and no point without decimals.
func (r Rate) String() string {
	s := fmt.Sprintf("%d.%09d", r.nano/rateOne, r.nano%rateOne)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// MarshalText is String, and an error where there is no rate to write.
func (r Rate) MarshalText() ([]byte, error) {
	if r == (Rate{}) {
		return nil, &Error{RateRange, "there is no rate", "leave the field out"}
	}
	return []byte(r.String()), nil
}

// UnmarshalText is ParseRate.
func (r *Rate) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRate(string(b))
	return err
}

// Cmp is -1 if r is below s, 0 if they are the same rate, and 1 if r is above.
func (r Rate) Cmp(s Rate) int {
	switch {
	case r.nano < s.nano:
		return -1
	case r.nano > s.nano:
		return 1
	}
	return 0
}

// Convert is the amount m in the currency to, at r units of it for one unit of
// m's. It is exact up to the last step, which rounds half to even: halves go
// neither to the shop nor to the payer. An amount that rounds to nothing or
// beyond Max is an error, since neither can be charged.
func Convert(m Money, r Rate, to Currency) (Money, error) {
	if err := m.Check(); err != nil {
		return Money{}, err
	}
	exp, err := Exponent(to)
	if err != nil {
		return Money{}, err
	}
	if r == (Rate{}) {
		return Money{}, &Error{RateRange, "there is no rate", "ask for a projection first"}
	}
	// Max times a thousand stays below 2^50, the divisor below 2^40.
	minor, div := uint64(m.Minor), uint64(rateOne)
	for d := exponents[m.Currency]; d < exp; d++ {
		minor *= 10
	}
	for d := exponents[m.Currency]; d > exp; d-- {
		div *= 10
	}
	hi, lo := bits.Mul64(minor, r.nano)
	if hi >= div { // the quotient has more than 64 bits
		return Money{}, tooLarge(m, r, to)
	}
	quo, rem := bits.Div64(hi, lo, div)
	if quo > Max {
		return Money{}, tooLarge(m, r, to)
	}
	if 2*rem > div || 2*rem == div && quo%2 == 1 {
		quo++
	}
	switch {
	case quo > Max:
		return Money{}, tooLarge(m, r, to)
	case quo == 0:
		return Money{}, &Error{Zero, fmt.Sprintf("%s at %s is nothing in %s", m, r, to), "take the payment in the currency of the price"}
	}
	return Money{int64(quo), to}, nil
}

func tooLarge(m Money, r Rate, to Currency) error {
	return &Error{Overflow, fmt.Sprintf("%s at %s is too large in %s", m, r, to), fmt.Sprintf("a sale is at most %s", Money{Max, to})}
}

// Between is the rate step/of of the way from low to high, rounded towards low.
// It never leaves the range: steps before the first are low and steps after the
// last are high. An of below one has no steps and gives low.
func Between(low, high Rate, step, of int) Rate {
	if of < 1 || step <= 0 {
		return low
	}
	step = min(step, of)
	hi, lo := bits.Mul64(distance(low, high), uint64(step))
	part, _ := bits.Div64(hi, lo, uint64(of)) // at most the distance, since step is at most of
	if high.nano < low.nano {
		return Rate{low.nano - part}
	}
	return Rate{low.nano + part}
}

// Width is the distance between low and high in basis points of mid, rounded
// up: a range never looks tighter than it is. Without a mid, and beyond what an
// int holds, it is math.MaxInt.
func Width(low, mid, high Rate) int {
	hi, lo := bits.Mul64(distance(low, high), 10_000)
	if hi >= mid.nano {
		return math.MaxInt
	}
	quo, rem := bits.Div64(hi, lo, mid.nano)
	if quo >= math.MaxInt {
		return math.MaxInt
	}
	if rem > 0 {
		quo++
	}
	return int(quo)
}

func distance(a, b Rate) uint64 { return max(a.nano, b.nano) - min(a.nano, b.nano) }
