package day

import (
	"fmt"
	"iter"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Method is how somebody paid.
type Method string

// The methods.
const (
	QR   Method = "merchant_code" // the payer scanned the till's code
	Code Method = "payer_code"    // the till scanned the payer's code
	Own  Method = "own_code"      // the payer scanned a code that the till made without the provider
	Cash Method = "cash"
)

// MethodOf is the method of a sale.
func MethodOf(s sale.Sale) Method {
	switch s.Flow {
	case sale.Payer:
		return Code
	case sale.Offline:
		return Own
	}
	return QR
}

// Record is a sale that was touched in the period, or has something open.
type Record struct {
	Before sale.Sale // when the period began; the zero Sale where it was begun in it
	After  sale.Sale
	Method Method
}

// Leg is a posting of the journal within the period.
type Leg struct {
	Sale sale.ID
	sale.Posting
}

// Part is some of the period's sales and some of its legs. A sale is in one part; its
// legs may be in others.
type Part struct {
	Records iter.Seq2[Record, error]
	Legs    iter.Seq2[Leg, error]
}

// Whole is a period in one part.
func Whole(records iter.Seq2[Record, error], legs iter.Seq2[Leg, error]) iter.Seq[Part] {
	return func(yield func(Part) bool) { yield(Part{records, legs}) }
}

// Balance is what the provider owes the shop in one currency.
type Balance struct {
	Currency money.Currency `json:"currency"`
	Minor    int64          `json:"minor"`
}

// Head is where the journal ends: printed with the day, it fixes every line before.
type Head struct {
	Seq       uint64 `json:"seq"`
	Link      string `json:"link"`
	Signature string `json:"signature,omitempty"`
}

// Drawer is the cash of one drawer in one currency, in minor units.
type Drawer struct {
	Operator string         `json:"operator"`
	Currency money.Currency `json:"currency"`
	Float    int64          `json:"float"` // what was in it at the beginning
	Sales    int            `json:"sales"`
	Taken    int64          `json:"taken"`
	Returns  int            `json:"returns"`
	Returned int64          `json:"returned"`
	PaidIn   int64          `json:"paid_in"`
	PaidOut  int64          `json:"paid_out"`
	Counted  *int64         `json:"counted"` // nil: nobody has counted it
}

// Unsettled is a difference to the provider's bill that nobody has answered.
type Unsettled struct {
	Code    string // what differs
	Sale    sale.ID
	OrderNo string
	Amount  money.Money
}

// Day is a period to be reported.
type Day struct {
	Till         string
	Number       int // of the Z report, counted from one without a gap
	Began, Ended time.Time
	Now          sale.Instant // the till's own time at the end
	Head         Head
	Opening      []Balance // the closing balances of the day before
	Closing      []Balance // the provider's account in the ledger at the head
	Drawers      []Drawer
	Unsettled    []Unsettled
}

// Fault is an input of which no report can be made.
type Fault struct{ Code, Message, Hint string }

func (f *Fault) Error() string { return "day: " + f.Message }

func fault(code, hint, format string, args ...any) error {
	return &Fault{code, fmt.Sprintf(format, args...), hint}
}

// check says what is wrong with the day itself.
func (d *Day) check() error {
	const hint = "this is an error of the program: keep the report and the journal"
	if d.Ended.Before(d.Began) {
		return fault("day_order", "see whether the clock was set back and close the day again", "the day ends before it begins")
	}
	for _, list := range [][]Balance{d.Opening, d.Closing} {
		seen := make(map[money.Currency]bool)
		for _, b := range list {
			if _, err := money.Exponent(b.Currency); err != nil {
				return err
			}
			if seen[b.Currency] {
				return fault("day_balance", hint, "there are two balances in %s", b.Currency)
			}
			seen[b.Currency] = true
		}
	}
	for _, w := range d.Drawers {
		if _, err := money.Exponent(w.Currency); err != nil {
			return err
		}
		if min(w.Float, w.Taken, w.Returned, w.PaidIn, w.PaidOut, int64(min(w.Sales, w.Returns))) < 0 || w.Counted != nil && *w.Counted < 0 {
			return fault("drawer_negative", "enter amounts without a sign", "a figure of the drawer of %s is negative", w.Operator)
		}
	}
	return nil
}
