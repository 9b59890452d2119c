package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/llm"
	"qrposd/rules"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// fixedRange answers with one range, after a time.
type fixedRange struct {
	low, mid, high string
	lasts, takes   time.Duration
}

func (r fixedRange) Project(_ context.Context, asked money.Money, payIn money.Currency) (aipay.Projection, *sale.Reason) {
	time.Sleep(r.takes)
	p := aipay.Projection{ID: "p1", Base: asked.Currency, Quote: payIn, Confidence: 0.92, ValidUntil: time.Now().Add(r.lasts)}
	for _, one := range []struct {
		to   *money.Rate
		text string
	}{{&p.Low, r.low}, {&p.Mid, r.mid}, {&p.High, r.high}} {
		rate, err := money.ParseRate(one.text)
		if err != nil {
			return p, &sale.Reason{Code: "price_malformed", Message: err.Error()}
		}
		*one.to = rate
	}
	return p, nil
}

type chooser func(context.Context, llm.Facts) (llm.Opinion, string, error)

func says(word string, step int) chooser {
	return func(context.Context, llm.Facts) (llm.Opinion, string, error) {
		return llm.Opinion{Word: word, Level: step}, "qwen/flash", nil
	}
}

func fails(err error) chooser {
	return func(context.Context, llm.Facts) (llm.Opinion, string, error) { return llm.Opinion{}, "", err }
}

func silent(ctx context.Context, _ llm.Facts) (llm.Opinion, string, error) {
	<-ctx.Done()
	return llm.Opinion{}, "", ctx.Err()
}

func pricing(r projector, ask chooser) *pricer {
	conf := aipay.DefaultFX()
	conf.PayIn = "CNY"
	return &pricer{projector: r, conf: conf, ask: ask, log: slog.New(slog.DiscardHandler)}
}

func hongkong(minor int64) sale.Sale {
	return sale.Sale{ID: "T0126112500000000001XX", Flow: sale.Merchant, Amount: money.Money{Minor: minor, Currency: "HKD"}, PayIn: "CNY"}
}

// A model places the price inside the range in 600 ms, or it is the middle, and who
// did is on record. Width, distance and the model each ask the payer.
func TestPricing(t *testing.T) {
	calm, wild := fixedRange{"0.91", "0.9132", "0.9164", time.Minute, 0}, fixedRange{"0.88", "0.9132", "0.95", time.Minute, 0}
	for _, c := range []struct {
		name   string
		in     fixedRange
		ask    chooser
		agreed string
		by     string
		asks   bool
		took   time.Duration
	}{
		{"nobody", calm, nil, "0.9132", "middle: no model", false, 0},
		{"a step", calm, says("price", 10), "0.9132", "model:qwen/flash", false, 0},
		{"the lowest", calm, says("price", 0), "0.91", "model:qwen/flash", true, 0},     // 36 bps from the middle
		{"the highest", calm, says("price", 20), "0.9164", "model:qwen/flash", true, 0}, // 36 bps
		{"beyond the highest", calm, says("price", 99), "0.9164", "model:qwen/flash", true, 0},
		{"below the lowest", calm, says("price", -5), "0.91", "model:qwen/flash", true, 0},
		{"asks", calm, says("confirm", 10), "0.9132", "model:qwen/flash", true, 0},
		{"says something else", calm, says("allow", 10), "0.9132", "middle: the model failed", false, 0},
		{"fails", calm, fails(errors.New("HTTP 500")), "0.9132", "middle: the model failed", false, 0},
		{"rests", calm, fails(errNobody), "0.9132", "middle: no model may be asked now", false, 0},
		{"is late", calm, silent, "0.9132", "middle: the model was late", false, choosing},
		{"is late, wide", wild, silent, "0.9132", "middle: the model was late", true, choosing},
		{"nobody, wide", wild, nil, "0.9132", "middle: no model", true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			ev := pricing(c.in, c.ask).Price(t.Context(), hongkong(10000))
			p := ev.Price
			if took := time.Since(began); ev.Kind != sale.Priced || took != c.took {
				t.Fatalf("%s: %s after %s, %+v", c.name, ev.Kind, took, ev.Why)
			}
			if p.Agreed.String() != c.agreed || p.By != c.by || p.Ask != c.asks || p.Lasts != c.in.lasts-c.took || p.Projection != "p1" {
				t.Errorf("%s: at %s by %q, asks %v, lasts %s", c.name, p.Agreed, p.By, p.Ask, p.Lasts)
			}
		})
	}
}

// A sale that has no price says why, and a price that ends while it is chosen is none.
func TestNoPrice(t *testing.T) {
	long := fixedRange{"0.91", "0.9132", "0.9164", time.Minute, 0}
	short := long
	short.lasts = choosing
	other := hongkong(10000)
	other.PayIn = "USD"
	for name, c := range map[string]struct {
		p    *pricer
		s    sale.Sale
		want string
	}{
		"nothing left":       {pricing(short, silent), hongkong(10000), "price_expired_at_once"},
		"not projected":      {pricing(fixedRange{low: "about 1"}, nil), hongkong(10000), "price_malformed"},
		"no amount":          {pricing(fixedRange{"0.001", "0.001", "0.001", time.Minute, 0}, nil), hongkong(1), "price_amount"},
		"beyond all amounts": {pricing(fixedRange{"900", "900", "900", time.Minute, 0}, nil), hongkong(money.Max), "price_amount"},
		"of another day":     {pricing(long, nil), other, "price_refused"},
	} {
		synctest.Test(t, func(t *testing.T) {
			if ev := c.p.Price(t.Context(), c.s); ev.Kind != sale.NotPriced || ev.Why == nil || ev.Why.Code != c.want || ev.Price != nil {
				t.Errorf("%s: %s, %+v, want %s", name, ev.Kind, ev.Why, c.want)
			}
		})
	}
}

// Whatever the range and the model, the payer pays no more than the top of it, the
// state machine takes the price, and the rate is inside.
func TestNoPriceIsAboveTheTop(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	for range 3000 {
		mid := math.Exp(r.Float64()*12 - 6)
		low, high := mid*(1-r.Float64()*r.Float64()), mid*(1+r.Float64()*r.Float64())
		in := fixedRange{fmt.Sprintf("%.9f", low), fmt.Sprintf("%.9f", mid), fmt.Sprintf("%.9f", high), time.Minute, 0}
		s := hongkong(1 + r.Int64N(1_000_000))
		ask := says([]string{"price", "confirm", "allow"}[r.IntN(3)], r.IntN(30)-5)
		if r.IntN(4) == 0 {
			ask = nil
		}
		ev := pricing(in, ask).Price(t.Context(), s)
		if ev.Kind == sale.NotPriced {
			continue
		}
		p := ev.Price
		top, err := money.Convert(s.Amount, p.High, "CNY")
		if err != nil { // too large at the top only
			continue
		}
		pays, err := money.Convert(s.Amount, p.Agreed, "CNY")
		if err != nil || pays.Minor > top.Minor || p.Agreed.Cmp(p.Low) < 0 || p.Agreed.Cmp(p.High) > 0 {
			t.Fatalf("seed %d: %s at %s in %+v is %s, at the top %s, %v", seed, s.Amount, p.Agreed, in, pays, top, err)
		}
	}
}

// A model hears of a price what rules do, and both amounts; a name, a projection's
// number and a rate it does not hear.
func TestWhatIsHeardOfAPrice(t *testing.T) {
	var heard llm.Facts
	p := pricing(fixedRange{"0.88", "0.9132", "0.95", 90 * time.Second, 0}, func(_ context.Context, f llm.Facts) (llm.Opinion, string, error) {
		heard = f
		return llm.Opinion{}, "", errNobody
	})
	synctest.Test(t, func(t *testing.T) { p.Price(t.Context(), hongkong(10000)) })
	want := llm.Price{Cross: llm.Yes, Low: llm.Known(8800), High: llm.Known(9500), Width: llm.Known(767), Left: llm.Known(90), Confidence: llm.Known(92)}
	if heard.Price != want {
		t.Errorf("heard %+v", heard.Price)
	}
	req, err := llm.Prompt(llm.Pricing, heard)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", req); strings.Contains(text, "0.9132") || strings.Contains(text, "p1") {
		t.Errorf("a model is told %s", text)
	}
	if got := priceFacts(nil, 0); got != (rules.Price{Cross: rules.No}) {
		t.Errorf("no price is %+v", got)
	}
}
