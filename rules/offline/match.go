// Package offline finds the sale that a receipt is for.
//
// A sale by a code of the till's own is money of the shop only when a statement of
// its bank has it. Which line of a statement is whose is decided here, without I/O
// and without a clock, so that every case can be tried: by the reference that the
// code carried, else by amount and time where exactly one sale fits, else by a
// person. A reference goes before everything: where its sale has another amount, or
// its receipt already, the line is not given to somebody else's sale of that amount.
// Banks that drop references are known (PIX), so a line without one may be of a sale
// with one; a line with a foreign reference may not.
//
// Sales that were given up are candidates like all others: a payer who photographed
// the code pays later, and that money is real.
//
// Rejected: the nearest in time among several that fit, since a wrong match is money
// booked to a sale that nobody paid, and nobody would look for it again; and amounts
// that differ a little, since a fee that a bank kept is for the owner to say.
package offline

import (
	"strings"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Slack is how far the clocks of a till and of a bank may be apart.
const Slack = 2 * time.Minute

// Receipt is a line of a statement. Scheme is empty where the statement does not
// know, Reference where the bank gave none back.
type Receipt struct {
	ID        string      `json:"id"`
	Source    string      `json:"source"`
	Scheme    string      `json:"scheme,omitempty"`
	Reference string      `json:"reference,omitempty"`
	Amount    money.Money `json:"amount"`
	At        time.Time   `json:"at"`
}

// Candidate is a sale that a receipt may be for.
type Candidate struct {
	ID        sale.ID
	Scheme    string
	Reference string // what its code carried
	Amount    money.Money
	From, To  time.Time // when its code could be paid, as far as a receipt is waited for
	Has       bool      // it has its receipt
	Unseen    bool      // nobody can have seen its code
}

// Of is a sale as a candidate. One whose code was never shown is one by reference
// alone.
func Of(s *sale.Sale) Candidate {
	o := s.Own
	return Candidate{s.ID, o.Scheme, o.Reference, s.Amount, o.ShownWall, o.ShownWall.Add(o.Lasts), o.Receipt != nil, o.Receipt == nil && !s.TakesReceipt()}
}

// Outcome is what became of a receipt. The names are on disk.
type Outcome string

// The outcomes.
const (
	Matched   Outcome = "matched"
	Ambiguous Outcome = "ambiguous" // a person decides
	Unmatched Outcome = "unmatched"
)

// Why a receipt was not matched. The names are on disk; a matched one has the
// [sale.How].
const (
	SeveralFit    = "several_fit"
	NoSale        = "no_sale"
	AmountDiffers = "amount_differs" // the sale of its reference has another amount
	Used          = "used"           // the sale of its reference has its receipt already
)

// Match is what became of a receipt.
type Match struct {
	Outcome    Outcome   `json:"outcome"`
	Why        string    `json:"why"`
	Sale       sale.ID   `json:"sale,omitempty"`
	Candidates []sale.ID `json:"candidates,omitempty"`
}

// Normal is a reference as it is compared: banks change its case, pad it, and write
// stars for none.
func Normal(reference string) string {
	return strings.ToUpper(strings.Trim(reference, " *"))
}

// Match finds the sale that r is for: named is the sale of its reference, nil if no
// sale has that, and others are sales of its amount.
func (r Receipt) Match(named *Candidate, others []Candidate) Match {
	if named != nil {
		switch {
		case named.Has:
			return Match{Unmatched, Used, named.ID, nil}
		case named.Unseen:
			return Match{Unmatched, NoSale, named.ID, nil}
		case named.Amount != r.Amount:
			return Match{Unmatched, AmountDiffers, named.ID, nil}
		}
		return Match{Matched, string(sale.ByReference), named.ID, nil}
	}
	var fit []sale.ID
	for i := range others {
		if r.fits(&others[i]) {
			fit = append(fit, others[i].ID)
		}
	}
	switch len(fit) {
	case 0:
		return Match{Unmatched, NoSale, "", nil}
	case 1:
		return Match{Matched, string(sale.ByAmountTime), fit[0], nil}
	}
	return Match{Ambiguous, SeveralFit, "", fit}
}

// fits says that the money can be for c, by all but a reference.
func (r Receipt) fits(c *Candidate) bool {
	switch {
	case c.Has || c.Unseen || c.Amount != r.Amount || r.Scheme != "" && c.Scheme != r.Scheme:
		return false
	case Normal(r.Reference) != "" && c.Reference != "": // it says that it is for something else
		return false
	}
	return !r.At.Before(c.From.Add(-Slack)) && !r.At.After(c.To.Add(Slack))
}
