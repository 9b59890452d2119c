package sim

import (
	"fmt"
	"net/http"
	"sort"
	"time"
)

// What a payer does with a code that was scanned.
const (
	behavePay           = "pay"            // at once; above the limit as password
	behavePassword      = "password"       // types the password: paid after 8 s
	behavePasswordLate  = "password_late"  // paid after 35 s
	behaveCancel        = "cancel"         // gives up after 8 s
	behaveWrongPassword = "wrong_password" // PAYERROR after 8 s
	behaveNotEnough     = "not_enough"     // refused at once
)

var isBehaviour = map[string]bool{
	behavePay: true, behavePassword: true, behavePasswordLate: true,
	behaveCancel: true, behaveWrongPassword: true, behaveNotEnough: true,
}

const defaultPayer = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"

// PayerCode is a code on a payer's phone.
type PayerCode struct {
	AuthCode  string    `json:"auth_code"`
	Behaviour string    `json:"behaviour"` // "" is "pay"
	Limit     int64     `json:"limit"`     // fen without a password; 0 is the provider's
	Payer     string    `json:"payer"`     // account; "" is the phone of the page
	TakesMS   int       `json:"takes_ms"`  // real milliseconds until the payer is done; 0 is the behaviour's own
	ExpiresAt time.Time `json:"expires_at"`
	UsedBy    string    `json:"used_by,omitempty"` // order number
}

type payerCode struct {
	PayerCode
	until  time.Time
	usedBy string
}

// Mint puts a fresh payer code on a phone; only Behaviour, Limit, Payer and TakesMS of the request are read.
func (w *WeChat) Mint(q PayerCode) (PayerCode, error) {
	if q.Behaviour == "" {
		q.Behaviour = behavePay
	}
	if !isBehaviour[q.Behaviour] {
		return q, fmt.Errorf("no behaviour %q", q.Behaviour)
	}
	if q.TakesMS < 0 {
		return q, fmt.Errorf("takes_ms is not negative")
	}
	if q.Payer == "" {
		q.Payer = defaultPayer
	}
	w.lock()
	defer w.mu.Unlock()
	for q.AuthCode = ""; q.AuthCode == "" || w.book.codes[q.AuthCode] != nil; {
		q.AuthCode = "1" + randomOf("01234", 1) + randomDigits(16)
	}
	q.ExpiresAt, q.UsedBy = w.now().Add(w.scaled(payerCodeLife)), ""
	w.book.codes[q.AuthCode] = &payerCode{PayerCode: q, until: q.ExpiresAt}
	return q, nil
}

// QRScan is what a payer does with the QR code on the shop's screen.
type QRScan struct {
	CodeURL string `json:"code_url"`
	Action  string `json:"action"`   // pay, pay_late, cancel, wrong_password; "" only looks
	DelayMS int    `json:"delay_ms"` // for pay_late, real milliseconds; 0 is 8 s divided by TimeScale
	Payer   string `json:"payer"`
}

// QRResult is what the payer's phone then knows.
type QRResult struct {
	OutTradeNo  string `json:"out_trade_no"`
	State       string `json:"state"`
	Total       int64  `json:"total"`
	Description string `json:"description"`
	Currency    string `json:"currency"`
}

// controlError is a refusal of a control endpoint.
type controlError struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *controlError) Error() string { return e.Code + ": " + e.Message }

// Scan holds a phone before the shop's screen. The first account that scans an order is bound to it.
func (w *WeChat) Scan(q QRScan) (QRResult, error) {
	if q.Payer == "" {
		q.Payer = defaultPayer
	}
	w.lock()
	defer w.mu.Unlock()
	now := w.now()
	o := w.book.urls[q.CodeURL]
	if o == nil {
		return QRResult{}, &controlError{http.StatusNotFound, "CODE_UNKNOWN", "this is no code of this provider"}
	}
	w.find(o.no, now)
	switch {
	case o.state != notPay:
		return result(o), &controlError{http.StatusConflict, "ORDER_" + o.state, "the order is " + o.state}
	case o.codeURL != q.CodeURL || !now.Before(o.urlUntil):
		return result(o), &controlError{http.StatusGone, "CODE_DEAD", "二维码已失效: the code_url was replaced or is older than 2 h"}
	case o.bound != "" && o.bound != q.Payer:
		return result(o), &controlError{http.StatusConflict, "ORDER_BOUND", "商家订单信息有误，请重新下单支付"}
	}
	o.bound = q.Payer
	switch q.Action {
	case "", "cancel", "wrong_password":
		o.next = nil // a native order stays NOTPAY and may be paid by the same account later
	case "pay":
		o.next = nil
		w.take(o, now)
	case "pay_late":
		d := time.Duration(q.DelayMS) * time.Millisecond
		if d == 0 {
			d = w.scaled(passwordTakes)
		}
		o.next = &intention{outcome: success, at: now.Add(d)}
	default:
		return result(o), &controlError{http.StatusBadRequest, "ACTION_UNKNOWN", "no action " + q.Action}
	}
	return result(o), nil
}

func result(o *order) QRResult {
	return QRResult{OutTradeNo: o.no, State: o.state, Total: o.terms.total, Description: o.terms.description, Currency: o.terms.money()}
}

// ScreenOrder is a QR code that a payer could scan now.
type ScreenOrder struct {
	OutTradeNo  string    `json:"out_trade_no"`
	Description string    `json:"description"`
	Total       int64     `json:"total"`
	CodeURL     string    `json:"code_url"`
	ExpiresAt   time.Time `json:"expires_at"`
	Paying      bool      `json:"paying"` // pay_late is under way
	Currency    string    `json:"currency"`
}

// Screen lists the open QR orders, newest first.
func (w *WeChat) Screen() []ScreenOrder {
	w.lock()
	defer w.mu.Unlock()
	now := w.now()
	list := []ScreenOrder{}
	for no := range w.book.orders {
		o := w.find(no, now)
		if o.kind == opNative && o.state == notPay && now.Before(o.urlUntil) {
			list = append(list, ScreenOrder{o.no, o.terms.description, o.terms.total, o.codeURL, o.expires, o.next != nil, o.terms.money()})
		}
	}
	sort.Slice(list, func(i, j int) bool {
		return w.book.orders[list[i].OutTradeNo].created.After(w.book.orders[list[j].OutTradeNo].created)
	})
	return list
}
