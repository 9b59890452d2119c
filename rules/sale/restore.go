package sale

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"qrposd/rules/money"
)

// A sale that was read from a backup is told Restored, and from then on its record
// is known to be short: the till went on after the backup, and what it did is at the
// provider. Because the numbers of orders and refunds follow from the record, the
// numbers that the lost part used are known, and the provider is asked for them one
// by one, until it knows the next one not. Two answers of that kind count: what was
// under way when the other machine ended has arrived by then or never will.
//
// Nothing is numbered in the old row again. No attempt follows in a restored sale,
// and refunds go on in a row that has the moment of the restore in it. None is sent
// before the old row is known to its end: a promise that the lost part has kept
// already would be kept twice.

// Restoration is what is known of a record's way through a backup.
type Restoration struct {
	At     Instant   `json:"at"`               // later refunds have it in their numbers
	Rows   []Instant `json:"rows"`             // the moments in the numbers of refunds that may be lost; zero is no restore
	Orders bool      `json:"orders,omitempty"` // every order that the lost part made is known
}

// enough is how often the provider says that it does not know a number.
const enough = 2

// since is the later of i and the restore: what was waited out before does not count
// for a provider that has heard of the sale since.
func (r *Restoration) since(i Instant) Instant {
	if r == nil {
		return i
	}
	return max(i, r.At)
}

// row is what the numbers of refunds begin with, after a restore at at.
func row(orderNo string, at Instant) string {
	if at == 0 {
		return orderNo + "R"
	}
	return orderNo + "R" + strings.TrimLeft(base32Number(uint64(at)/uint64(time.Second)), "0") + "-"
}

// own is the row in which the sale numbers refunds of an order now.
func (s *Sale) own(orderNo string) string {
	if s.Restored == nil {
		return row(orderNo, 0)
	}
	return row(orderNo, s.Restored.At)
}

func (s *Sale) nextRefundNo(orderNo string) string {
	n := 1
	for i := range s.Refunds {
		if s.Refunds[i].OrderNo == orderNo {
			n++
		}
	}
	return s.own(orderNo) + strconv.Itoa(n)
}

// lostRefundNos are the numbers that the lost part can have given to refunds. One that
// the provider did not take leaves a gap.
func (s *Sale) lostRefundNos(orderNo string) (list []string) {
	first := 1
	for i := range s.Refunds {
		if r := &s.Refunds[i]; r.OrderNo == orderNo && !s.ours(r) && !r.Found {
			first++
		}
	}
	for _, at := range s.Restored.Rows {
		for n := first; n <= maxRefunds; n++ {
			if no := row(orderNo, at) + strconv.Itoa(n); s.Refund(no) == nil {
				list = append(list, no)
			}
		}
	}
	return list
}

// ours says that a refund was promised after the restore.
func (s *Sale) ours(r *Refund) bool { return strings.HasPrefix(r.No, s.own(r.OrderNo)) }

// untraced says that the lost part may have given back money of an order.
func (s *Sale) untraced(orderNo string) bool {
	a := s.Attempt(orderNo)
	return s.Restored != nil && a != nil && a.End == EndPaid && !a.Traced
}

// Tracing says that what became of the sale after the backup is not known yet.
func (s *Sale) Tracing() bool {
	if s.Restored == nil {
		return false
	}
	for i := range s.Attempts {
		if s.untraced(s.Attempts[i].OrderNo) {
			return true
		}
	}
	return s.ordersUnknown()
}

// ordersUnknown says that the lost part may have made another order.
func (s *Sale) ordersUnknown() bool { return s.Restored != nil && !s.Restored.Orders }

// lostOrderNos are the numbers of the orders that the lost part can have made. One that
// was refused, or never sent, leaves a gap: the provider does not know it.
func (s *Sale) lostOrderNos() (list []string) {
	if s.Flow == Offline { // the provider never hears of it
		return nil
	}
	for n := len(s.Attempts) + 1; n <= maxAttempts; n++ {
		list = append(list, s.orderNo(n))
	}
	return list
}

// nextTrace asks for what the lost part may have done next.
func (s *Sale) nextTrace(now Now, w Watch, p Plan) []Step {
	if s.Restored == nil {
		return nil
	}
	var steps []Step
	if a := s.Current(); s.ordersUnknown() && (a == nil || a.End != Open) {
		var asks []Step
		for _, lost := range s.lostOrderNos() {
			asks = append(asks, Step{Do: Query, OrderNo: lost})
		}
		steps = append(steps, trace("", asks, now, w, p))
	}
	for i := range s.Attempts {
		if no := s.Attempts[i].OrderNo; s.untraced(no) {
			steps = append(steps, s.traceRefunds(no, now, w, p))
		}
	}
	return steps
}

// traceRefunds asks first whether anything of an order's money was asked back at all:
// that is one question, and mostly the last. One by one it takes fifty.
func (s *Sale) traceRefunds(no string, now Now, w Watch, p Plan) Step {
	switch poll := w.Polls[no]; {
	case poll.Whole:
		return trace(no, nil, now, w, p)
	case !poll.Paid:
		return trace(no, []Step{{Do: Query, OrderNo: no}}, now, w, p)
	case !s.askedFor(no, w):
		return Step{}
	}
	var asks []Step
	for _, lost := range s.lostRefundNos(no) {
		asks = append(asks, Step{Do: QueryRefund, OrderNo: no, RefundNo: lost})
	}
	return trace(no, asks, now, w, p)
}

// trace is the question that is due first, until the provider knows nothing of any.
func trace(orderNo string, asks []Step, now Now, w Watch, p Plan) Step {
	next := Step{Do: Conclude, Due: now.At, OrderNo: orderNo, Traced: true}
	for _, ask := range asks {
		switch poll := w.Polls[ask.key()]; {
		case poll.Missing >= enough:
			continue
		case poll.Missing > 0:
			ask.Due = poll.Last.Add(p.Poll)
		case poll.Asked > 0:
			ask.Due = poll.Last.Add(max(p.Poll, rung(p.Background, poll.Asked)))
		default:
			ask.Due = now.At
		}
		if next.Do == Conclude || ask.Due < next.Due {
			next = ask
		}
	}
	return next
}

// askedFor says that the provider was asked about every promise that the backup had
// of an order: a promise that it does not know leaves room for one of the lost part.
func (s *Sale) askedFor(orderNo string, w Watch) bool {
	for i := range s.Refunds {
		r := &s.Refunds[i]
		if r.OrderNo == orderNo && r.State == RefundOwed && !s.ours(r) && w.Polls[r.OrderNo+r.No].Missing < enough {
			return false
		}
	}
	return true
}

// traceRefund asks about a promise of the backup before it is sent, or again; one
// that was made since waits until everything before it is known.
func (s *Sale) traceRefund(r *Refund, ask Step, now Now, poll Poll, p Plan) Step {
	if s.ours(r) || poll.Missing >= enough {
		return Step{}
	}
	ask.Due = now.At
	if poll.Asked > 0 {
		ask.Due = poll.Last.Add(p.Poll)
	}
	return ask
}

// Heard is what an answer means where the record does not have what was asked about.
func (s Sale) Heard(step Step, ev Event) Event {
	switch {
	case s.Restored == nil:
	case step.Do == Query && step.OrderNo != "" && s.Attempt(step.OrderNo) == nil:
		switch ev.Kind {
		case Received, Closed, TakenBack, Waiting, PayFailed:
			return Event{Kind: OrderFound, OrderNo: step.OrderNo}
		}
	case step.Do == QueryRefund && s.Refund(step.RefundNo) == nil:
		switch ev.Kind {
		case RefundDone, RefundPending, RefundFailed:
			return Event{Kind: RefundFound, OrderNo: step.OrderNo, RefundNo: step.RefundNo, Amount: ev.Amount}
		}
	}
	return ev
}

// pricedSince says that ev tells the price that the sale got in the lost part.
func (s *Sale) pricedSince(ev Event) bool {
	a := s.Current()
	return ev.Kind == Received && a != nil && a.Found && !s.priced() && ev.Amount.Currency == s.PayIn && ev.Amount.Check() == nil
}

// Tells says whether an amount that the provider names can be this sale's.
func (s *Sale) Tells(m money.Money) bool {
	return m == s.Amount || s.Restored != nil && !s.priced() && m.Currency == s.PayIn
}

// guardTrace holds that only what is asked for is found, and that what was found
// fits: an order of the next number, and no more given back than was paid.
func (s *Sale) guardTrace(ev Event) error {
	a := s.Current()
	switch {
	case s.Restored == nil:
		return refuse(s, ev, "sale_not_restored", "its record is whole")
	case ev.Kind == OrderFound:
		if !s.ordersUnknown() || !slices.Contains(s.lostOrderNos(), ev.OrderNo) || a != nil && a.End == Open {
			return refuse(s, ev, "order_number", "no order of this number can have been lost")
		}
	case ev.Kind == Traced && ev.OrderNo == "":
		if !s.ordersUnknown() {
			return refuse(s, ev, "order_number", "no order can have been lost")
		}
	case !s.untraced(ev.OrderNo):
		return refuse(s, ev, "order_number", "no refund of this order can have been lost")
	case ev.Kind == RefundFound:
		return s.guardFound(ev)
	}
	return nil
}

func (s *Sale) guardFound(ev Event) error {
	if err := ev.Amount.Check(); err != nil || !slices.Contains(s.lostRefundNos(ev.OrderNo), ev.RefundNo) || ev.Amount.Currency != s.Amount.Currency {
		return errors.Join(refuse(s, ev, "refund_unknown", "no refund of this number and currency can have been lost"), err)
	}
	room := s.Refundable(ev.OrderNo).Minor
	for i := range s.Refunds {
		if r := &s.Refunds[i]; r.OrderNo == ev.OrderNo && r.unsent() {
			room += r.Amount.Minor
		}
	}
	if ev.Amount.Minor > room { // one that the backup has did not arrive, or this one did not: it is asked about again
		return refuse(s, ev, "refund_too_large", fmt.Sprintf("%s was given back and %d was left", ev.Amount, room))
	}
	return nil
}

// unsent says that a promise can still be taken back: the provider never heard of it.
func (r *Refund) unsent() bool { return r.State == RefundOwed && r.Tries == 0 }

func (s *Sale) recordTrace(ev Event) {
	switch ev.Kind {
	case Restored:
		rows := []Instant{0}
		if was := s.Restored; was != nil {
			rows = []Instant{was.At}
			if s.Tracing() { // the row before was not asked for to its end
				rows = slices.Concat(was.Rows, rows)
			}
		}
		a := s.Current()
		s.Restored = &Restoration{At: ev.At, Rows: rows, Orders: a != nil && a.End == EndPaid || s.Flow == Offline && !s.State.Before()} // nothing follows a payment
		for i := range s.Attempts {
			s.Attempts[i].Traced = false
		}
	case OrderFound:
		s.addFound(ev)
		s.Why = &Reason{Code: "order_found", Message: "the provider has an order that the restored backup does not know; the till asks how it ended"}
	case RefundFound:
		s.Refunds = append(s.Refunds, Refund{No: ev.RefundNo, OrderNo: ev.OrderNo, Amount: ev.Amount, State: RefundWorking, Sent: ev.At, Found: true})
		s.makeRoom(ev.OrderNo)
	case Traced:
		if a := s.Attempt(ev.OrderNo); ev.OrderNo != "" {
			a.Traced = true
			return
		}
		known := *s.Restored
		known.Orders = true
		s.Restored = &known
	}
}

// addFound adds an order that was sent at some time since the sale began. Those before
// it that the provider does not know had ended by then, and so had a payment that was
// found before: there would be no further order had it not come late.
func (s *Sale) addFound(ev Event) {
	for i := range s.Attempts {
		no := s.Attempts[i].OrderNo
		if left := s.Refundable(no); left.Minor > 0 {
			s.oweRefund(no, left, "", "an earlier attempt was paid after it had ended", true)
		}
	}
	for {
		a := Attempt{OrderNo: s.NextOrderNo(), Sent: s.Begun, Found: true}
		if a.OrderNo != ev.OrderNo {
			a.end(EndConcluded, ev.At)
		}
		if s.Attempts = append(s.Attempts, a); a.End == Open {
			return
		}
	}
}

// makeRoom takes back promises that nobody has sent, the latest first, until no more
// is promised than was paid: the money went back before the restore.
func (s *Sale) makeRoom(orderNo string) {
	for i := len(s.Refunds) - 1; i >= 0 && s.Refundable(orderNo).Minor < 0; i-- {
		if r := &s.Refunds[i]; r.OrderNo == orderNo && r.unsent() {
			r.State, r.Why = RefundBroken, "the money had gone back before the till was restored from a backup"
		}
	}
}
