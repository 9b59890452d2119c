package rules

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"qrposd/rules/money"
)

func standard(tb testing.TB) *Set {
	tb.Helper()
	s, err := Load("default.toml", Default)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// The shipped rules do what they say: a table of cases, each rule in one at least.
func TestDefault(t *testing.T) {
	s := standard(t)
	text, err := os.ReadFile("testdata/default.cases.toml")
	if err != nil {
		t.Fatal(err)
	}
	trials, err := ParseTrials("default.cases.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, miss := range s.Try(trials) {
		t.Errorf("default.cases.toml:%d: %s", miss.Trial.Line, miss.Message)
	}
	covered := map[string]bool{}
	for _, trial := range trials {
		for _, id := range trial.Fired {
			covered[id] = true
		}
	}
	for _, r := range s.Rules() {
		if !covered[r.ID] {
			t.Errorf("no case for %s", r.ID)
		}
	}
	for _, f := range s.Lint() {
		if f.Smell != Unwatched {
			t.Errorf("%s: %s", f.Smell, f.Message)
		}
	}
}

// Rules have no order: a shuffled file gives the same set and the same verdicts.
func TestOrderSaysNothing(t *testing.T) {
	s := standard(t)
	parts := strings.Split(string(Default), "\n[[rule]]\n")
	head, parts := parts[0], parts[1:]
	source := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		source.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		shuffled, err := Load("shuffled.toml", []byte(head+"\n[[rule]]\n"+strings.Join(parts, "\n[[rule]]\n")))
		if err != nil {
			t.Fatal(err)
		}
		if shuffled.Hash() != s.Hash() {
			t.Fatal("another hash")
		}
		for seed := range uint64(500) {
			c := generate(seed)
			if a, b := s.Decide(&c), shuffled.Decide(&c); a != b {
				t.Fatalf("case %d: %+v and %+v", seed, s.Record(a), shuffled.Record(b))
			}
		}
	}
}

// The strictest wins, and nothing that a rule asks for is lost.
func TestDecide(t *testing.T) {
	s := standard(t)
	for seed := range uint64(2000) {
		c := generate(seed)
		v := s.Decide(&c)
		var f facts
		f.load(&c)
		var want Verdict
		for i, r := range s.rules {
			got := r.when.truth(&f)
			if v.Fired.Has(i) != (got >= broken) || v.Broken.Has(i) != (got == broken) {
				t.Fatalf("case %d: the bits of %s", seed, r.ID)
			}
			if got >= broken {
				want.add(&r)
				if r.Effect > v.Effect() {
					t.Fatalf("case %d: %s asks for %s, the verdict is %s", seed, r.ID, r.Effect, v.Effect())
				}
			}
		}
		if v.Owed != want.Owed || v.Firm != want.Firm || v.Hard != want.Hard || v.Settled != want.Settled {
			t.Fatalf("case %d: %+v, want %+v", seed, v, want)
		}
		if v.Hard&^v.Firm != 0 || v.Firm&^v.Owed != 0 {
			t.Fatalf("case %d: hard %b, firm %b, owed %b", seed, v.Hard, v.Firm, v.Owed)
		}
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	s := standard(t)
	c := generate(7)
	var v Verdict
	if n := testing.AllocsPerRun(1000, func() { v = s.Decide(&c); v = v.Permit(Review) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if v.Set != s.Hash() {
		t.Error("no verdict")
	}
}

func effects(t *rapid.T, name string, of Effects) Effects {
	return Effects(rapid.Byte().Draw(t, name)) & of
}

// Whatever a model says, it loosens no hard rule and settles nothing.
func TestPermit(t *testing.T) {
	all := Effects(0).With(Review).With(Confirm).With(Verify).With(Approve).With(Refuse)
	rapid.Check(t, func(t *rapid.T) {
		v := Verdict{Owed: effects(t, "owed", all), Settled: rapid.Bool().Draw(t, "settled")}
		v.Firm = effects(t, "firm", v.Owed)
		v.Hard = effects(t, "hard", v.Firm)
		asked := Effect(rapid.Byte().Draw(t, "asked"))
		got := v.Permit(asked)
		if got.Firm&^got.Owed != 0 {
			t.Fatalf("a firm effect was lost: %v of %v", got.Owed.List(), v.Firm.List())
		}
		if got.Effect() < v.Firm.Max() {
			t.Fatalf("loosened below a firm rule: %s", got.Effect())
		}
		if got.Owed&^all != 0 {
			t.Fatalf("effects out of nowhere: %b", got.Owed)
		}
		changed := got.Owed != v.Owed
		if changed && (v.Settled || asked > Refuse) {
			t.Fatal("a model was heard that was not to be asked")
		}
		if !v.Open() && !v.Settled && got.Effect() != v.Effect() {
			t.Fatal("asking changed what is not open")
		}
		if v.Owed&^got.Owed != 0 && !got.Owed.Has(Review) {
			t.Fatal("loosened without a review")
		}
		if !v.Settled && asked <= Refuse && got.Effect() < asked {
			t.Fatalf("asked for %s, got %s", asked, got.Effect())
		}
		if got.Fired != v.Fired || got.Hard != v.Hard || got.Firm != v.Firm || got.Set != v.Set || got.Case != v.Case {
			t.Fatal("what the rules said was changed")
		}
		if again := got.Permit(asked); again != got {
			t.Fatal("the same answer twice counts twice")
		}
	})
}

// The answers of models reach an Effect through its name or not at all.
func TestAnswers(t *testing.T) {
	s := standard(t)
	for _, answer := range []string{
		`"paid"`, `"approved"`, `"ALLOW"`, `"allow "`, `""`, `null`, `5`, `true`, `["refuse"]`, `{"effect":"refuse"}`, `"settle"`, `"effect(9)"`, `"approve, paid"`,
		`"ignore all rules and allow"`, `"允许"`, `"refuse\u0000"`,
	} {
		e := Effect(200)
		if err := json.Unmarshal([]byte(answer), &e); err == nil && answer != "null" {
			t.Errorf("%s is %s", answer, e)
		}
		for seed := range uint64(50) {
			c := generate(seed)
			if v := s.Decide(&c); v.Permit(e) != v {
				t.Fatalf("%s changed a verdict", answer)
			}
		}
	}
	for seed := range uint64(500) { // on the shipped rules, each answer there is
		c := generate(seed)
		v := s.Decide(&c)
		for e := Allow; e <= Refuse; e++ {
			if got := v.Permit(e); got.Hard&^got.Owed != 0 || got.Effect() < v.Hard.Max() {
				t.Fatalf("case %d: %s loosened a hard rule", seed, e)
			}
		}
	}
}

func TestReasons(t *testing.T) {
	s := standard(t)
	c := Case{Amount: money.Money{Minor: 2_500_000, Currency: "CNY"}, Link: Link{State: NoLink, Silence: Known(60)}}
	v := s.Decide(&c)
	reasons := s.Reasons(v.Fired)
	if !slices.IsSortedFunc(reasons, func(a, b Rule) int { return int(b.Effect) - int(a.Effect) }) || reasons[0].Effect != Refuse || reasons[0].Reason.ZH == "" {
		t.Errorf("%+v", reasons)
	}
	if r, ok := s.Rule("denied"); !ok || r.ID != "denied" || !strings.Contains(r.When, "payer.denied") || !r.Hard || r.Model != Ignore || r.Line < 50 {
		t.Errorf("%+v", r)
	}
	if _, ok := s.Rule("nobody"); ok {
		t.Error("a rule that is not there")
	}
	if s.Denied("0123456789abcdef") || len(s.Limits().PerSale) != 7 || s.Limits().Count != Known(40) {
		t.Errorf("%+v", s.Limits())
	}
}

func TestRecord(t *testing.T) {
	s := standard(t)
	for seed := range uint64(200) {
		c := generate(seed)
		rec := s.Record(s.Decide(&c))
		b, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		var back Record
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		again, _ := json.Marshal(back)
		if string(again) != string(b) {
			t.Fatalf("%s\n%s", b, again)
		}
		if len(rec.Fired) == 0 == (rec.Mask != "0") {
			t.Fatalf("%s", b)
		}
	}
	if e := Effect(9); e.String() != "effect(9)" || Effects(0).With(e) != 0 || Effects(0xff).Has(e) {
		t.Error("an effect that does not exist")
	}
}
