package sale

import (
	"fmt"
	"time"

	"qrposd/rules/money"
)

// Offline: the till makes the code by itself and nobody tells it of the payment. A
// statement of the shop's bank does, later.
const Offline Flow = "offline"

// Terms are how a sale is to be made without the provider.
type Terms struct {
	Scheme  string // of the code: promptpay, pix, ...
	Label   string // of the shop's account at it
	Carries bool   // a payment comes back with the sale's reference
	Lower   int64  // minor units by which the amount may be lowered, to be told from that of another open sale
}

// OwnCode is the code that a till made by itself, and all that is known of what
// became of it.
type OwnCode struct {
	Scheme    string        `json:"scheme"`
	Label     string        `json:"label"`
	Price     money.Money   `json:"price"`               // what the shop wants; the sale's amount, which is asked, may be a little less
	Reference string        `json:"reference,omitempty"` // comes back with the payment; empty where the scheme carries none
	Payload   string        `json:"payload,omitempty"`   // the code's very text
	Shown     Instant       `json:"shown,omitempty"`
	ShownWall time.Time     `json:"shown_wall,omitzero"`
	Lasts     time.Duration `json:"lasts,omitempty"` // how long a receipt is waited for
	Attested  *Attestation  `json:"attested,omitempty"`
	Receipt   *Receipt      `json:"receipt,omitempty"`
	GivenUp   bool          `json:"given_up,omitempty"` // the sale had been cancelled, or had ended otherwise, when its receipt was found
}

// Attestation is what an operator saw on the payer's telephone. It is a person's
// word, and a telephone shows what it is told to show.
type Attestation struct {
	By    string    `json:"by"`
	Shown bool      `json:"shown"` // it showed a payment
	At    Instant   `json:"at"`
	Wall  time.Time `json:"wall"`
}

// How says by what a receipt was found to be a sale's. The names are on disk.
type How string

// The ways, strongest first.
const (
	ByReference  How = "by_reference"
	ByAmountTime How = "by_amount_time" // the only sale of that amount at that time
	ByHand       How = "by_hand"
)

// Receipt is a line of a statement that says that money has come to the shop's own
// account.
type Receipt struct {
	ID        string      `json:"id"`     // of the line, at whoever made the statement
	Source    string      `json:"source"` // which statement
	Amount    money.Money `json:"amount"`
	At        time.Time   `json:"at"`
	Reference string      `json:"reference,omitempty"` // as the bank gave it back
	How       How         `json:"how"`
	By        string      `json:"by,omitempty"`   // ByHand: who says so
	Note      string      `json:"note,omitempty"` // ByHand: what it rests on
	Digest    string      `json:"digest"`         // SHA-256 of the evidence, as it came
}

// ReferenceOf is what a code of the sale carries: the running number and the keyed
// part of its ID, 16 characters, which is what the shortest scheme has room for.
func ReferenceOf(id ID) string { return string(id[max(0, len(id)-16):]) }

// ends is when the wait for a receipt is over.
func (o *OwnCode) ends() Instant {
	if o == nil {
		return 0
	}
	return o.Shown.Add(o.Lasts)
}

// openOwn holds what a sale without the provider begins with.
func openOwn(n New, id ID, o *OwnCode) error {
	switch {
	case (n.Flow == Offline) != (o != nil):
		return fmt.Errorf("sale: a sale of flow %.16q has a scheme, or is none without the provider", n.Flow)
	case o == nil:
		return nil
	case o.Scheme == "" || o.Payload != "" || o.Shown != 0 || o.Attested != nil || o.Receipt != nil:
		return fmt.Errorf("sale: a sale without the provider begins with its scheme and nothing else")
	case o.Reference != "" && o.Reference != ReferenceOf(id):
		return fmt.Errorf("sale: %.32q is not the reference of %s", o.Reference, id)
	case n.PayIn != "" && n.PayIn != n.Amount.Currency:
		return fmt.Errorf("sale: a sale without the provider has one currency")
	}
	if less, err := o.Price.Less(n.Amount); err != nil || less {
		return fmt.Errorf("sale: %s is asked for a price of %s", n.Amount, o.Price)
	}
	return nil
}

// guardOwn holds what the table cannot of the events of a code of the till's own.
func (s *Sale) guardOwn(ev Event) error {
	o := s.Own
	if o == nil {
		return refuse(s, ev, "sale_other_flow", "it is no sale without the provider")
	}
	switch ev.Kind {
	case OfflineShown:
		c := ev.Own
		j := s.Judgement
		if ev.Judgement != nil {
			j = ev.Judgement
		}
		switch {
		case s.Restored != nil:
			return refuse(s, ev, "sale_restored", "it came out of a backup, and what followed is lost; open a new sale")
		case c == nil || c.Payload == "" || c.Lasts <= 0 || c.Scheme != o.Scheme || c.Reference != o.Reference:
			return refuse(s, ev, "offline_code", "there is no code of this sale in it")
		case j != nil && !j.clear():
			return refuse(s, ev, "sale_not_judged", "it was not judged fit to be charged yet")
		}
	case Attested:
		if ev.By == "" {
			return refuse(s, ev, "attester_missing", "nobody says what the telephone showed")
		}
	case DisputeRaised:
		if ev.Why == nil {
			return refuse(s, ev, "dispute_reason", "nobody says why")
		}
	case ReceiptFound:
		r := ev.Receipt
		switch {
		case r == nil || r.ID == "" || r.Digest == "" || r.How == "" || r.How == ByHand && r.By == "":
			return refuse(s, ev, "receipt", "there is no receipt with its evidence in it")
		case !s.TakesReceipt():
			return refuse(s, ev, "offline_unseen", "nobody has seen a code of it")
		case r.Amount.Currency != s.Amount.Currency || r.Amount.Minor <= 0:
			return refuse(s, ev, "receipt_currency", fmt.Sprintf("%s came for a sale of %s", r.Amount, s.Amount))
		case r.How != ByHand && r.Amount != s.Amount:
			return refuse(s, ev, "amount_differs", fmt.Sprintf("%s came for a sale of %s", r.Amount, s.Amount))
		}
	}
	return nil
}

// recordOwn writes a fact into what is known of the till's own code.
func (s *Sale) recordOwn(ev Event) {
	o := *s.Own
	switch ev.Kind {
	case OfflineShown:
		if ev.Judgement != nil {
			s.judge(ev.Judgement)
		}
		o.Payload, o.Label, o.Lasts, o.Shown, o.ShownWall = ev.Own.Payload, ev.Own.Label, ev.Own.Lasts, ev.At, ev.Wall
		s.Why = nil
	case Attested:
		o.Attested = &Attestation{ev.By, ev.Shown, ev.At, ev.Wall}
	case ReceiptFound:
		r := *ev.Receipt
		o.Receipt, s.Why = &r, nil
		if o.GivenUp = s.State == Cancelled || s.State == Expired; o.GivenUp {
			s.Why = &Reason{Code: "receipt_given_up", Message: "money came for a sale that had been given up"}
		}
	}
	s.Own = &o
}

// ownEphemeral says that a fact about the till's own code is on record already.
func (s *Sale) ownEphemeral(ev Event) bool {
	switch {
	case s.Own == nil:
		return false
	case ev.Kind == Attested:
		return s.State == Unconfirmed && ev.Shown
	case ev.Kind == ReceiptFound:
		r := s.Own.Receipt
		return r != nil && ev.Receipt != nil && r.ID == ev.Receipt.ID
	}
	return false
}

// windowOver is the till's own word when no receipt was found in time.
func (s *Sale) windowOver() Event {
	ev := Event{Kind: DisputeRaised, Why: &Reason{Code: "offline_no_receipt", Message: "no receipt was found in time"}}
	if s.State == PresentedOffline {
		ev.Why = &Reason{Code: "offline_unanswered", Message: "nobody said what the payer's telephone showed, and no receipt was found in time"}
	}
	return ev
}

// Exposed is what the shop may have lost by the sale: a code of its own was shown
// for it, the goods may be gone, and no money was found.
func (s *Sale) Exposed() bool {
	return s.State == PresentedOffline || s.State == Unconfirmed || s.State == Disputed
}

// TakesReceipt says that a receipt can be of this sale: somebody may have seen its
// code, if only in the lost part of a restored one, and it has none yet.
func (s *Sale) TakesReceipt() bool {
	switch {
	case s.Own == nil || s.Own.Receipt != nil:
		return false
	case s.Exposed():
		return true
	}
	return (s.State == Cancelled || s.State == Expired) && (s.Own.Shown > 0 || s.Restored != nil)
}

// Offline says that the state belongs to sales that the provider never hears of.
func (s State) Offline() bool {
	switch s {
	case PresentedOffline, Unconfirmed, Disputed, Settled:
		return true
	}
	return false
}
