package aipay

import (
	"encoding/json"
	"fmt"
	"time"

	"qrposd/rules/money"
)

// PathProjections is where currency projections are asked for.
const PathProjections = "/v3/ai/currency-projections"

// Ask is a question about the price of one currency in another.
type Ask struct {
	Base, Quote money.Currency
	Amount      money.Money
	Horizon     time.Duration // how long the price should hold
}

// Projection is a range in which the rate will be, in units of Quote for one of
// Base, and how sure the API is of it. It may be used until it expires.
type Projection struct {
	ID             string
	Base, Quote    money.Currency
	Low, Mid, High money.Rate
	Confidence     float64
	Volatility     float64
	ValidUntil     time.Time
}

// Body is the request for a projection, the same bytes for the same question.
func (a Ask) Body() ([]byte, error) {
	var f faults
	_, base := money.Exponent(a.Base)
	_, quote := money.Exponent(a.Quote)
	f.unless(base == nil && quote == nil && a.Base != a.Quote, "base, quote: two currencies")
	err := a.Amount.Check()
	f.unless(err == nil, "amount: %v", err)
	f.unless(a.Amount.Currency == a.Base || a.Amount.Currency == a.Quote, "amount: one in %s or %s", a.Base, a.Quote)
	f.unless(a.Horizon >= time.Second && a.Horizon <= 24*time.Hour, "horizon_s: 1 to 86400")
	if err := f.err("currency projection"); err != nil {
		return nil, err
	}
	b, err := json.Marshal(struct {
		Base    money.Currency `json:"base"`
		Quote   money.Currency `json:"quote"`
		Amount  amountField    `json:"amount"`
		Horizon int64          `json:"horizon_s"`
	}{a.Base, a.Quote, amountField{a.Amount.Minor, a.Amount.Currency}, int64(a.Horizon / time.Second)})
	if err != nil {
		return nil, fmt.Errorf("aipay: %w", err)
	}
	return b, nil
}

// ReadProjection reads the answer to a question. A range that is upside down, not
// above zero, expired, of other currencies or of another amount is [ErrUnknown].
func ReadProjection(body []byte, asked Ask, now time.Time) (Projection, error) {
	d, err := open(body)
	if err != nil {
		return Projection{}, err
	}
	is := func(c money.Currency) func(string) bool { return func(s string) bool { return s == string(c) } }
	p := Projection{
		ID: d.text("projection_id", idForm.MatchString), Base: money.Currency(d.text("base", is(asked.Base))),
		Quote: money.Currency(d.text("quote", is(asked.Quote))), Low: d.rate("low"), Mid: d.rate("mid"), High: d.rate("high"),
		Confidence: d.share("confidence"), ValidUntil: d.time("valid_until"),
	}
	if d.take("volatility", &p.Volatility); p.Volatility < 0 {
		d.fail("volatility is %g", p.Volatility)
	}
	if d.has("amount") {
		in := d.inner("amount")
		var total int64
		in.take("total", &total)
		in.text("currency", is(asked.Amount.Currency))
		if d.adopt(in); total != asked.Amount.Minor {
			d.fail("amount is %d", total)
		}
	}
	if d.err == nil && !p.ordered() {
		d.fail("low %s, mid %s, high %s", p.Low, p.Mid, p.High)
	}
	if d.err == nil && !now.Before(p.ValidUntil) {
		d.fail("expired at %s", p.ValidUntil.Format(time.RFC3339))
	}
	if d.err != nil {
		return Projection{}, d.err
	}
	return p, nil
}

// ordered says whether the rates are above zero and a range.
func (p Projection) ordered() bool {
	return p.Low != (money.Rate{}) && p.Low.Cmp(p.Mid) <= 0 && p.Mid.Cmp(p.High) <= 0
}

// rate reads a decimal above zero, to the digit.
func (d *document) rate(name string) money.Rate {
	r, err := money.ParseRate(d.text(name, plain))
	if err != nil {
		d.fail("%s is not a rate", name)
	}
	return r
}
