package advisor

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"qrposd/rules"
)

// Limits are the times and bounds of a judgement. The zero value of a field is
// its default.
type Limits struct {
	Answer    time.Duration // when the caller has its verdict: 600 ms
	Cut       time.Duration // when the network is cut: 540 ms
	Total     time.Duration // when the validation tier ends: 1 s
	Hedge     time.Duration // when a second provider is asked, until latencies are known: 120 ms
	Least     time.Duration // below this, nobody new is asked: 80 ms
	Reroute   time.Duration // below this, nonsense is not asked elsewhere: 200 ms
	InFlight  int           // judgements with calls on the wire: 50
	HedgeRate float64       // share of judgements that may ask a second provider while the first thinks: 1
}

// early is how much sooner the timer is armed than the verdict is due: the
// runtime's poller waits in whole milliseconds.
const early = time.Millisecond

func (l Limits) withDefaults() Limits {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&l.Answer, 600*time.Millisecond)
	set(&l.Cut, 540*time.Millisecond)
	set(&l.Total, time.Second)
	set(&l.Hedge, 120*time.Millisecond)
	set(&l.Least, 80*time.Millisecond)
	set(&l.Reroute, 200*time.Millisecond)
	if l.InFlight == 0 {
		l.InFlight = 50
	}
	if l.HedgeRate == 0 {
		l.HedgeRate = 1
	}
	return l
}

// Advisor judges. It is safe for concurrent use.
type Advisor struct {
	limits    Limits
	reasoning []leg
	validator *validator
	set       atomic.Pointer[rules.Set]
	slots     chan struct{}
	budget    budget
	log       *slog.Logger
	running   sync.WaitGroup // legs on the wire
}

// leg is a model with what is known of its provider.
type leg struct {
	Model
	*provider
	name string
}

// New is an advisor over models in the order of preference. Without any, the
// rules decide alone.
func New(set *rules.Set, reasoning, validation []Model, l Limits, log *slog.Logger) *Advisor {
	a := &Advisor{limits: l.withDefaults(), log: log}
	a.set.Store(set)
	a.slots = make(chan struct{}, a.limits.InFlight)
	a.budget.rate, a.budget.credit = a.limits.HedgeRate, burst
	health := map[string]*provider{}
	legs := func(models []Model) []leg {
		var list []leg
		for _, m := range models {
			name, model := m.Name()
			if health[name] == nil {
				health[name] = newProvider(name, a.limits, log)
			}
			list = append(list, leg{m, health[name], model})
		}
		return list
	}
	a.reasoning = legs(reasoning)
	a.validator = newValidator(legs(validation))
	return a
}

// SetRules puts another set in force for the judgements that begin from now on.
func (a *Advisor) SetRules(s *rules.Set) { a.set.Store(s) }

// Rules is the set in force.
func (a *Advisor) Rules() *rules.Set { return a.set.Load() }

// Close waits for the legs on the wire; none lasts beyond the cut.
func (a *Advisor) Close() { a.running.Wait() }

// slack is what a busy machine needs between the end of the wait and the answer:
// the same for both tiers.
func (l Limits) slack() time.Duration { return l.Answer - l.Cut }

// Advise judges a case. It returns within Limits.Answer, or Limits.Total where a
// validation model is configured, whatever the models, the network and ctx do;
// what they have to say later is only learnt from.
func (a *Advisor) Advise(ctx context.Context, c rules.Case) Advice {
	began := time.Now()
	set := a.set.Load()
	v := set.Decide(&c)
	adv := Advice{Verdict: v, Rules: set.Record(v), Path: ByRules}
	if v.Open() && a.suited(&c) {
		select {
		case a.slots <- struct{}{}:
			r := &race{a: a, c: &c, began: began, adv: &adv, record: adv.Rules}
			r.run(ctx)
		default:
			adv.Path = RulesBusy
		}
	}
	if adv.Path == ByModel {
		a.validate(ctx, &c, &adv, began)
	}
	adv.Final = set.Record(adv.Verdict)
	adv.Took = time.Since(began)
	return adv
}

// suited says whether there is anybody to ask about a case.
func (a *Advisor) suited(c *rules.Case) bool {
	return slices.ContainsFunc(a.reasoning, func(l leg) bool { return l.Suits(c) })
}

// classOf is the class of an error, and the rest that the provider asks for.
func classOf(err error) (Class, time.Duration) {
	var f Failure
	switch {
	case err == nil:
		return "", 0
	case errors.As(err, &f):
		switch c := Class(f.FailureClass()); c {
		case Caller, Config, Policy, Hallucination, Truncation, Neutral:
			return c, f.RetryAfter()
		}
		return Transient, f.RetryAfter()
	}
	return Transient, 0
}
