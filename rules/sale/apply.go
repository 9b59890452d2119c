package sale

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"qrposd/rules/money"
)

// Refusal is an event that a sale does not accept where it stands. The sale is
// unchanged; the person or program that asked is told why.
type Refusal struct {
	State State
	Kind  Kind
	Code  string
	Text  string
}

func (e *Refusal) Error() string { return e.Text }

func refuse(s *Sale, ev Event, code, text string) error {
	return &Refusal{s.State, ev.Kind, code, fmt.Sprintf("sale %s is %s: %s", s.ID, s.State, text)}
}

// New is a request for a sale.
type New struct {
	Flow        Flow
	Amount      money.Money
	Description string
	Operator    string
	PayIn       money.Currency // what the payer pays in, where that is not Amount's; empty is the same
	Offline     *Terms         // of flow offline
}

// Begin makes a sale out of a request. id and key are minted by the caller, once.
func Begin(n New, id ID, key string, ev Event) (Sale, error) {
	if err := n.Amount.Check(); err != nil {
		return Sale{}, err
	}
	if n.Flow != Merchant && n.Flow != Payer && n.Flow != Offline {
		return Sale{}, errors.New("sale: the flow is neither merchant nor payer nor offline")
	}
	if err := openOwn(n, id, ev.Own); err != nil {
		return Sale{}, err
	}
	if n.PayIn == n.Amount.Currency {
		n.PayIn = ""
	} else if _, err := money.Exponent(n.PayIn); n.PayIn != "" && err != nil {
		return Sale{}, err
	}
	return Sale{
		ID: id, Key: key, Flow: n.Flow, PayIn: n.PayIn, Amount: n.Amount, Description: n.Description, Operator: n.Operator, Own: ev.Own,
		State: Opened, Begun: ev.At, BegunWall: ev.Wall, Changed: ev.At, Facts: 1,
	}, nil
}

// Ephemeral says that ev would change nothing worth a write: a poll that was
// answered "not yet", or a fact that is on record already.
func (s Sale) Ephemeral(ev Event) bool {
	switch a := s.Attempt(ev.OrderNo); {
	case ev.Kind == Assessed && (s.State == Opened || s.State == Projected) && s.Flow != Payer:
		return s.adapt(ev.Judgement).clear() // it is written with the order or the code, which follows at once
	case s.Restored != nil && s.State.Before() && (ev.Kind == Missing || ev.Kind == Unclear):
		return true // an order that it may have made, and that is asked for
	case s.isAside(ev):
		return s.asideEphemeral(ev)
	case s.ownEphemeral(ev):
		return true
	case ev.Kind == PayFailed && a != nil && a.Failed:
		return true
	case ev.Kind == Received && s.State == Reversing:
		return a.TransactionID != "" && s.Restored == nil
	case ev.Kind == Irreversible && s.State == Reversing:
		return a.TransactionID == "" // not known to be paid: ask first
	case ev.Kind == Reconciled:
		return ev.Verdict == Unread || a != nil && a.Verdict == ev.Verdict
	case ev.Kind == Concluded && s.State.Before():
		return false
	case ev.ends() && !s.State.Live() && a != nil:
		return !a.watched(ev)
	case ev.Kind == RefundPending && s.State.Taken():
		r := s.Refund(ev.RefundNo)
		return r != nil && (r.State == RefundWorking || r.State == RefundHeld)
	case ev.Kind == RefundDone || ev.Kind == RefundFailed:
		r := s.Refund(ev.RefundNo)
		return r != nil && r.told(ev)
	}
	to, ok := table[s.State][ev.Kind]
	return ok && len(to) == 0
}

// Apply records ev: the sale as it is afterwards, or a Refusal. An ephemeral
// event is not an error and changes nothing.
func (s Sale) Apply(ev Event) (Sale, error) {
	if s.Ephemeral(ev) {
		return s, nil
	}
	s = s.clone()
	if s.isAside(ev) {
		if err := s.applyAside(ev); err != nil {
			return Sale{}, err
		}
		s.passed()
		return s, nil
	}
	allowed, ok := table[s.State][ev.Kind]
	if !ok {
		return Sale{}, refuse(&s, ev, "sale_"+s.State.String(), fmt.Sprintf("%s does not apply", ev.Kind))
	}
	if err := s.guard(ev); err != nil {
		return Sale{}, err
	}
	if err := s.record(ev); err != nil {
		return Sale{}, err
	}
	to := s.settle(ev, allowed)
	if !slices.Contains(allowed, to) {
		return Sale{}, fmt.Errorf("sale: %s on %s leads to %s, which the table does not have", ev.Kind, s.State, to)
	}
	if to != s.State {
		s.State, s.Changed = to, ev.At
	}
	s.passed()
	return s, nil
}

// passed counts a fact. What was set aside is over with what it was about: a later
// promise is nobody's to hold back.
func (s *Sale) passed() {
	if s.Facts++; s.Aside != nil && !s.owesRefund() {
		s.Aside = nil
	}
}

// clone copies what Apply writes to, so that the value it was called on stays.
func (s Sale) clone() Sale {
	s.Attempts = slices.Clone(s.Attempts)
	s.Refunds = slices.Clone(s.Refunds)
	return s
}

// guard holds what the table cannot: who may begin an attempt, and that no more
// goes back than came.
func (s *Sale) guard(ev Event) error {
	switch ev.Kind {
	case TakenOver, SetAside, Resumed, Repaid, Left:
		return s.guardRemark(ev)
	case Assessed:
		if ev.Judgement == nil {
			return refuse(s, ev, "judgement", "there is no judgement in it")
		}
	case Priced:
		if s.PayIn == "" || !ev.Price.inOrder() {
			return refuse(s, ev, "price", "there is no price inside a projected range in it")
		}
	case LivenessOpened:
		if !s.Liveness.fits(ev) {
			return refuse(s, ev, "liveness", "it is about another check")
		}
	case LivenessPassed, LivenessFailed:
		if s.Liveness == nil || s.Liveness.Session == "" {
			return refuse(s, ev, "liveness", "no check was opened")
		}
	case OrderIntended, ChargeIntended:
		return s.guardAttempt(ev)
	case OrderFound, RefundFound, Traced:
		return s.guardTrace(ev)
	case OfflineShown, OfflineRefused, Attested, ReceiptFound, DisputeRaised:
		return s.guardOwn(ev)
	case RefundRequested:
		left := s.Refundable(s.Current().OrderNo)
		if err := ev.Amount.Check(); err != nil {
			return err
		}
		if n := s.countRefunds(s.Current().OrderNo); n >= maxRefunds {
			return s.tooMany(ev, n)
		}
		if less, err := left.Less(ev.Amount); err != nil || less {
			return errors.Join(refuse(s, ev, "refund_too_large", fmt.Sprintf("%s can still be refunded, %s was asked", left, ev.Amount)), err)
		}
	case RefundIntended, RefundPending, RefundDone, RefundFailed:
		if s.Refund(ev.RefundNo) == nil {
			return refuse(s, ev, "refund_unknown", "there is no refund "+ev.RefundNo)
		}
	case Received:
		if s.Current() == nil {
			return refuse(s, ev, "order_unknown", "it has no order that could have been paid")
		}
		if ev.Amount != s.Amount && !s.pricedSince(ev) {
			return refuse(s, ev, "amount_differs", fmt.Sprintf("%s was paid for a sale of %s", ev.Amount, s.Amount))
		}
	}
	return nil
}

func (s *Sale) guardAttempt(ev Event) error {
	if (ev.Kind == OrderIntended) != (s.Flow == Merchant) || s.Flow == Offline {
		return refuse(s, ev, "sale_other_flow", "this sale is paid the other way round")
	}
	if ev.Request == nil || ev.OrderNo != s.NextOrderNo() {
		return refuse(s, ev, "order_number", "an attempt carries its request and the sale's next order number")
	}
	if s.Restored != nil {
		return refuse(s, ev, "sale_restored", "it came out of a backup, and what followed is lost; open a new sale")
	}
	if j := cmp.Or(ev.Judgement, s.Judgement); j != nil && !j.clear() {
		return refuse(s, ev, "sale_not_judged", "it was not judged fit to be charged yet")
	}
	switch {
	case !s.priced():
		return refuse(s, ev, "sale_not_priced", "it has no price in "+string(s.PayIn)+" yet")
	case s.Price != nil && s.Price.Ask && s.Price.Confirmed.IsZero():
		return refuse(s, ev, "sale_not_confirmed", "the payer has not agreed to the price")
	case s.Price != nil && ev.At >= s.Price.Ends():
		return refuse(s, ev, "price_expired", "the price held until a moment ago; open a new sale")
	case !s.Liveness.Good():
		return refuse(s, ev, "sale_not_verified", "the payer has not passed the check yet; open a new sale")
	}
	if len(s.Attempts) >= maxAttempts {
		return refuse(s, ev, "sale_too_many_attempts", "open a new sale")
	}
	if a := s.Current(); a != nil && (!a.End.Retryable() || s.Cancel || s.TakenOver != nil) {
		return refuse(s, ev, "sale_not_retryable", "it is not certain that nothing was taken; open a new sale")
	}
	return nil
}

// record writes the fact into the attempt or the refund that it is about.
func (s *Sale) record(ev Event) error {
	if ev.Why != nil && ev.Kind != RefundRequested && !ev.Kind.remark() {
		s.Why = ev.Why
	}
	s.Rerouted = s.Rerouted || ev.Reroute
	a := s.Current()
	switch ev.Kind {
	case Assessed:
		s.judge(ev.Judgement)
	case Priced:
		return s.setPrice(ev)
	case Agreed, Approved:
		s.consent(ev)
	case TakenOver, SetAside, Resumed, Repaid, Left:
		s.recordRemark(ev)
	case LivenessOpened, LivenessPassed, LivenessFailed:
		s.recordLiveness(ev)
	case OfflineShown, Attested, ReceiptFound:
		s.recordOwn(ev)
	case OrderIntended, ChargeIntended:
		if ev.Judgement != nil {
			s.judge(ev.Judgement)
		}
		if l := s.Liveness; l != nil {
			spent := *l
			spent.Spent = true
			s.Liveness = &spent
		}
		s.Attempts = append(s.Attempts, Attempt{OrderNo: ev.OrderNo, Request: *ev.Request, Sent: ev.At, Key: ev.Key, CodeID: ev.CodeID})
		s.Why = nil
	case Ordered:
		a.CodeURL, a.Lasts, a.Shown = ev.CodeURL, ev.Lasts, ev.At
		if s.Price != nil {
			a.Lasts = max(0, min(a.Lasts, s.Price.Ends().Sub(ev.At)))
		}
	case ChargeRefused:
		a.Refused, s.Appeal = true, s.mayAppeal(ev)
		s.challenge(ev)
	case OrderRefused:
		s.Appeal = s.mayAppeal(ev)
		s.recordEnd(a, ev)
		s.challenge(ev)
	case PayFailed:
		a.Failed = true
	case CancelRequested:
		s.Cancel = true
	case CloseIntended, ReverseIntended:
		a.Undo, a.Undone = a.Undo+1, ev.At
	case Received:
		s.recordPayment(a, ev)
	case Irreversible:
		a.end(EndPaid, ev.At)
		s.oweRefund(a.OrderNo, s.Amount, "", "the charge could no longer be reversed", true)
	case RefundRequested:
		s.oweRefund(a.OrderNo, ev.Amount, ev.By, why(ev), false)
	case RefundIntended, RefundPending, RefundDone, RefundFailed:
		s.Refund(ev.RefundNo).record(ev)
	case Reconciled:
		a.Verdict = ev.Verdict
	case Restored, OrderFound, RefundFound, Traced:
		s.recordTrace(ev)
	default:
		if over := ev.Kind == Concluded && s.State.Before(); a != nil && !over { // the sale is over, not the watch
			s.recordEnd(a, ev)
		}
	}
	return nil
}

// adapt adds to a judgement what the price itself asks for.
func (s *Sale) adapt(j *Judgement) *Judgement {
	if j == nil || s.Price == nil || !s.Price.Ask || !s.Price.Confirmed.IsZero() || slices.Contains(j.Needs, NeedConfirm) {
		return j
	}
	more := *j
	more.Needs = append([]Need{NeedConfirm}, j.Needs...)
	return &more
}

// challenge notes the check that the provider wants first. It is heeded once: a
// provider that asks again after a check refuses.
func (s *Sale) challenge(ev Event) {
	if ev.Liveness != nil && s.Liveness == nil && !s.Cancel {
		s.Liveness = &Liveness{OrderNo: s.Current().OrderNo, Session: ev.Liveness.Session}
	}
}

// judge keeps what a judgement asks for; how it came about stays in the journal.
func (s *Sale) judge(j *Judgement) {
	j = s.adapt(j)
	s.Judgement = &Judgement{Refused: j.Refused, Needs: j.Needs, Review: j.Review, By: j.By}
}

func (s *Sale) recordPayment(a *Attempt, ev Event) {
	if s.pricedSince(ev) {
		s.Amount = ev.Amount
	}
	a.TransactionID, a.Verdict = ev.TransactionID, ev.Verdict
	switch {
	case s.State == Reversing && s.Restored != nil:
		// The lost part may have given it back by a refund, which a reversal would do
		// again: a refund is asked for under its numbers first.
		a.end(EndPaid, ev.At)
		s.oweRefund(a.OrderNo, s.Amount, "", "the charge was being reversed when the till was restored from a backup", true)
	case s.State == Reversing:
		// The reversal under way gives this money back; saying "paid" would be
		// false the moment a lost reversal arrives.
	case s.State.Live() && !s.unexpected():
		a.end(EndPaid, ev.At)
		s.Why = nil
	default: // late: somebody was told "failed"
		a.end(EndPaid, ev.At)
		s.Why = &Reason{Code: "late_success", Message: "the payment arrived after the sale had ended and is given back"}
		s.oweRefund(a.OrderNo, s.Amount, "", s.Why.Message, true)
	}
}

func (s *Sale) recordEnd(a *Attempt, ev Event) {
	switch ev.Kind {
	case Closed:
		a.end(EndClosed, ev.At)
	case TakenBack:
		a.end(EndTakenBack, ev.At)
	case NotSent:
		a.end(EndNotSent, ev.At)
	case OrderRefused:
		a.end(EndRefused, ev.At)
	case Concluded:
		switch {
		case a.watched(ev):
			a.End = EndAbsent
		case a.Refused:
			a.end(EndRefused, ev.At)
		default:
			a.end(EndConcluded, ev.At)
		}
	}
}

// watched says that ev can still be about an attempt that has ended: a better end,
// or that of the watch, which a closed code has as well.
func (a *Attempt) watched(ev Event) bool {
	return a.Watched() && (a.End.Watched() || ev.Kind == Concluded) || a.End == EndClosed && ev.Kind == Concluded
}

func (a *Attempt) end(e End, at Instant) { a.End, a.EndedAt = e, at }

func why(ev Event) string {
	if ev.Why == nil {
		return ""
	}
	return ev.Why.Message
}
