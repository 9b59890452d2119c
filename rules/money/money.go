// Package money is exact amounts: integer minor units of an ISO 4217 currency.
//
// An amount is never a float and never has an assumed number of decimals: JPY
// has none, KWD has three, and a till that assumes two is wrong by a factor of
// a hundred in Tokyo. Arithmetic is checked, because a wrapped sum is a sum
// that somebody is charged. Currencies are a closed table: an unknown code is
// an error at the edge and not a surprise at settlement.
//
// Rejected: a decimal library (every scheme we talk to counts minor units, and
// its rounding modes would be one more thing to get wrong), and big.Int (an
// amount beyond Max is a typing error, not a sale).
package money

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// Max is the largest amount of one sale in minor units. It keeps every sum of
// a year of sales (fewer than 1e6) inside int64.
const Max = 1_000_000_000_000

// Currency is an ISO 4217 alphabetic code in capitals.
type Currency string

// Money is an amount in minor units of a currency. Amounts of sales are
// positive; the zero value is no money and belongs to no currency.
type Money struct {
	Minor    int64    `json:"minor"`
	Currency Currency `json:"currency"`
}

// Code says what is wrong with an amount, for programs.
type Code string

// The ways an amount can be wrong.
const (
	Unknown   Code = "currency_unknown"
	Syntax    Code = "amount_syntax"
	Precision Code = "amount_precision"
	Zero      Code = "amount_zero"
	Negative  Code = "amount_negative"
	Overflow  Code = "amount_overflow"
	Mixed     Code = "currency_mixed"
)

// Error is a refused amount: which rule it breaks and what to type instead.
type Error struct {
	Code    Code
	Message string
	Hint    string
}

func (e *Error) Error() string { return e.Message }

// exponents are the ISO 4217 minor unit exponents of the currencies a till can
// meet (ISO 4217 list one, column "Minor unit").
var exponents = map[Currency]int{
	"AED": 2, "AUD": 2, "BHD": 3, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0, "CNY": 2, "CZK": 2, "DKK": 2,
	"EUR": 2, "GBP": 2, "HKD": 2, "HUF": 2, "IDR": 2, "ILS": 2, "INR": 2, "ISK": 0, "JOD": 3, "JPY": 0,
	"KHR": 2, "KRW": 0, "KWD": 3, "LAK": 2, "MMK": 2, "MOP": 2, "MXN": 2, "MYR": 2, "NOK": 2, "NZD": 2,
	"OMR": 3, "PHP": 2, "PLN": 2, "PYG": 0, "QAR": 2, "RUB": 2, "SAR": 2, "SEK": 2, "SGD": 2, "THB": 2,
	"TND": 3, "TRY": 2, "TWD": 2, "UGX": 0, "USD": 2, "VND": 0, "ZAR": 2,
}

// Exponent is the number of decimals of a currency.
func Exponent(c Currency) (int, error) {
	n, ok := exponents[c]
	if !ok {
		return 0, &Error{Unknown, fmt.Sprintf("unknown currency %.8q", string(c)), "use an ISO 4217 code in capitals, such as CNY"}
	}
	return n, nil
}

// New is a positive amount in minor units, or the reason why it is not one.
func New(minor int64, c Currency) (Money, error) {
	m := Money{minor, c}
	return m, m.Check()
}

// Check says whether m can be the amount of a sale: a known currency, above
// zero, at most Max.
func (m Money) Check() error {
	if _, err := Exponent(m.Currency); err != nil {
		return err
	}
	switch {
	case m.Minor == 0:
		return &Error{Zero, "the amount is zero", "enter what the customer has to pay"}
	case m.Minor < 0:
		return &Error{Negative, "the amount is negative", "give money back with a refund of the sale that took it"}
	case m.Minor > Max:
		return &Error{Overflow, "the amount is too large", fmt.Sprintf("a sale is at most %s", Money{Max, m.Currency})}
	}
	return nil
}

// Parse reads a decimal such as "12.80" as an amount of c. At most the
// currency's own decimals are accepted, even where the rest are zeros: a till
// that guesses what "1.000" means guesses wrong in half of the world.
func Parse(s string, c Currency) (Money, error) {
	exp, err := Exponent(c)
	if err != nil {
		return Money{}, err
	}
	digits, neg := strings.CutPrefix(s, "-")
	whole, frac, point := strings.Cut(digits, ".")
	if !allDigits(whole) || point && !allDigits(frac) {
		return Money{}, &Error{Syntax, fmt.Sprintf("%.24q is not an amount", s), "digits with a point, such as 12.80"}
	}
	if len(frac) > exp {
		return Money{}, &Error{Precision, fmt.Sprintf("%.24q has too many decimals", s), fmt.Sprintf("%s has %d decimals", c, exp)}
	}
	minor := int64(0)
	for _, d := range whole + frac + strings.Repeat("0", exp-len(frac)) {
		if minor > (math.MaxInt64-9)/10 {
			return Money{}, &Error{Overflow, "the amount is too large", fmt.Sprintf("a sale is at most %s", Money{Max, c})}
		}
		minor = minor*10 + int64(d-'0')
	}
	if neg {
		minor = -minor
	}
	return New(minor, c)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Decimal is the amount in major units with all of the currency's decimals,
// without the currency: "12.80". An unknown currency shows minor units.
func (m Money) Decimal() string {
	exp := exponents[m.Currency]
	abs, sign := uint64(m.Minor), ""
	if m.Minor < 0 {
		abs, sign = -abs, "-"
	}
	if exp == 0 {
		return fmt.Sprintf("%s%d", sign, abs)
	}
	pow := uint64(math.Pow10(exp))
	return fmt.Sprintf("%s%d.%0*d", sign, abs/pow, exp, abs%pow)
}

// String is the amount for people and logs: "CNY 12.80".
func (m Money) String() string { return string(m.Currency) + " " + m.Decimal() }

// Add is m + n, refusing another currency and overflow. The result may be
// negative: sums of postings are.
func (m Money) Add(n Money) (Money, error) {
	if m.Currency != n.Currency {
		return Money{}, &Error{Mixed, fmt.Sprintf("%s and %s do not add up", m, n), "amounts of one sale have one currency"}
	}
	sum := m.Minor + n.Minor
	if (sum > m.Minor) != (n.Minor > 0) && n.Minor != 0 {
		return Money{}, &Error{Overflow, fmt.Sprintf("%s and %s overflow", m, n), "close the day and start a new ledger"}
	}
	return Money{sum, m.Currency}, nil
}

// Neg is -m. The least int64 has no opposite and cannot come from New.
func (m Money) Neg() Money { return Money{-m.Minor, m.Currency} }

// Less orders amounts of one currency; another currency is an error.
func (m Money) Less(n Money) (bool, error) {
	if m.Currency != n.Currency {
		return false, &Error{Mixed, fmt.Sprintf("%s and %s do not compare", m, n), "amounts of one sale have one currency"}
	}
	return m.Minor < n.Minor, nil
}

// UnmarshalJSON reads {"minor":1280,"currency":"CNY"} and refuses an unknown
// currency, so that no amount without a meaning gets past a file or a wire.
// Sign and size are the business of Check.
func (m *Money) UnmarshalJSON(b []byte) error {
	type plain Money
	var p plain
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	if p != (plain{}) {
		if _, err := Exponent(p.Currency); err != nil {
			return err
		}
	}
	*m = Money(p)
	return nil
}
