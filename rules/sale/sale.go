package sale

import (
	"time"

	"qrposd/rules/money"
)

// ID names a sale and is the stem of its order numbers at the provider.
type ID string

// Instant is a point in the till's own time in nanoseconds. It never goes back,
// not over a restart and not when the wall clock is set; the store keeps it.
type Instant int64

// Add is the instant d after i.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d) }

// Sub is the time from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i - j) }

// Now is the moment Next is asked about. Since is when this boot of the machine
// began to count: how long the power was off before it is unknown, so every
// wait that began earlier is waited out again from there, which is the safe side.
type Now struct {
	At, Since Instant
}

// Flow is who shows the code, and whose.
type Flow string

const (
	// Merchant: the till shows a QR code and the payer scans it.
	Merchant Flow = "merchant"
	// Payer: the payer shows a code and the till scans it.
	Payer Flow = "payer"
)

// Sale is one intention to take money, and all that is known of it. It is a
// value: Apply returns a new one and shares nothing that is written to.
//
// budget: what is known of a sale is one record, and is stored and read as one
type Sale struct {
	ID          ID             `json:"id"`
	Key         string         `json:"key"` // idempotency key, minted once
	Flow        Flow           `json:"flow"`
	Amount      money.Money    `json:"amount"` // what is charged; until there is a price, what the shop asks for
	Description string         `json:"description"`
	Operator    string         `json:"operator,omitempty"`
	State       State          `json:"state"`
	Cancel      bool           `json:"cancel,omitempty"` // the cashier wants out
	Why         *Reason        `json:"why,omitempty"`    // why it is in this state
	Judgement   *Judgement     `json:"judgement,omitempty"`
	PayIn       money.Currency `json:"pay_in,omitempty"` // what the payer pays in, where that is not the shop's currency
	Price       *Price         `json:"price,omitempty"`  // in it
	Liveness    *Liveness      `json:"liveness,omitempty"`
	Appeal      bool           `json:"appeal,omitempty"`   // a manager may send the refused attempt another way
	Rerouted    bool           `json:"rerouted,omitempty"` // the next attempt, or the present one, goes the other way
	Attempts    []Attempt      `json:"attempts,omitempty"`
	Refunds     []Refund       `json:"refunds,omitempty"`
	Restored    *Restoration   `json:"restored,omitempty"` // this record came out of a backup
	Own         *OwnCode       `json:"own,omitempty"`      // the code of a sale without the provider
	TakenOver   *Takeover      `json:"taken_over,omitempty"`
	Aside       *Aside         `json:"aside,omitempty"`
	Resumed     Instant        `json:"resumed,omitempty"` // when somebody asked for it to go on
	Begun       Instant        `json:"begun"`
	BegunWall   time.Time      `json:"begun_wall"`
	Changed     Instant        `json:"changed"`
	Facts       int            `json:"facts"` // how many events made it
}

// End is how an attempt ended, strongest first.
type End string

const (
	// Open: not ended.
	Open End = ""
	// EndPaid: the payer paid.
	EndPaid End = "paid"
	// EndClosed: the provider confirmed that the code cannot be paid any more.
	EndClosed End = "closed"
	// EndTakenBack: the provider confirmed the reversal.
	EndTakenBack End = "taken_back"
	// EndNotSent: the charge never left the till.
	EndNotSent End = "not_sent"
	// EndRefused: the provider refused under its signature and does not know the order.
	EndRefused End = "refused"
	// EndConcluded: the till concluded it from silence.
	EndConcluded End = "concluded"
	// EndAbsent: closed, refused or concluded, and after the watch the provider still knew
	// of no payment.
	EndAbsent End = "absent"
)

// Watched says that the end rests on less than the provider's word about the
// order itself: it is asked about for a while, and late money goes back.
func (e End) Watched() bool { return e == EndRefused || e == EndConcluded }

// Watched says that the order is asked about although it has ended.
func (a *Attempt) Watched() bool {
	return a.End.Watched() || a.Seen && (a.End == EndTakenBack || a.End == EndClosed)
}

// Retryable says that the payer may try again in the same sale.
func (e End) Retryable() bool { return e == EndTakenBack || e == EndNotSent || e == EndRefused }

// Verdict is what the provider's model says of a payment afterwards. It changes
// nothing in the books.
type Verdict string

// The verdicts that are on record; one that is pending is asked for again.
const (
	Unread     Verdict = ""
	Consistent Verdict = "consistent"
	Mismatch   Verdict = "mismatch"
	Unanswered Verdict = "unanswered" // it was asked for as long as it is worth
)

// Attempt is one order at the provider. A sale has at most one open attempt.
//
// budget: what is known of an order is one part of the sale's record
type Attempt struct {
	OrderNo       string        `json:"order_no"`
	Request       Request       `json:"request"`
	Sent          Instant       `json:"sent"`          // when the intent was recorded; every wait counts from here
	Key           string        `json:"key,omitempty"` // the attempt's own idempotency key, where the provider takes one
	CodeID        string        `json:"code_id,omitempty"`
	CodeURL       string        `json:"code_url,omitempty"`
	Lasts         time.Duration `json:"lasts,omitempty"`
	Shown         Instant       `json:"shown,omitempty"`
	Refused       bool          `json:"refused,omitempty"` // refused under signature, to be confirmed
	Failed        bool          `json:"failed,omitempty"`  // failed under signature, to be reversed
	Undo          int           `json:"undo,omitempty"`    // closes or reversals sent
	Undone        Instant       `json:"undone,omitempty"`  // when the last of them was
	TransactionID string        `json:"transaction_id,omitempty"`
	Verdict       Verdict       `json:"verdict,omitempty"` // of the provider's model, on a payment
	Found         bool          `json:"found,omitempty"`   // the provider knew it and the restored record did not
	Traced        bool          `json:"traced,omitempty"`  // after a restore: all that went back of it is known
	End           End           `json:"end,omitempty"`
	EndedAt       Instant       `json:"ended_at,omitempty"`
	Seen          bool          `json:"seen,omitempty"` // taken over: asked about for the whole watch, however it ended
}

// RefundState is where one refund stands.
type RefundState string

// The states of a refund.
const (
	RefundOwed    RefundState = "owed"    // promised, perhaps sent
	RefundWorking RefundState = "working" // accepted by the provider
	RefundPaid    RefundState = "done"    // the payer has it
	RefundBroken  RefundState = "failed"  // will never happen; the money may be promised again
	RefundHeld    RefundState = "held"    // a person finishes it at the provider; not to be promised again
)

// Refund is money promised back. Its number is fixed before it is first sent
// and is the provider's idempotency key: the same number refunds once.
type Refund struct {
	No      string      `json:"no"`
	OrderNo string      `json:"order_no"`
	Amount  money.Money `json:"amount"`
	By      string      `json:"by,omitempty"`
	Auto    bool        `json:"auto,omitempty"` // late money, given back without being asked
	Why     string      `json:"why,omitempty"`
	State   RefundState `json:"state"`
	Request Request     `json:"request,omitzero"`
	Sent    Instant     `json:"sent,omitempty"`
	Tries   int         `json:"tries,omitempty"`
	Found   bool        `json:"found,omitempty"` // the provider knew it and the restored record did not
	Repaid  *Repayment  `json:"repaid,omitempty"`
}

// Promised is what of the order's money the refund takes, in minor units.
func (r *Refund) Promised() int64 {
	switch {
	case r.State != RefundBroken:
		return r.Amount.Minor
	case r.Repaid != nil:
		return r.Repaid.Amount.Minor
	}
	return 0
}

// Current is the latest attempt, nil before the first.
func (s *Sale) Current() *Attempt {
	if len(s.Attempts) == 0 {
		return nil
	}
	return &s.Attempts[len(s.Attempts)-1]
}

// Attempt finds an attempt by its order number; empty is the current one.
func (s *Sale) Attempt(orderNo string) *Attempt {
	if orderNo == "" {
		return s.Current()
	}
	for i := range s.Attempts {
		if s.Attempts[i].OrderNo == orderNo {
			return &s.Attempts[i]
		}
	}
	return nil
}

// Retryable says that the payer may try again in the same sale, with another code.
func (s *Sale) Retryable() bool {
	a := s.Current()
	return (s.State == Declined || s.State == Reversed) && s.Flow == Payer && !s.Cancel && s.Restored == nil && s.TakenOver == nil && a != nil && a.End.Retryable() && s.Liveness.Good()
}

// Refund finds a refund by its number.
func (s *Sale) Refund(no string) *Refund {
	for i := range s.Refunds {
		if s.Refunds[i].No == no {
			return &s.Refunds[i]
		}
	}
	return nil
}

// Refundable is what may still be promised back of an order's money: what was
// paid less every refund that has not failed for good, and what somebody gave back in
// the place of those that have.
func (s *Sale) Refundable(orderNo string) money.Money {
	rest := money.Money{Currency: s.Amount.Currency}
	if a := s.Attempt(orderNo); a == nil || a.End != EndPaid {
		return rest
	}
	rest.Minor = s.Amount.Minor
	for i := range s.Refunds {
		if r := &s.Refunds[i]; r.OrderNo == orderNo {
			rest.Minor -= r.Promised()
		}
	}
	return rest
}

// PaidOrder is the attempt whose money this sale is about: the last paid one
// that was not late money to be given back.
func (s *Sale) PaidOrder() *Attempt {
	for i := len(s.Attempts) - 1; i >= 0; i-- {
		if s.Attempts[i].End == EndPaid {
			return &s.Attempts[i]
		}
	}
	return nil
}
