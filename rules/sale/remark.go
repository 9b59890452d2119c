package sale

import (
	"fmt"

	"qrposd/rules/money"
)

// A remark is what a person says of a sale that the till cannot bring to its end by
// itself. It is on record with a name and a reason. None of them settles a sale as
// paid, and none lets it be charged again: the most that one does is to have the
// loop ask once more, or send nothing until somebody says so.

// Takeover is a person's word on an outcome that the provider has not told. It
// frees the counter: the order is asked about in the background.
type Takeover struct {
	OrderNo string  `json:"order_no"`
	By      string  `json:"by"`
	Saw     string  `json:"saw"` // one of SeenPaid and SeenUnpaid
	Note    string  `json:"note"`
	At      Instant `json:"at"`
}

// What somebody has seen with their own eyes, on the payer's telephone or in the
// provider's application. They are codes of a Reason.
const (
	SeenPaid   = "seen_paid"
	SeenUnpaid = "seen_unpaid"
)

// Aside is that somebody has taken a job out of the till's hands: it sends nothing
// more of what it owes and goes on asking.
type Aside struct {
	By  string  `json:"by"`
	Why string  `json:"why"`
	At  Instant `json:"at"`
}

// Repayment is that somebody has given a payer the money of a refund that the provider
// has closed: in cash, by a transfer. The books keep it with the provider, where it is;
// what left the drawer is a line of the drawer.
type Repayment struct {
	By     string      `json:"by"`
	How    string      `json:"how"`
	Amount money.Money `json:"amount"` // what could still be promised of the refund
	At     Instant     `json:"at"`
}

// Purposes are what a till that owes money may be taken away for: the codes of a
// Left.
func Purposes() []string { return []string{"update", "reset", "removal", "logout"} }

// remark says that k is a person's word and no fact about money.
func (k Kind) remark() bool {
	return k == TakenOver || k == SetAside || k == Resumed || k == Repaid || k == Left
}

// remarked adds to the table what may be said in any state.
func remarked(t map[State]map[Kind]targets) map[State]map[Kind]targets {
	for st, row := range t {
		row[SetAside], row[Repaid], row[Left] = targets{st}, targets{st}, targets{st}
		row[Resumed] = targets{st}
		if st == Paid || st == PartRefunded {
			row[Resumed] = targets{st, Refunding}
		}
	}
	return t
}

func (s *Sale) guardRemark(ev Event) error {
	if ev.By == "" || ev.Why == nil || ev.Why.Message == "" {
		return refuse(s, ev, "remark_unsigned", "it needs a name and a reason")
	}
	switch ev.Kind {
	case TakenOver:
		if ev.Why.Code != SeenPaid && ev.Why.Code != SeenUnpaid {
			return refuse(s, ev, "remark_unclear", "it says neither paid nor not paid")
		}
		if t := s.TakenOver; t != nil {
			return refuse(s, ev, "sale_taken_over", fmt.Sprintf("%s has taken it over already", t.By))
		}
	case SetAside:
		if !s.owesRefund() {
			return refuse(s, ev, "nothing_to_set_aside", "no refund of it waits to be sent")
		}
	case Repaid:
		if !s.owes(DebtFailed) {
			return refuse(s, ev, "nothing_to_repay", "the provider has closed no refund of it that nobody has given back")
		}
	case Resumed:
		if len(s.Debts()) == 0 {
			return refuse(s, ev, "nothing_owed", "nothing is owed")
		}
		for i := range s.Refunds {
			if n := s.countRefunds(s.Refunds[i].OrderNo); s.refundDebt(i) == DebtFailed && n >= maxRefunds {
				return s.tooMany(ev, n)
			}
		}
	case Left:
		if len(s.Debts()) == 0 {
			return refuse(s, ev, "nothing_owed", "nothing is owed")
		}
	}
	return nil
}

func (s *Sale) recordRemark(ev Event) {
	switch ev.Kind {
	case TakenOver:
		a := s.Current()
		a.Seen = true
		s.TakenOver = &Takeover{a.OrderNo, ev.By, ev.Why.Code, ev.Why.Message, ev.At}
		s.Cancel = s.Cancel || ev.Why.Code == SeenUnpaid
	case SetAside:
		s.Aside = &Aside{ev.By, ev.Why.Message, ev.At}
	case Repaid:
		for i := range s.Refunds {
			if s.refundDebt(i) == DebtFailed {
				s.Refunds[i].Repaid = &Repayment{ev.By, ev.Why.Message, s.broken(i), ev.At}
			}
		}
	case Resumed:
		s.Aside, s.Resumed = nil, ev.At
		for i := range s.Refunds {
			// What the provider has closed will never arrive: only then is the money
			// promised under another number.
			if r := s.Refunds[i]; s.refundDebt(i) == DebtFailed {
				s.oweRefund(r.OrderNo, s.broken(i), ev.By, r.Why, r.Auto)
			}
		}
	}
}

// unexpected says that somebody has seen that the payer did not pay: money that
// arrives all the same goes back, because whoever saw it has acted on it.
func (s *Sale) unexpected() bool { return s.TakenOver != nil && s.TakenOver.Saw == SeenUnpaid }

// expected says that somebody has seen that the payer paid: the charge is not taken
// back on mere silence.
func (s *Sale) expected() bool { return s.TakenOver != nil && s.TakenOver.Saw == SeenPaid }

// Contradicted is the takeover that a fact has proved wrong: it ended otherwise
// than somebody had seen.
func Contradicted(before, after Sale) *Takeover {
	t := after.TakenOver
	if t == nil {
		return nil
	}
	wrong := func(s *Sale) bool {
		a := s.Attempt(t.OrderNo)
		return a != nil && a.End != Open && (a.End == EndPaid) != (t.Saw == SeenPaid)
	}
	if before.TakenOver == nil || wrong(&before) || !wrong(&after) {
		return nil
	}
	return t
}
