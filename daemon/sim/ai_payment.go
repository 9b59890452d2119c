package sim

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"
)

// aiRequest is the body of a payment; fields that it does not have are ignored.
type aiRequest struct {
	AppID       string `json:"appid"`
	MchID       string `json:"mchid"`
	OutTradeNo  string `json:"out_trade_no"`
	Description string `json:"description"`
	Scene       string `json:"scene"`
	Payer       struct {
		AuthCode string `json:"auth_code"`
	} `json:"payer"`
	Amount      amountField `json:"amount"`
	Context     *aiContext  `json:"context"`
	ModelChain  aiChain     `json:"model_chain"`
	FX          *aiFXTerms  `json:"fx"`
	Liveness    *aiLiveness `json:"liveness"`
	IntentToken string      `json:"intent_token"` // confirms a payment that exists
}

type aiChain struct {
	PreAuthorization struct {
		Model string `json:"model"`
	} `json:"pre_authorization"`
	Reconciliation struct {
		Model string `json:"model"`
	} `json:"post_payment_reconciliation"`
}

type aiRisk struct {
	Score     float64  `json:"score"`
	Threshold float64  `json:"threshold"`
	Signals   []string `json:"signals"`
}

// aiAnswer is a payment as the API tells it.
type aiAnswer struct {
	PaymentID   string `json:"payment_id"`
	OutTradeNo  string `json:"out_trade_no"`
	IntentToken string `json:"intent_token"`
	State       string `json:"state"`
	CodeURL     string `json:"code_url,omitempty"`
	Risk        aiRisk `json:"risk"`
	Replays     int    `json:"replays"`
}

func (q *aiRequest) label() string {
	if q.Context == nil {
		return ""
	}
	return q.Context.Intent.Label
}

// aiPay takes a payment request. A verified key is one payment for ever; any other protects nothing.
func (w *WeChat) aiPay(c *call) outcome {
	var q aiRequest
	if err := json.Unmarshal(c.body, &q); err != nil {
		return outcome{refusal: badParam("", nil, "not JSON: "+err.Error())}
	}
	if bad := w.checkAI(&q); bad != nil {
		return outcome{refusal: bad}
	}
	session, verified := w.verifyKey(c.key)
	use := w.ai.keys[c.key]
	body := sha256.Sum256(c.body)
	switch {
	case !verified:
		w.ai.count.Opaque++
		use = &aiUse{body: body} // forgotten at once
	case use == nil:
		w.ai.count.Verified++
		use = &aiUse{body: body}
		w.ai.keys[c.key] = use
	case use.body != body:
		w.tally.violation(c.no, c.now, "another request under the same idempotency key")
		return refuse(http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED", 268498688, "同一幂等键的请求参数不一致")
	default:
		w.ai.count.Verified++
	}
	if use.payment != nil {
		w.replay(c, use.payment, true)
		w.replayOneself(c, use.payment, true)
		return w.tellPayment(c, use.payment)
	}
	complete := w.readContext(c, q.Context, session)
	before, after := w.judge(c, &q, complete)
	if before != nil {
		return *before
	}
	p, refused := w.createAI(c, &q, complete, verified)
	use.payment = p
	if refused != nil {
		return outcome{refusal: refused}
	}
	w.replayOneself(c, p, verified)
	if after != nil {
		return *after
	}
	return w.tellPayment(c, p)
}

func (w *WeChat) checkAI(q *aiRequest) *refusal {
	amount := q.Amount
	if q.FX != nil && currencyForm.MatchString(amount.Currency) {
		amount.Currency = cny // the projection is held against it later
	}
	if bad := w.Credentials.checkOrder(q.AppID, q.MchID, q.Description, q.OutTradeNo, "", amount); bad != nil {
		return bad
	}
	switch {
	case q.Scene != opNative && q.Scene != opCodepay:
		return badParam("scene", q.Scene, "native or codepay")
	case q.Scene == opCodepay && !payerDigits.MatchString(q.Payer.AuthCode):
		return badParam("payer/auth_code", nil, "18 digits that begin with 10 to 15")
	}
	return nil
}

// judge is what the models say before a payment, and instead of the answer after it.
func (w *WeChat) judge(c *call, q *aiRequest, complete bool) (before, after *outcome) {
	policy := func(explanation string) *outcome {
		out := w.nested("policy", q.label(), aiError{Explanation: explanation, Model: q.model(), Stage: "pre_authorization"})
		return &out
	}
	if p := w.ai.payments[q.OutTradeNo]; q.IntentToken != "" && (p == nil || p.token != q.IntentToken) {
		return policy("The intent token of this payment was reset; the one presented is no longer valid."), nil
	}
	if wrong := w.checkFX(c, q); wrong != "" {
		return policy(wrong), nil
	}
	if wrong, challenge := w.checkLiveness(c, q); wrong != "" {
		return policy(wrong), nil
	} else if challenge != nil {
		return challenge, nil
	}
	if r := w.errorRule(q); r != nil {
		out := w.complain(r, q, w.threshold(complete))
		if r.Executed {
			return nil, &out
		}
		return &out, nil
	}
	if s := w.ai.settings; !complete && w.chance("aggressive", q.OutTradeNo) < s.AggressiveRejects {
		out := w.complain(&AIErrorRule{Class: "policy"}, q, w.threshold(complete))
		return &out, nil
	}
	return nil, nil
}

// threshold is aggressive for a request without complete context.
func (w *WeChat) threshold(complete bool) float64 {
	if complete {
		return w.ai.settings.Threshold
	}
	return w.ai.settings.StrictThreshold
}

func (q *aiRequest) model() string {
	if m := q.ModelChain.PreAuthorization.Model; m != "" {
		return m
	}
	return "wxpay-risk-1"
}

// createAI makes the payment, or a further transaction when a key without protection repeats it.
func (w *WeChat) createAI(c *call, q *aiRequest, complete, verified bool) (*aiPayment, *refusal) {
	t := terms{
		appid: q.AppID, description: q.Description, total: q.Amount.Total, authCode: q.Payer.AuthCode,
		params: fmt.Sprint(q.Scene, q.Amount, q.Description, q.Payer.AuthCode), currency: q.Amount.Currency,
	}
	p, known := w.ai.payments[q.OutTradeNo], w.book.orders[q.OutTradeNo] != nil
	if p != nil && !verified && p.order.terms == t {
		w.replay(c, p, false)
		return p, nil
	}
	var out outcome
	if q.Scene == opNative {
		out = w.openNative(c, q.OutTradeNo, t, "")
	} else {
		out = w.chargePayer(c, charge{no: q.OutTradeNo, terms: t})
	}
	o := w.book.orders[q.OutTradeNo]
	if out.refusal != nil && (known || o == nil) {
		return nil, out.refusal
	}
	if p == nil {
		p = &aiPayment{id: w.aiID("AIP"), order: o, reconcile: q.ModelChain.Reconciliation.Model}
		p.risk = w.risk(q, complete)
		w.ai.payments[o.no] = p
		w.crossByTerms(o, q.FX)
		w.ai.count.Payments++
		if q.Liveness != nil {
			w.ai.sessions[q.Liveness.SessionID].spent = true
		}
	}
	p.token = w.aiID("it_")
	return p, out.refusal // the first order of a number is a payment, even one that failed or whose answer is lost
}

// replay answers a payment again: a new token and, when no key protects it, a new transaction.
func (w *WeChat) replay(c *call, p *aiPayment, verified bool) {
	p.replays++
	p.token = w.aiID("it_")
	if verified {
		w.ai.count.Replays++
		return
	}
	o := *p.order
	o.no, o.refunds, o.next = w.aiID("SHADOW"), nil, nil
	o.created, o.expires = c.now, c.now.Add(o.expires.Sub(o.created))
	o.codeURL, o.urlUntil = "", time.Time{} // a phone pays it together with its original
	o.pay, o.missing, o.unpaid = payment{}, time.Time{}, time.Time{}
	paid := o.state == success || o.state == refunded
	if o.state != payError {
		o.state = notPay
	}
	w.book.orders[o.no] = &o
	w.tally.of(o.no).ShadowOf = p.order.no
	p.shadows = append(p.shadows, &o)
	if paid {
		w.takeShadows(p.order, c.now)
	}
}

// replayOneself is what the server does when it takes too long for itself.
func (w *WeChat) replayOneself(c *call, p *aiPayment, verified bool) {
	for range w.serverReplays(c) {
		w.ai.count.ServerReplays++
		w.replay(c, p, verified)
	}
}

// takeShadows charges the payer of an order once more for each further transaction that was made of it.
func (w *WeChat) takeShadows(o *order, at time.Time) {
	p := w.ai.payments[o.no]
	if p == nil || p.order != o {
		return
	}
	for _, s := range p.shadows {
		if s.pay.id == "" && at.Before(s.expires) { // one that lapsed may have been looked at first
			s.bound = o.bound
			w.ai.count.ShadowCharges++
			w.take(s, at)
		}
	}
}

func (w *WeChat) tellPayment(c *call, p *aiPayment) outcome {
	o := w.find(p.order.no, c.now)
	a := aiAnswer{
		PaymentID: p.id, OutTradeNo: o.no, IntentToken: p.token, State: o.state, Replays: p.replays,
		Risk: p.risk,
	}
	if o.kind == opNative && o.state == notPay {
		a.CodeURL = o.codeURL
	}
	return outcome{ai: a, accepted: o.state == userPaying}
}

// risk of a payment that is let pass lies below the threshold, and repeats with the order number.
func (w *WeChat) risk(q *aiRequest, complete bool) aiRisk {
	r := aiRisk{Threshold: w.threshold(complete), Signals: []string{}}
	r.Score = math.Round(1000*r.Threshold*w.chance("risk", q.OutTradeNo)) / 1000
	for _, s := range []struct {
		name  string
		holds bool
	}{{"context_incomplete", !complete}, {"cross_currency", q.FX != nil}, {"liveness_checked", q.Liveness != nil}} {
		if s.holds {
			r.Signals = append(r.Signals, s.name)
		}
	}
	return r
}

// aiReconciliation is the second thought about a paid AI payment.
type aiReconciliation struct {
	Model       string `json:"model"`
	Verdict     string `json:"verdict"`
	Explanation string `json:"explanation"`
}

// reconciled is nil for an order that is not paid or not of the AI API.
func (w *WeChat) reconciled(o *order) *aiReconciliation {
	p := w.ai.payments[o.no]
	if p == nil || o.pay.id == "" {
		return nil
	}
	s := w.ai.settings.Reconciliation
	r := &aiReconciliation{Model: s.Model, Verdict: s.Verdict, Explanation: s.Explanation}
	if r.Model == "" {
		r.Model = p.reconcile
	}
	if r.Model == "" {
		r.Model = "wxpay-reconcile-1"
	}
	if w.now().Before(o.pay.at.Add(time.Duration(s.PendingMS) * time.Millisecond)) {
		r.Verdict = "pending"
	}
	if r.Explanation == "" {
		r.Explanation = w.fill(map[string]string{
			"consistent": "The payment of {amount} {currency} agrees with the stated intent.",
			"mismatch":   "The payment of {amount} {currency} does not agree with the intent that the merchant's classifier stated.",
			"pending":    "The reconciliation of this payment is not finished.",
		}[r.Verdict], told{total: o.terms.total, currency: o.terms.money()})
	}
	return r
}
