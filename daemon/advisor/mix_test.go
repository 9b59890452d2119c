package advisor

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/rules"
)

// mixed is a model with lognormal latencies of which one in a hundred is for ever,
// as they were assumed where hedging was studied: A 380 ms and 0.5, B 300 ms and
// 0.45.
type mixed struct {
	name          string
	median, sigma float64

	mu    sync.Mutex
	rng   *rand.Rand
	asked int
}

func newMixed(name string, median, sigma float64, seed uint64) *mixed {
	return &mixed{name: name, median: median, sigma: sigma, rng: rand.New(rand.NewPCG(seed, uint64(median)))}
}

func (m *mixed) next() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	d := time.Duration(m.median * math.Exp(m.sigma*m.rng.NormFloat64()) * float64(time.Millisecond))
	if m.rng.Float64() < 0.01 {
		return time.Hour
	}
	return d
}

func (m *mixed) Name() (string, string) { return m.name, "m" }

func (m *mixed) Suits(*rules.Case) bool { return true }

func (m *mixed) Ask(ctx context.Context, _ *rules.Case, _ rules.Record) (Opinion, error) {
	select {
	case <-time.After(m.next()):
		return Opinion{Effect: rules.Allow}, nil
	case <-ctx.Done():
		return Opinion{}, ctx.Err()
	}
}

// run judges n sales, one a second, and says how many a model decided and how many
// calls that took.
func runMix(t *testing.T, l Limits, n int, models ...*mixed) (decided, calls int) {
	set := ruleSet(t)
	synctest.Test(t, func(t *testing.T) {
		var list []Model
		for _, m := range models {
			list = append(list, m)
		}
		a := New(set, list, nil, l, slog.New(slog.DiscardHandler))
		for range n {
			if adv := a.Advise(context.Background(), caseOf(60000)); adv.Path == ByModel {
				decided++
			} else if adv.Took > 600*ms {
				t.Errorf("a verdict after %s", adv.Took)
			}
			time.Sleep(time.Second)
		}
		a.Close()
	})
	for _, m := range models {
		calls += m.asked
	}
	return decided, calls
}

// A second provider decides far more sales in time than one alone, and costs no
// more calls than it may.
func TestHedgingPays(t *testing.T) {
	const n = 5000
	for seed := range uint64(3) {
		a := func() *mixed { return newMixed("a", 380, 0.5, seed) }
		b := func() *mixed { return newMixed("b", 300, 0.45, seed) }
		for _, c := range []struct {
			name        string
			models      []*mixed
			rate        float64
			least, most float64 // share decided by a model
		}{
			{"a alone", []*mixed{a()}, 1, 0.70, 0.78},
			{"a, hedged by b", []*mixed{a(), b()}, 1, 0.94, 1},
			{"b, hedged by a", []*mixed{b(), a()}, 1, 0.94, 1},
			{"a, half of the sales hedged by b", []*mixed{a(), b()}, 0.5, 0.80, 0.94},
			{"a, one in five hedged by b", []*mixed{a(), b()}, 0.2, 0.78, 0.90},
		} {
			decided, calls := runMix(t, Limits{HedgeRate: c.rate}, n, c.models...)
			share, extra := float64(decided)/n, float64(calls-n)/n
			t.Logf("seed %d, %s: %.1f %% decided by a model, %.2f extra calls a sale, at most %.1f", seed, c.name, share*100, extra, c.rate)
			if share < c.least || share > c.most {
				t.Errorf("%s: %.3f decided by a model, not %.2f to %.2f", c.name, share, c.least, c.most)
			}
			if extra > c.rate+float64(burst)/n {
				t.Errorf("%s: %.3f extra calls a sale, may be %.2f", c.name, extra, c.rate)
			}
		}
	}
}
