package sale

import (
	"errors"
	"fmt"
	"time"
)

// Plan is the schedule of polls, reversals and refunds: what the provider
// prescribes and, within it, what the shop prefers.
//
// budget: a schedule is read as one table
type Plan struct {
	PollFirst       time.Duration   // from a charge to the first query
	Poll            time.Duration   // between queries of a charge
	Deadline        time.Duration   // from a charge to taking it back
	ReverseEarliest time.Duration   // no reversal before this, for any reason
	Ladder          []time.Duration // between tries to close or reverse
	Background      []time.Duration // the same once the ladder is climbed; the last rung for ever
	QRPoll          time.Duration   // between queries while a QR code is shown
	QRLife          time.Duration   // how long a QR code can be paid
	OrderRetry      []time.Duration // between tries to get a QR code
	OrderGiveUp     time.Duration   // when to stop trying
	MissingAfter    time.Duration   // from a charge until "no such order" counts
	RefundPace      time.Duration   // between two refunds of one order
	RefundPoll      time.Duration   // from a refund to the first query of it
	ScanWindow      time.Duration   // how long a sale waits for a payer's code
	WatchFor        time.Duration   // how long a concluded order is asked about
	VerdictFor      time.Duration   // how long a paid order is asked for the verdict of the provider's model
	Judge           bool            // every sale is judged before anything is asked of the provider
}

// DefaultPlan follows WeChat Pay's rules for code payment and Native (polling of
// USERPAYING every 5 to 10 s, reversal at 30 to 60 s and not before 15 s, ladder
// of 5, 10, 20 s, refunds of one order a minute apart). The 15 s count from when
// the provider got the charge; the till counts from before it was sent, hence 16.
// The minute counts likewise, and nobody waits at the counter for it, hence 65.
func DefaultPlan() Plan {
	return Plan{
		PollFirst: 5 * time.Second, Poll: 5 * time.Second, Deadline: 45 * time.Second, ReverseEarliest: 16 * time.Second,
		Ladder:     []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second},
		Background: []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour},
		QRPoll:     2 * time.Second, QRLife: 5 * time.Minute,
		OrderRetry: []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, OrderGiveUp: 20 * time.Second,
		MissingAfter: 30 * time.Second, RefundPace: 65 * time.Second, RefundPoll: 5 * time.Second,
		ScanWindow: 5 * time.Minute, WatchFor: 7 * 24 * time.Hour, VerdictFor: 24 * time.Hour,
	}
}

// Scale divides every wait by f, for a simulator that runs faster than the
// provider. It is never used against a real one.
func (p Plan) Scale(f float64) Plan {
	for _, d := range []*time.Duration{
		&p.PollFirst, &p.Poll, &p.Deadline, &p.ReverseEarliest, &p.QRPoll, &p.QRLife, &p.OrderGiveUp, &p.MissingAfter,
		&p.RefundPace, &p.RefundPoll, &p.ScanWindow, &p.WatchFor, &p.VerdictFor,
	} {
		*d = time.Duration(float64(*d) / f)
	}
	scaled := func(list []time.Duration) []time.Duration {
		out := make([]time.Duration, len(list))
		for i, d := range list {
			out[i] = time.Duration(float64(d) / f)
		}
		return out
	}
	p.Ladder, p.Background, p.OrderRetry = scaled(p.Ladder), scaled(p.Background), scaled(p.OrderRetry)
	return p
}

// Validate holds a plan to the provider's limits and names each wait that is
// outside of them.
func (p Plan) Validate() error {
	var errs []error
	within := func(name string, d, lo, hi time.Duration) {
		if d < lo || d > hi {
			errs = append(errs, fmt.Errorf("%s is %s; the provider's rules allow %s to %s", name, d, lo, hi))
		}
	}
	within("poll_first", p.PollFirst, time.Second, 10*time.Second)
	within("poll", p.Poll, 3*time.Second, 10*time.Second)
	within("deadline", p.Deadline, 30*time.Second, time.Minute)
	within("reverse_earliest", p.ReverseEarliest, 15*time.Second, 30*time.Second)
	within("qr_poll", p.QRPoll, time.Second, 10*time.Second)
	within("qr_life", p.QRLife, time.Minute, 2*time.Hour)
	within("scan_window", p.ScanWindow, 10*time.Second, time.Hour)
	return errors.Join(errs...)
}

// rung is the n-th wait of a ladder, counted from one; the last one for ever.
func rung(list []time.Duration, n int) time.Duration { return list[max(0, min(n, len(list))-1)] }

// learns is how long a provider may not know an order that somebody has seen paid:
// its queries are behind its payments by minutes at times.
func (p Plan) learns() time.Duration { return p.Background[len(p.Background)-2] }

func (p Plan) undoWait(tries int) time.Duration {
	if tries <= len(p.Ladder) {
		return rung(p.Ladder, tries)
	}
	return rung(p.Background, tries-len(p.Ladder))
}

// refundAsk doubles from the first query to the last background rung: a refund
// to a bank card takes days.
func (p Plan) refundAsk(asked int) time.Duration {
	return min(p.RefundPoll<<min(max(asked-1, 0), 20), p.Background[len(p.Background)-1])
}

// watchWait doubles with the age of the conclusion, up to six hours (as scaled:
// six times the last background rung).
func (p Plan) watchWait(age time.Duration) time.Duration {
	return min(max(p.Background[0], age), 6*p.Background[len(p.Background)-1])
}

// Window is until when the present state lasts by itself: how long the QR code
// can still be paid, the scanner is still waited for, or the outcome is still
// unknown before the till takes the charge back. It is what a cashier's
// countdown shows.
func (s Sale) Window(now Now, p Plan) (Instant, bool) {
	a := s.Current()
	switch s.State {
	case Opened, Projected, Judged:
		return s.Price.until(max(s.Changed, now.Since).Add(p.ScanWindow)), s.Flow == Payer
	case AwaitingConfirmation, AwaitingApproval:
		return s.Price.until(max(s.Changed, now.Since).Add(p.ScanWindow)), true
	case AwaitingLiveness:
		end := max(s.Changed, now.Since).Add(p.ScanWindow)
		if l := s.Liveness; l != nil && l.Opened > 0 {
			end = min(end, l.Opened.Add(l.Lasts))
		}
		return s.Price.until(end), true
	case Ordering:
		return max(a.Sent, now.Since).Add(p.OrderGiveUp), true
	case Presented:
		return a.Shown.Add(a.Lasts), true
	case PresentedOffline, Unconfirmed:
		return s.Own.ends(), true
	case Charging, InDoubt:
		return s.undoAt(a, now, Poll{}, p), true
	case Closing, Reversing:
		return max(a.Undone, now.Since).Add(p.undoWait(a.Undo)), true
	}
	return 0, false
}
