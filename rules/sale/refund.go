package sale

import (
	"fmt"

	"qrposd/rules/money"
)

func (r *Refund) record(ev Event) {
	switch ev.Kind {
	case RefundIntended:
		r.Request, r.Sent, r.Tries = *ev.Request, ev.At, r.Tries+1
	case RefundPending:
		r.State = RefundWorking
	case RefundDone:
		r.State = RefundPaid
	case RefundFailed:
		r.State = RefundBroken
		if ev.Held {
			r.State = RefundHeld
		}
	}
}

// told says that ev is on record already, or comes after a better end.
func (r *Refund) told(ev Event) bool {
	switch r.State {
	case RefundPaid:
		return true
	case RefundBroken:
		return ev.Kind == RefundFailed
	case RefundHeld:
		return ev.Kind == RefundFailed && ev.Held
	}
	return false
}

// maxRefunds is how many refunds the provider takes of one order, whatever became
// of them.
const maxRefunds = 50

func (s *Sale) countRefunds(orderNo string) int {
	n := 0
	for i := range s.Refunds {
		if s.Refunds[i].OrderNo == orderNo {
			n++
		}
	}
	return n
}

func (s *Sale) tooMany(ev Event, n int) error {
	return refuse(s, ev, "refund_too_many", fmt.Sprintf("it has %d refunds, and the provider takes %d of one order", n, maxRefunds))
}

// oweRefund promises money back under the next number of the order.
func (s *Sale) oweRefund(orderNo string, m money.Money, by, text string, auto bool) {
	s.Refunds = append(s.Refunds, Refund{
		No: s.nextRefundNo(orderNo), OrderNo: orderNo, Amount: m, By: by, Auto: auto, Why: text, State: RefundOwed,
	})
}

// nextRefund sends a promised refund, asks about it, and sends the same bytes
// again until the provider says how it ended. One that the provider holds is asked
// about until a person has finished it there.
func (s *Sale) nextRefund(r *Refund, now Now, w Watch, p Plan) Step {
	poll := w.Polls[r.OrderNo+r.No]
	ask := Step{Do: QueryRefund, OrderNo: r.OrderNo, RefundNo: r.No}
	ask.Due = max(poll.Last, r.Sent).Add(p.refundAsk(poll.Asked))
	again := r.Tries > 0 && poll.Last < s.Resumed // somebody wants it to go on: it asks first
	switch {
	case r.State == RefundPaid || r.State == RefundBroken:
		return Step{}
	case r.State == RefundOwed && s.untraced(r.OrderNo):
		return s.traceRefund(r, ask, now, poll, p)
	case again:
		ask.Due = now.At
		return ask
	case r.State == RefundHeld:
		ask.Due = max(poll.Last, s.Changed, now.Since).Add(p.Background[len(p.Background)-1])
		return ask
	case r.State == RefundWorking:
		return ask
	case s.Aside != nil:
		return s.asideRefund(r, poll, ask, p)
	}
	send := Step{Do: SendRefund, Due: now.At, OrderNo: r.OrderNo, RefundNo: r.No}
	if last := s.lastRefund(r.OrderNo); last > 0 {
		send.Due = max(last, now.Since).Add(p.RefundPace)
	}
	if r.Tries == 0 {
		return send
	}
	if r.Sent >= s.Resumed {
		send.Due = max(send.Due, r.Sent.Add(rung(p.Background, r.Tries)))
	}
	if ask.Due < send.Due {
		return ask
	}
	return send
}

// asideRefund is what is left of a refund that a person has set aside: questions,
// at the slowest pace, since it may have been sent before that.
func (s *Sale) asideRefund(r *Refund, poll Poll, ask Step, p Plan) Step {
	if r.Tries == 0 {
		return Step{} // the provider has never heard of it
	}
	ask.Due = max(poll.Last, s.Aside.At).Add(p.Background[len(p.Background)-1])
	return ask
}

func (s *Sale) lastRefund(orderNo string) Instant {
	last := Instant(0)
	for i := range s.Refunds {
		if s.Refunds[i].OrderNo == orderNo {
			last = max(last, s.Refunds[i].Sent)
		}
	}
	return last
}
