package bill

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"qrposd/rules/money"
)

// maxDifferences is how many a shop can have; with more, the bill is another's.
const maxDifferences = 10_000

// DefaultSkew is how far a till's clock may be from the provider's: beyond it the
// provider refuses its requests.
const DefaultSkew = 5 * time.Minute

// Comparison is what to hold a bill against.
type Comparison struct {
	Day      time.Time                 // any moment of the bill's day in Beijing
	Digest   string                    // SHA-1 of the plain file, as the provider signed it
	Merchant string                    // whose rows count, as merchant or as sub-merchant
	Ours     func(orderNo string) bool // rows of other tills of the merchant are not differences; nil is all
	Skew     time.Duration             // nought is DefaultSkew
}

// Sum is money of one currency.
type Sum struct {
	Currency money.Currency `json:"currency"`
	Paid     int64          `json:"paid"`     // minor units
	Refunded int64          `json:"refunded"` // and reversed
}

// Result is how a bill compares.
type Result struct {
	Rows        int          `json:"rows"`
	Others      int          `json:"others"` // rows of other tills and merchants
	Agreed      int          `json:"agreed"` // entries of the shop
	Differences []Difference `json:"differences"`
	Pending     []Difference `json:"pending"` // may be in a neighbouring day's bill
	There       []Sum        `json:"there"`   // by the rows that are the shop's
	Fee         Decimal      `json:"fee"`     // of them
}

// Compare holds a bill against the shop's entries, which may be those of the days
// around it too. Where it returns an error nothing is known.
func (c Comparison) Compare(r io.Reader, entries iter.Seq2[Entry, error]) (Result, error) {
	if c.Merchant == "" {
		return Result{}, errors.New("bill: whose rows count is not said")
	}
	if c.Skew == 0 {
		c.Skew = DefaultSkew
	}
	y, m, d := c.Day.In(beijing).Date()
	j := join{Comparison: c, begin: time.Date(y, m, d, 0, 0, 0, 0, beijing), end: time.Date(y, m, d+1, 0, 0, 0, 0, beijing)}
	j.slots, j.sums = make(map[key]*slot), make(map[money.Currency]*Sum)
	j.Differences, j.Pending = []Difference{}, []Difference{}
	for e, err := range entries {
		if err != nil {
			return Result{}, err
		}
		if err := j.expect(e); err != nil {
			return Result{}, err
		}
	}
	s, err := Read(r, c.Digest, j.row)
	if err != nil {
		return Result{}, err
	}
	if s.Rows > 0 && !j.dated {
		message := "none of its rows is of " + j.begin.Format(time.DateOnly)
		return Result{}, &Error{Code: CodeOtherDay, Message: message, Hint: hintAgain}
	}
	j.Rows = s.Rows
	return j.finish()
}

// key names an entry. Orders and refunds have numbers of their own.
type key struct {
	no     string
	refund bool
}

// slot is an entry and what the bill has of it. There are as many as the shop sold,
// so it holds no more than it has to.
type slot struct {
	entry    Entry
	currency money.Currency // in the bill
	there    int64          // minor units: paid, or refunded
	back     int64          // reversed
	seenAt   int64          // seconds
	other    bool           // the refund is of another order in the bill
	failed   bool
	seen     uint8 // rows of a payment or a refund, at most two
	revoked  uint8
}

type join struct {
	Comparison
	Result
	begin, end time.Time
	slots      map[key]*slot
	sums       map[money.Currency]*Sum
	dated      bool // a row is of the day
}

func (j *join) expect(e Entry) error {
	k := key{e.No, e.Kind == Return}
	if j.slots[k] != nil {
		return fmt.Errorf("bill: the shop has the %s %.80q twice", e.Kind, e.No)
	}
	j.slots[k] = &slot{entry: e}
	return nil
}

// row takes a row of the bill.
func (j *join) row(r Row) error {
	j.dated = j.dated || !r.Time.Before(j.begin) && r.Time.Before(j.end)
	k, amount := key{r.OrderNo, false}, r.Amount
	switch r.State {
	case Refund:
		k, amount = key{r.RefundNo, true}, r.Refund
	case Revoked:
		if r.Refund.Minor > 0 {
			amount = r.Refund
		}
	}
	s := j.slots[k]
	if r.Merchant != j.Merchant && r.SubMerchant != j.Merchant || s == nil && j.Ours != nil && !j.Ours(r.OrderNo) {
		j.Others++
		return nil
	}
	sum, err := j.count(r.State, amount, r.Fee)
	if err != nil {
		return err
	}
	amount.Currency = sum.Currency
	if s == nil {
		if r.State == Revoked {
			return nil // its payment, if there was one, is a row too
		}
		return j.unknown(k, r, amount)
	}
	s.seenAt, s.currency = r.Time.Unix(), amount.Currency
	if r.State == Revoked {
		s.revoked, s.back = min(s.revoked+1, 2), amount.Minor
		return nil
	}
	s.seen, s.there = min(s.seen+1, 2), amount.Minor
	s.other = s.other || r.State == Refund && r.OrderNo != s.entry.OrderNo
	s.failed = s.failed || r.State == Refund && r.RefundState == FailedRefund
	return nil
}

func (j *join) unknown(k key, r Row, amount money.Money) error {
	d := difference(UnknownPayment, Payment)
	if k.refund {
		d = difference(UnknownRefund, Return)
	}
	d.No, d.OrderNo, d.There, d.At = strings.Clone(k.no), strings.Clone(r.OrderNo), amount, r.Time
	return j.add(d)
}

func (j *join) add(d Difference) error {
	if j.Differences = append(j.Differences, d); len(j.Differences) > maxDifferences {
		message := fmt.Sprintf("more than %d of its rows and the shop's do not agree", maxDifferences)
		return &Error{Code: CodeForeign, Message: message, Hint: "see whether merchant, day and shop are the ones that the bill is of"}
	}
	return nil
}

// count adds a row to its currency's sum, whose name does not share a line's memory.
func (j *join) count(state State, amount money.Money, fee Decimal) (*Sum, error) {
	s := j.sums[amount.Currency]
	if s == nil {
		s = &Sum{Currency: money.Currency(strings.Clone(string(amount.Currency)))}
		j.sums[s.Currency] = s
	}
	to := &s.Paid
	if state != Success {
		to = &s.Refunded
	}
	sum, err := money.Money{Minor: *to, Currency: s.Currency}.Add(amount)
	if err != nil {
		return nil, err
	}
	var ok bool
	if j.Fee, ok = j.Fee.plus(fee); !ok {
		return nil, errors.New("bill: the sum of the fees is too large")
	}
	*to = sum.Minor
	return s, nil
}

// finish judges every entry once the whole bill was seen.
func (j *join) finish() (Result, error) {
	for _, s := range j.slots {
		if err := j.judge(s); err != nil {
			return Result{}, err
		}
	}
	for _, c := range slices.Sorted(maps.Keys(j.sums)) {
		j.There = append(j.There, *j.sums[c])
	}
	for _, list := range [][]Difference{j.Differences, j.Pending} {
		sort.SliceStable(list, func(i, j int) bool {
			a, b := &list[i], &list[j]
			return cmp.Or(strings.Compare(a.No, b.No), strings.Compare(string(a.Kind), string(b.Kind)), a.At.Compare(b.At)) < 0
		})
	}
	return j.Result, nil
}

func (j *join) judge(s *slot) error {
	what := s.payment()
	if s.entry.Kind == Return {
		what = s.refund()
	}
	inside, touches := j.within(&s.entry)
	absent := what == NoPayment || what == NoRefund
	switch {
	case what == "" && s.seen+s.revoked > 0:
		j.Agreed++
		return nil
	case what == "" || absent && !touches:
		return nil // nothing to be found, or of another day
	case absent && !inside:
		what = AnotherDay
	}
	d := difference(what, s.entry.Kind)
	d.No, d.OrderNo, d.Sale, d.State, d.Here = s.entry.No, s.entry.OrderNo, s.entry.Sale, s.entry.State, s.entry.Amount
	if s.seen+s.revoked > 0 {
		d.At, d.There = time.Unix(s.seenAt, 0).In(beijing), money.Money{Minor: s.there, Currency: s.currency}
		if s.seen == 0 {
			d.There.Minor = s.back
		}
	}
	if what == AnotherDay {
		j.Pending = append(j.Pending, d)
		return nil
	}
	return j.add(d)
}

// within says whether an entry can only be in this day's bill, and whether it can be
// at all.
func (j *join) within(e *Entry) (inside, touches bool) {
	from, to := e.From.Add(-j.Skew), e.To.Add(j.Skew)
	inside = !from.Before(j.begin) && !e.To.IsZero() && to.Before(j.end)
	return inside, from.Before(j.end) && (e.To.IsZero() || !to.Before(j.begin))
}

// same says whether an amount of the bill is the shop's.
func (s *slot) same(minor int64) bool {
	return s.entry.Amount == money.Money{Minor: minor, Currency: s.currency}
}

// payment is in what way a payment differs, "" where it does not.
func (s *slot) payment() What {
	switch {
	case s.seen > 1 || s.revoked > 1:
		return Twice
	case s.seen > 0 && !s.same(s.there) || s.revoked > 0 && !s.same(s.back):
		return AmountDiffers
	}
	paid, revoked := s.seen > 0, s.revoked > 0
	switch s.entry.State {
	case Paid:
		if revoked {
			return RevokedThere
		}
		if !paid {
			return NoPayment
		}
	case TakenBack:
		if paid && !revoked {
			return NotRevoked
		}
	default:
		// A payment that was reversed leaves no money at the provider, which is what
		// the shop believes of one that ended; an open one is asked about.
		if paid && !revoked || revoked && s.entry.State == Open {
			return PaidThere
		}
	}
	return ""
}

// refund is in what way a refund differs. A bill says that it was asked for, its
// status is not kept up.
func (s *slot) refund() What {
	there := s.seen > 0
	switch {
	case s.seen > 1:
		return Twice
	case there && s.other:
		return OrderDiffers
	case there && !s.same(s.there):
		return AmountDiffers
	}
	switch s.entry.State {
	case Returned, Accepted:
		if !there {
			return NoRefund
		}
		if s.failed {
			return FailedThere
		}
	case Owed:
		if there {
			return AcceptedThere
		}
	}
	return ""
}
