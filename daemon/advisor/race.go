package advisor

import (
	"context"
	"sync/atomic"
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
	cut     context.CancelFunc
	results chan result
	busy    atomic.Int32 // this race and its legs
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
	took    time.Duration
	rest    time.Duration // that the provider asks for
}

// try asks once.
func (l leg) try(ctx context.Context, c *rules.Case, v rules.Record) result {
	began := time.Now()
	op, err := l.Ask(ctx, c, v)
	res := result{leg: l, opinion: op, took: time.Since(began)}
	if res.class, res.rest = classOf(err); res.class == "" && !sensible(op) {
		res.class = Hallucination
	}
	return res
}

// run asks until there is an answer, or nobody left, or the time is over. It
// always leaves within Limits.Answer of began.
func (r *race) run(ctx context.Context) {
	l := r.a.limits
	r.network, r.cut = context.WithDeadline(context.WithoutCancel(ctx), r.began.Add(l.Cut))
	r.results, r.over = make(chan result, len(r.a.reasoning)), make(chan struct{})
	r.asked = make(map[*provider]bool)
	r.busy.Add(1)
	defer r.leave()
	defer close(r.over)
	end := time.NewTimer(time.Until(r.began.Add(l.Answer - early)))
	defer end.Stop()
	r.a.budget.earn()
	if !r.start() {
		if r.adv.Path = RulesOpen; r.left() < l.Least {
			r.adv.Path = RulesLate // the machine was too busy to ask
		}
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
			if r.a.budget.spend() && !r.start() {
				r.a.budget.refund()
			}
		case <-end.C:
			r.adv.Path = RulesLate
			return
		case <-ctx.Done():
			return
		}
	}
}

// leave frees the slot when the last leg is off the wire.
func (r *race) leave() {
	if r.busy.Add(-1) == 0 {
		r.cut()
		<-r.a.slots
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
		call, ok := l.provider.admit()
		if !ok {
			continue
		}
		r.asked[l.provider] = true
		r.alive++
		r.adv.Asked++
		r.busy.Add(1)
		r.a.running.Add(1)
		go r.ask(l, call)
		return true
	}
	return false
}

// ask is one leg. It tells the provider's health everything, and the race only
// what came before its end.
func (r *race) ask(l leg, call *call) {
	defer r.a.running.Done()
	defer r.leave()
	res := l.try(r.network, r.c, r.record)
	told := res
	if res.class == Transient && r.network.Err() != nil && !r.fair(res.took) {
		told.class = Neutral
	}
	call.settle(told)
	if res.class == "" {
		l.provider.agreed(res.opinion.Effect == r.record.Effect)
	}
	r.results <- res // has room for every leg
}

// fair says whether a leg that was cut may be called slow: it had all the time
// there is, or most of it and nobody was quicker.
func (r *race) fair(took time.Duration) bool {
	cut := r.a.limits.Cut
	if took >= cut*9/10 {
		return true
	}
	select {
	case <-r.over:
		return !r.won && took >= cut/2
	default:
		return took >= cut/2
	}
}

// sensible holds an opinion against the scales that it was asked on. What it
// cites was held against what was sent by whoever knows that.
func sensible(op Opinion) bool {
	return op.Effect <= rules.Refuse && op.Risk >= 0 && op.Risk <= 10
}
