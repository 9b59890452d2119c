package advisor

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"qrposd/rules"
)

// latencies draws from a heavy-tailed mix, repeatable by its seed.
type latencies struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newLatencies(seed uint64) *latencies {
	return &latencies{rng: rand.New(rand.NewPCG(seed, 0))}
}

// next is lognormal with a median of 350 ms and a heavy tail.
func (l *latencies) next() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(350 * math.Exp(0.6*l.rng.NormFloat64()) * float64(time.Millisecond))
}

// mixed is a model with such latencies.
type mixed struct {
	name string
	lat  *latencies
}

func (m *mixed) Name() (string, string) { return m.name, "m" }

func (m *mixed) Suits(*rules.Case) bool { return true }

func (m *mixed) Ask(ctx context.Context, _ *rules.Case, _ rules.Record) (Opinion, error) {
	select {
	case <-time.After(m.lat.next()):
		return Opinion{Effect: rules.Allow}, nil
	case <-ctx.Done():
		return Opinion{}, ctx.Err()
	}
}
