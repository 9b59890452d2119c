package checkout

import (
	"context"

	"qrposd/rules/sale"
)

// Say records what a person says of a sale that the till cannot bring to its end by
// itself: that somebody takes it over, sets it aside, has it go on, or takes the till
// away. It has the sale looked at and does nothing else: whatever is said, the loop
// asks before it sends, and it never charges again. A power cut before the commit
// loses the remark and nothing of the money; one after it finds the remark obeyed by
// the next start.
func (d *Desk) Say(ctx context.Context, id sale.ID, kind sale.Kind, by string, why sale.Reason) (sale.Sale, error) {
	s, err := d.Journal.Commit(ctx, id, sale.Event{Kind: kind, By: by, Why: &why}, sale.Once{})
	if err == nil {
		d.Log.Warn("a person has spoken", "sale", id, "said", kind, "what", why.Code, "state", s.State)
		d.kick(id)
	}
	return s, err
}

// Trouble is why the last step of a sale did not succeed, since the process began;
// nil where it did, or where nothing was tried yet.
func (d *Desk) Trouble(id sale.ID) *sale.Reason {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.sales[id]; w != nil {
		return w.said
	}
	return nil
}

func (d *Desk) note(w *work, why *sale.Reason) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.said = why
}
