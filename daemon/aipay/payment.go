package aipay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"qrposd/daemon/wechat"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// PathPayments is where payments are made.
const PathPayments = "/v3/ai/payments"

// longestTimeout keeps the API's own answer below the 800 ms after which it replays.
const longestTimeout = 750

// modelForm is a model's name at any provider.
var modelForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._:/-]{0,63}$`)

// Chain names the models of one payment: the one that looks at it first and how
// long it may take, and the one that looks at it when it is paid.
type Chain struct {
	PreAuthorization string
	Timeout          time.Duration
	Reconciliation   string
}

// FX is the price of a sale across currencies: the projected range, what was
// agreed inside it, and when the payer confirmed it. A zero Confirmed says that
// nobody was asked.
type FX struct {
	Projection Projection
	Agreed     money.Rate
	Confirmed  time.Time
}

// Proof is what is left of a liveness check: its session and the digest of what
// was seen ([Vector.Audit]).
type Proof struct {
	SessionID string
	Audit     string
}

// Payment is what is asked for. Who shows the code is the context's: a payment
// with another flow than its session had would be another sale's.
type Payment struct {
	AppID, MchID string
	OrderNo      string
	Description  string
	Code         sale.PayerCode // the payer's, where the payer shows one
	Amount       money.Money
	Chain        Chain
	FX           *FX    // across currencies only
	Liveness     *Proof // where one was demanded
}

// Request is a payment ready to be fixed on disk. Only NewPayment makes one, and
// that takes a [Context].
type Request struct{ fixed sale.Request }

// Fixed is the request in the form that is stored and sent: with its exact
// bytes, its digest, and the digest of the session for its idempotency key.
func (r Request) Fixed() sale.Request { return r.fixed }

type payerField struct {
	AuthCode string `json:"auth_code"`
}

type amountField struct {
	Total    int64          `json:"total"`
	Currency money.Currency `json:"currency"`
}

type chainField struct {
	Pre struct {
		Model   string `json:"model"`
		Timeout int64  `json:"timeout_ms"`
	} `json:"pre_authorization"`
	Post struct {
		Model string `json:"model"`
	} `json:"post_payment_reconciliation"`
}

type fxField struct {
	ProjectionID string         `json:"projection_id"`
	Base         money.Currency `json:"base"`
	Quote        money.Currency `json:"quote"`
	Low          string         `json:"low"`
	Mid          string         `json:"mid"`
	High         string         `json:"high"`
	Confidence   float64        `json:"confidence"`
	Agreed       string         `json:"agreed_rate"`
	Confirmed    string         `json:"confirmed_at,omitempty"`
}

type proofField struct {
	SessionID string `json:"session_id"`
	Audit     string `json:"audit_hash"`
}

type paymentBody struct {
	AppID       string      `json:"appid"`
	MchID       string      `json:"mchid"`
	OutTradeNo  string      `json:"out_trade_no"`
	Description string      `json:"description"`
	Scene       string      `json:"scene"`
	Payer       *payerField `json:"payer,omitempty"`
	Amount      amountField `json:"amount"`
	Context     Context     `json:"context"`
	Chain       chainField  `json:"model_chain"`
	FX          *fxField    `json:"fx,omitempty"`
	Liveness    *proofField `json:"liveness,omitempty"`
}

// NewPayment makes the request of a payment, the same bytes for the same
// arguments. now is compared with the end of a projection and is not in them.
func NewPayment(c Context, p Payment, now time.Time) (Request, error) {
	if c.IsZero() {
		return Request{}, errNoContext
	}
	if err := p.check(c.flow, now); err != nil {
		return Request{}, err
	}
	body := paymentBody{
		AppID: p.AppID, MchID: p.MchID, OutTradeNo: p.OrderNo, Description: wechat.Description(p.Description, p.OrderNo),
		Scene: "native", Amount: amountField{p.Amount.Minor, p.Amount.Currency}, Context: c,
	}
	if c.flow == sale.Payer {
		body.Scene, body.Payer = "codepay", &payerField{p.Code.Reveal()}
	}
	body.Chain.Pre.Model, body.Chain.Pre.Timeout = p.Chain.PreAuthorization, p.Chain.Timeout.Milliseconds()
	body.Chain.Post.Model = p.Chain.Reconciliation
	if p.FX != nil {
		body.FX = p.FX.field()
	}
	if p.Liveness != nil {
		body.Liveness = &proofField{p.Liveness.SessionID, p.Liveness.Audit}
	}
	b, err := json.Marshal(body)
	if err != nil {
		return Request{}, fmt.Errorf("aipay: %w", err)
	}
	fixed := sale.NewRequest(http.MethodPost, PathPayments, b, p.Code, p.secret())
	fixed.Session = c.session
	return Request{fixed}, nil
}

// secret is the digest of a liveness check, which is kept apart from every journal.
func (p Payment) secret() string {
	if p.Liveness == nil {
		return ""
	}
	return p.Liveness.Audit
}

func (p Payment) check(flow sale.Flow, now time.Time) error {
	var f faults
	f.unless(idForm.MatchString(p.AppID), "appid: the application's")
	f.unless(idForm.MatchString(p.MchID), "mchid: the merchant's")
	f.unless(wechat.ValidOrderNo(p.OrderNo), "out_trade_no: 6 to 32 letters and digits")
	err := p.Amount.Check()
	f.unless(err == nil, "amount: %v", err)
	if flow == sale.Payer {
		f.unless(wechat.ValidPayerCode(p.Code), "payer.auth_code: 18 digits that begin with 10 to 15")
	} else {
		f.unless(p.Code.IsZero(), "payer.auth_code: none, the till shows the code")
	}
	f.unless(modelForm.MatchString(p.Chain.PreAuthorization), "model_chain.pre_authorization.model: a model's name")
	f.unless(modelForm.MatchString(p.Chain.Reconciliation), "model_chain.post_payment_reconciliation.model: a model's name")
	f.unless(p.Chain.Timeout >= time.Millisecond && p.Chain.Timeout <= longestTimeout*time.Millisecond,
		"model_chain.pre_authorization.timeout_ms: 1 to %d", longestTimeout)
	if p.FX != nil {
		p.FX.check(&f, p.Amount.Currency, now)
	}
	if p.Liveness != nil {
		f.unless(idForm.MatchString(p.Liveness.SessionID), "liveness.session_id: that of the check")
		f.unless(hashForm.MatchString(p.Liveness.Audit), "liveness.audit_hash: 64 hexadecimal digits")
	}
	return f.err("payment")
}

// check holds the price against its range. What was agreed after the range had
// expired, and what is charged after that, is a price that nobody projected.
func (x *FX) check(f *faults, charged money.Currency, now time.Time) {
	p := x.Projection
	f.unless(idForm.MatchString(p.ID), "fx.projection_id: that of the range")
	f.unless(p.Base != p.Quote && (charged == p.Base || charged == p.Quote), "fx: a range between %s and another currency", charged)
	f.unless(p.ordered(), "fx.low, mid, high: rates above zero, in this order")
	f.unless(p.Confidence >= 0 && p.Confidence <= 1, "fx.confidence: 0 to 1")
	f.unless(p.Low.Cmp(x.Agreed) <= 0 && x.Agreed.Cmp(p.High) <= 0, "fx.agreed_rate: a rate inside the range")
	f.unless(now.Before(p.ValidUntil), "fx: a range that has not expired")
	f.unless(!x.Confirmed.After(now), "fx.confirmed_at: a moment that has been")
}

func (x *FX) field() *fxField {
	p := x.Projection
	field := &fxField{
		ProjectionID: p.ID, Base: p.Base, Quote: p.Quote, Low: p.Low.String(), Mid: p.Mid.String(), High: p.High.String(),
		Confidence: p.Confidence, Agreed: x.Agreed.String(),
	}
	if !x.Confirmed.IsZero() {
		field.Confirmed = stamp(x.Confirmed)
	}
	return field
}
