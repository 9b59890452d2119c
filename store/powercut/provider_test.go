package powercut

import "qrposd/rules/sale"

// provider knows which orders were paid and which refunds were made.
type provider struct {
	paid    map[string]bool
	refunds map[string]bool
	double  []string         // orders that were charged by a second request
	lose    func(n int) bool // whether the answer to the n-th charge is lost
	sent    func(word, what string)
	charges int
}

func newProvider() *provider {
	return &provider{paid: map[string]bool{}, refunds: map[string]bool{}, lose: func(int) bool { return false }, sent: func(string, string) {}}
}

func (p *provider) do(s sale.Sale, step sale.Step) sale.Event {
	ev := sale.Event{Kind: sale.Missing, OrderNo: step.OrderNo, RefundNo: step.RefundNo, Amount: s.Amount, TransactionID: "42" + step.OrderNo}
	switch step.Do {
	case sale.Charge:
		p.sent("sent", step.OrderNo)
		if p.paid[step.OrderNo] {
			p.double = append(p.double, step.OrderNo)
		}
		p.paid[step.OrderNo] = true
		ev.Kind = sale.Received
		if p.charges++; p.lose(p.charges) {
			ev.Kind = sale.Unclear
		}
	case sale.Query, sale.Close, sale.Reverse:
		if p.paid[step.OrderNo] {
			ev.Kind = sale.Received
		}
	case sale.SendRefund:
		p.sent("refunded", step.RefundNo)
		p.refunds[step.RefundNo] = true
		ev.Kind = sale.RefundDone
	case sale.QueryRefund:
		if p.refunds[step.RefundNo] {
			ev.Kind = sale.RefundDone
		}
	}
	if ev.Kind == sale.Received {
		ev.Verdict = sale.Mismatch // the most that a payment makes the store write
	}
	return ev
}

// quick is the schedule of a till that nobody waits for.
func quick() sale.Plan { return sale.DefaultPlan().Scale(1e6) }

// codeOf is the code that a payer shows for an order.
func codeOf(step sale.Step) string {
	if step.Do != sale.Charge {
		return ""
	}
	return "code of " + step.OrderNo
}
