package store

import (
	"fmt"

	"qrposd/rules/offline"
	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/record"
)

// unprovided is what a check knows of the sales without the provider.
type unprovided struct {
	index    map[string]sale.ID      // what the index should have
	receipts map[string]sale.Receipt // by the keys of their records: those that sales have
	cases    map[string]CaseKind     // subjects of cases that there should be
	streak   int64
	paid     bool // since when the streak is known
}

func newUnprovided() unprovided {
	return unprovided{map[string]sale.ID{}, map[string]sale.Receipt{}, map[string]CaseKind{}, 0, false}
}

// line follows the journal.
func (u *unprovided) line(l ledger.Line) {
	switch l.Event.Kind {
	case sale.OfflineShown:
		u.streak++
	case sale.Received:
		u.streak, u.paid = 0, true
	case sale.DisputeRaised:
		u.cases[string(l.Sale)] = OfflineUnpaid
	}
}

// shape holds what must be true of any sale without the provider, and notes what the
// index and the receipts should say of it.
func (u *unprovided) shape(s *sale.Sale, bad func(string, ...any)) {
	o := s.Own
	if s.State.Offline() != (o != nil && (s.Exposed() || s.State == sale.Settled)) || (s.Flow == sale.Offline) != (o != nil) {
		bad("it is %s of flow %s, and its own code is %v", s.State, s.Flow, o != nil)
	}
	if o == nil {
		return
	}
	if s.Exposed() && (o.Payload == "" || o.Shown == 0) {
		bad("I3: it is %s and the code that was shown is not on record", s.State)
	}
	if s.State == sale.Unconfirmed && (o.Attested == nil || !o.Attested.Shown || o.Attested.By == "") {
		bad("it is %s and nobody has said so", s.State)
	}
	if (o.Receipt != nil) != (s.State == sale.Settled) {
		bad("I8: it is %s, and that it has a receipt is %v", s.State, o.Receipt != nil)
	}
	if at := standing(s); at != 0 {
		u.index[string(standingAt(at, s.Begun))] = s.ID
	}
	if k := shownAt(s); k != nil {
		u.index[string(k)] = s.ID
	}
	if o.Reference != "" {
		u.index[string(namedAt(o.Reference))] = s.ID
	}
	if r := o.Receipt; r != nil {
		k := string(receiptAt(r.ID))
		if was, twice := u.receipts[k]; twice {
			bad("I1: its receipt %s is another sale's, of %s", r.ID, was.Amount)
		}
		u.receipts[k] = *r
	}
	if o.GivenUp {
		u.cases[string(s.ID)] = ReceiptGivenUp
	}
}

// unprovided holds the index against the sales and the receipts against both.
func (c *checker) unprovided() error {
	b := c.tx.Bucket(offlineBucket)
	err := b.ForEach(func(k, value []byte) error {
		where := fmt.Sprintf("offline/%q", k)
		payload, err := record.Open(k, value)
		if err != nil {
			c.r.bad(where, err.Error())
			return nil
		}
		switch k[0] {
		case offlineReceipt:
			c.receipt(where, k, value)
		case offlineStreak:
			known := c.deep || c.own.paid || len(c.old.list()) == 0 // or an archive that is not looked at knows where it began
			if n, err := readStreak(b); err != nil || known && n.N != c.own.streak {
				c.r.bad(where, fmt.Sprintf("%d codes were shown in a row, %d are counted", c.own.streak, n.N))
			}
			c.own.streak = 0
		default:
			if id, ok := c.own.index[string(k)]; !ok || string(id) != string(payload) {
				c.r.bad(where, fmt.Sprintf("it names %q, and the sales say %q", payload, id))
			}
			delete(c.own.index, string(k))
		}
		return nil
	})
	if c.own.streak != 0 {
		c.r.bad("offline", fmt.Sprintf("%d codes were shown in a row, none is counted", c.own.streak))
	}
	for k, id := range c.own.index {
		c.r.bad(fmt.Sprintf("offline/%q", k), fmt.Sprintf("sale %s is not where a receipt or the exposure would find it", id))
	}
	for _, r := range c.own.receipts {
		c.r.bad("offline", fmt.Sprintf("I1: receipt %s of a sale is not among those that were taken", r.ID))
	}
	for subject, kind := range c.own.cases {
		if at := subjectAt(kind, subject); c.tx.Bucket(caseBucket).Get(at) == nil {
			c.r.bad("case", fmt.Sprintf("nobody was told of %s about %.64q", kind, subject))
		}
	}
	return err
}

// receipt holds one that was taken against the sale that has it, or against the case
// that there is of it.
func (c *checker) receipt(where string, k, value []byte) {
	c.r.Receipts++
	var r Receipt
	if err := record.Unmarshal(k, value, &r); err != nil || string(receiptAt(r.ID)) != string(k) || r.Digest != digestOf(r.Receipt) {
		c.r.bad(where, "it is not the receipt that was handed in")
		return
	}
	has, ok := c.own.receipts[string(k)]
	delete(c.own.receipts, string(k))
	switch {
	case ok != (r.Outcome == offline.Matched):
		c.r.bad(where, fmt.Sprintf("I1: it is %s, and that a sale has it is %v", r.Outcome, ok))
	case ok && (has.Digest != r.Digest || has.Amount != r.Amount || string(has.How) != r.Why):
		c.r.bad(where, "I8: its sale was booked for another one")
	case !ok:
		c.own.cases[r.ID] = caseOf(r)
	}
}
