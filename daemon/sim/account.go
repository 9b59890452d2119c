package sim

import (
	"errors"
	"fmt"
	"net/http"
	"sort"
	"time"
)

const (
	liveByPhone = "phone"
	openingCNY  = 500_000
)

// Account is what a payer keeps. A payer who was never set began with 5,000.00 in CNY; a balance below zero is credit.
type Account struct {
	Payer    string `json:"payer"` // "" is the phone of the page
	Currency string `json:"currency"`
	Opening  int64  `json:"opening"` // minor units
}

// WalletReport is an account and what came and went.
type WalletReport struct {
	Account
	Balances  map[string]int64    `json:"balances"` // by currency, minor units
	Crossings map[string]crossing `json:"crossings"`
}

// SetAccount gives a payer an account.
func (w *WeChat) SetAccount(a Account) (WalletReport, error) {
	if !currencyForm.MatchString(a.Currency) {
		return WalletReport{}, &controlError{http.StatusBadRequest, "BAD_SETTING", "currency is three letters"}
	}
	if a.Payer == "" {
		a.Payer = defaultPayer
	}
	w.lock()
	w.book.accounts[a.Payer] = a
	w.mu.Unlock()
	return w.Wallet(a.Payer), nil
}

// Wallet tells what a payer has.
func (w *WeChat) Wallet(payer string) WalletReport {
	if payer == "" {
		payer = defaultPayer
	}
	w.lock()
	defer w.mu.Unlock()
	w.settleAll(w.now())
	a, set := w.book.accounts[payer]
	if !set {
		a = Account{Payer: payer, Currency: cny, Opening: openingCNY}
	}
	r := WalletReport{a, map[string]int64{a.Currency: a.Opening}, map[string]crossing{}}
	for currency, moved := range w.tally.wallets[payer] {
		r.Balances[currency] += moved
	}
	for no, x := range w.ai.crossings {
		if o := w.book.orders[no]; o != nil && o.pay.payer == payer {
			r.Crossings[no] = *x
		}
	}
	return r
}

// Selfie is a liveness check that a payer's phone may answer.
type Selfie struct {
	SessionID  string    `json:"session_id"`
	OutTradeNo string    `json:"out_trade_no"`
	Total      int64     `json:"total"`
	Currency   string    `json:"currency"`
	State      string    `json:"state"`
	Opened     bool      `json:"opened"` // the shop has asked for it; before that there is nothing to prove
	URL        string    `json:"url"`
	ExpiresAt  time.Time `json:"expires_at"`

	seq int
}

// Selfies lists the checks of this provider, newest first.
func (w *WeChat) Selfies() []Selfie {
	w.lock()
	defer w.mu.Unlock()
	list := []Selfie{}
	for _, l := range w.ai.sessions {
		list = append(list, w.selfie(l))
	}
	sort.Slice(list, func(i, j int) bool { return list[i].seq > list[j].seq })
	return list[:min(len(list), 20)]
}

func (w *WeChat) selfie(l *liveness) Selfie {
	return Selfie{
		SessionID: l.id, OutTradeNo: l.no, Total: l.total, Currency: l.currency, State: l.state(w.now()), Opened: l.nonce != "",
		URL: l.url, ExpiresAt: l.until, seq: l.seq,
	}
}

// SelfieShot is what a payer does at a check: any outcome of the setting but phone.
type SelfieShot struct {
	SessionID string `json:"session_id"`
	Outcome   string `json:"outcome"`
}

// TakeSelfie answers a check as the payer at the phone, at once, or so much later where the outcome is late.
func (w *WeChat) TakeSelfie(q SelfieShot) (Selfie, error) {
	w.lock()
	defer w.mu.Unlock()
	l, now := w.ai.sessions[q.SessionID], w.now()
	switch {
	case l == nil:
		return Selfie{}, &controlError{http.StatusNotFound, "SESSION_UNKNOWN", "this is no check of this provider"}
	case l.nonce == "":
		return w.selfie(l), &controlError{http.StatusConflict, "SESSION_NOT_OPEN", "the shop has not asked for this check yet"}
	case l.state(now) != livePending:
		return w.selfie(l), &controlError{http.StatusConflict, "SESSION_" + l.state(now), "this check is " + l.state(now)}
	}
	s := w.ai.settings
	s.Liveness = l.setting
	s.Liveness.Outcome = q.Outcome
	if err := s.check(); err != nil || q.Outcome == liveByPhone {
		return w.selfie(l), errors.Join(err, fmt.Errorf("no outcome %q for a selfie", q.Outcome))
	}
	l.setting, l.due = s.Liveness, now
	if q.Outcome == "late" {
		l.due = now.Add(w.scaled(time.Duration(float64(s.Liveness.TakesMS)*s.Liveness.LateTimes) * time.Millisecond))
	}
	return w.selfie(l), nil
}
