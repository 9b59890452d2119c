package advisor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"qrposd/rules"
)

// lament is a Failure.
type lament struct {
	class Class
	rest  time.Duration
}

func (l lament) Error() string             { return string(l.class) }
func (l lament) FailureClass() string      { return string(l.class) }
func (l lament) RetryAfter() time.Duration { return l.rest }

// What each class of failure does to the breakers of who failed, for how long
// nobody is sent there, and who is asked next.
func TestClasses(t *testing.T) {
	yes := Opinion{Effect: rules.Allow}
	for _, c := range []struct {
		name     string
		op       Opinion
		err      error
		up, sane string
		rests    time.Duration
		next     bool
		path     Path
	}{
		{"an answer", yes, nil, "good", "good", 0, false, ByModel},
		{"nonsense", Opinion{Risk: 11}, nil, "good", "bad", 0, true, ByModel},
		{"hallucination", yes, lament{class: Hallucination}, "good", "bad", 0, true, ByModel},
		{"caller", yes, lament{class: Caller}, "none", "none", 0, false, RulesFailed},
		{"truncation", yes, lament{class: Truncation}, "none", "none", 0, false, RulesFailed},
		{"policy", yes, lament{class: Policy}, "none", "none", 0, false, RulesPolicy},
		{"config", yes, lament{class: Config}, "none", "none", time.Minute, true, ByModel},
		{"neutral", yes, lament{class: Neutral}, "none", "none", 0, true, ByModel},
		{"transient", yes, lament{class: Transient}, "bad", "none", 0, true, ByModel},
		{"a class nobody knows", yes, lament{class: "new"}, "bad", "none", 0, true, ByModel},
		{"any other error", yes, errors.New("reset"), "bad", "none", 0, true, ByModel},
		{"wrapped", yes, fmt.Errorf("asking: %w", lament{class: Policy}), "none", "none", 0, false, RulesPolicy},
		{"leave me alone", yes, lament{Transient, 7 * time.Second}, "bad", "none", 7 * time.Second, true, ByModel},
		{"leave me alone for an hour", yes, lament{Transient, time.Hour}, "bad", "none", time.Minute, true, ByModel},
		{"config, and leave me alone", yes, lament{Config, time.Second}, "none", "none", time.Minute, true, ByModel},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := &scripted{name: "a", after: 10 * ms, op: c.op, err: c.err}
			second := &scripted{name: "b", after: 10 * ms, op: yes}
			in(t, []Model{first, second}, func(t *testing.T, a *Advisor) {
				adv := a.Advise(context.Background(), caseOf(60000))
				if adv.Path != c.path || (second.asked.Load() == 1) != c.next {
					t.Errorf("%s, next asked %d times; want %s, %v", adv.Path, second.asked.Load(), c.path, c.next)
				}
				p := a.reasoning[0].provider
				up, sane := p.up.Counts(), p.sane.Counts()
				if got := verdict(up.TotalSuccesses, up.TotalFailures, up.TotalExclusions); got != c.up {
					t.Errorf("the answers are %s, want %s", got, c.up)
				}
				if got := verdict(sane.TotalSuccesses, sane.TotalFailures, sane.TotalExclusions); got != c.sane {
					t.Errorf("the sense is %s, want %s", got, c.sane)
				}
				want := c.rests
				if c.rests > 0 && c.next {
					want -= 10 * ms // which the second provider took
				}
				if h := a.Health()[0]; h.Rests != want {
					t.Errorf("rests %s, want %s", h.Rests, want)
				}
			})
		})
	}
}

func verdict(good, bad, none uint32) string {
	switch [3]uint32{good, bad, none} {
	case [3]uint32{1, 0, 0}:
		return "good"
	case [3]uint32{0, 1, 0}:
		return "bad"
	case [3]uint32{0, 0, 1}:
		return "none"
	}
	return fmt.Sprint(good, bad, none)
}

// One that wants to be left alone is, and no longer than it wants. One whose key is
// no good is asked again after a minute: gateways say that in outages, too.
func TestRest(t *testing.T) {
	for _, why := range []lament{{Transient, 7 * time.Second}, {class: Config}} {
		m := &scripted{name: "a", err: why}
		in(t, []Model{m}, func(t *testing.T, a *Advisor) {
			a.Advise(context.Background(), caseOf(60000))
			rests := a.Health()[0].Rests
			for range 20 {
				if adv := a.Advise(context.Background(), caseOf(60000)); adv.Path != RulesOpen || adv.Took != 0 {
					t.Errorf("%s: while it rests: %s after %s", why.class, adv.Path, adv.Took)
				}
			}
			time.Sleep(rests - ms)
			a.Advise(context.Background(), caseOf(60000))
			if m.asked.Load() != 1 {
				t.Errorf("%s: it was asked %d times before its rest was over", why.class, m.asked.Load())
			}
			time.Sleep(ms)
			m.err, m.op = nil, Opinion{Effect: rules.Allow}
			if adv := a.Advise(context.Background(), caseOf(60000)); adv.Path != ByModel {
				t.Errorf("%s: after its rest: %s", why.class, adv.Path)
			}
		})
	}
}

// A hedge that lost says nothing about its provider. A favourite that had all the
// time there is and was cut is slow, whoever saved the sale.
func TestLosers(t *testing.T) {
	yes := Opinion{Effect: rules.Allow}
	for _, c := range []struct {
		name          string
		first, second time.Duration
		states        [2]string
	}{
		{"a hedge that never answers", 300 * ms, time.Hour, [2]string{"closed", "closed"}},
		{"a favourite that never answers", time.Hour, 20 * ms, [2]string{"open", "closed"}},
		{"both quick enough", 300 * ms, 300 * ms, [2]string{"closed", "closed"}},
		{"both never", time.Hour, time.Hour, [2]string{"open", "open"}},
	} {
		a, b := &scripted{name: "a", after: c.first, op: yes}, &scripted{name: "b", after: c.second, op: yes}
		in(t, []Model{a, b}, func(t *testing.T, adv *Advisor) {
			for range 5 {
				adv.Advise(context.Background(), caseOf(60000))
				time.Sleep(time.Second)
			}
			if h := adv.Health(); h[0].Answers != c.states[0] || h[1].Answers != c.states[1] {
				t.Errorf("%s: %s and %s, want %s", c.name, h[0].Answers, h[1].Answers, c.states)
			}
		})
	}
}

// A provider that was asked when there was hardly time left is not called slow.
func TestAskedTooLate(t *testing.T) {
	a := &scripted{name: "a", after: 400 * ms, err: lament{class: Transient}}
	b := &scripted{name: "b", after: 300 * ms, op: Opinion{Effect: rules.Allow}}
	in(t, []Model{a, b}, func(t *testing.T, adv *Advisor) {
		adv.limits.Hedge = time.Second // b is asked when a has failed
		for range 5 {
			adv.Advise(context.Background(), caseOf(60000))
			time.Sleep(time.Second)
		}
		if h := adv.Health(); b.asked.Load() != 5 || h[1].Answers != "closed" {
			t.Errorf("asked %d times with 140 ms left: %s", b.asked.Load(), h[1].Answers)
		}
	})
}

// Calls that say nothing do not thin out those that do: six of eleven that failed are
// too many, however many were refused by policy in between.
func TestNeutralCallsDoNotDilute(t *testing.T) {
	m := &scripted{name: "a", after: ms, op: Opinion{Effect: rules.Allow}}
	in(t, []Model{m}, func(t *testing.T, a *Advisor) {
		for i := range 11 {
			for range 3 {
				m.err = lament{class: Policy}
				a.Advise(context.Background(), caseOf(60000))
			}
			if m.err = nil; i%2 == 0 {
				m.err = lament{class: Transient}
			}
			a.Advise(context.Background(), caseOf(60000))
		}
		if h := a.Health()[0]; h.Answers != "open" {
			t.Errorf("six of eleven failed: %s", h.Answers)
		}
	})
}
