package sale

import "fmt"

// isAside says that ev is about an attempt before the current one. Such an
// attempt has ended; only money that turns up late can still happen to it.
func (s *Sale) isAside(ev Event) bool {
	order := ev.OrderNo
	if r := s.Refund(ev.RefundNo); r != nil {
		order = r.OrderNo
	}
	if order == "" || ev.Kind == OrderIntended || ev.Kind == ChargeIntended || ev.Kind == OrderFound {
		return false
	}
	return s.Current() != nil && s.Current().OrderNo != order
}

func (s *Sale) asideEphemeral(ev Event) bool {
	a, r := s.Attempt(ev.OrderNo), s.Refund(ev.RefundNo)
	switch ev.Kind {
	case Waiting, Missing, Unclear, PayFailed:
		return true
	case Reconciled:
		return ev.Verdict == Unread || a != nil && a.Verdict == ev.Verdict
	case Received:
		return a != nil && a.End == EndPaid
	case Closed, TakenBack, Concluded:
		return a != nil && !a.watched(ev)
	case RefundPending:
		return r != nil && r.State != RefundOwed
	case RefundDone, RefundFailed:
		return r != nil && r.told(ev)
	}
	return false
}

// applyAside records late money of an earlier attempt and gives it back. The
// sale itself goes on: whoever stands at the counter now is not held up by it.
func (s *Sale) applyAside(ev Event) error {
	if r := s.Refund(ev.RefundNo); r != nil {
		r.record(ev)
		return nil
	}
	if ev.Kind == RefundFound || ev.Kind == Traced {
		if err := s.guardTrace(ev); err != nil {
			return err
		}
		s.recordTrace(ev)
		return nil
	}
	a := s.Attempt(ev.OrderNo)
	if a == nil {
		return refuse(s, ev, "order_unknown", fmt.Sprintf("it has no order %.32q", ev.OrderNo))
	}
	switch ev.Kind {
	case Received:
		if ev.Amount != s.Amount {
			return refuse(s, ev, "amount_differs", fmt.Sprintf("%s was paid for a sale of %s", ev.Amount, s.Amount))
		}
		a.TransactionID, a.Verdict = ev.TransactionID, ev.Verdict
		a.end(EndPaid, ev.At)
		s.oweRefund(a.OrderNo, s.Amount, "", "an earlier attempt was paid after it had ended", true)
	case Closed, TakenBack, Concluded:
		s.recordEnd(a, ev)
	case Reconciled:
		a.Verdict = ev.Verdict
	default:
		return refuse(s, ev, "order_ended", fmt.Sprintf("%s does not apply to an earlier attempt", ev.Kind))
	}
	return nil
}
