package sim

import (
	"fmt"
	"time"
)

// Trade states of WeChat Pay v3.
const (
	notPay     = "NOTPAY"
	userPaying = "USERPAYING"
	success    = "SUCCESS"
	refunded   = "REFUND"
	closed     = "CLOSED"
	revoked    = "REVOKED"
	payError   = "PAYERROR"
)

// terms are what the merchant asked for; they never change.
type terms struct {
	appid, description, attach, device string
	total                              int64
	params                             string // canonical form, to tell a repeat from a change
	authCode                           string
	currency                           string // "" is CNY
}

func (t terms) money() string {
	if t.currency == "" {
		return cny
	}
	return t.currency
}

// payment is the money taken, if it was.
type payment struct {
	id    string
	payer string
	at    time.Time

	undone time.Time // when it was revoked
}

// intention is what the payer, or fate, is about to do.
type intention struct {
	outcome  string // success, notPay (cancelled) or payError
	at       time.Time
	stubborn bool // not ended by the provider's own 45 s
	late     bool // lands even on a closed order
}

type order struct {
	no, kind string // kind is opNative or opCodepay
	terms    terms
	state    string
	pay      payment
	next     *intention
	created  time.Time
	expires  time.Time
	codeURL  string
	urlUntil time.Time
	bound    string // the account that scanned first
	refunds  []*refund
	lags     bool
	missing  time.Time // queries know no order until then
	unpaid   time.Time // queries know no payment until then
}

// settle brings an order up to now. Nothing here runs on timers: what was due happens when somebody looks, in the
// order of its due times, so that a test with its own clock sees the same as one with a real clock.
func (w *WeChat) settle(o *order, now time.Time) {
	end := o.expires
	if n := o.next; n != nil && !n.at.After(now) && (n.late || n.stubborn || n.at.Before(end)) {
		o.next = nil
		open := o.state == notPay || o.state == userPaying
		switch {
		case n.outcome == success && (open || n.late && o.state == closed):
			w.take(o, n.at)
		case open:
			o.state = n.outcome
		}
	}
	if o.next != nil && o.next.stubborn {
		return
	}
	if (o.state == notPay || o.state == userPaying) && !now.Before(end) {
		o.state = closed
		if o.kind == opCodepay {
			o.state = revoked
		}
		if o.next != nil && !o.next.late {
			o.next = nil
		}
	}
}

// take moves the payer's money to the merchant. It is the only place that does.
func (w *WeChat) take(o *order, at time.Time) {
	w.book.seq++
	payer := o.bound
	if payer == "" {
		payer = defaultPayer
	}
	o.state = success
	o.pay = payment{id: fmt.Sprintf("42000%s%013d", at.In(beijing).Format("20060102"), w.book.seq), payer: payer, at: at}
	if o.lags && o.kind == opNative {
		o.unpaid = at.Add(w.scaled(reverseNotFor))
	}
	w.tally.charge(o)
	w.crossByAccount(o)
	w.announcePayment(o)
	w.takeShadows(o, at)
}

// find returns the settled order of a number.
func (w *WeChat) find(no string, now time.Time) *order {
	o := w.book.orders[no]
	if o != nil {
		w.settle(o, now)
		for _, r := range o.refunds {
			w.settleRefund(r, now)
		}
	}
	return o
}

// transaction is the answer to a query and to a code payment.
type transaction struct {
	AppID         string            `json:"appid"`
	MchID         string            `json:"mchid"`
	OutTradeNo    string            `json:"out_trade_no"`
	TransactionID string            `json:"transaction_id,omitempty"`
	TradeType     string            `json:"trade_type,omitempty"`
	State         string            `json:"trade_state"`
	StateDesc     string            `json:"trade_state_desc"`
	BankType      string            `json:"bank_type,omitempty"`
	Attach        string            `json:"attach,omitempty"`
	SuccessTime   string            `json:"success_time,omitempty"`
	Payer         map[string]string `json:"payer,omitempty"`
	Amount        txAmount          `json:"amount"`
	Scene         map[string]string `json:"scene_info,omitempty"`

	Reconciliation *aiReconciliation `json:"reconciliation,omitempty"` // of the payment AI API
}

type txAmount struct {
	Total         int64  `json:"total"`
	PayerTotal    int64  `json:"payer_total,omitempty"`
	Currency      string `json:"currency"`
	PayerCurrency string `json:"payer_currency,omitempty"`
}

// show is the order as the provider tells it; state overrides what it really is.
func (w *WeChat) show(o *order, state string) *transaction {
	t := &transaction{
		AppID: o.terms.appid, MchID: w.Credentials.MchID, OutTradeNo: o.no, TradeType: "NATIVE",
		State: state, StateDesc: stateText[state], Attach: o.terms.attach,
		Amount: txAmount{Total: o.terms.total, Currency: o.terms.money()},
	}
	if o.kind == opCodepay {
		t.TradeType = "MICROPAY"
	}
	if o.terms.device != "" {
		t.Scene = map[string]string{"device_id": o.terms.device}
	}
	if o.pay.id != "" && state != notPay && state != userPaying {
		t.TransactionID, t.BankType = o.pay.id, "OTHERS"
		t.SuccessTime = rfc3339(o.pay.at)
		t.Reconciliation = w.reconciled(o)
		t.Payer = map[string]string{"openid": o.pay.payer}
		t.Amount.PayerTotal, t.Amount.PayerCurrency = o.terms.total, o.terms.money()
	}
	return t
}

var stateText = map[string]string{
	notPay: "订单未支付", userPaying: "用户支付中", success: "支付成功", refunded: "转入退款",
	closed: "订单已关闭", revoked: "订单已撤销", payError: "支付失败,请撤销订单",
}

// beijing is the zone of every time the provider writes; fixed, so that no zone file is needed.
var beijing = time.FixedZone("CST", 8*60*60)

func rfc3339(t time.Time) string { return t.In(beijing).Format(time.RFC3339) }
