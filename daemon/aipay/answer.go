package aipay

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"qrposd/daemon/wechat"
)

// Answer is what the API said to a payment: exactly one of the three is there.
type Answer struct {
	Payment   *Paying
	Refusal   *ModelError
	Challenge *Challenge
}

// Paying is a payment that the API knows. Its state is in the words of WeChat
// Pay; that it says SUCCESS is no receipt, which only the query's transaction is.
type Paying struct {
	ID          string
	OrderNo     string
	IntentToken string // the latest one is the valid one
	State       string
	CodeURL     string // empty where the payer showed the code
	Risk        *Risk
	Replays     int
}

// Risk is how the API judged a payment.
type Risk struct {
	Score, Threshold float64
	Signals          []string
}

// Stage is where in the life of a payment a model objected.
type Stage string

// The stages of the API.
const (
	PreAuthorization Stage = "pre_authorization"
	AtPayment        Stage = "payment"
	Reconciling      Stage = "reconciliation"
)

// ModelError is the objection of a model in an answer of 200. It has no code:
// what it means is in its words, which are the words of a model.
type ModelError struct {
	Explanation string
	Model       string
	Stage       Stage
	Score       *float64
}

// Challenge is a check that the API wants before it goes on.
type Challenge struct {
	SessionID string
	URL       string // for the payer's phone
	Expires   time.Time
}

// maxText bounds what a model may say in one field.
const maxText = 4096

func plain(s string) bool { return s != "" && len(s) <= maxText }

// ReadPayment reads the answer to the payment of an order. It errs with
// [ErrUnknown] on all that is not exactly one of a payment of this order, a
// model's error and a challenge.
func ReadPayment(body []byte, orderNo string) (Answer, error) {
	d, err := open(body)
	if err != nil {
		return Answer{}, err
	}
	payment := slices.ContainsFunc([]string{"payment_id", "out_trade_no", "intent_token", "state", "code_url"}, d.has)
	var a Answer
	switch refusal, challenge := d.has("error"), d.has("challenge"); {
	case payment && !refusal && !challenge:
		a.Payment = d.paying(orderNo)
	case refusal && !payment && !challenge:
		a.Refusal = d.modelError()
	case challenge && !payment && !refusal:
		a.Challenge = d.challenge()
	default:
		d.fail("not one of a payment, an error and a challenge")
	}
	if d.err != nil {
		return Answer{}, d.err
	}
	return a, nil
}

func (d *document) paying(orderNo string) *Paying {
	p := &Paying{
		ID: d.text("payment_id", idForm.MatchString), OrderNo: d.text("out_trade_no", func(s string) bool { return s == orderNo }),
		IntentToken: d.text("intent_token", plain), State: d.text("state", isState),
	}
	if d.has("code_url") {
		p.CodeURL = d.text("code_url", wechat.ValidCodeURL)
	}
	if d.has("replays") {
		if d.take("replays", &p.Replays); p.Replays < 0 {
			d.fail("replays is %d", p.Replays)
		}
	}
	if d.has("risk") {
		p.Risk = d.risk()
	}
	return p
}

// isState says whether s is a trade state of WeChat Pay v3.
func isState(s string) bool {
	switch s {
	case "SUCCESS", "REFUND", "NOTPAY", "CLOSED", "REVOKED", "USERPAYING", "PAYERROR":
		return true
	}
	return false
}

func (d *document) risk() *Risk {
	in := d.inner("risk")
	r := &Risk{Score: in.share("score"), Threshold: in.share("threshold")}
	if in.has("signals") {
		in.take("signals", &r.Signals)
	}
	d.adopt(in)
	return r
}

func (d *document) modelError() *ModelError {
	in := d.inner("error")
	e := &ModelError{
		Explanation: in.text("explanation", plain), Model: in.text("model", plain),
		Stage: Stage(in.text("stage", func(s string) bool {
			return s == string(PreAuthorization) || s == string(AtPayment) || s == string(Reconciling)
		})),
	}
	if in.has("score") {
		score := in.share("score")
		e.Score = &score
	}
	d.adopt(in)
	return e
}

func (d *document) challenge() *Challenge {
	in := d.inner("challenge")
	in.text("kind", func(s string) bool { return s == "liveness" })
	c := &Challenge{SessionID: in.text("session_id", idForm.MatchString), URL: in.text("url", shown), Expires: in.time("expires_at")}
	d.adopt(in)
	return c
}

// shown says whether an address may be put before a payer: https, with a host,
// small enough for a QR code, nothing invisible in it.
func shown(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && len(s) <= 512 &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Finding is what the model for reconciliation says of a payment.
type Finding struct {
	Model       string
	Verdict     Verdict
	Explanation string
}

// Verdict is the outcome of the reconciliation by the API.
type Verdict string

// The verdicts of the API.
const (
	Consistent Verdict = "consistent"
	Mismatch   Verdict = "mismatch"
	Pending    Verdict = "pending"
)

// ReadReconciliation reads what the answer to a query says about the payment's
// reconciliation: nil where it says nothing, as before the payment.
func ReadReconciliation(body []byte, orderNo string) (*Finding, error) {
	d, err := open(body)
	if err != nil {
		return nil, err
	}
	d.text("out_trade_no", func(s string) bool { return s == orderNo })
	if !d.has("reconciliation") {
		return nil, d.err
	}
	in := d.inner("reconciliation")
	f := &Finding{Model: in.text("model", plain), Verdict: Verdict(in.text("verdict", func(s string) bool {
		return s == string(Consistent) || s == string(Mismatch) || s == string(Pending)
	}))}
	if in.has("explanation") {
		f.Explanation = in.text("explanation", func(s string) bool { return len(s) <= maxText })
	}
	if d.adopt(in); d.err != nil {
		return nil, d.err
	}
	return f, nil
}
