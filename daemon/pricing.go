package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/api"
	"qrposd/daemon/checkout"
	"qrposd/daemon/llm"
	"qrposd/rules"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// choosing is how long a model has to place a price in its range.
const choosing = 600 * time.Millisecond

// places are the steps of a range that a model can choose: none is outside of it.
const places = 20

// projector asks for the range of a price.
type projector interface {
	Project(ctx context.Context, asked money.Money, payIn money.Currency) (aipay.Projection, *sale.Reason)
}

// pricer prices sales that are paid in another currency. The payment AI API gives a
// range, a model a step in it, and where the model is late, wrong or not there the
// middle is charged: the same range then gives the same price, and it is never
// above the top, which is the worst that the payer was told. Without a range there is
// no price: a rate of yesterday is one that nobody stands for.
//
// Nothing is charged here. A power cut on any line leaves a sale without a price,
// which asks again.
type pricer struct {
	projector
	conf aipay.FXConfig
	ask  func(context.Context, llm.Facts) (llm.Opinion, string, error) // nil is nobody
	log  *slog.Logger
}

// newPricer is nil where a till has one currency.
func newPricer(conf aipay.FXConfig, gateway checkout.Gateway, models *panel, log *slog.Logger) checkout.Pricer {
	api, ok := gateway.(projector)
	if !ok || !conf.On() {
		return nil
	}
	p := &pricer{projector: api, conf: conf, log: log}
	if models != nil {
		p.ask = models.ask
	}
	return p
}

// Price is for the desk.
func (p *pricer) Price(ctx context.Context, s sale.Sale) sale.Event {
	if s.PayIn != p.conf.PayIn {
		// A sale of before another currency was configured.
		return sale.Event{Kind: sale.NotPriced, Why: &sale.Reason{Code: "price_refused", Message: "the till no longer takes this currency"}}
	}
	r, why := p.Project(ctx, s.Amount, s.PayIn)
	if why != nil {
		return sale.Event{Kind: sale.NotPriced, Why: why}
	}
	v := p.choose(ctx, s, r)
	v.Lasts = time.Until(r.ValidUntil)
	if v.Lasts <= 0 {
		return sale.Event{Kind: sale.NotPriced, Why: &sale.Reason{Code: "price_expired_at_once", Message: "the projected price expired while it was chosen"}}
	}
	if _, err := money.Convert(s.Amount, v.Agreed, s.PayIn); err != nil {
		p.log.Warn("not priced", "sale", s.ID, "err", err)
		return sale.Event{Kind: sale.NotPriced, Why: &sale.Reason{Code: "price_amount", Message: "the amount is too small or too large in the payer's currency"}}
	}
	width, moved := money.Width(v.Low, v.Mid, v.High), money.Width(v.Mid, v.Mid, v.Agreed)
	v.Ask = v.Ask || width > p.conf.ConfirmWidth || moved > p.conf.ConfirmMoved
	p.log.Info("priced", "sale", s.ID, "rate", v.Agreed.String(), "by", v.By, "width_bps", width, "moved_bps", moved, "ask", v.Ask)
	return sale.Event{Kind: sale.Priced, Price: &v}
}

// choose places the price in its range.
func (p *pricer) choose(ctx context.Context, s sale.Sale, r aipay.Projection) sale.Price {
	v := sale.Price{Projection: r.ID, Low: r.Low, Mid: r.Mid, High: r.High, Agreed: r.Mid, Confidence: r.Confidence, By: "middle: no model"}
	if p.ask == nil {
		return v
	}
	c := rules.Case{Amount: s.Amount, Flow: s.Flow, Local: rules.LocalTime(time.Now()), Price: priceFacts(&v, time.Until(r.ValidUntil))}
	ctx, cancel := context.WithTimeout(ctx, choosing)
	defer cancel()
	facts := factsOf(&c, rules.Record{})
	facts.Price.Low, facts.Price.High = minorAt(s, r.Low), minorAt(s, r.High)
	o, by, err := p.ask(ctx, facts)
	switch {
	case err == nil && (o.Word == "price" || o.Word == "confirm"):
		v.By, v.Ask = "model:"+by, o.Word == "confirm"
		v.Agreed = money.Between(v.Low, v.High, o.Level, places)
	case ctx.Err() != nil:
		v.By = "middle: the model was late"
	case errors.Is(err, errNobody):
		v.By = "middle: no model may be asked now"
	default:
		v.By = "middle: the model failed"
	}
	return v
}

// priceFacts is what rules and models hear of a price that holds for left.
func priceFacts(p *sale.Price, left time.Duration) rules.Price {
	if p == nil {
		return rules.Price{Cross: rules.No}
	}
	return rules.Price{
		Cross: rules.Yes, Width: rules.Known(int64(money.Width(p.Low, p.Mid, p.High))), Left: rules.Seconds(left),
		Confidence: rules.Known(int64(100 * p.Confidence)),
	}
}

// remains is how long a price can still be charged; none has no end to speak of.
func remains(p *sale.Price, now sale.Now) time.Duration {
	if p == nil {
		return 0
	}
	return p.Ends().Sub(now.At)
}

// minorAt is what the payer would pay at a rate; unknown where that is no amount.
func minorAt(s sale.Sale, r money.Rate) llm.Int {
	m, err := money.Convert(s.Amount, r, s.PayIn)
	if err != nil {
		return llm.Int{}
	}
	return llm.Known(m.Minor)
}

// payIn is what the page offers.
func payIn(c aipay.FXConfig) *api.PayIn {
	if !c.On() {
		return nil
	}
	return &api.PayIn{Currency: c.PayIn, Default: c.Default, Only: c.PayIn == "CNY"} // an account at WeChat Pay takes nothing else
}
