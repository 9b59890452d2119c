package aipay

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// far embeds texts in numbers that are nothing like the till's own, the same for
// the same text.
func far(_ context.Context, texts []string, dim int) (string, [][]float64, error) {
	vectors := make([][]float64, len(texts))
	for i, text := range texts {
		h := fnv.New64a()
		h.Write([]byte(text))
		rng := rand.New(rand.NewPCG(h.Sum64(), 1))
		for range dim {
			vectors[i] = append(vectors[i], 3*rng.NormFloat64())
		}
	}
	return "near/e-1", vectors, nil
}

// away is a till with an embedder elsewhere, and a sale of it.
func away(e Embedder) (*Client, sale.Sale) {
	c := monitored(nil)
	c.opts.Embedder, c.opts.Device, c.opts.Log = e, testDevice(), slog.New(slog.DiscardHandler)
	c.opts.Rung = func(sale.ID) Rung { return Rung{Articles: []Article{{"food", 640}, {"drink", 640}}} }
	return c, sale.Sale{ID: "S1", Key: "k", Flow: sale.Payer, Amount: money.Money{Minor: 1280, Currency: "CNY"}, BegunWall: testStart()}
}

// The hash is what the wire says with any model's vectors, and a session has one
// model: the one elsewhere for all of it, or the till's own for all of it.
func TestSessionsHaveOneModel(t *testing.T) {
	change := func(f func(v [][]float64) [][]float64) Embedder {
		return func(ctx context.Context, texts []string, dim int) (string, [][]float64, error) {
			m, v, err := far(ctx, texts, dim)
			return m, f(v), err
		}
	}
	as := func(model string) Embedder {
		return func(ctx context.Context, texts []string, dim int) (string, [][]float64, error) {
			_, v, err := far(ctx, texts, dim)
			return model, v, err
		}
	}
	for name, tc := range map[string]struct {
		e     Embedder
		model string
	}{
		"nobody":      {nil, Model},
		"elsewhere":   {far, "near/e-1"},
		"an error":    {func(context.Context, []string, int) (string, [][]float64, error) { return "", nil, errors.New("503") }, Model},
		"no name":     {as(""), Model},
		"a wrong one": {as("two words"), Model},
		"ours":        {as(Model), Model},
		"one missing": {change(func(v [][]float64) [][]float64 { return v[1:] }), Model},
		"too short":   {change(func(v [][]float64) [][]float64 { v[1] = v[1][1:]; return v }), Model},
		"zero":        {change(func(v [][]float64) [][]float64 { v[0] = make([]float64, dim); return v }), Model},
		"not numbers": {change(func(v [][]float64) [][]float64 { v[0][3] = math.NaN(); return v }), Model},
		"endless":     {change(func(v [][]float64) [][]float64 { v[0][3] = math.Inf(1); return v }), Model},
		"they cancel": {change(func(v [][]float64) [][]float64 {
			for i := range v {
				v[i] = make([]float64, dim)
				v[i][0] = float64(1 - 2*(i%2))
			}
			return v
		}), Model},
	} {
		c, s := away(tc.e)
		ctx, err := c.context(s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w := readContext(t, ctx)
		if got := contractHash(w); got != ctx.SessionHash() || got != w.Session.EmbeddingHash {
			t.Errorf("%s: by the contract the hash is %s, the context says %s", name, got, ctx.SessionHash())
		}
		if len(w.Interactions) != 4 {
			t.Errorf("%s: %d interactions", name, len(w.Interactions))
		}
		for _, in := range w.Interactions {
			if in.Embedding.Model != tc.model || in.Embedding.Dim != dim || len(in.Embedding.Values) != dim {
				t.Errorf("%s: a vector of %s in %d numbers, want %s", name, in.Embedding.Model, len(in.Embedding.Values), tc.model)
			}
		}
	}
}

// What is told elsewhere is features of closed lists: no session, no key, no amount.
func TestTextsToldElsewhere(t *testing.T) {
	var told []string
	c, s := away(func(_ context.Context, texts []string, _ int) (string, [][]float64, error) {
		told = texts
		return "", nil, errors.New("enough")
	})
	s.Key, s.Amount.Minor = "very-secret", 987654
	if _, err := c.context(s); err != nil {
		t.Fatal(err)
	}
	if len(told) != 4 || !strings.HasPrefix(told[0], "kind=product ordinal=0 gap=<100ms hour=0 amount=6 flow=payer category=food price=3") {
		t.Errorf("told %q", told)
	}
	id := session(s, Rung{}, testStart()).ID
	for _, text := range told {
		if strings.Contains(text, id) || strings.Contains(text, "secret") || strings.Contains(text, "9876") || len(text) > 256 {
			t.Errorf("told %q", text)
		}
	}
}

// An embedder that hangs holds a payment back by 600 ms, and the till makes it.
func TestEmbedderIsNotWaitedFor(t *testing.T) {
	for name, hang := range map[string]time.Duration{"until it is cut": 0, "for ever": time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c, s := away(func(ctx context.Context, _ []string, _ int) (string, [][]float64, error) {
				<-ctx.Done()
				time.Sleep(hang)
				return "", nil, ctx.Err()
			})
			began := time.Now()
			ctx, err := c.context(s)
			if took := time.Since(began); err != nil || took > 600*time.Millisecond {
				t.Errorf("hangs %s: %v after %s", name, err, took)
			} else if m := readContext(t, ctx).Interactions[0].Embedding.Model; m != Model {
				t.Errorf("hangs %s: by %s", name, m)
			}
			time.Sleep(time.Minute)
		})
	}
}

// The simulated API takes sessions that were embedded elsewhere for complete, finds
// their hash right, and charges them once.
func TestEmbeddedElsewhereIsComplete(t *testing.T) {
	d := newStand(t, `{"seed":3}`)
	d.c.opts.Embedder = far
	for range 5 {
		step, s, req := d.coffee(1800, nil, nil)
		if ev := d.c.Do(t.Context(), step, s, req); ev.Kind != sale.Received || !strings.Contains(req.Body, `"model":"near/e-1"`) || strings.Contains(req.Body, Model) {
			t.Errorf("%s of %.200s", ev.Kind, req.Body)
		}
	}
	ai, r := d.wx.AIReport().Counts, d.wx.Report()
	if ai.Complete != 5 || ai.Incomplete != 0 || r.Totals.Charges != 5 || len(r.Violations) != 0 {
		t.Errorf("%d complete, %d not, %d charges, %v", ai.Complete, ai.Incomplete, r.Totals.Charges, r.Violations)
	}
}
