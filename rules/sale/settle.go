package sale

// settle chooses among the targets of a transition by what is on record.
func (s *Sale) settle(ev Event, allowed targets) State {
	if len(allowed) == 1 {
		return allowed[0]
	}
	switch ev.Kind {
	case OrderFound:
		if s.Flow == Merchant {
			return Closing
		}
		return InDoubt
	case Traced:
		if s.Cancel {
			return Cancelled
		}
		return Expired
	case Assessed, Agreed, Approved:
		return s.afterJudgement()
	case LivenessFailed:
		if s.Liveness.Failed < maxLiveness {
			return AwaitingLiveness
		}
		return Declined
	case OrderRefused:
		return s.afterRefusal(ev)
	case Attested:
		if ev.Shown {
			return Unconfirmed
		}
		return PresentedOffline
	case RefundDone, RefundFailed:
		return s.afterRefund()
	case Received:
		switch {
		case s.State == Reversing && s.Restored == nil:
			return Reversing
		case s.State == Reversing || s.unexpected():
			return Refunding
		}
		return Paid
	case Resumed:
		if s.refunding() {
			return Refunding
		}
		return s.State
	case Closed, TakenBack, Concluded:
		switch a := s.Current(); {
		case s.Cancel:
			return Cancelled
		// One that is reversed ends: the cashier was told that it is taken back.
		case s.State == InDoubt && a.Refused && ev.Kind == Concluded && s.challenged():
			return AwaitingLiveness
		case s.State == InDoubt && a.Refused && ev.Kind == Concluded && s.Appeal:
			return AwaitingApproval
		case s.Flow == Payer && (a.Failed || a.Refused || ev.Kind == Concluded):
			return Declined
		case s.Flow == Payer:
			return Reversed
		case s.State == Ordering:
			return Declined
		}
		return Expired
	}
	return s.State
}

// afterRefusal is where an order goes that the provider will not make.
func (s *Sale) afterRefusal(ev Event) State {
	switch {
	case s.challenged():
		return AwaitingLiveness
	case s.Appeal && !s.Cancel:
		return AwaitingApproval
	case ev.Reroute && len(s.Attempts) == 1 && !s.Cancel && s.Liveness.Good():
		return Judged
	}
	return Declined
}

// afterJudgement is where a sale waits for what is still needed.
func (s *Sale) afterJudgement() State {
	switch j := s.Judgement; {
	case j == nil: // an appeal where nothing judges
		return Judged
	case j.Refused:
		return Declined
	case len(j.Needs) == 0:
		return Judged
	case j.Needs[0] == NeedConfirm:
		return AwaitingConfirmation
	case j.Needs[0] == NeedVerify:
		return AwaitingLiveness
	}
	return AwaitingApproval
}

// refunding says that a refund of the current order is under way.
func (s *Sale) refunding() bool {
	for i := range s.Refunds {
		if r := &s.Refunds[i]; r.OrderNo == s.Current().OrderNo && (r.State == RefundOwed || r.State == RefundWorking) {
			return true
		}
	}
	return false
}

// afterRefund is where a sale rests when its refund has ended: by how much of
// the current order's money is still with the shop. One that was held, or that
// was found after a restore, may end while another is under way.
func (s *Sale) afterRefund() State {
	if s.refunding() {
		return Refunding
	}
	gone := int64(0)
	for i := range s.Refunds {
		if r := &s.Refunds[i]; r.State == RefundPaid && r.OrderNo == s.Current().OrderNo {
			gone += r.Amount.Minor
		}
	}
	switch gone {
	case 0:
		return Paid
	case s.Amount.Minor:
		return Refunded
	}
	return PartRefunded
}
