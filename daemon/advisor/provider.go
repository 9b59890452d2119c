package advisor

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// provider is the health of one provider.
type provider struct {
	name    string
	limits  Limits
	up      *gobreaker.TwoStepCircuitBreaker[struct{}] // does it answer in time
	sane    *gobreaker.TwoStepCircuitBreaker[struct{}] // does it answer sense
	mu      sync.Mutex
	took    [64]time.Duration // the last answers, for the quantiles
	n       int
	agree   int
	answers int
}

// The errors by which the breakers count. One that is neither is excluded.
var (
	errFailed  = errors.New("advisor: the provider failed or was slow")
	errNeutral = errors.New("advisor: it says nothing about the provider")
)

func newProvider(name string, l Limits, log *slog.Logger) *provider {
	p := &provider{name: name, limits: l}
	settings := func(kind string, trip func(gobreaker.Counts) bool, rest time.Duration) gobreaker.Settings {
		return gobreaker.Settings{
			Name: name + " " + kind, MaxRequests: 2, Interval: 10 * time.Second, BucketPeriod: time.Second, Timeout: rest,
			ReadyToTrip: trip, IsExcluded: func(err error) bool { return errors.Is(err, errNeutral) },
			OnStateChange: func(name string, from, to gobreaker.State) {
				log.Warn("model breaker", "breaker", name, "from", from.String(), "to", to.String())
			},
		}
	}
	p.up = gobreaker.NewTwoStepCircuitBreaker[struct{}](settings("answers", func(c gobreaker.Counts) bool {
		return c.ConsecutiveFailures >= 5 || c.Requests >= 10 && c.TotalFailures*2 >= c.Requests
	}, 5*time.Second))
	p.sane = gobreaker.NewTwoStepCircuitBreaker[struct{}](settings("sense", func(c gobreaker.Counts) bool {
		return c.ConsecutiveFailures >= 3 || c.Requests >= 10 && c.TotalFailures*10 >= c.Requests
	}, 30*time.Second))
	return p
}

// admit asks both breakers. The function it gives must be told how the call went.
func (p *provider) admit() (done func(Class, time.Duration), ok bool) {
	up, err := p.up.Allow()
	if err != nil {
		return nil, false
	}
	sane, err := p.sane.Allow()
	if err != nil {
		up(errNeutral)
		return nil, false
	}
	return func(class Class, took time.Duration) {
		switch class {
		case "", Hallucination:
			p.answered(took)
			slow := took >= p.limits.Cut
			up(map[bool]error{true: errFailed}[slow])
			sane(map[bool]error{true: errFailed}[class == Hallucination])
		case Transient, Config:
			up(errFailed)
			sane(errNeutral)
		default:
			up(errNeutral)
			sane(errNeutral)
		}
	}, true
}

func (p *provider) answered(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took[p.n%len(p.took)] = took
	p.n++
}

// agreed counts how often a model says what the rules say.
func (p *provider) agreed(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers++
	if yes {
		p.agree++
	}
}

// quantile is how long a share q of the last answers took at most; zero while
// too few are known.
func (p *provider) quantile(q float64) time.Duration {
	p.mu.Lock()
	known := slices.Clone(p.took[:min(p.n, len(p.took))])
	p.mu.Unlock()
	if len(known) < 16 {
		return 0
	}
	slices.Sort(known)
	return known[int(q*float64(len(known)-1))]
}

// hedgeAfter is when the second provider is asked: when the first is slower than
// three of four of its own answers, and no later than Limits.Hedge. A slow first
// is no reason to be slow with the second.
func (a *Advisor) hedgeAfter(asked map[*provider]bool) time.Duration {
	for p := range asked {
		if q := p.quantile(0.75); q > 0 {
			return min(max(q, 40*time.Millisecond), a.limits.Hedge)
		}
	}
	return a.limits.Hedge
}

// budget bounds how many judgements ask a second provider while the first is
// still thinking: hedges cost money, and double the load just when providers
// are slow.
type budget struct {
	mu     sync.Mutex
	rate   float64
	credit float64
}

// burst is how many hedges may be spent ahead of what was earned.
const burst = 10

// earn is called by every judgement that asks a model.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.credit = min(b.credit+b.rate, burst)
}

func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.credit < 1 {
		return false
	}
	b.credit--
	return true
}

// Health is what is known of a provider.
type Health struct {
	Provider string        `json:"provider"`
	Answers  string        `json:"answers"` // closed, half-open or open
	Sense    string        `json:"sense"`
	P50      time.Duration `json:"p50_ns"`
	P95      time.Duration `json:"p95_ns"`
	Heard    int           `json:"heard"`
	Agreed   int           `json:"agreed"` // of Heard, with the rules
}

// Health lists the providers in the order of preference.
func (a *Advisor) Health() []Health {
	var list []Health
	seen := map[*provider]bool{}
	for _, l := range a.reasoning {
		p := l.provider
		if seen[p] {
			continue
		}
		seen[p] = true
		p.mu.Lock()
		heard, agreed := p.answers, p.agree
		p.mu.Unlock()
		list = append(list, Health{p.name, p.up.State().String(), p.sane.State().String(), p.quantile(0.5), p.quantile(0.95), heard, agreed})
	}
	return list
}
