package world

import (
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// translate makes a fact of an answer.
func translate(ev sale.Event, step sale.Step, s sale.Sale, r reply) sale.Event {
	if step.Do == sale.Verify {
		return translateCheck(ev, step, r)
	}
	refund := step.Do == sale.SendRefund || step.Do == sale.QueryRefund
	amount := money.Money{Minor: r.amount, Currency: money.Currency(r.currency)}
	if refund {
		ev.Amount = amount
	}
	switch r.code {
	case "SUCCESS":
		if refund {
			ev.Kind = sale.RefundDone
			return ev
		}
		if a := s.Attempt(step.OrderNo); a != nil && a.End == sale.EndPaid && r.verdict != "" {
			ev.Kind, ev.Verdict, ev.Returned = sale.Reconciled, r.verdict, r.returned
			return ev
		}
		ev.Kind, ev.TransactionID, ev.Verdict = sale.Received, "42"+step.OrderNo, r.verdict
		ev.Returned = r.returned
		ev.Amount = amount
	case "ORDERED":
		ev.Kind, ev.CodeURL, ev.Lasts = sale.Ordered, r.url, 2*time.Minute
	case "NOTPAY":
		ev.Kind = sale.Waiting
	case "CLOSED":
		ev.Kind = sale.Closed
	case "REVOKED":
		ev.Kind = sale.TakenBack
	case "PAYERROR":
		ev.Kind = sale.PayFailed
	case "ORDER_NOT_EXIST":
		ev.Kind = sale.Missing
	case "REVERSE_EXPIRE":
		ev.Kind = sale.Irreversible
	case "PROCESSING":
		ev.Kind = sale.RefundPending
	case "ABNORMAL":
		ev.Kind, ev.Held = sale.RefundFailed, true
	case "REFUSED", "REROUTE", "APPEAL", "CHALLENGE":
		ev = translateRefusal(ev, step, r)
	}
	return ev
}

func translateRefusal(ev sale.Event, step sale.Step, r reply) sale.Event {
	if ev.Kind = sale.ChargeRefused; step.Do == sale.Order {
		ev.Kind = sale.OrderRefused
	}
	ev.Why = &sale.Reason{Code: "refused", Message: "the provider refused"}
	switch r.code {
	case "REROUTE":
		ev.Reroute = true
	case "APPEAL":
		ev.Appeal = true
	case "CHALLENGE":
		ev.Liveness = &sale.Liveness{Session: r.url}
	}
	return ev
}

func translateCheck(ev sale.Event, step sale.Step, r reply) sale.Event {
	switch r.code {
	case "OPENED":
		ev.Kind, ev.Liveness = sale.LivenessOpened, &sale.Liveness{OrderNo: step.OrderNo, Session: r.url, URL: "https://check.example/" + r.url, Lasts: time.Minute}
	case "NOTPAY":
		ev.Kind = sale.Waiting
	case "PASSED":
		ev.Kind = sale.LivenessPassed
	case "FAILED", "ORDER_NOT_EXIST":
		ev.Kind, ev.Why = sale.LivenessFailed, &sale.Reason{Code: "liveness_failed", Message: "nobody was seen"}
	}
	return ev
}
