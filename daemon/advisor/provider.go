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
	log     *slog.Logger
	mu      sync.Mutex
	rested  time.Time         // until then nobody is sent here
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
	p := &provider{name: name, limits: l, log: log}
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
		return c.ConsecutiveFailures >= 5 || counted(c) >= 10 && c.TotalFailures*2 >= counted(c)
	}, 5*time.Second))
	p.sane = gobreaker.NewTwoStepCircuitBreaker[struct{}](settings("sense", func(c gobreaker.Counts) bool {
		return c.ConsecutiveFailures >= 3 || counted(c) >= 10 && c.TotalFailures*10 >= counted(c)
	}, 30*time.Second))
	return p
}

// counted is the calls that said something. Counts.Requests has those too that are
// excluded or still on the wire.
func counted(c gobreaker.Counts) uint32 { return c.TotalSuccesses + c.TotalFailures }

// longest is how long a provider is left alone: one that asks for it at most that
// long, and one whose key or account is no good that long. It costs a call a minute
// to find out that all is well again.
const longest = time.Minute

// admit asks both breakers. Settle must be told how the call went.
func (p *provider) admit() (*call, bool) {
	if p.rests() > 0 {
		return nil, false
	}
	up, err := p.up.Allow()
	if err != nil {
		return nil, false
	}
	sane, err := p.sane.Allow()
	if err != nil {
		up(errNeutral)
		return nil, false
	}
	return &call{p, up, sane}, true
}

// call is a call that the breakers let through.
type call struct {
	provider *provider
	up, sane func(error)
}

// settle tells the breakers what a call came to.
func (c *call) settle(r result) {
	up, sane := errNeutral, errNeutral
	switch r.class {
	case "", Hallucination:
		up, sane = nil, nil
		if r.took >= c.provider.limits.Cut {
			up = errFailed
		}
		if r.class == Hallucination {
			sane = errFailed
		}
		c.provider.answered(r.took)
	case Transient:
		up = errFailed
	case Config:
		r.rest = longest
	}
	c.up(up)
	c.sane(sane)
	c.provider.leave(r.class, min(r.rest, longest))
}

// leave has nobody sent here for a while.
func (p *provider) leave(class Class, d time.Duration) {
	if d <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.rested) {
		p.rested = until
		p.log.Warn("model left alone", "provider", p.name, "because", class, "for", d)
	}
}

// rests is how long the provider is still left alone.
func (p *provider) rests() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, time.Until(p.rested))
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

// soonest is the least head start that a provider has before a second one is asked.
const soonest = 40 * time.Millisecond

// hedgeAfter is when the second provider is asked: when the first is slower than
// three of four of its own answers, and no later than Limits.Hedge. Where even its
// middle answer is later than that, the second will be asked anyway, and every
// millisecond it is asked later is one it may lack.
func (a *Advisor) hedgeAfter(asked map[*provider]bool) time.Duration {
	for p := range asked {
		switch usual := p.quantile(0.75); {
		case usual == 0:
		case p.quantile(0.5) > a.limits.Hedge:
			return soonest
		default:
			return min(max(usual, soonest), a.limits.Hedge)
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

// refund gives back a hedge for which there was nobody to ask.
func (b *budget) refund() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.credit = min(b.credit+1, burst)
}

// Health is what is known of a provider.
type Health struct {
	Provider string        `json:"provider"`
	Answers  string        `json:"answers"` // closed, half-open or open
	Sense    string        `json:"sense"`
	P50      time.Duration `json:"p50_ns"`
	P95      time.Duration `json:"p95_ns"`
	Rests    time.Duration `json:"rests_ns"` // is left alone for that long
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
		list = append(list, Health{p.name, p.up.State().String(), p.sane.State().String(), p.quantile(0.5), p.quantile(0.95), p.rests(), heard, agreed})
	}
	return list
}
