package sim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// native creates an order that the payer's phone pays by scanning. The same request again gives a new code_url and
// kills the old one; another request under the same number is refused.
func (w *WeChat) native(c *call) outcome {
	var q nativeRequest
	if bad := decode(c.body, &q); bad != nil {
		return outcome{refusal: bad}
	}
	if bad := w.Credentials.checkOrder(q.AppID, q.MchID, q.Description, q.OutTradeNo, q.Attach, q.Amount); bad != nil {
		return outcome{refusal: bad}
	}
	if u, err := url.Parse(q.NotifyURL); err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || len(q.NotifyURL) > 255 {
		return outcome{refusal: badParam("notify_url", q.NotifyURL, "https, no query, at most 255 bytes")}
	}
	if q.Scene != nil && q.Scene.PayerClientIP == "" {
		return outcome{refusal: badParam("scene_info/payer_client_ip", nil, "required")}
	}
	params, err := json.Marshal(q)
	if err != nil {
		return outcome{refusal: systemError()}
	}
	t := terms{
		appid: q.AppID, description: q.Description, attach: q.Attach, total: q.Amount.Total, params: string(params),
	}
	if q.Scene != nil {
		t.device = q.Scene.DeviceID
	}
	if w.post.orders[q.OutTradeNo] == "" {
		w.post.orders[q.OutTradeNo] = q.NotifyURL
	}
	return w.openNative(c, q.OutTradeNo, t, q.TimeExpire)
}

// openNative makes the order when there is none, and its code_url.
func (w *WeChat) openNative(c *call, no string, t terms, timeExpire string) outcome {
	o := w.find(no, c.now)
	if o == nil {
		expires, bad := w.expiry(timeExpire, c.now)
		if bad != nil {
			return outcome{refusal: bad}
		}
		o = &order{no: no, kind: opNative, state: notPay, created: c.now, expires: expires, terms: t}
		w.book.orders[o.no] = o
	}
	switch {
	case o.kind != opNative || o.terms.params != t.params:
		w.tally.violation(o.no, c.now, "another request under the same order number")
		return refuse(http.StatusForbidden, "OUT_TRADE_NO_USED", 268498688, "201 商户订单号重复")
	case o.state == success || o.state == refunded:
		return refuse(http.StatusBadRequest, "ORDER_PAID", 268498689, "订单已支付")
	case o.state != notPay:
		return refuse(http.StatusBadRequest, "ORDER_CLOSED", 268447914, "订单已关闭")
	}
	o.lags = o.lags || c.acts("lagging_query")
	o.codeURL = "weixin://wxpay/bizpayurl?pr=" + randomText(9)
	o.urlUntil = c.now.Add(w.scaled(codeURLLife))
	w.book.urls[o.codeURL] = o
	return outcome{codeURL: o.codeURL}
}

// expiry reads time_expire: at least a minute away (nearer is moved), at most 90 days.
func (w *WeChat) expiry(text string, now time.Time) (time.Time, *refusal) {
	if text == "" {
		return now.Add(w.scaled(nativeLife)), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return t, badParam("time_expire", text, "RFC 3339")
	case t.After(now.Add(nativeLongest)):
		return t, badParam("time_expire", text, "at most 90 days from now")
	}
	if soonest := now.Add(w.scaled(nativeSoonest)); t.Before(soonest) {
		t = soonest
	}
	return t, nil
}

// query tells the state of an order, or what a lagging replica believes it to be.
func (w *WeChat) query(c *call) outcome {
	o := w.find(c.no, c.now)
	switch {
	case o == nil, c.now.Before(o.missing):
		return noOrder()
	case c.byID && (o.pay.id == "" || c.now.Before(o.unpaid)):
		return noOrder()
	case c.now.Before(o.unpaid), c.acts("lagging_query"):
		return outcome{tx: w.show(o, notPay)}
	}
	return outcome{tx: w.show(o, o.state)}
}

// close ends an unpaid native order for good.
func (w *WeChat) close(c *call) outcome {
	if bad := w.endable(c, false); bad != nil {
		return outcome{refusal: bad}
	}
	o := w.find(c.no, c.now)
	if o == nil {
		return noOrder()
	}
	if o.kind == opCodepay {
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", 268449641, "付款码订单不能关单，只能撤销")
	}
	if c.acts("order_paid_on_close") && o.state == notPay {
		w.take(o, c.now)
	}
	switch o.state {
	case success, refunded:
		return orderPaid()
	case notPay:
		o.state, o.next = closed, nil
		if c.acts("late_success") {
			o.next = &intention{outcome: success, at: c.now.Add(w.scaled(lateAfterClose)), late: true}
		}
	}
	return outcome{}
}

// endable checks the body of close and reverse.
func (w *WeChat) endable(c *call, needsApp bool) *refusal {
	var q endRequest
	if c.v2 != nil {
		return nil // the v2 gate checked the merchant already
	}
	if bad := decode(c.body, &q); bad != nil {
		return bad
	}
	switch {
	case q.MchID != w.Credentials.MchID:
		return badParam("mchid", q.MchID, "differs from the one that signed")
	case needsApp && q.AppID != w.Credentials.AppID:
		return badParam("appid", q.AppID, "required")
	case !needsApp && q.AppID != "":
		return &refusal{http.StatusBadRequest, "PARAM_ERROR", 270924358, "参数错误", paramDetail{"/appid", q.AppID, "not defined", "body"}}
	}
	return nil
}
