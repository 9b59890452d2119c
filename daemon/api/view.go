package api

import (
	"time"

	"qrposd/rules/sale"
)

// View is s as a cashier sees it at a moment.
func View(s sale.Sale, now sale.Now, p sale.Plan) Sale {
	v := Sale{
		ID: s.ID, Flow: s.Flow, State: s.State.String(), Amount: amount(s.Amount), Description: s.Description, Operator: s.Operator,
		Says: says(&s), Reason: reason(s.Why), Can: can(&s), History: history(&s), Begun: s.BegunWall,
		Price: price(&s, now), Liveness: liveness(&s, now, p), Offline: ownCode(&s, now),
	}
	if end, ok := s.Window(now, p); ok {
		left := max(0, int((end.Sub(now.At)+time.Second-1)/time.Second))
		v.SecondsLeft = &left
	}
	if !s.BegunWall.IsZero() {
		changed := s.BegunWall.Add(s.Changed.Sub(s.Begun))
		v.Changed = &changed
	}
	if t := s.TakenOver; t != nil {
		v.TakenOver = &TakenOver{t.By, t.Saw, t.Note}
	}
	if v.Can.Refund {
		left := amount(s.Refundable(s.Current().OrderNo))
		v.Refundable = &left
	}
	if text, ok := CodeShown(s); ok {
		at := "/v1/sales/" + string(s.ID) + "/qr"
		v.QR = &QR{SVG: at + ".svg", PNG: at + ".png", Text: text}
	}
	return v
}

// CodeShown is the text of the QR code to show, while there is one. A code that
// was asked back is not shown: a customer who scans it late pays for nothing.
func CodeShown(s sale.Sale) (string, bool) {
	if s.State == sale.PresentedOffline && s.Own != nil {
		return s.Own.Payload, true
	}
	if s.State != sale.Presented || s.Cancel {
		return "", false
	}
	return s.Current().CodeURL, true
}

// can asks the rules themselves where it can, so that a button and the table
// of transitions never disagree.
func can(s *sale.Sale) Can {
	cancelled, err := s.Apply(sale.Event{Kind: sale.CancelRequested})
	a := s.Current()
	return Can{
		Cancel: err == nil && !s.Cancel && cancelled.Facts > s.Facts,
		Refund: (s.State == sale.Paid || s.State == sale.PartRefunded) && s.Refundable(a.OrderNo).Minor > 0,
		Scan:   (s.State == sale.Opened || s.State == sale.Projected || s.State == sale.Judged) && s.Flow == sale.Payer && s.Restored == nil,
		Retry:  s.Retryable(),

		Attest:    s.State == sale.PresentedOffline,
		Dispute:   s.State == sale.PresentedOffline || s.State == sale.Unconfirmed,
		Reconcile: s.TakesReceipt(),

		TakeOver: s.TakenOver == nil && (s.State == sale.InDoubt || s.State == sale.Reversing || s.State == sale.Closing),

		Consent: (s.State == sale.AwaitingConfirmation || s.State == sale.AwaitingApproval) && s.Restored == nil,
	}
}

func history(s *sale.Sale) History {
	h := History{Facts: s.Facts, Attempts: []Attempt{}, Refunds: []Refund{}} // an empty list and not null
	for i := range s.Attempts {
		a := &s.Attempts[i]
		h.Attempts = append(h.Attempts, Attempt{a.OrderNo, a.End, a.TransactionID})
	}
	for i := range s.Refunds {
		r := &s.Refunds[i]
		h.Refunds = append(h.Refunds, Refund{r.No, r.OrderNo, amount(r.Amount), r.State, r.Auto, r.Why, r.By})
	}
	return h
}
