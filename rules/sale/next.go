package sale

import (
	"slices"
	"time"
)

// Action is what a step does.
type Action string

// The actions. Order, Charge, Close, Reverse and Refund change something at the
// provider and need an intent on disk. Project and Verify ask it something that can
// be asked again; Judge, Conclude and Present do not reach it.
const (
	Nothing     Action = ""
	Project     Action = "project"
	Judge       Action = "judge"
	Verify      Action = "verify"
	Order       Action = "order"
	Charge      Action = "charge"
	Query       Action = "query"
	Close       Action = "close"
	Reverse     Action = "reverse"
	SendRefund  Action = "refund"
	QueryRefund Action = "query_refund"
	Conclude    Action = "conclude"
	Present     Action = "present"
)

// Step is what a sale owes the world: what to do, when, and about which order
// or refund. The zero Step owes nothing.
type Step struct {
	Do       Action
	Due      Instant
	OrderNo  string
	RefundNo string
	Lapsed   bool // Conclude: the price no longer holds
	Traced   bool // Conclude: the provider knows no more of what a restored sale has lost

	Judgement *Judgement // goes on record with the step's intent
}

// Poll is what was heard about one order or refund since the process began.
type Poll struct {
	Asked   int     // calls that were answered or given up
	First   Instant // when the first of them ended
	Last    Instant // when the last of them ended
	Missing int     // how many in a row said that there is no such order
	Heard   bool    // the last of them was answered
	Paid    bool    // and said that the order was paid
	Whole   bool    // and that nothing of it was asked back
}

// Watch is what a running process remembers of its polls, by order or refund
// number. It is never stored: losing it costs a query.
type Watch struct {
	Polls map[string]Poll
	Code  bool // a payer's code is at hand; only its owner knows it

	Judgement *Judgement // that nothing stands in the way; on record with the order's intent
}

// Note adds the answer to a step to the watch.
func (w *Watch) Note(step Step, ev Event, now Instant) {
	switch step.Do {
	case Judge:
		w.Judgement = ev.Judgement
		return
	case Project, Present:
		return
	}
	if w.Polls == nil {
		w.Polls = make(map[string]Poll)
	}
	key := step.key()
	if ev.Kind == OrderFound { // what was heard was not yet about an attempt
		delete(w.Polls, key)
		return
	}
	p := w.Polls[key]
	if p.Asked++; p.Asked == 1 {
		p.First = now
	}
	p.Last = now
	p.Heard = ev.Kind != Unclear
	p.Paid = ev.Kind == Received || ev.Kind == Reconciled && step.Do == Query // a verdict is only of what is paid
	p.Whole = p.Paid && !ev.Returned
	switch ev.Kind {
	case Missing:
		p.Missing++
	case Unclear: // no answer is no evidence either way
	default:
		p.Missing = 0
	}
	w.Polls[key] = p
}

// key is what polls are remembered under. A check of the payer and the order that
// it is about are asked about apart.
func (step Step) key() string {
	if step.Do == Verify {
		return "verify " + step.OrderNo
	}
	return step.OrderNo + step.RefundNo
}

// fresh says that the poll is close enough for the closing or reversal that
// follows it: the provider asks for no gap at all. A fifth of the time between
// two polls is a second, and stays the same share of a scaled plan.
func (p Poll) fresh(now Now, plan Plan) bool {
	return p.Asked > 0 && now.At.Sub(p.Last) < plan.Poll/5
}

// Next is what s owes the world: the step that is due first.
func (s Sale) Next(now Now, w Watch, p Plan) Step {
	steps := []Step{s.nextAttempt(now, w, p)}
	for i := range s.Refunds {
		steps = append(steps, s.nextRefund(&s.Refunds[i], now, w, p))
	}
	steps = append(steps, s.nextTrace(now, w, p)...)
	for i := range s.Attempts {
		steps = append(steps, s.nextWatch(&s.Attempts[i], now, w, p))
	}
	steps = slices.DeleteFunc(steps, func(st Step) bool { return st.Do == Nothing })
	if len(steps) == 0 {
		return Step{}
	}
	return slices.MinFunc(steps, func(a, b Step) int { return int(max(-1, min(1, a.Due-b.Due))) })
}

// NeedsIntent says that step changes something at the provider and its bytes
// are not on disk yet, or its time has to be.
func (s Sale) NeedsIntent(step Step) bool {
	switch step.Do {
	case Order:
		return s.State.Before()
	case Charge, Close, Reverse, SendRefund:
		return true
	}
	return false
}

// Recorded is the request that was already fixed for step, to be sent again
// byte for byte.
func (s Sale) Recorded(step Step) (Request, bool) {
	switch step.Do {
	case Order:
		if a := s.Current(); s.State == Ordering {
			return a.Request, true
		}
	case SendRefund:
		if r := s.Refund(step.RefundNo); r != nil && r.Tries > 0 {
			return r.Request, true
		}
	}
	return Request{}, false
}

// Conclusion is the till's own word on a step that nobody has to be asked about.
func (s Sale) Conclusion(step Step) Event {
	ev := Event{Kind: Concluded, OrderNo: step.OrderNo}
	switch a := s.Attempt(step.OrderNo); {
	case step.Traced:
		ev.Kind = Traced
		if s.State.Before() {
			ev.Why = &Reason{Code: "not_paid_restored", Message: "it was not paid before the till was restored from a backup"}
		}
	case a != nil && a.End == EndPaid:
		return Event{Kind: Reconciled, OrderNo: step.OrderNo, Verdict: Unanswered}
	case s.State == PresentedOffline || s.State == Unconfirmed:
		return s.windowOver()
	case !s.State.Live() && !s.State.Before():
		// the end of a watch explains nothing new
	case s.State.Before() && step.Lapsed:
		ev.Why = &Reason{Code: "price_expired", Message: "the price in the payer's currency no longer holds"}
	case s.State == AwaitingLiveness && s.Liveness != nil && s.Liveness.Opened == 0 && s.Liveness.Failed > 0 && s.Why != nil:
		ev.Why = s.Why // there is no time for another try after the one that failed
	case s.State == AwaitingLiveness && (s.Liveness == nil || s.Liveness.Opened == 0):
		ev.Why = &Reason{Code: "liveness_unopened", Message: "the check could not be opened in time; the payer did not see it"}
	case s.State == AwaitingLiveness:
		ev.Why = &Reason{Code: "liveness_late", Message: "the payer did not finish the check in time"}
	case s.State.Before() && s.State != Opened && s.State != Projected && s.State != Judged:
		ev.Why = &Reason{Code: "no_consent", Message: "nobody agreed in time"}
	case s.State.Before():
		ev.Why = &Reason{Code: "no_code", Message: "no payment code was scanned in time"}
	case s.Cancel:
		ev.Why = &Reason{Code: "cancelled", Message: "cancelled at the till"}
	case s.State == Ordering:
		ev.Why = &Reason{Code: "no_qr", Message: "the provider gave no QR code in time; nobody has seen one"}
	case s.State == InDoubt:
		ev.Why = s.Why // the provider's signed refusal, confirmed
	default:
		ev.Why = &Reason{Code: "order_unknown", Message: "the provider does not know the payment; the till keeps watching it"}
	}
	return ev
}

// Intent is the record of a step that is about to be taken.
func (s Sale) Intent(step Step, req Request, codeID string) Event {
	kind := map[Action]Kind{
		Order: OrderIntended, Charge: ChargeIntended, Close: CloseIntended, Reverse: ReverseIntended, SendRefund: RefundIntended,
	}[step.Do]
	return Event{Kind: kind, OrderNo: step.OrderNo, RefundNo: step.RefundNo, Request: &req, CodeID: codeID, Judgement: step.Judgement}
}

func (s *Sale) nextAttempt(now Now, w Watch, p Plan) Step {
	a := s.Current()
	if s.Restored != nil && s.State.Before() {
		return Step{} // nobody waits for it any more; nextTrace ends it
	}
	switch s.State {
	case Opened, Projected, Judged:
		return s.nextBegun(now, w, p)
	case AwaitingConfirmation, AwaitingApproval:
		return s.giveUp(now, p)
	case AwaitingLiveness:
		return s.nextLiveness(now, w, p)
	case Declined, Reversed:
		if w.Code && s.Retryable() && s.Price.Holds(now) {
			return Step{Do: Charge, Due: now.At, OrderNo: s.NextOrderNo()}
		}
	case Ordering:
		return s.nextOrdering(a, now, w.Polls[a.OrderNo], p)
	case Presented:
		return s.nextPresented(a, now, w.Polls[a.OrderNo], p)
	case Closing, InDoubt, Reversing:
		if w.Polls[a.OrderNo].Last < s.Resumed { // somebody wants it to go on: it asks first
			return Step{Do: Query, Due: now.At, OrderNo: a.OrderNo}
		}
	}
	switch s.State {
	case Closing:
		return s.nextUndo(a, Close, p.QRPoll, now, w.Polls[a.OrderNo], p)
	case Charging: // asked only after a restart: the outcome leaves this state
		return Step{Do: Query, Due: now.At, OrderNo: a.OrderNo}
	case InDoubt:
		return s.nextInDoubt(a, now, w.Polls[a.OrderNo], p)
	case PresentedOffline, Unconfirmed:
		return Step{Do: Conclude, Due: s.Own.ends()}
	case Reversing:
		return s.nextUndo(a, Reverse, p.Poll, now, w.Polls[a.OrderNo], p)
	}
	return Step{}
}

// nextBegun is the way to the first attempt: judged, then ordered or charged.
func (s *Sale) nextBegun(now Now, w Watch, p Plan) Step {
	switch {
	case s.State == Opened && !s.priced():
		return Step{Do: Project, Due: now.At}
	case !s.Price.Holds(now):
		return s.giveUp(now, p)
	case (s.State == Opened && p.Judge || s.State == Projected) && w.Judgement == nil:
		return Step{Do: Judge, Due: now.At}
	case s.Flow == Offline && s.State != Judged:
		return Step{Do: Present, Due: now.At, Judgement: w.Judgement}
	case s.Flow == Offline:
		return Step{Do: Present, Due: now.At}
	case s.Flow == Merchant && s.State != Judged:
		return Step{Do: Order, Due: now.At, OrderNo: s.NextOrderNo(), Judgement: w.Judgement}
	case s.Flow == Merchant:
		return Step{Do: Order, Due: now.At, OrderNo: s.NextOrderNo()}
	case w.Code:
		return Step{Do: Charge, Due: now.At, OrderNo: s.NextOrderNo()}
	}
	return s.giveUp(now, p)
}

// giveUp ends the wait for a person when its time, or the price's, is over.
func (s *Sale) giveUp(now Now, p Plan) Step {
	if !s.Price.Holds(now) {
		return Step{Do: Conclude, Due: now.At, Lapsed: true}
	}
	end := max(s.Changed, now.Since).Add(p.ScanWindow)
	return Step{Do: Conclude, Due: s.Price.until(end), Lapsed: s.Price.until(end) < end}
}

func (s *Sale) nextOrdering(a *Attempt, now Now, poll Poll, p Plan) Step {
	giveUp := max(a.Sent, now.Since).Add(p.OrderGiveUp)
	if s.Cancel || now.At >= giveUp || !s.Price.Holds(now) {
		return Step{Do: Conclude, Due: now.At, OrderNo: a.OrderNo}
	}
	if poll.Asked == 0 {
		return Step{Do: Order, Due: now.At, OrderNo: a.OrderNo}
	}
	return Step{Do: Order, Due: poll.Last.Add(rung(p.OrderRetry, poll.Asked)), OrderNo: a.OrderNo}
}

func (s *Sale) nextPresented(a *Attempt, now Now, poll Poll, p Plan) Step {
	ends := a.Shown.Add(a.Lasts)
	if s.Cancel || now.At >= ends || !s.Price.Holds(now) {
		return s.askedFirst(Close, a, poll, now, p)
	}
	return Step{Do: Query, Due: min(ends, max(a.Shown, poll.Last).Add(p.QRPoll)), OrderNo: a.OrderNo}
}

func (s *Sale) nextInDoubt(a *Attempt, now Now, poll Poll, p Plan) Step {
	began := max(a.Sent, now.Since)
	undo := s.undoAt(a, now, poll, p)
	switch {
	case a.Refused && poll.Missing > 0:
		return Step{Do: Conclude, Due: now.At, OrderNo: a.OrderNo}
	case a.Refused && poll.Asked < 2: // Asked counts the charge itself
		return Step{Do: Query, Due: now.At, OrderNo: a.OrderNo}
	case now.At >= undo && s.expected() && (poll.Asked == 0 || !poll.Heard || poll.Missing > 0 && now.At < undo.Add(p.learns())):
		return Step{Do: Query, Due: poll.Last.Add(p.watchWait(poll.Last.Sub(undo))), OrderNo: a.OrderNo}
	case now.At >= undo:
		return s.askedFirst(Reverse, a, poll, now, p)
	}
	return Step{Do: Query, Due: min(undo, max(poll.Last.Add(p.Poll), began.Add(p.PollFirst))), OrderNo: a.OrderNo}
}

// undoAt is when an open charge is taken back. Nothing is reversed before the
// provider's earliest moment, whoever is in a hurry: it counts from when it got
// the charge, which was at the latest when the call ended.
func (s *Sale) undoAt(a *Attempt, now Now, poll Poll, p Plan) Instant {
	began := max(a.Sent, now.Since)
	earliest := max(began, poll.First).Add(p.ReverseEarliest)
	if s.Cancel || a.Failed || a.Refused {
		return earliest
	}
	return max(earliest, began.Add(p.Deadline))
}

// nextUndo goes on closing or reversing what was begun: ask, undo at once after
// the answer, wait longer each time, never give up. The till may conclude that
// there was nothing to undo when the provider twice does not know the order.
func (s *Sale) nextUndo(a *Attempt, do Action, ask time.Duration, now Now, poll Poll, p Plan) Step {
	if poll.Missing > 1 && now.At >= max(a.Sent, now.Since).Add(p.MissingAfter) {
		return Step{Do: Conclude, Due: now.At, OrderNo: a.OrderNo}
	}
	wait := p.undoWait(a.Undo)
	due := max(a.Undone, now.Since).Add(wait)
	if now.At >= due {
		return s.askedFirst(do, a, poll, now, p)
	}
	return Step{Do: Query, Due: min(due, max(poll.Last, a.Undone).Add(max(ask, wait/4))), OrderNo: a.OrderNo}
}

// askedFirst closes or reverses right after a query, whatever came of it: a payer
// waits. Nobody waits for a restored sale, and the lost part may have taken it for
// paid and handed the goods over, so there the query has to be answered.
func (s *Sale) askedFirst(do Action, a *Attempt, poll Poll, now Now, p Plan) Step {
	switch {
	case s.Restored != nil && poll.Asked > 0 && !poll.Heard:
		return Step{Do: Query, Due: max(now.At, poll.Last.Add(p.Poll)), OrderNo: a.OrderNo}
	case poll.fresh(now, p):
		return Step{Do: do, Due: now.At, OrderNo: a.OrderNo}
	}
	return Step{Do: Query, Due: now.At, OrderNo: a.OrderNo}
}

// nextWatch keeps asking about an order whose end rests on less than the
// provider's word. The watch ends with an answer and not with the calendar: a
// till without a network for a week has watched nothing. A QR code that the
// provider said was closed is asked about for an hour all the same, since money
// on it would be money that nobody expects.
//
// A machine that boots with a wrong clock may call a minute ago last year. So the
// watch is close again after every boot, and ends an hour into one at the earliest.
func (s *Sale) nextWatch(a *Attempt, now Now, w Watch, p Plan) Step {
	poll := w.Polls[a.OrderNo]
	ended := s.Restored.since(a.EndedAt)
	last := max(poll.Last, ended)
	due := last.Add(p.watchWait(last.Sub(max(ended, now.Since))))
	if poll.Last < s.Resumed {
		due = now.At
	}
	hour := p.Background[len(p.Background)-1]
	over := false
	switch {
	case a.End == EndClosed && s.Flow == Merchant && !a.Seen:
		over = due.Sub(ended) > hour
	case a.End == EndPaid && a.Key != "" && a.Verdict == Unread:
		over = due.Sub(ended) > p.VerdictFor
	case !a.Watched():
		return Step{}
	default:
		over = poll.Last.Sub(ended) >= p.WatchFor && poll.Last.Sub(now.Since) >= hour
	}
	if over && poll.Heard { // and written down, or the next start would begin again
		return Step{Do: Conclude, Due: poll.Last, OrderNo: a.OrderNo}
	}
	return Step{Do: Query, Due: due, OrderNo: a.OrderNo}
}
