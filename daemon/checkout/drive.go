package checkout

import (
	"context"
	"errors"
	"log/slog"

	"qrposd/rules/sale"
)

// drive does what a sale owes now and says when it owes the next thing. It is
// the whole heart of the till: the same after a click, a scan and a power cut.
//
// stop ends it between two steps; cut ends the step on the wire. What was heard
// is written down in either case.
func (d *Desk) drive(stop, cut context.Context, w *work) (next sale.Step, err error) {
	defer func() {
		switch {
		case err != nil:
			d.settle(w, err)
		case stop.Err() != nil:
			d.settle(w, errStopping)
		} // else a code that came after the last look is what the next drive is for
	}()
	disk := context.WithoutCancel(cut)
	lost := 0 // races for the sale since it was last written to
	for {
		s, err := d.Journal.Sale(w.id)
		if err != nil {
			return sale.Step{}, err
		}
		code := d.codeFor(w, s)
		now := d.Clock.Now()
		step := s.Next(now, w.watch, d.Plan)
		if step.Do == sale.Nothing || step.Due > now.At || stop.Err() != nil {
			return step, nil
		}
		req, err := d.fix(s, step, code)
		if err != nil {
			return sale.Step{}, err
		}
		if s.NeedsIntent(step) {
			s, err = d.Journal.Commit(disk, w.id, s.Intent(step, req, code.ID()), sale.Once{})
			if step.Do == sale.Charge {
				d.settle(w, err)
			}
			if refused(err) && lost < maxLost {
				lost++
				continue // somebody was quicker: look at the sale again
			} else if err != nil {
				return sale.Step{}, err
			}
			lost = 0
		}
		ev := s.Heard(step, d.perform(cut, s, step, req))
		w.watch.Note(step, ev, d.Clock.Now().At)
		d.note(w, ev.Why)
		if s.Ephemeral(ev) {
			continue
		}
		s, err = d.Journal.Commit(disk, w.id, ev, sale.Once{})
		if refused(err) {
			d.Log.Error("a fact does not fit its sale", "sale", w.id, "step", step.Do, "fact", ev.Kind, "err", err)
			if lost++; lost > maxLost {
				return sale.Step{}, err
			}
		} else if err != nil {
			return sale.Step{}, err
		} else {
			d.report(s, ev)
		}
	}
}

// maxLost is how often in a row somebody may be quicker. Who is refused oftener than
// that wants a step, or hears a fact, that its sale does not have, and would ask for it
// without a pause.
const maxLost = 8

// report is the line of the log that a fact is worth. Money where nobody expects
// it, and money that did not get back, is worth a warning.
func (d *Desk) report(s sale.Sale, ev sale.Event) {
	level, why := slog.LevelInfo, ""
	if ev.Kind == sale.Received && (s.State != sale.Paid || ev.OrderNo != s.Current().OrderNo) || ev.Kind == sale.RefundFailed || ev.Kind == sale.Irreversible {
		level = slog.LevelWarn
	}
	if s.Why != nil {
		why = s.Why.Code
	}
	d.Log.Log(context.Background(), level, "sale", "id", s.ID, "fact", ev.Kind, "state", s.State, "why", why)
}

// fix gives the bytes of a step: those on record if there are any, else new ones.
func (d *Desk) fix(s sale.Sale, step sale.Step, code sale.PayerCode) (sale.Request, error) {
	if req, ok := s.Recorded(step); ok || step.Do == sale.Conclude || step.Do == sale.Judge || step.Do == sale.Project || step.Do == sale.Present {
		return req, nil
	}
	return d.Gateway.Prepare(step, s, code)
}

// perform takes the step. This is the one line of the product from which money
// moves.
func (d *Desk) perform(ctx context.Context, s sale.Sale, step sale.Step, req sale.Request) sale.Event {
	switch step.Do {
	case sale.Conclude:
		return s.Conclusion(step)
	case sale.Project:
		return d.Pricer.Price(ctx, s)
	case sale.Present:
		if d.Offline == nil { // it was configured when the sale began
			return sale.Event{Kind: sale.OfflineRefused, Why: &sale.Reason{Code: "offline_off", Message: "this till sells nothing without the payment service any more"}}
		}
		d.at("before-code", step)
		ev := d.Offline.Code(s)
		ev.Judgement = step.Judgement
		return ev
	case sale.Judge:
		return d.Adviser.Judge(ctx, s)
	}
	d.at("before-send", step)
	ev := d.Gateway.Do(ctx, step, s, req)
	d.at("after-send", step)
	return ev
}

// at is a named point for those who pull the plug.
func (d *Desk) at(when string, step sale.Step) {
	if d.Hook != nil {
		d.Hook(string(step.Do) + ":" + when)
	}
}

func refused(err error) bool {
	var no *sale.Refusal
	return errors.As(err, &no)
}
