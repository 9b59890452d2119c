package sim

import (
	"math"
	"math/big"
	"time"
)

// How a payment in two currencies was agreed, as its request says.
const (
	basisRange = "range" // the payer confirmed a range of rates: fx with confirmed_at
	basisRate  = "rate"  // fx with a projection that nobody confirmed
	basisOwn   = "own"   // fx without a projection: the shop's own rate
	basisNone  = "none"  // no fx: the payer's account is in another currency than the price, and the bank converts
)

// AIDisputeModel is how a payer in two currencies reads the statement. It is a model, not a fact.
//
// What is known is one line of the payment AI API's description: "currency projection: a range with confidence; payer
// confirms a volatile price: up to 40 % fewer chargebacks". It says neither how often payers dispute nor why, and
// no parameter below has a source: they are round figures for comparing two ways of selling under one payer, and a
// measurement with them has to vary them. The payer
//
//  1. is told at settlement a rate S = middle x (1 + Bias) x exp(Sigma x z), z normal, where middle is the true rate of
//     the pair when the payment was made. Sigma 0 takes the projection at its word: with half-width h and
//     confidence c, h / quantile((1+c)/2);
//  2. compares S with what was agreed. After a confirmed range only the part of S beyond its upper end is a surprise; otherwise
//     the whole of S over the agreed rate (rate, own) or over the true one (none). x is that surprise as a share of
//     the rate compared with; a surprise in the payer's favour counts GainWeight times;
//  3. disputes with probability Floor + (Most - Floor) x (1 - exp(-max(0, x - Tolerance) / Scale)).
//
// A shop that agrees on a dear rate has fewer surprises, and the payer pays for that: whoever compares disputes has to put
// Markup beside them. Who sold does not enter: the model reads the request's fx block and the true rate. IgnoreConfirmation is the control in
// which a confirmed range means nothing to the payer either. Draws repeat with the seed and the order number.
type AIDisputeModel struct {
	SettlesAfterS      float64 `json:"settles_after_s"` // divided by TimeScale
	Sigma              float64 `json:"sigma"`           // 0 is what the projection implies
	Bias               float64 `json:"bias"`
	Floor              float64 `json:"floor"`
	Most               float64 `json:"most"`
	Tolerance          float64 `json:"tolerance"`
	Scale              float64 `json:"scale"`
	GainWeight         float64 `json:"gain_weight"`
	IgnoreConfirmation bool    `json:"ignore_confirmation"`
}

func defaultDisputes() AIDisputeModel {
	return AIDisputeModel{SettlesAfterS: 86400, Floor: 0.002, Most: 0.3, Tolerance: 0.002, Scale: 0.01}
}

func (m AIDisputeModel) check() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case !(m.SettlesAfterS >= 0 && m.SettlesAfterS <= 366*86400) || !(m.Sigma >= 0 && m.Sigma <= 5) || !(m.Bias > -1 && m.Bias <= 5):
		return badSetting("disputes: settles_after_s is 0 to 366 days, sigma 0 to 5, bias above -1 to 5")
	case !share(m.Floor) || !share(m.Most) || m.Most < m.Floor:
		return badSetting("disputes: floor and most are 0 to 1, most is not below floor")
	case !share(m.Tolerance) || !(m.Scale > 0) || !share(m.GainWeight):
		return badSetting("disputes: tolerance and gain_weight are 0 to 1, scale is positive")
	}
	return nil
}

// AIDisputes counts the payments in two currencies whose payers read a statement.
type AIDisputes struct {
	Payments int                    `json:"payments"` // in two currencies, paid
	Settled  int                    `json:"settled"`  // of these, statements read; given back ones are not
	Disputed int                    `json:"disputed"`
	ByBasis  map[string]DisputeRate `json:"by_basis"` // range, rate, own, none
	Orders   map[string]int         `json:"orders"`   // disputes by merchant order number
}

// DisputeRate is disputes among statements.
type DisputeRate struct {
	Settled  int     `json:"settled"`
	Disputed int     `json:"disputed"`
	Markup   float64 `json:"markup"` // sum of how far the agreed rates lay above the true ones, as shares of these
}

func newAIDisputes() AIDisputes {
	return AIDisputes{ByBasis: map[string]DisputeRate{}, Orders: map[string]int{}}
}

// crossing is a payment in two currencies, from its agreement to its statement.
type crossing struct {
	Basis     string  `json:"basis"`
	Base      string  `json:"base"`
	Quote     string  `json:"quote"`
	Agreed    float64 `json:"agreed"`    // or the true rate where nothing was
	Statement float64 `json:"statement"` // 0: not settled yet
	Disputed  bool    `json:"disputed"`

	high, mid, sigma float64
	counted, done    bool
}

// crossByTerms notes what a request says about its rate.
func (w *WeChat) crossByTerms(o *order, fx *aiFXTerms) {
	if fx == nil {
		return
	}
	s := w.ai.settings.FX
	agreed, ok := decimal(fx.AgreedRate.String())
	mid := s.mid(fx.Base, fx.Quote)
	if !ok || mid == nil {
		return
	}
	x := &crossing{Basis: basisOwn, Base: fx.Base, Quote: fx.Quote, Agreed: float(agreed), mid: float(mid)}
	x.high, x.sigma = x.Agreed, implied(s.Width, s.Confidence)
	if p := w.ai.projections[fx.ProjectionID]; p != nil {
		x.Basis = basisRate
		low, _ := decimal(p.Low) // the payment was held against both
		high, _ := decimal(p.High)
		if low != nil && high != nil {
			x.high = float(high)
			x.sigma = implied((x.high-float(low))/2/x.mid, p.Confidence)
		}
	}
	if fx.ConfirmedAt != "" {
		x.Basis = basisRange
	}
	w.ai.crossings[o.no] = x
}

// crossByAccount notes a plain payment whose payer keeps another currency.
func (w *WeChat) crossByAccount(o *order) {
	s := w.ai.settings.FX
	account, set := w.book.accounts[o.pay.payer]
	if w.ai.crossings[o.no] != nil || !set || account.Currency == o.terms.money() || w.tally.of(o.no).ShadowOf != "" {
		return
	}
	mid := s.mid(o.terms.money(), account.Currency)
	if mid == nil {
		return
	}
	m := float(mid)
	w.ai.crossings[o.no] = &crossing{
		Basis: basisNone, Base: o.terms.money(), Quote: account.Currency, Agreed: m, high: m, mid: m, sigma: implied(s.Width, s.Confidence),
	}
}

// settleCrossings lets the payers read the statements that are due.
func (w *WeChat) settleCrossings(now time.Time) {
	m, c := w.ai.settings.Disputes, &w.ai.count.Disputes
	for no, x := range w.ai.crossings {
		o := w.book.orders[no]
		if x.done || o == nil || o.pay.id == "" {
			continue
		}
		if !x.counted {
			x.counted = true
			c.Payments++
		}
		if now.Before(o.pay.at.Add(w.scaledSeconds(m.SettlesAfterS))) {
			continue
		}
		x.done = true
		if o.state == revoked || o.givenBack() {
			continue
		}
		x.Statement = m.statement(x, w.chance("statement", no))
		x.Disputed = w.chance("dispute", no) < m.probability(x)
		rate := c.ByBasis[x.Basis]
		rate.Settled++
		rate.Markup += x.Agreed/x.mid - 1
		c.Settled++
		if x.Disputed {
			rate.Disputed++
			c.Disputed++
			c.Orders[no]++
		}
		c.ByBasis[x.Basis] = rate
	}
}

// statement is the rate of the settlement; draw is uniform.
func (m AIDisputeModel) statement(x *crossing, draw float64) float64 {
	sigma := m.Sigma
	if sigma == 0 {
		sigma = x.sigma
	}
	return x.mid * (1 + m.Bias) * math.Exp(sigma*quantile(draw))
}

// probability of a dispute after the statement was read.
func (m AIDisputeModel) probability(x *crossing) float64 {
	compared := x.Agreed
	surprise := x.Statement/compared - 1
	if x.Basis == basisRange && !m.IgnoreConfirmation && surprise > 0 {
		surprise = max(0, (x.Statement-x.high)/compared)
	}
	if surprise < 0 {
		surprise *= -m.GainWeight
	}
	return m.Floor + (m.Most-m.Floor)*(1-math.Exp(-max(0, surprise-m.Tolerance)/m.Scale))
}

// implied is the deviation of a calibrated projection: it lies within a half-width with the stated confidence.
func implied(width, confidence float64) float64 {
	return width / quantile((1+min(max(confidence, 0.01), 0.999))/2)
}

// quantile of the normal distribution; 0 and 1 are moved to the nearest number that has one.
func quantile(p float64) float64 {
	p = min(max(p, 1e-15), 1-1e-15)
	return math.Sqrt2 * math.Erfinv(2*p-1)
}

func float(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

// givenBack tells whether nothing of a payment is left.
func (o *order) givenBack() bool {
	left := o.terms.total
	for _, r := range o.refunds {
		if r.state == refundSuccess {
			left -= r.amount
		}
	}
	return left <= 0
}
