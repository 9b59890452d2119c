package aipay

import (
	"context"

	"qrposd/rules/explain"
	"qrposd/rules/sale"
)

// judged adds to a payment what the reconciliation model makes of it. With the first
// word of the payment the verdict goes on record beside it; a payment that was on
// record before is reconciled, and one whose verdict is still to come, or cannot be
// read, stays as it was and is asked about again. What disagrees is for the owner to
// look at and changes nothing in the books.
//
// The model's words end here. They may name people, and whoever reads them next would
// have to know that a model wrote them.
func (c *Client) judged(ctx context.Context, step sale.Step, s sale.Sale, ev sale.Event, body []byte) sale.Event {
	r, err := ReadReconciliation(body, step.OrderNo)
	if err != nil || r == nil || r.Verdict == Pending {
		return ev
	}
	f := explain.Read(r.Explanation, c.sent(step, s))
	finding := &sale.Finding{Cause: f.Cause.String(), Sure: f.Sure, Foreign: len(f.Foreign)}
	if modelForm.MatchString(r.Model) {
		finding.Model = r.Model
	}
	verdict := sale.Consistent
	if r.Verdict == Mismatch {
		verdict = sale.Mismatch
		c.opts.Log.WarnContext(ctx, "the reconciliation model disagrees with a payment; the owner has a case", "order", step.OrderNo, "model", finding.Model, "cause", finding.Cause)
	}
	if a := s.Attempt(step.OrderNo); a != nil && a.End == sale.EndPaid {
		return sale.Event{Kind: sale.Reconciled, Verdict: verdict, Finding: finding, Returned: ev.Returned}
	}
	ev.Verdict, ev.Finding = verdict, finding
	return ev
}
