package rules

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

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

// verdicts are all that rules can say: each effect is not owed, owed, firm or hard.
func verdicts(yield func(Verdict) bool) {
	for n := range 2 << 10 {
		v := Verdict{Settled: n&1 == 1}
		for e, rest := Review, n>>1; e <= Refuse; e, rest = e+1, rest>>2 {
			switch rest & 3 {
			case 3:
				v.Hard = v.Hard.With(e)
				fallthrough
			case 2:
				v.Firm = v.Firm.With(e)
				fallthrough
			case 1:
				v.Owed = v.Owed.With(e)
			}
		}
		if !yield(v) {
			return
		}
	}
}

// Whatever a model says to whatever the rules said, it loosens no hard rule and
// settles nothing.
func TestPermit(t *testing.T) {
	n := 0
	for v := range verdicts {
		for asked := range 256 {
			n++
			if fault := permitFault(v, Effect(asked)); fault != "" {
				t.Fatalf("owed %v, firm %v, settled %t, asked for %s: %s", v.Owed.List(), v.Firm.List(), v.Settled, Effect(asked), fault)
			}
		}
	}
	if n != 2*1024*256 {
		t.Errorf("%d answers", n)
	}
}

func permitFault(v Verdict, asked Effect) string {
	got := v.Permit(asked)
	heard := !v.Settled && asked <= Refuse
	unchanged := got
	unchanged.Owed = v.Owed
	switch {
	case unchanged != v:
		return "what the rules said was changed"
	case got.Firm&^got.Owed != 0 || got.Hard&^got.Owed != 0:
		return "a firm effect was lost"
	case got.Owed&^(v.Owed|Effects(0).With(asked).With(Review)) != 0:
		return "an effect out of nowhere"
	case !heard && got != v:
		return "a model was heard that was not to be"
	case heard && got.Effect() < asked:
		return "not as strict as was asked for"
	case !v.Open() && got.Effect() != v.Effect():
		return "the answer counted where nothing is open"
	case v.Owed&^got.Owed != 0 && !got.Owed.Has(Review):
		return "loosened without a review"
	case v.Owed == v.Firm && v.Owed&^got.Owed != 0:
		return "loosened where nothing was offered"
	case got.Permit(asked) != got:
		return "the same answer twice counts twice"
	}
	return ""
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
	if s.Denied("0123456789abcdef") || len(s.Limits().PerSale) != 8 || s.Limits().Count != Known(40) {
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
