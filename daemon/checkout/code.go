package checkout

import (
	"qrposd/rules/sale"
)

// giveCode hands a payer's code to the drive of a sale. The reply is nil when
// the charge's intent is on disk.
func (d *Desk) giveCode(id sale.ID, code sale.PayerCode) (<-chan error, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.get(id)
	if w.reply != nil {
		return nil, errCodeHeld
	}
	reply := make(chan error, 1)
	w.code, w.reply = code, reply
	if w.driving {
		w.again = true
	} else {
		d.plan(w, 0)
	}
	d.nudge()
	return reply, nil
}

// codeFor is the code in hand for s, told to the rules. A sale that no longer
// takes one gives it back.
func (d *Desk) codeFor(w *work, s sale.Sale) sale.PayerCode {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.reply != nil {
		if err := awaits(s, d.Clock.Now()); err != nil {
			w.answer(err)
		}
	}
	w.watch.Code = !w.code.IsZero()
	return w.code
}

// settle tells whoever scanned a code what became of it.
func (d *Desk) settle(w *work, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.answer(err)
}

func (w *work) answer(err error) {
	if w.reply == nil {
		return
	}
	w.reply <- err
	w.code, w.reply = sale.PayerCode{}, nil
}

// awaiting is the sale that waits for a payer's code: the latest one opened.
func (d *Desk) awaiting() (sale.ID, bool) {
	d.mu.Lock()
	ids := make([]sale.ID, 0, len(d.sales))
	for id := range d.sales {
		ids = append(ids, id)
	}
	d.mu.Unlock()
	var latest sale.Sale
	for _, id := range ids {
		if s, err := d.Journal.Sale(id); err == nil && takesCode(s) && s.Begun > latest.Begun {
			latest = s
		}
	}
	return latest.ID, latest.ID != ""
}
