package advisor

import (
	"context"
	"sync"
	"time"

	"qrposd/rules"
)

// race is one judgement's calls to models.
type race struct {
	a      *Advisor
	c      *rules.Case
	record rules.Record
	began  time.Time
	adv    *Advice

	network context.Context // of the legs; ends at the cut
	results chan result
	legs    sync.WaitGroup
	asked   map[*provider]bool
	alive   int
	over    chan struct{} // closed when the verdict is out
	won     bool          // a model gave it; read after over only
	reroute bool          // nonsense was asked about elsewhere already
}

// result is what one leg came to.
type result struct {
	leg     leg
	opinion Opinion
	class   Class
}

// run asks until there is an answer, or nobody left, or the time is over. It
// always leaves within Limits.Answer of began.
func (r *race) run(ctx context.Context) {
	l := r.a.limits
	network, cut := context.WithDeadline(context.WithoutCancel(ctx), r.began.Add(l.Cut))
	r.network, r.results = network, make(chan result, len(r.a.reasoning))
	r.asked, r.over = make(map[*provider]bool), make(chan struct{})
	defer func() {
		close(r.over)
		go func() { // the slot is free when the last leg is off the wire
			r.legs.Wait()
			cut()
			<-r.a.slots
		}()
	}()
	end := time.NewTimer(time.Until(r.began.Add(l.Answer - early)))
	defer end.Stop()
	r.a.budget.earn()
	if !r.start() {
		r.adv.Path = RulesOpen
		return
	}
	hedge := time.NewTimer(r.a.hedgeAfter(r.asked))
	defer hedge.Stop()
	r.adv.Path = RulesLate
	for {
		select {
		case res := <-r.results:
			r.alive--
			if r.take(res) {
				return
			}
			if r.alive == 0 {
				return
			}
		case <-hedge.C:
			if r.a.budget.spend() {
				r.start()
			}
		case <-end.C:
			r.adv.Path = RulesLate
			return
		case <-ctx.Done():
			return
		}
	}
}

// take uses a result; true ends the race.
func (r *race) take(res result) bool {
	switch res.class {
	case "":
		before := r.adv.Verdict
		r.adv.Verdict = before.Permit(res.opinion.Effect)
		r.adv.Path, r.adv.Opinion, r.won = ByModel, &res.opinion, true
		r.adv.Provider, r.adv.Model = res.leg.provider.name, res.leg.name
		return true
	case Policy:
		r.adv.Path = RulesPolicy // nobody shops for a provider that says yes
		return true
	case Caller, Truncation:
		r.adv.Path = RulesFailed
		return r.alive == 0
	case Hallucination:
		if r.reroute || r.left() < r.a.limits.Reroute {
			break
		}
		r.reroute = true
		r.start()
	default:
		r.start()
	}
	r.adv.Path = RulesFailed
	if res.class == Transient && r.network.Err() != nil {
		r.adv.Path = RulesLate
	}
	return false
}

func (r *race) left() time.Duration { return time.Until(r.began.Add(r.a.limits.Cut)) }

// start puts the next provider on the wire that may be asked, if there is one
// and time enough for it.
func (r *race) start() bool {
	if r.left() < r.a.limits.Least {
		return false
	}
	for _, l := range r.a.reasoning {
		if r.asked[l.provider] || !l.Suits(r.c) {
			continue
		}
		done, ok := l.provider.admit()
		if !ok {
			continue
		}
		r.asked[l.provider] = true
		r.alive++
		r.adv.Asked++
		r.legs.Add(1)
		r.a.running.Add(1)
		go r.ask(l, done)
		return true
	}
	return false
}

// ask is one leg. It tells the provider's health everything, and the race only
// what came before its end.
func (r *race) ask(l leg, done func(Class, time.Duration)) {
	defer r.a.running.Done()
	defer r.legs.Done()
	began := time.Now()
	op, err := l.Ask(r.network, r.c, r.record)
	took := time.Since(began)
	class := classOf(err)
	if class == "" && !sensible(op) {
		class = Hallucination
	}
	told := class
	select {
	case <-r.over:
		if class == Transient && r.network.Err() != nil && r.won {
			told = Neutral // it lost a race that another leg won
		}
	default:
	}
	done(told, took)
	if class == "" {
		l.provider.agreed(op.Effect == r.record.Effect)
	}
	r.results <- result{l, op, class} // has room for every leg
}

// sensible holds an opinion against the scales that it was asked on. What it
// cites was held against what was sent by whoever knows that.
func sensible(op Opinion) bool {
	return op.Effect <= rules.Refuse && op.Risk >= 0 && op.Risk <= 10
}
