package advisor

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/rules"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

const ruleFile = `
[[rule]]
id = "big"
when = "amount >= CNY(500.00)"
effect = "approve"
model = "relax"
reason = { en = "a large sale", zh = "大额" }

[[rule]]
id = "huge"
when = "amount >= CNY(5000.00)"
effect = "refuse"
hard = true
reason = { en = "too large", zh = "过大" }
`

func ruleSet(t testing.TB) *rules.Set {
	t.Helper()
	s, err := rules.Load("test.toml", []byte(ruleFile))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func caseOf(minor int64) rules.Case {
	return rules.Case{Amount: money.Money{Minor: minor, Currency: "CNY"}, Flow: sale.Payer}
}

// scripted is a model that answers after a while, or never.
type scripted struct {
	name  string
	after time.Duration // negative: never, and deaf to its context
	op    Opinion
	err   error
	asked atomic.Int32
}

func (s *scripted) Name() (string, string) { return s.name, "m" }
func (s *scripted) Suits(*rules.Case) bool { return true }

func (s *scripted) Ask(ctx context.Context, _ *rules.Case, _ rules.Record) (Opinion, error) {
	s.asked.Add(1)
	if s.after < 0 {
		time.Sleep(5 * time.Second) // a client that does not listen
		return Opinion{}, ctx.Err()
	}
	select {
	case <-time.After(s.after):
		return s.op, s.err
	case <-ctx.Done():
		return Opinion{}, ctx.Err()
	}
}

func in(t *testing.T, models []Model, f func(t *testing.T, a *Advisor)) {
	set := ruleSet(t)
	synctest.Test(t, func(t *testing.T) {
		a := New(set, models, nil, Limits{}, slog.New(slog.DiscardHandler))
		f(t, a)
		a.Close()
	})
}

const ms = time.Millisecond

// Who decides, and when, in virtual time: never after 600 ms.
func TestRace(t *testing.T) {
	yes, no := Opinion{Effect: rules.Allow}, Opinion{Effect: rules.Refuse}
	nonsense := Opinion{Effect: rules.Refuse + 1}
	for _, c := range []struct {
		name   string
		models []*scripted
		path   Path
		from   string
		took   time.Duration
		effect rules.Effect
	}{
		{"no model", nil, ByRules, "", 0, rules.Approve},
		{"a quick yes relaxes what may be relaxed", []*scripted{{name: "a", after: 50 * ms, op: yes}}, ByModel, "a", 50 * ms, rules.Review},
		{"a quick no tightens", []*scripted{{name: "a", after: 50 * ms, op: no}}, ByModel, "a", 50 * ms, rules.Refuse},
		{"at 539 ms it still counts", []*scripted{{name: "a", after: 539 * ms, op: yes}}, ByModel, "a", 539 * ms, rules.Review},
		{"at 541 ms the network is cut", []*scripted{{name: "a", after: 541 * ms, op: yes}}, RulesLate, "", 540 * ms, rules.Approve},
		{"a deaf client holds nobody", []*scripted{{name: "a", after: -1}}, RulesLate, "", 599 * ms, rules.Approve},
		{"a hedge wins, the first goes on", []*scripted{{name: "a", after: 400 * ms, op: no}, {name: "b", after: 100 * ms, op: yes}}, ByModel, "b", 220 * ms, rules.Review},
		{"the first still wins against the hedge", []*scripted{{name: "a", after: 150 * ms, op: no}, {name: "b", after: 300 * ms, op: yes}}, ByModel, "a", 150 * ms, rules.Refuse},
		{"a definite error starts the next at once", []*scripted{{name: "a", after: 10 * ms, err: lament{class: Transient}}, {name: "b", after: 100 * ms, op: yes}}, ByModel, "b", 110 * ms, rules.Review},
		{"a wrong key too", []*scripted{{name: "a", after: 10 * ms, err: lament{class: Config}}, {name: "b", after: 100 * ms, op: yes}}, ByModel, "b", 110 * ms, rules.Review},
		{"a policy refusal is not shopped around", []*scripted{{name: "a", after: 10 * ms, err: lament{class: Policy}}, {name: "b", after: 100 * ms, op: yes}}, RulesPolicy, "", 10 * ms, rules.Approve},
		{"nonsense is asked elsewhere", []*scripted{{name: "a", after: 10 * ms, op: nonsense}, {name: "b", after: 50 * ms, op: yes}}, ByModel, "b", 60 * ms, rules.Review},
		{"but once", []*scripted{{name: "a", after: 10 * ms, op: nonsense}, {name: "b", after: 10 * ms, op: nonsense}, {name: "c", after: 10 * ms, op: yes}}, RulesFailed, "", 20 * ms, rules.Approve},
		{"and not when time is short", []*scripted{{name: "a", after: 100 * ms, op: nonsense}, {name: "b", after: -1}}, ByRules, "", 0, 0},
		{"our own mistake helps nobody", []*scripted{{name: "a", after: 10 * ms, err: lament{class: Caller}}, {name: "b", after: 10 * ms, op: yes}}, RulesFailed, "", 10 * ms, rules.Approve},
		{"everybody is down", []*scripted{{name: "a", after: ms, err: errors.New("reset")}, {name: "b", after: ms, err: errors.New("reset")}}, RulesFailed, "", 2 * ms, rules.Approve},
	} {
		if c.name == "and not when time is short" {
			c.models[0].after, c.path, c.took, c.effect = 400*ms, RulesLate, 599*ms, rules.Approve
		}
		t.Run(c.name, func(t *testing.T) {
			var models []Model
			for _, m := range c.models {
				models = append(models, m)
			}
			in(t, models, func(t *testing.T, a *Advisor) {
				adv := a.Advise(context.Background(), caseOf(60000))
				if adv.Path != c.path || adv.Provider != c.from || adv.Took != c.took || adv.Verdict.Effect() != c.effect {
					t.Errorf("%s by %q after %s: %s; want %s by %q after %s: %s", adv.Path, adv.Provider, adv.Took, adv.Verdict.Effect(), c.path, c.from, c.took, c.effect)
				}
			})
		})
	}
}

// A model never loosens what is hard (I9), and is not even asked.
func TestHardStaysHard(t *testing.T) {
	m := &scripted{name: "a", op: Opinion{Effect: rules.Allow}}
	in(t, []Model{m}, func(t *testing.T, a *Advisor) {
		if adv := a.Advise(context.Background(), caseOf(600000)); adv.Verdict.Effect() != rules.Refuse || m.asked.Load() != 0 {
			t.Errorf("%s, asked %d times", adv.Verdict.Effect(), m.asked.Load())
		}
	})
}

func TestBreakerOpensOnSlownessAndDecidesAtOnce(t *testing.T) {
	m := &scripted{name: "a", after: 700 * ms}
	in(t, []Model{m}, func(t *testing.T, a *Advisor) {
		for range 5 {
			a.Advise(context.Background(), caseOf(60000))
		}
		before := m.asked.Load()
		adv := a.Advise(context.Background(), caseOf(60000))
		if adv.Path != RulesOpen || adv.Took != 0 || m.asked.Load() != before {
			t.Errorf("after five slow calls: %s after %s", adv.Path, adv.Took)
		}
		m.after, m.op = 20*ms, Opinion{Effect: rules.Allow}
		time.Sleep(6 * time.Second)
		if adv := a.Advise(context.Background(), caseOf(60000)); adv.Path != ByModel {
			t.Errorf("after its rest: %s", adv.Path)
		}
	})
}

func TestNonsenseOpensTheSecondBreaker(t *testing.T) {
	m := &scripted{name: "a", after: 10 * ms, op: Opinion{Risk: 99}}
	in(t, []Model{m}, func(t *testing.T, a *Advisor) {
		for range 3 {
			a.Advise(context.Background(), caseOf(60000))
		}
		if h := a.Health()[0]; h.Sense != "open" || h.Answers != "closed" {
			t.Errorf("answers %s, sense %s", h.Answers, h.Sense)
		}
	})
}

func TestTooManyInFlight(t *testing.T) {
	m := &scripted{name: "a", after: -1}
	in(t, []Model{m}, func(t *testing.T, a *Advisor) {
		busy := atomic.Int32{}
		done := make(chan time.Duration, 80)
		for range 80 {
			go func() {
				adv := a.Advise(context.Background(), caseOf(60000))
				if adv.Path == RulesBusy {
					busy.Add(1)
				}
				done <- adv.Took
			}()
		}
		for range 80 {
			if took := <-done; took > 600*ms {
				t.Errorf("a verdict after %s", took)
			}
		}
		if busy.Load() != 30 {
			t.Errorf("%d were decided by the rules at once, want 30", busy.Load())
		}
	})
}

func TestValidationTightensWithinTheSecond(t *testing.T) {
	set := ruleSet(t)
	for _, c := range []struct {
		validator *scripted
		effect    rules.Effect
		checked   Checked
		took      time.Duration
		again     Checked
	}{
		{&scripted{name: "v", after: 300 * ms, op: Opinion{Effect: rules.Refuse}}, rules.Refuse, CheckedTighter, 400 * ms, CheckedTighter},
		{&scripted{name: "v", after: 300 * ms, op: Opinion{Effect: rules.Allow}}, rules.Review, CheckedModel, 400 * ms, CheckedCache},
		{&scripted{name: "v", after: -1}, rules.Review, CheckedLate, 940 * ms, CheckedLate},
	} {
		synctest.Test(t, func(t *testing.T) {
			first := &scripted{name: "a", after: 100 * ms, op: Opinion{Effect: rules.Allow}}
			a := New(set, []Model{first}, []Model{c.validator}, Limits{}, slog.New(slog.DiscardHandler))
			adv := a.Advise(context.Background(), caseOf(60000))
			if adv.Verdict.Effect() != c.effect || adv.Checked != c.checked || adv.Took != c.took {
				t.Errorf("%s, %s after %s; want %s, %s after %s", adv.Verdict.Effect(), adv.Checked, adv.Took, c.effect, c.checked, c.took)
			}
			if adv := a.Advise(context.Background(), caseOf(60001)); adv.Checked != c.again {
				t.Errorf("a like case: %s, want %s", adv.Checked, c.again)
			}
			a.Close()
		})
	}
}

// Real time and real goroutines: nothing is left behind, whatever the client does.
func TestNothingIsLeftBehind(t *testing.T) {
	set := ruleSet(t)
	before := runtime.NumGoroutine()
	a := New(set, []Model{&scripted{name: "a", after: time.Hour}, &scripted{name: "b", after: 30 * ms, op: Opinion{Effect: rules.Allow}}}, nil, Limits{}, slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	for range 40 {
		go func() {
			a.Advise(context.Background(), caseOf(60000))
			done <- struct{}{}
		}()
	}
	for range 40 {
		<-done
	}
	a.Close()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * ms)
	}
	t.Errorf("%d goroutines, were %d", runtime.NumGoroutine(), before)
}
