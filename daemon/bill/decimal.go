package bill

import (
	"math"
	"strconv"
	"strings"

	"qrposd/rules/money"
)

// places is how many decimals a bill has at most: fees have five.
const places = 5

// Decimal counts hundred thousandths of a currency's major unit.
type Decimal int64

// String is the amount with all its five decimals.
func (d Decimal) String() string {
	sign, abs := "", uint64(d)
	if d < 0 {
		sign, abs = "-", -abs
	}
	frac := strconv.FormatUint(abs%1e5, 10)
	return sign + strconv.FormatUint(abs/1e5, 10) + "." + strings.Repeat("0", places-len(frac)) + frac
}

// MarshalText is String: a program that reads a fee as a float reads it wrongly.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// parseDecimal reads "12.80", and how many decimals were written.
func parseDecimal(s string) (d Decimal, decimals int, ok bool) {
	digits, neg := strings.CutPrefix(s, "-")
	whole, frac, point := strings.Cut(digits, ".")
	if whole == "" || len(whole) > 11 || point && frac == "" || len(frac) > places {
		return 0, 0, false
	}
	for _, part := range []string{whole, frac} {
		for i := range len(part) {
			if part[i] < '0' || part[i] > '9' {
				return 0, 0, false
			}
			d = d*10 + Decimal(part[i]-'0')
		}
	}
	for range places - len(frac) {
		d *= 10
	}
	if neg {
		d = -d
	}
	return d, len(frac), true
}

// plus is d + e; sums of a bill that overflow are not sums of a shop.
func (d Decimal) plus(e Decimal) (Decimal, bool) {
	if e > 0 && d > math.MaxInt64-e || e < 0 && d < math.MinInt64-e {
		return 0, false
	}
	return d + e, true
}

// money is d in minor units of c. A fraction of one is not an amount.
func (d Decimal) money(c money.Currency) (money.Money, bool) {
	exp, err := money.Exponent(c)
	if err != nil || exp > places {
		return money.Money{}, false
	}
	unit := Decimal(1)
	for range places - exp {
		unit *= 10
	}
	if d < 0 || d%unit != 0 || d/unit > money.Max {
		return money.Money{}, false
	}
	return money.Money{Minor: int64(d / unit), Currency: c}, true
}
