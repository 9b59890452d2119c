package world

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qrposd/rules/sale"
)

// line is the gateway of one life: what the till says, as bytes, over a network that
// fails.
type line struct{ *life }

// patience is how long an answer is waited for.
const patience = 8 * time.Second

func (l line) Prepare(step sale.Step, s sale.Sale, code sale.PayerCode) (sale.Request, error) {
	m := word(step, s, code)
	req := sale.NewRequest("POST", "/"+m.Op, m.text(), code)
	if (step.Do == sale.Order || step.Do == sale.Charge) && l.t.w.roll("keyed", s.Description).IntN(5) == 0 {
		req.Session = fmt.Sprintf("%064x", len(s.Description))
	}
	return req, nil
}

// fault is what the network does to one call.
type fault struct {
	there, back   time.Duration
	lost          bool // on the way there
	deaf          bool // on the way back
	again         time.Duration
	down, refused bool // no route at all, and whether that is certain
}

func (l line) fault(name string, n int) (f fault) {
	w := l.t.w
	r := w.roll("net", name, n)
	f.there, f.back = between(r, 5*time.Millisecond, 200*time.Millisecond), between(r, 5*time.Millisecond, 200*time.Millisecond)
	if w.isCalm() {
		return f
	}
	switch kind := r.IntN(100); {
	case kind < 4:
		f.lost = true
	case kind < 7:
		f.there = between(r, time.Second, time.Minute)
	case kind < 12:
		f.deaf = true
	case kind < 14:
		f.back = between(r, time.Second, time.Minute)
	case kind < 18:
		f.again = between(r, time.Millisecond, time.Minute)
	}
	// One stretch of time in twelve has no network, for up to ten minutes.
	const stretch = 10 * time.Minute
	since := time.Since(w.began)
	o := w.roll("outage", l.t.name, int(since/stretch))
	from := between(o, 0, stretch)
	f.refused = o.IntN(2) == 0
	f.down = o.IntN(12) == 0 && since%stretch > from
	return f
}

func (l line) Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	ev := sale.Event{Kind: sale.Unclear, OrderNo: step.OrderNo, RefundNo: step.RefundNo}
	body, err := req.Wire()
	w := l.t.w
	m, unread := read(body)
	if err = errors.Join(err, unread); err != nil {
		w.locked(func() { w.violate("%s of %s is no request: %v", step.Do, s.Description, err) })
		return ev
	}
	if a := s.Attempt(step.OrderNo); a != nil {
		m.Key = a.Key
	}
	name := nickname(s.Description, step.OrderNo) + " " + step.RefundNo[min(len(step.OrderNo), len(step.RefundNo)):] + string(step.Do)
	if l.dead.Load() {
		return ev
	}
	if l.fails(2, "before-send", name) {
		l.die()
		return ev
	}
	n := w.again("call " + name)
	f := l.fault(name, n)
	w.locked(func() {
		if w.sum.n[calls]++; f.lost || f.deaf || f.down || f.again > 0 || f.there+f.back > time.Second {
			w.sum.n[faults]++
		}
		m.send = w.sum.n[calls]
	})
	if w.runaway() {
		<-ctx.Done()
		return ev
	}
	if f.down && f.refused {
		pause(ctx, f.there)
		if ev.Kind = sale.Unclear; step.Do == sale.Charge {
			ev.Kind = sale.NotSent
		}
		return ev
	}
	if cut := s.Liveness; step.Do == sale.Verify && cut != nil && cut.Opened > 0 && cut.Opened < l.db.Now().Since {
		ev.Kind, ev.Why = sale.LivenessFailed, &sale.Reason{Code: "liveness_cut", Message: "how old its answer is nobody knows after a boot"}
		return ev
	}
	heard := l.send(m, f)
	if l.fails(2, "on the wire", name) {
		time.AfterFunc(between(w.roll("cut", name, n), 0, 500*time.Millisecond), l.die)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r := <-heard:
		ev = translate(ev, step, s, r)
	case <-timer.C:
	case <-ctx.Done():
	}
	if l.fails(2, "after-send", name) {
		l.die()
	}
	return ev
}

// send gives a message to the network.
func (l line) send(m message, f fault) <-chan reply {
	w := l.t.w
	heard := make(chan reply, 2)
	w.locked(func() {
		if m.Op == "order" || m.Op == "charge" {
			if w.permit(m); w.p.sent[m.Order].IsZero() {
				w.p.sent[m.Order] = time.Now()
			}
		}
		if _, ok := w.p.sent[m.Refund]; !ok && m.Op == "refund" {
			if gap := time.Since(w.p.sent["refund of "+m.Order]); gap < time.Minute {
				w.violate("two refunds of an order of %s are sent %s apart", m.Name, gap)
			}
			w.p.sent[m.Refund], w.p.sent["refund of "+m.Order] = time.Now(), time.Now()
		}
	})
	if f.lost || f.down {
		return heard
	}
	deliver := func() {
		var r reply
		w.locked(func() { r = w.p.take(m) })
		if !f.deaf {
			time.AfterFunc(f.back, func() {
				select {
				case heard <- r:
				default:
				}
			})
		}
	}
	time.AfterFunc(f.there, deliver)
	if f.again > 0 {
		time.AfterFunc(f.there+f.again, deliver)
	}
	return heard
}

// runaway says that a till asks and asks: a simulation that does not end shows nothing.
func (w *world) runaway() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sum.n[calls] < 2000*len(w.names) {
		return false
	}
	if w.sum.n[calls] == 2000*len(w.names) {
		w.violate("%d calls for %d sales", w.sum.n[calls], len(w.names))
	}
	return true
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
