package sim

import (
	"fmt"
	"net/http"
	"time"
)

// charge is a code payment, by v3 or v2.
type charge struct {
	no       string
	terms    terms
	fromBody *refusal
}

// codepay charges the payer whose code was scanned. One code, one order; a code is spent by the first order that
// reaches it even if that order fails.
func (w *WeChat) codepay(c *call) outcome {
	q := w.chargeOf(c)
	if q.fromBody != nil {
		return outcome{refusal: q.fromBody}
	}
	return w.chargePayer(c, q)
}

func (w *WeChat) chargePayer(c *call, q charge) outcome {
	if o := w.find(q.no, c.now); o != nil {
		return w.chargedBefore(o, q, c)
	}
	code := w.book.codes[q.terms.authCode]
	o := &order{
		no: q.no, kind: opCodepay, terms: q.terms, state: notPay,
		created: c.now, expires: c.now.Add(w.scaled(codepayVoid)),
	}
	if code != nil {
		o.bound = code.Payer
	}
	w.book.orders[o.no] = o
	behaviour := c.act()
	switch {
	case behaviour == "auth_code_expired", code != nil && !c.now.Before(code.until):
		o.state = payError
		return refuse(http.StatusForbidden, "AUTH_CODE_EXPIRED", 268501011, "付款码已过期，请刷新")
	case code == nil:
		o.state = payError
		return refuse(http.StatusForbidden, "AUTH_CODE_INVALID", 268501011, "101 付款码无效")
	case code.usedBy != "":
		o.state = payError
		w.tally.violation(o.no, c.now, "payer code used before, by order "+code.usedBy)
		return refuse(http.StatusForbidden, "AUTH_CODE_INVALID", 268501784, "101 每个二维码仅限使用一次，请刷新再试")
	}
	code.usedBy = o.no
	if behaviour == "" || !isBehaviour[behaviour] {
		behaviour = code.Behaviour
	}
	return w.pay(c, o, code, behaviour)
}

// pay plays the payer's part.
func (w *WeChat) pay(c *call, o *order, code *payerCode, behaviour string) outcome {
	limit := code.Limit
	if limit == 0 {
		limit = w.passwordLimit()
	}
	if behaviour == behavePay && o.terms.total > limit {
		behaviour = behavePassword
	}
	later := func(outcome string, d time.Duration) {
		d = w.scaled(d)
		if ms := max(c.rule.TakesMS, code.TakesMS); ms > 0 {
			d = time.Duration(ms) * time.Millisecond
		}
		o.state = userPaying
		o.next = &intention{outcome: outcome, at: c.now.Add(d)}
	}
	switch {
	case c.acts("late_success"):
		o.next = &intention{outcome: success, at: c.now.Add(w.scaled(lateCodepay)), stubborn: true}
		return outcome{refusal: systemError()}
	case c.acts("reverse_userpaying"):
		later(success, stubbornPays)
		o.next.stubborn = true
	case behaviour == behaveNotEnough:
		o.state = payError
		return refuse(http.StatusForbidden, "NOT_ENOUGH", 88430113, "余额不足")
	case behaviour == behavePassword:
		later(success, passwordTakes)
	case behaviour == behavePasswordLate:
		later(success, passwordLate)
	case behaviour == behaveCancel:
		later(notPay, passwordTakes)
	case behaviour == behaveWrongPassword:
		later(payError, passwordTakes)
	default:
		o.lags = c.acts("lagging_query")
		w.take(o, c.now)
	}
	if o.lags {
		o.missing, o.unpaid = c.now.Add(w.scaled(lagMissing)), c.now.Add(w.scaled(lagUnpaid))
		return outcome{refusal: systemError()}
	}
	return outcome{tx: w.show(o, o.state), accepted: o.state == userPaying}
}

// chargedBefore answers a second code payment under one number: never a second charge.
func (w *WeChat) chargedBefore(o *order, q charge, c *call) outcome {
	switch {
	case o.kind != opCodepay || o.terms != q.terms:
		w.tally.violation(o.no, c.now, "another request under the same order number")
		return refuse(http.StatusForbidden, "OUT_TRADE_NO_USED", 268498688, "201 商户订单号重复")
	case o.state == success || o.state == refunded:
		return refuse(http.StatusBadRequest, "ORDER_PAID", 268498689, "订单已支付")
	case o.state == userPaying:
		return outcome{tx: w.show(o, o.state), accepted: true}
	case o.state == notPay:
		return refuse(http.StatusForbidden, "AUTH_CODE_INVALID", 268501784, "101 每个二维码仅限使用一次，请刷新再试")
	}
	return refuse(http.StatusBadRequest, "ORDER_CLOSED", 268447914, "订单已关闭")
}

func (w *WeChat) chargeOf(c *call) charge {
	if c.v2 != nil {
		return w.chargeOfV2(c.v2)
	}
	var q codepayRequest
	bad := decode(c.body, &q)
	if bad == nil {
		bad = w.Credentials.checkOrder(q.AppID, q.MchID, q.Description, q.OutTradeNo, q.Attach, q.Amount)
	}
	switch {
	case bad != nil:
	case !payerDigits.MatchString(q.Payer.AuthCode):
		bad = badParam("payer/auth_code", nil, "18 digits that begin with 10 to 15")
	case q.Scene == nil || q.Scene.Store == nil || q.Scene.Store.ID == "" && q.Scene.Store.OutID == "":
		bad = badParam("scene_info/store_info", nil, "required, with id or out_id")
	}
	if bad != nil {
		return charge{fromBody: bad}
	}
	return charge{no: q.OutTradeNo, terms: terms{
		appid: q.AppID, description: q.Description, attach: q.Attach, device: q.Scene.DeviceID,
		total: q.Amount.Total, params: canonical(q), authCode: q.Payer.AuthCode,
	}}
}

// reverse ends a code payment: an unpaid one is revoked, a paid one is paid back in full.
func (w *WeChat) reverse(c *call) outcome {
	if bad := w.endable(c, true); bad != nil {
		return outcome{refusal: bad}
	}
	o := w.find(c.no, c.now)
	switch {
	case o == nil:
		return noOrder()
	case o.kind != opCodepay:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", 268435461, "仅付款码订单支持撤销")
	case o.state == revoked:
		return outcome{reversed: o.no}
	}
	age := c.now.Sub(o.created)
	switch {
	case age < w.scaled(reverseNotFor):
		w.tally.violation(o.no, c.now, fmt.Sprintf("reverse %s after pay (not before 15 s)", w.real(age)))
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", 268435461, "支付后15秒内不能撤销")
	case age > w.scaled(reverseWindow):
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", 268449386, "订单已超过可撤销时间")
	case c.acts("reverse_userpaying") && o.state != success:
		return userStillPaying()
	case o.state == refunded:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", 268435461, "订单已转入退款，不能撤销")
	}
	if o.state == success {
		w.tally.reversal(o)
	}
	o.state, o.next, o.pay.undone = revoked, nil, c.now
	o.missing, o.unpaid = time.Time{}, time.Time{}
	return outcome{reversed: o.no}
}

// real turns a simulated stretch of time back into the provider's, for words in a report.
func (w *WeChat) real(d time.Duration) time.Duration {
	if w.TimeScale > 0 {
		d = time.Duration(float64(d) * w.TimeScale)
	}
	return d.Round(100 * time.Millisecond)
}
