package advisor

import (
	"container/list"
	"context"
	"sync"
	"time"

	"qrposd/rules"
)

// The validation tier remembers this many kinds of cases for this long.
const (
	cacheSize = 1024
	cacheLife = 10 * time.Minute
)

// validator is a second model that looks at what the first one let through. Its
// answers are kept by the kind of case: the rules that fired and what the model
// made of it, since that is all it is asked about.
type validator struct {
	legs []leg
	mu   sync.Mutex
	kept map[string]*list.Element
	age  *list.List // front is the freshest
	busy map[string]*flight
}

type entry struct {
	key    string
	effect rules.Effect
	until  time.Time
}

// flight is one call that everybody with a like case waits for.
type flight struct {
	done   chan struct{}
	effect rules.Effect
	class  Class
}

func newValidator(legs []leg) *validator {
	return &validator{legs: legs, kept: make(map[string]*list.Element), age: list.New(), busy: make(map[string]*flight)}
}

// fingerprint names the kind of a case.
func fingerprint(adv *Advice) string {
	return adv.Rules.Set + " " + adv.Rules.Mask + " " + adv.Opinion.Effect.String() + " " + string(rune('0'+adv.Opinion.Risk))
}

// validate lets the validation model ask for more, within what is left of the
// second. It can only tighten: the reasoning model was asked for leave already.
func (a *Advisor) validate(ctx context.Context, c *rules.Case, adv *Advice, began time.Time) {
	v := a.validator
	if len(v.legs) == 0 {
		return
	}
	key := fingerprint(adv)
	effect, hit := v.recall(key)
	adv.Checked = CheckedCache
	if !hit {
		decided := adv.Rules
		decided.Effect = adv.Verdict.Effect()
		f := v.fly(a, key, c, decided, began)
		end := time.NewTimer(time.Until(began.Add(a.limits.Total - a.limits.slack())))
		defer end.Stop()
		select {
		case <-f.done:
			if f.class != "" {
				adv.Checked = CheckedFailed
				return
			}
			adv.Checked, effect = CheckedModel, f.effect
		case <-end.C:
			adv.Checked = CheckedLate
			return
		case <-ctx.Done():
			adv.Checked = CheckedLate
			return
		}
	}
	if effect > adv.Verdict.Effect() {
		adv.Verdict = adv.Verdict.Permit(effect)
		adv.Checked = CheckedTighter
	}
}

// recall finds a like case.
func (v *validator) recall(key string) (rules.Effect, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	el := v.kept[key]
	if el == nil {
		return 0, false
	}
	e := el.Value.(entry)
	if time.Now().After(e.until) {
		v.age.Remove(el)
		delete(v.kept, key)
		return 0, false
	}
	v.age.MoveToFront(el)
	return e.effect, true
}

func (v *validator) keep(key string, effect rules.Effect) {
	if el := v.kept[key]; el != nil {
		v.age.Remove(el)
	}
	v.kept[key] = v.age.PushFront(entry{key, effect, time.Now().Add(cacheLife)})
	if v.age.Len() > cacheSize {
		oldest := v.age.Back()
		delete(v.kept, oldest.Value.(entry).key)
		v.age.Remove(oldest)
	}
}

// fly joins the call for a kind of case, or starts it. The call ends with the
// second, also for those who joined late: they have other seconds.
func (v *validator) fly(a *Advisor, key string, c *rules.Case, r rules.Record, began time.Time) *flight {
	v.mu.Lock()
	defer v.mu.Unlock()
	if f := v.busy[key]; f != nil {
		return f
	}
	f := &flight{done: make(chan struct{}), class: Transient}
	v.busy[key] = f
	a.running.Add(1)
	go func() {
		defer a.running.Done()
		ctx, cancel := context.WithDeadline(context.Background(), began.Add(a.limits.Total-a.limits.slack()))
		defer cancel()
		f.effect, f.class = v.ask(ctx, a.limits, c, r)
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.busy, key)
		if f.class == "" {
			v.keep(key, f.effect)
		}
		close(f.done)
	}()
	return f
}

// ask goes through the validation models until one answers.
func (v *validator) ask(ctx context.Context, l Limits, c *rules.Case, r rules.Record) (rules.Effect, Class) {
	class := Transient
	for _, leg := range v.legs {
		if !leg.Suits(c) || ctx.Err() != nil {
			continue
		}
		call, ok := leg.provider.admit()
		if !ok {
			continue
		}
		res := leg.try(ctx, c, r)
		class = res.class
		if class == Transient && ctx.Err() != nil && res.took < l.Cut/2 {
			res.class = Neutral // it was asked too late to be called slow
		}
		call.settle(res)
		if class == "" {
			return res.opinion.Effect, ""
		}
	}
	return 0, class
}
