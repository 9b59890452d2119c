package sale

import "qrposd/rules/money"

// DebtKind says what a sale owes. The names are on the wire.
type DebtKind string

// The kinds of debts, the heaviest last.
const (
	// DebtWatch: an order has ended and is still asked about. Nobody owes money; late
	// money would go back.
	DebtWatch DebtKind = "watch"
	// DebtOpen: nothing was asked of the provider yet, and somebody may stand there.
	DebtOpen DebtKind = "open"
	// DebtCharge: an attempt is under way whose outcome is not known.
	DebtCharge DebtKind = "charge"
	// DebtUnconfirmed: a code of the till's own was shown, and no receipt was found.
	DebtUnconfirmed DebtKind = "unconfirmed"
	// DebtTrace: the sale came out of a backup, and what followed is being asked for.
	DebtTrace DebtKind = "trace"
	// DebtRefund: money was promised back and the provider has not confirmed it.
	DebtRefund DebtKind = "refund"
	// DebtHeld: the provider holds a refund until a person finishes it there.
	DebtHeld DebtKind = "refund_held"
	// DebtFailed: the provider has closed a refund without paying it, and nobody has
	// promised that money again or given it back in another way.
	DebtFailed DebtKind = "refund_failed"
)

// Debt is one thing that a sale owes to somebody.
type Debt struct {
	Kind     DebtKind
	OrderNo  string
	RefundNo string
	Amount   money.Money
	Working  bool // the provider has accepted it and takes its time
}

// Debts are what s owes, the heaviest last. What rests owes nothing.
func (s *Sale) Debts() []Debt {
	var list []Debt
	for i := range s.Attempts {
		if a := &s.Attempts[i]; a.Watched() {
			list = append(list, Debt{Kind: DebtWatch, OrderNo: a.OrderNo, Amount: s.Amount})
		}
	}
	switch a := s.Current(); {
	case s.State.Before():
		list = append(list, Debt{Kind: DebtOpen, Amount: s.Amount})
	case s.Exposed():
		list = append(list, Debt{Kind: DebtUnconfirmed, Amount: s.Amount})
	case s.State.Live():
		list = append(list, Debt{Kind: DebtCharge, OrderNo: a.OrderNo, Amount: s.Amount})
	}
	if s.Tracing() {
		list = append(list, Debt{Kind: DebtTrace, Amount: s.Amount})
	}
	for _, kind := range []DebtKind{DebtRefund, DebtHeld, DebtFailed} {
		for i := range s.Refunds {
			if r := &s.Refunds[i]; s.refundDebt(i) == kind {
				d := Debt{Kind: kind, OrderNo: r.OrderNo, RefundNo: r.No, Amount: r.Amount, Working: r.State == RefundWorking}
				if kind == DebtFailed {
					d.Amount = s.broken(i)
				}
				list = append(list, d)
			}
		}
	}
	return list
}

func (s *Sale) refundDebt(i int) DebtKind {
	switch s.Refunds[i].State {
	case RefundOwed, RefundWorking:
		return DebtRefund
	case RefundHeld:
		return DebtHeld
	case RefundBroken:
		taken := s.Refunds[i].Tries == 0 && !s.Refunds[i].Found // back before it was sent: its money had gone another way
		if s.Refunds[i].Repaid == nil && !taken && !s.untraced(s.Refunds[i].OrderNo) && !s.replaced(i) && s.broken(i).Minor > 0 {
			return DebtFailed
		}
	}
	return ""
}

// replaced says that the money of a refund that the provider closed was promised
// again: a later refund of the order has at least its amount.
func (s *Sale) replaced(i int) bool {
	was := &s.Refunds[i]
	for j := i + 1; j < len(s.Refunds); j++ {
		if r := &s.Refunds[j]; r.OrderNo == was.OrderNo && r.Amount.Minor >= was.Amount.Minor {
			return true
		}
	}
	return false
}

// broken is what can still be promised of a refund that the provider has closed.
func (s *Sale) broken(i int) money.Money {
	r := &s.Refunds[i]
	left := s.Refundable(r.OrderNo)
	left.Minor = min(left.Minor, r.Amount.Minor)
	return left
}

// Stuck says that s owes something that only a person can bring on: it has no next
// step, and is not to be forgotten all the same.
func (s *Sale) Stuck() bool {
	for i := range s.Refunds {
		switch r := &s.Refunds[i]; s.refundDebt(i) {
		case DebtFailed:
			return true
		case DebtRefund:
			if s.Aside != nil && r.Tries == 0 {
				return true
			}
		}
	}
	return false
}

// owes says that one of the refunds is such a debt.
func (s *Sale) owes(kind DebtKind) bool {
	for i := range s.Refunds {
		if s.refundDebt(i) == kind {
			return true
		}
	}
	return false
}

// owesRefund says that money was promised back that has not arrived.
func (s *Sale) owesRefund() bool {
	for i := range s.Refunds {
		if s.refundDebt(i) != "" {
			return true
		}
	}
	return false
}
