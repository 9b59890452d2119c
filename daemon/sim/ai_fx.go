package sim

import (
	"encoding/json"
	"math/big"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

const cny = "CNY"

var (
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
	pairForm     = regexp.MustCompile(`^[A-Z]{3}/[A-Z]{3}$`)
	decimalForm  = regexp.MustCompile(`^-?[0-9]{1,12}(\.[0-9]{1,12})?$`)
)

// decimal reads a plain decimal number exactly.
func decimal(text string) (*big.Rat, bool) {
	if !decimalForm.MatchString(text) {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

type projectionRequest struct {
	Base    string      `json:"base"`
	Quote   string      `json:"quote"`
	Amount  amountField `json:"amount"`
	Horizon float64     `json:"horizon_s"`
}

// projection is a range of rates, quote per base, as the API tells it.
type projection struct {
	ID         string  `json:"projection_id"`
	Base       string  `json:"base"`
	Quote      string  `json:"quote"`
	Low        string  `json:"low"`
	Mid        string  `json:"mid"`
	High       string  `json:"high"`
	Confidence float64 `json:"confidence"`
	Volatility float64 `json:"volatility"`
	ValidUntil string  `json:"valid_until"`

	total int64 // in base
	until time.Time
}

// project tells a range of rates for an amount in the base currency.
func (w *WeChat) project(c *call) outcome {
	var q projectionRequest
	if err := json.Unmarshal(c.body, &q); err != nil {
		return outcome{refusal: badParam("", nil, "not JSON: "+err.Error())}
	}
	switch {
	case !currencyForm.MatchString(q.Base) || !currencyForm.MatchString(q.Quote) || q.Base == q.Quote:
		return outcome{refusal: badParam("quote", q.Quote, "base and quote are two currencies")}
	case q.Amount.Total < 1 || q.Amount.Currency != q.Base:
		return outcome{refusal: badParam("amount", q.Amount, "a positive amount in the base currency")}
	case q.Horizon < 0:
		return outcome{refusal: badParam("horizon_s", q.Horizon, "not negative")}
	}
	s := w.ai.settings.FX
	mid := s.mid(q.Base, q.Quote)
	if mid == nil {
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", 268435461, "no projection for "+q.Base+"/"+q.Quote)
	}
	off := func(by float64) string {
		return new(big.Rat).Mul(mid, new(big.Rat).SetFloat64(1+by)).FloatString(6)
	}
	p := &projection{
		ID: w.aiID("FXP"), Base: q.Base, Quote: q.Quote, Low: off(-s.Width), Mid: mid.FloatString(6), High: off(s.Width),
		Confidence: s.Confidence, Volatility: s.Volatility, total: q.Amount.Total,
		until: c.now.Add(w.scaled(time.Duration(s.ValidForS * float64(time.Second)))),
	}
	switch s.Wrong {
	case "inverted":
		p.Low, p.High = p.High, p.Low
	case "expired":
		p.until = c.now.Add(-time.Second)
	case "malformed":
		p.Low = "about " + p.Low
	case "non_positive":
		p.Low, p.Mid = "-"+p.Low, "0"
	case "confidence":
		p.Confidence = 1.7
	}
	p.ValidUntil = p.until.In(beijing).Format(time.RFC3339Nano)
	w.ai.projections[p.ID] = p
	return outcome{ai: p}
}

// mid is the middle rate of a pair or, turned over, of its inverse; nil when neither is known.
func (s AIFX) mid(base, quote string) *big.Rat {
	if r, ok := decimal(s.Mids[base+"/"+quote]); ok {
		return r
	}
	if r, ok := decimal(s.Mids[quote+"/"+base]); ok {
		return r.Inv(r)
	}
	return nil
}

// aiFXTerms is what a cross-currency payment rests on.
type aiFXTerms struct {
	ProjectionID string      `json:"projection_id"`
	Base         string      `json:"base"`
	Quote        string      `json:"quote"`
	Low          json.Number `json:"low"` // rates are numbers or decimal strings
	Mid          json.Number `json:"mid"`
	High         json.Number `json:"high"`
	AgreedRate   json.Number `json:"agreed_rate"`
	ConfirmedAt  string      `json:"confirmed_at"`
}

func sameRate(sent json.Number, told string) bool {
	a, okA := decimal(sent.String())
	b, okB := decimal(told)
	return okA && okB && a.Cmp(b) == 0
}

// checkFX holds a payment against the projection it names: the amount is the projected one at the agreed rate, less
// than one minor unit off, in the quote currency.
func (w *WeChat) checkFX(c *call, q *aiRequest) (wrong string) {
	if q.FX == nil {
		return ""
	}
	p := w.ai.projections[q.FX.ProjectionID]
	if q.FX.ProjectionID == "" && w.ai.settings.FX.OwnRates {
		if r, ok := decimal(q.FX.AgreedRate.String()); !ok || r.Sign() <= 0 || q.Amount.Currency != q.FX.Quote || w.ai.settings.FX.mid(q.FX.Base, q.FX.Quote) == nil {
			return "The rate of the payment cannot be read."
		}
		return ""
	}
	if p == nil {
		return "The currency projection that the payment names does not exist."
	}
	rate, ok := decimal(q.FX.AgreedRate.String())
	low, okLow := decimal(p.Low)
	high, okHigh := decimal(p.High)
	switch {
	case !c.now.Before(p.until):
		return "The currency projection expired at " + p.ValidUntil + "; a fresh one is needed."
	case q.FX.Base != p.Base || q.FX.Quote != p.Quote || q.Amount.Currency != p.Quote:
		return "The payment is not in the currencies of its projection (" + p.Base + "/" + p.Quote + ")."
	case q.FX.ConfirmedAt != "" && !isTime(q.FX.ConfirmedAt):
		return "The time at which the payer confirmed the price cannot be read."
	case !ok || !okLow || !okHigh || rate.Cmp(low) < 0 || rate.Cmp(high) > 0:
		return "The agreed rate " + strconv.Quote(q.FX.AgreedRate.String()) + " lies outside the projected range of " + p.Low + " to " + p.High + "."
	}
	if !sameRate(q.FX.Low, p.Low) || !sameRate(q.FX.Mid, p.Mid) || !sameRate(q.FX.High, p.High) {
		w.tally.violation(c.no, c.now, "the range of rates is not that of the projection")
	}
	due := new(big.Rat).Mul(new(big.Rat).SetInt64(p.total), rate)
	for places := decimals(p.Quote) - decimals(p.Base); places != 0; {
		if places > 0 {
			due.Mul(due, big.NewRat(10, 1))
			places--
		} else {
			due.Quo(due, big.NewRat(10, 1))
			places++
		}
	}
	if due.Sub(due, new(big.Rat).SetInt64(q.Amount.Total)).Abs(due).Cmp(big.NewRat(1, 1)) >= 0 {
		return "The amount is not the projected one at the agreed rate."
	}
	return ""
}
