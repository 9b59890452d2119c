package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Refund states of WeChat Pay v3.
const (
	refundProcessing = "PROCESSING"
	refundSuccess    = "SUCCESS"
	refundAbnormal   = "ABNORMAL"
	refundClosed     = "CLOSED"
	mostRefunds      = 50
)

type refund struct {
	id, no  string
	order   *order
	amount  int64
	params  string
	notify  string // where its outcome is reported; "" is nowhere of its own
	quiet   bool   // asked for by v2, whose notifications this provider does not send
	state   string
	created time.Time
	due     time.Time // when state becomes end
	end     string
}

// refundOf reads the request of either protocol.
type refundOf struct {
	no, order, transaction string
	amount, total          int64
	params, notify         string
}

// refund pays back part or all of a paid order. The refund number is the idempotency key: the same request again is
// answered with the same refund, whatever happened in between.
func (w *WeChat) refund(c *call) outcome {
	q, bad := w.readRefund(c)
	if bad != nil {
		return outcome{refusal: bad}
	}
	o := w.find(q.order, c.now)
	if q.order == "" {
		o = w.byTransaction(q.transaction, c.now)
	}
	if o == nil {
		return refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", 268512771, "订单不存在")
	}
	if r := w.book.refunds[q.no]; r != nil {
		if r.params != q.params {
			w.tally.violation(o.no, c.now, "another request under the same refund number")
			return refuse(http.StatusForbidden, "OUT_REFUND_NO_USED", 268498688, "商户退款单号重复且参数不一致")
		}
		return outcome{refund: w.showRefund(r)}
	}
	if c.acts("refund_no_balance") {
		return refuse(http.StatusForbidden, "NOT_ENOUGH", 88430113, "商户余额不足，请充值后用原退款单号重试")
	}
	if bad := w.refundable(o, q, c.now); bad != nil {
		return outcome{refusal: bad}
	}
	w.book.seq++
	r := &refund{
		id: fmt.Sprintf("50000%s%013d", c.now.In(beijing).Format("20060102"), w.book.seq), no: q.no,
		order: o, amount: q.amount, params: q.params, notify: q.notify, quiet: c.v2 != nil, state: refundProcessing, created: c.now,
		due: c.now.Add(w.scaled(refundTakes)), end: refundSuccess,
	}
	switch c.act() {
	case "refund_processing":
		r.due = c.now.Add(w.scaled(refundSlow))
	case "refund_abnormal":
		r.end = refundAbnormal
	case "refund_closed":
		r.end = refundClosed
	}
	o.refunds = append(o.refunds, r)
	o.state = refunded
	w.book.refunds[r.no] = r
	w.tally.of(o.no).PendingRefunds++
	return outcome{refund: w.showRefund(r)}
}

// refundable holds the limits of the provider.
func (w *WeChat) refundable(o *order, q refundOf, now time.Time) *refusal {
	var sum int64
	var last time.Time
	for _, r := range o.refunds {
		if r.state != refundClosed {
			sum += r.amount
		}
		last = r.created
	}
	invalid := func(message string) *refusal {
		return &refusal{http.StatusBadRequest, "INVALID_REQUEST", 268435461, message, nil}
	}
	switch {
	case o.state != success && o.state != refunded:
		return invalid("订单状态不支持退款: " + o.state)
	case q.total != o.terms.total:
		return invalid("订单金额不一致")
	case q.amount > o.terms.total-sum:
		w.tally.violation(o.no, now, fmt.Sprintf("refund of %d with %d of %d left", q.amount, o.terms.total-sum, o.terms.total))
		return invalid("退款金额超过可退金额")
	case len(o.refunds) >= mostRefunds:
		return invalid("部分退款次数超过50次")
	case now.Sub(o.pay.at) > w.scaled(refundWindow):
		return invalid("订单已超过可退款的最大期限")
	}
	if gap := now.Sub(last); len(o.refunds) > 0 && gap < w.scaled(refundPace) {
		w.tally.violation(o.no, now, fmt.Sprintf("refund %s after the one before (not before 60 s)", w.real(gap)))
		return &refusal{http.StatusTooManyRequests, "FREQUENCY_LIMITED", 268447840, "单笔订单请求频率过高", nil}
	}
	return nil
}

func (w *WeChat) settleRefund(r *refund, now time.Time) {
	if r.state != refundProcessing || now.Before(r.due) {
		return
	}
	r.state = r.end
	w.tally.refund(r)
	w.announceRefund(r)
}

func (w *WeChat) queryRefund(c *call) outcome {
	r := w.book.refunds[c.refundNo]
	if r == nil {
		return refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", 268512771, "退款单不存在")
	}
	w.settleRefund(r, c.now)
	return outcome{refund: w.showRefund(r)}
}

func (w *WeChat) byTransaction(id string, now time.Time) *order {
	for no, o := range w.book.orders {
		if id != "" && o.pay.id == id {
			return w.find(no, now)
		}
	}
	return nil
}

func (w *WeChat) readRefund(c *call) (refundOf, *refusal) {
	if c.v2 != nil {
		return refundOfV2(c.v2)
	}
	var q refundRequest
	if bad := decode(c.body, &q); bad != nil {
		return refundOf{}, bad
	}
	if money := w.currencyOf(q.OutTradeNo, q.TransactionID, c.now); q.Amount.Currency != money {
		return refundOf{}, badParam("amount/currency", q.Amount.Currency, money+" only")
	}
	r := refundOf{
		no: q.OutRefundNo, order: q.OutTradeNo, transaction: q.TransactionID,
		amount: q.Amount.Refund, total: q.Amount.Total, params: canonical(q), notify: q.NotifyURL,
	}
	return r, r.check()
}

// currencyOf is the currency an order is refunded in.
func (w *WeChat) currencyOf(no, transaction string, now time.Time) string {
	o := w.book.orders[no]
	if no == "" {
		o = w.byTransaction(transaction, now)
	}
	if o == nil {
		return cny
	}
	return o.terms.money()
}

func (q refundOf) check() *refusal {
	switch {
	case q.order == "" && q.transaction == "":
		return badParam("out_trade_no", nil, "out_trade_no or transaction_id is required")
	case !refundNumber.MatchString(q.no):
		return badParam("out_refund_no", q.no, "1 to 64 of 0-9 A-Z a-z _ - | * @")
	case q.amount < 1:
		return badParam("amount/refund", q.amount, "at least 1 fen")
	}
	return nil
}

// canonical tells a repeated request from a changed one: key order and white space do not count.
func canonical(request any) string {
	b, err := json.Marshal(request)
	if err != nil { // only strings, numbers and booleans go in
		return ""
	}
	return string(b)
}

type refundView struct {
	RefundID      string       `json:"refund_id"`
	OutRefundNo   string       `json:"out_refund_no"`
	TransactionID string       `json:"transaction_id"`
	OutTradeNo    string       `json:"out_trade_no"`
	Channel       string       `json:"channel"`
	Account       string       `json:"user_received_account"`
	SuccessTime   string       `json:"success_time,omitempty"`
	CreateTime    string       `json:"create_time"`
	Status        string       `json:"status"`
	FundsAccount  string       `json:"funds_account"`
	Amount        refundAmount `json:"amount"`
}

type refundAmount struct {
	Total            int64  `json:"total"`
	Refund           int64  `json:"refund"`
	PayerTotal       int64  `json:"payer_total"`
	PayerRefund      int64  `json:"payer_refund"`
	SettlementTotal  int64  `json:"settlement_total"`
	SettlementRefund int64  `json:"settlement_refund"`
	DiscountRefund   int64  `json:"discount_refund"`
	Currency         string `json:"currency"`
}

func (w *WeChat) showRefund(r *refund) *refundView {
	total := r.order.terms.total
	v := &refundView{
		RefundID: r.id, OutRefundNo: r.no, TransactionID: r.order.pay.id, OutTradeNo: r.order.no,
		Channel: "ORIGINAL", Account: "支付用户零钱", CreateTime: rfc3339(r.created), Status: r.state, FundsAccount: "AVAILABLE",
		Amount: refundAmount{
			Total: total, Refund: r.amount, PayerTotal: total, PayerRefund: r.amount,
			SettlementTotal: total, SettlementRefund: r.amount, Currency: r.order.terms.money(),
		},
	}
	if r.state == refundSuccess {
		v.SuccessTime = rfc3339(r.due)
	}
	return v
}
