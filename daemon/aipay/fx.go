package aipay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"qrposd/daemon/wechat"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// FXConfig is what sales in a second currency take. It has no rate: every sale asks
// for its own.
type FXConfig struct {
	// PayIn is what payers can pay in beside the shop's currency; empty is nothing.
	PayIn money.Currency `toml:"pay_in"`
	// Default prices every sale in PayIn that does not say what it is paid in.
	Default bool `toml:"default"`
	// ConfirmWidth and ConfirmMoved are in hundredths of a percent of the middle of the
	// range. The payer agrees first where the range is wider, or the chosen rate further
	// from the middle.
	ConfirmWidth int `toml:"confirm_width_bps"`
	ConfirmMoved int `toml:"confirm_moved_bps"`
	// HorizonS is how many seconds a price should hold, and the longest that one does.
	HorizonS int `toml:"horizon_s"`
}

// DefaultFX is one currency.
func DefaultFX() FXConfig { return FXConfig{ConfirmWidth: 100, ConfirmMoved: 30, HorizonS: 300} }

// On says that there is a second currency.
func (c FXConfig) On() bool { return c.PayIn != "" }

// Horizon is how long a price holds at most.
func (c FXConfig) Horizon() time.Duration { return time.Duration(c.HorizonS) * time.Second }

// Validate names everything that is wrong.
func (c FXConfig) Validate() error {
	if !c.On() {
		if c.Default {
			return errors.New("aipay.fx.default needs aipay.fx.pay_in: the currency that sales are priced in")
		}
		return nil
	}
	var errs []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("aipay.fx."+format, args...))
		}
	}
	_, err := money.Exponent(c.PayIn)
	fault(err != nil, "pay_in: %w", err)
	fault(c.ConfirmWidth < 0 || c.ConfirmWidth > 10_000, "confirm_width_bps is %d; 0 to 10000 hundredths of a percent", c.ConfirmWidth)
	fault(c.ConfirmMoved < 0 || c.ConfirmMoved > 10_000, "confirm_moved_bps is %d; 0 to 10000 hundredths of a percent", c.ConfirmMoved)
	fault(c.HorizonS < 10 || c.HorizonS > 3600, "horizon_s is %d; 10 to 3600, the seconds that a payer gets at one price", c.HorizonS)
	return errors.Join(errs...)
}

// A projection is asked for twice at most: the second time has what the first left.
const (
	projectAll = 1500 * time.Millisecond
	projectOne = 900 * time.Millisecond
)

// Why a sale has no price in the payer's currency. No other rate takes its place.
var (
	whyNoPrice    = sale.Reason{Code: "price_unavailable", Message: "the payment service projected no price in the payer's currency"}
	whyNoPair     = sale.Reason{Code: "price_refused", Message: "the payment service does not project this pair of currencies"}
	whyBadPrice   = sale.Reason{Code: "price_malformed", Message: "the projected price makes no sense and was not used"}
	whyStalePrice = sale.Reason{Code: "price_expired_at_once", Message: "the projected price had expired when it came"}
)

// Project asks for the range in which one unit of asked's currency will be in payIn,
// and says why there is none. It charges nothing, so that it may be asked again. The
// end of the range is by this machine's clock, and never beyond the horizon.
func (c *Client) Project(ctx context.Context, asked money.Money, payIn money.Currency) (Projection, *sale.Reason) {
	began, ask := time.Now(), Ask{Base: asked.Currency, Quote: payIn, Amount: asked, Horizon: c.conf.FX.Horizon()}
	body, err := ask.Body()
	if err != nil {
		return Projection{}, c.noPrice(ctx, began, wechat.Answer{}, whyNoPair, err)
	}
	a := c.projectTwice(ctx, sale.NewRequest(http.MethodPost, PathProjections, body, sale.PayerCode{}))
	switch {
	case declined(a):
		return Projection{}, c.noPrice(ctx, began, a, whyNoPair, nil)
	case !a.Good():
		return Projection{}, c.noPrice(ctx, began, a, whyNoPrice, errors.Join(a.Lost, a.Unverified))
	}
	p, err := ReadProjection(a.Body, ask, time.Time{}) // its end is looked at below, by the provider's clock
	if err != nil {
		return Projection{}, c.noPrice(ctx, began, a, whyBadPrice, err)
	}
	now := time.Now()
	left := min(p.ValidUntil.Sub(providerTime(a.Header, now)), c.conf.FX.Horizon())
	if left <= 0 {
		return Projection{}, c.noPrice(ctx, began, a, whyStalePrice, nil)
	}
	p.ValidUntil = now.Add(left)
	c.opts.Log.InfoContext(ctx, "currency projection", "pair", string(ask.Base)+"/"+string(ask.Quote), "ms", time.Since(began).Milliseconds(), "host", a.Host,
		"low", p.Low.String(), "mid", p.Mid.String(), "high", p.High.String(), "left_s", int(left/time.Second))
	return p, nil
}

func (c *Client) noPrice(ctx context.Context, began time.Time, a wechat.Answer, why sale.Reason, err error) *sale.Reason {
	attrs := []slog.Attr{slog.String("why", why.Code), slog.Int64("ms", time.Since(began).Milliseconds()), slog.String("host", a.Host), slog.Int("status", a.Status)}
	if err != nil {
		attrs = append(attrs, slog.String("err", err.Error()))
	}
	c.opts.Log.LogAttrs(ctx, slog.LevelWarn, "currency projection", attrs...)
	return &why
}

// projectTwice gives up by itself. It cancels and does not time out: a projection
// that is slow says nothing about the domain, and the breaker of that one stands
// before every payment.
func (c *Client) projectTwice(ctx context.Context, req sale.Request) (a wechat.Answer) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(projectAll, cancel).Stop()
	for range 2 {
		one, end := context.WithCancel(ctx)
		impatient := time.AfterFunc(projectOne, end)
		a = c.api.Call(one, req)
		impatient.Stop()
		end()
		if a.Good() || declined(a) || ctx.Err() != nil {
			break
		}
	}
	return a
}

// declined says that the API will not project this, however often it is asked. Nobody
// signs that; heeding it costs a forger's victim one sale, and no money.
func declined(a wechat.Answer) bool {
	return a.Lost == nil && (a.Status == http.StatusBadRequest || a.Status == http.StatusForbidden || a.Status == http.StatusNotFound || a.Status == http.StatusUnprocessableEntity)
}

// near is how far this machine's clock may be from the provider's before the
// provider's is taken, which a signed answer tells in whole seconds only.
const near = 2 * time.Second

// providerTime is what time it is at the provider, or a little later: a price that
// ends early is asked for again, and one that ends late is refused after the payer
// has agreed to it.
func providerTime(h http.Header, now time.Time) time.Time {
	seconds, err := strconv.ParseInt(h.Get("Wechatpay-Timestamp"), 10, 64)
	told := time.Unix(seconds, 0)
	if err != nil || now.Sub(told).Abs() <= near {
		return now
	}
	return told.Add(time.Second)
}

// agreed is the price of a sale as its payment tells it. Its end is what the price
// has left when the step is due, by the till's own time: whether the machine's clock
// was set since then changes nothing.
func agreed(s sale.Sale, due sale.Instant, now time.Time) *FX {
	p := s.Price
	if p == nil {
		return nil
	}
	confirmed := p.Confirmed
	if confirmed.After(now) { // the clock was set back; a moment to come is refused
		confirmed = now
	}
	return &FX{
		Projection: Projection{
			ID: p.Projection, Base: p.Asked.Currency, Quote: s.PayIn, Low: p.Low, Mid: p.Mid, High: p.High, Confidence: p.Confidence,
			ValidUntil: now.Add(p.Ends().Sub(due)),
		},
		Agreed: p.Agreed, Confirmed: confirmed,
	}
}
