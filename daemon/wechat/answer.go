package wechat

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// transaction is a payment as the provider tells it, in v3's words.
type transaction struct {
	AppID         string `json:"appid"`
	MchID         string `json:"mchid"`
	OutTradeNo    string `json:"out_trade_no"`
	TransactionID string `json:"transaction_id"`
	State         string `json:"trade_state"`
	Amount        struct {
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
}

// refundAnswer is a refund as the provider tells it.
type refundAnswer struct {
	OutRefundNo string       `json:"out_refund_no"`
	OutTradeNo  string       `json:"out_trade_no"`
	Status      string       `json:"status"`
	Amount      refundAmount `json:"amount"`
}

var transactionForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// fact is an event that explains itself.
func fact(kind sale.Kind, why sale.Reason) sale.Event { return sale.Event{Kind: kind, Why: &why} }

func unclear(why sale.Reason) sale.Event { return fact(sale.Unclear, why) }

// Hear is what an answer states about a step, and the provider's own text for the
// log: for those who call for themselves.
func (c *Client) Hear(step sale.Step, s sale.Sale, req sale.Request, a Answer) (ev sale.Event, said string) {
	ev, said = c.hear(step, s, req, a)
	ev.OrderNo, ev.RefundNo = step.OrderNo, step.RefundNo
	return ev, said
}

// hear turns an answer of API v3 into the fact it states. said is the provider's
// own text, for the log.
func (c *Client) hear(step sale.Step, s sale.Sale, req sale.Request, a Answer) (ev sale.Event, said string) {
	switch {
	case a.Lost != nil:
		return silence(step, a), ""
	case a.Status < 300:
		if !a.signed() {
			return unclear(whyUnverified), ""
		}
		return c.success(step, s, req, a), ""
	}
	r := readRefusal(a.Header, a.Body)
	if !a.signed() && !a.unsigned() {
		return unclear(whyUnverified), r.said
	}
	return refused(step, a.Status, r, a.signed()), r.said
}

// silence is what no answer means. That a charge has not left is a fact; that
// anything else has not is no news, because it is sent again anyway.
func silence(step sale.Step, a Answer) sale.Event {
	switch {
	case !a.Unsent && a.Host == "":
		return unclear(whyUnsendable)
	case !a.Unsent:
		return unclear(whyNoAnswer)
	}
	why := whyNoNetwork
	if resting(a.Lost) {
		why = whyResting
	}
	if step.Do == sale.Charge {
		return fact(sale.NotSent, why)
	}
	return unclear(why)
}

// success reads a signed 2xx answer.
func (c *Client) success(step sale.Step, s sale.Sale, req sale.Request, a Answer) sale.Event {
	parsed := func(v any) bool { return a.Status == http.StatusOK && json.Unmarshal(a.Body, v) == nil }
	switch step.Do {
	case sale.Order:
		var n struct {
			CodeURL string `json:"code_url"`
		}
		if !parsed(&n) || !ValidCodeURL(n.CodeURL) {
			return unclear(whyUnknown)
		}
		return sale.Event{Kind: sale.Ordered, CodeURL: n.CodeURL, Lasts: c.lasts(req)}
	case sale.Charge, sale.Query:
		var t transaction
		if a.Status != http.StatusOK && a.Status != http.StatusAccepted || json.Unmarshal(a.Body, &t) != nil {
			return unclear(whyUnknown)
		}
		return c.judge(step, s, t)
	case sale.Close:
		if a.Status == http.StatusNoContent {
			return sale.Event{Kind: sale.Closed}
		}
	case sale.Reverse:
		var t transaction
		if !parsed(&t) {
			return unclear(whyUnknown)
		}
		if t.MchID != c.conf.MchID || t.OutTradeNo != step.OrderNo {
			return unclear(whyMismatch)
		}
		return sale.Event{Kind: sale.TakenBack}
	case sale.SendRefund, sale.QueryRefund:
		var r refundAnswer
		if !parsed(&r) {
			return unclear(whyUnknown)
		}
		return judgeRefund(step, s, r)
	}
	return unclear(whyUnknown)
}

// judge is what a transaction says about our order, if it is our order.
func (c *Client) judge(step sale.Step, s sale.Sale, t transaction) sale.Event {
	if t.MchID != c.conf.MchID || t.OutTradeNo != step.OrderNo || t.AppID != "" && t.AppID != c.conf.AppID {
		return unclear(whyMismatch)
	}
	switch t.State {
	case "SUCCESS", "REFUND": // a refunded order was paid; what went back is told by its refunds
		paid := money.Money{Minor: t.Amount.Total, Currency: currency}
		if t.AppID == "" || t.Amount.Currency != string(currency) || !s.Tells(paid) || !transactionForm.MatchString(t.TransactionID) {
			return unclear(whyMismatch)
		}
		return sale.Event{Kind: sale.Received, TransactionID: t.TransactionID, Amount: paid, Returned: t.State == "REFUND"}
	case "USERPAYING":
		return fact(sale.Waiting, whyPaying)
	case "NOTPAY":
		return sale.Event{Kind: sale.Waiting}
	case "CLOSED":
		return sale.Event{Kind: sale.Closed}
	case "REVOKED":
		return sale.Event{Kind: sale.TakenBack}
	case "PAYERROR":
		return fact(sale.PayFailed, failure(s))
	}
	return unclear(whyUnknown)
}

// failure keeps the reason that the charge's own answer gave, which says more
// than the state of the order does.
func failure(s sale.Sale) sale.Reason {
	for _, r := range payerRefusals {
		if s.Why != nil && s.Why.Code == r.Code {
			return *s.Why
		}
	}
	return payerRefusals["PAYERROR"]
}

func judgeRefund(step sale.Step, s sale.Sale, r refundAnswer) sale.Event {
	want := refundAmount{Total: s.Amount.Minor, Currency: string(currency)}
	if ours := s.Refund(step.RefundNo); ours != nil {
		want.Refund = ours.Amount.Minor
	} else if s.Restored != nil && r.Amount.Refund > 0 {
		want.Refund = r.Amount.Refund // its record is lost, and it is what is asked for
	}
	if r.OutRefundNo != step.RefundNo || r.OutTradeNo != step.OrderNo || r.Amount != want {
		return unclear(whyMismatch)
	}
	back := money.Money{Minor: want.Refund, Currency: currency}
	switch r.Status {
	case "SUCCESS":
		return sale.Event{Kind: sale.RefundDone, Amount: back}
	case "PROCESSING":
		return sale.Event{Kind: sale.RefundPending, Amount: back}
	case "ABNORMAL": // the payer's card is dead: the money waits at the provider for a person
		ev := fact(sale.RefundFailed, whyRefundHeld)
		ev.Held, ev.Amount = true, back
		return ev
	case "CLOSED":
		ev := fact(sale.RefundFailed, whyRefundEnd)
		ev.Amount = back
		return ev
	}
	return unclear(whyUnknown)
}

// refused is what an error answer means, step by step. signed is false for an
// answer that nobody signed.
func refused(step sale.Step, status int, r refusal, signed bool) sale.Event {
	switch step.Do {
	case sale.Order:
		if why, ok := orderRefused(status, r.code); ok {
			return fact(sale.OrderRefused, why)
		}
	case sale.Charge:
		if r.code == codePaying && signed {
			return fact(sale.Waiting, whyPaying)
		}
		if why, ok := payerRefusals[r.code]; ok && status < 500 {
			if signed {
				return fact(sale.ChargeRefused, why)
			}
			return unclear(why) // told, and waited out like any doubt
		}
	case sale.Query, sale.Close, sale.Reverse:
		if status == http.StatusNotFound && (r.code == codeNoOrder || r.code == codeNoResource) || status < 500 && r.code == codeNoOrder {
			return sale.Event{Kind: sale.Missing}
		}
		if step.Do == sale.Reverse && status < 500 && r.code == codeTooLate {
			return sale.Event{Kind: sale.Irreversible}
		}
	case sale.QueryRefund:
		if status == http.StatusNotFound && (r.code == codeNoResource || r.code == codeNoOrder || r.code == codeNoRefund) {
			return sale.Event{Kind: sale.Missing}
		}
	case sale.SendRefund:
		if r.code == codeNotEnough {
			return unclear(whyNoFunds)
		}
	}
	return unclear(trouble(status, r.code))
}

// orderRefused tells a definite refusal of an order from one that the same
// request may still overcome. Nobody has seen a code, so no money is at stake.
func orderRefused(status int, code string) (sale.Reason, bool) {
	switch code {
	case "", codeSign, codeFrequency, codeRate, codeOrderPaid:
		return sale.Reason{}, false
	}
	switch status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return sale.Reason{}, false
	}
	if status < 400 || status > 499 {
		return sale.Reason{}, false
	}
	if why, ok := orderRefusals[code]; ok {
		return why, true
	}
	return whyRefused, true
}

// trouble names what kind of open outcome an error answer is.
func trouble(status int, code string) sale.Reason {
	switch {
	case code == codeOrderPaid:
		return whyOrderPaid
	case code == codePaying:
		return whyPaying
	case code == codeFrequency || code == codeRate || status == http.StatusTooManyRequests:
		return whyBusy
	case code == codeSign || status == http.StatusUnauthorized:
		return whySignature
	case status >= 500:
		return whyTrouble
	case code == "":
		return whyUnknown
	}
	return whyRefused
}

// ValidCodeURL lets through what a payer's phone may be shown: WeChat's own
// scheme, nothing that does not fit a QR code of the till.
func ValidCodeURL(s string) bool {
	if !strings.HasPrefix(s, "weixin://") || len(s) > 512 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// lasts is how long the order in req can still be paid. It is never longer than
// a QR code's life: the last moment in the body may come from a clock that was
// wrong when it was written.
func (c *Client) lasts(req sale.Request) time.Duration {
	var n nativeBody
	body, err := req.Wire()
	if err != nil || json.Unmarshal(body, &n) != nil {
		return 0
	}
	end, err := time.Parse(time.RFC3339, n.TimeExpire)
	if err != nil {
		return 0
	}
	return max(0, min(end.Sub(c.clock.now()), c.qrLife))
}
