package rules

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"

	"qrposd/rules/money"
)

func sales(old *Set, n int) iter.Seq2[Recorded, error] {
	return func(yield func(Recorded, error) bool) {
		for seed := range n {
			c := generate(uint64(seed))
			if !yield(Recorded{c, old.Record(old.Decide(&c))}, nil) {
				return
			}
		}
	}
}

func TestReplaySame(t *testing.T) {
	s := standard(t)
	r, err := s.Replay(sales(s, 3000))
	if err != nil || r.Sales != 3000 || r.Changed != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	for _, m := range r.Moves {
		if m.From != m.To {
			t.Errorf("%+v", m)
		}
	}
	for _, c := range r.Rules {
		if c.Before != c.After || c.Gained+c.Lost != 0 {
			t.Errorf("%+v", c)
		}
	}
}

func TestReplay(t *testing.T) {
	load := func(text string) *Set {
		s, err := Load("f.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := load(two("amount > CNY(100)", "approve", "amount > USD(100)", "review"))
	after := load(two("amount > CNY(50)", "refuse", "amount > USD(100)", "review") + good(`"big"`, `"c"`, "amount > CNY(300.00)", "draw == 1", "approve", "allow"))
	var list []Recorded
	for _, m := range []money.Money{{Minor: 6000, Currency: "CNY"}, {Minor: 7000, Currency: "CNY"}, {Minor: 20_000, Currency: "CNY"}, {Minor: 20_000, Currency: "USD"}, {Minor: 1, Currency: "CNY"}} {
		c := Case{Amount: m, Draw: Known(1)}
		list = append(list, Recorded{c, before.Record(before.Decide(&c))})
	}
	r, err := after.Replay(func(yield func(Recorded, error) bool) {
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	})
	if err != nil || r.Sales != 5 || r.Changed != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	if got, want := fmt.Sprint(r.Moves), "[{allow allow 1 [CNY 0.01]} {allow refuse 2 [CNY 130.00]} {review review 1 [USD 200.00]} {approve refuse 1 [CNY 200.00]}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := fmt.Sprint(r.Rules), "[{a 1 3 2 0} {b 1 1 0 0} {c 0 5 5 0}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	back, _ := before.Replay(func(yield func(Recorded, error) bool) {
		c := list[0].Case
		yield(Recorded{c, after.Record(after.Decide(&c))}, nil)
	})
	if got, want := fmt.Sprint(back.Rules), "[{a 1 0 0 1} {c 1 0 0 1}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestReplayStopsAtAnError(t *testing.T) {
	s := standard(t)
	torn := errors.New("torn")
	r, err := s.Replay(func(yield func(Recorded, error) bool) {
		for sale := range sales(s, 3) {
			yield(sale, nil)
		}
		yield(Recorded{}, torn)
	})
	if !errors.Is(err, torn) || r.Sales != 3 {
		t.Errorf("%+v %v", r, err)
	}
}

// The report does not grow with the sales, nor with the names of old rules; a sum
// that does not fit stays at the greatest.
func TestReplayIsBounded(t *testing.T) {
	s := standard(t)
	c := Case{Amount: money.Money{Minor: money.Max, Currency: "CNY"}}
	r := replay{set: s, moves: map[[2]Effect]*tally{}, rules: map[string]*RuleChange{}}
	for i := range 20_000 {
		r.add(&Recorded{c, Record{Fired: []string{fmt.Sprintf("old-%d", i)}}})
	}
	out := r.report()
	if len(out.Rules) > maxRecall+1 || !slices.ContainsFunc(out.Rules, func(c RuleChange) bool { return c.ID == elsewhere && c.Lost > 10_000 }) {
		t.Errorf("%d rules", len(out.Rules))
	}
	big := tally{sums: map[money.Currency]int64{"CNY": 1<<63 - 2}}
	big.add(c.Amount)
	if big.sums["CNY"] != 1<<63-1 {
		t.Errorf("%d", big.sums["CNY"])
	}
	var m0, m1 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m0)
	report, _ := s.Replay(sales(s, 20_000))
	runtime.GC()
	runtime.ReadMemStats(&m1)
	if grown := int64(m1.HeapAlloc) - int64(m0.HeapAlloc); grown > 1<<18 {
		t.Errorf("%d sales keep %d bytes", report.Sales, grown)
	}
}

func TestTrialFaults(t *testing.T) {
	const ok = "[[case]]\nname = \"x\"\neffect = \"allow\"\n"
	for _, x := range []struct{ text, want string }{
		{"[[case]]\neffect = \"allow\"\n", "t.toml:1:3: the case has no name"},
		{"[[case]]\nname = \"x\"\n", "t.toml:1:3: the case has no effect"},
		{ok + "efect = \"allow\"\n", "t.toml:4:1: there is no key efect; did you mean effect?"},
		{ok + "facts = { amont = 3 }\n", "t.toml:4:11: there is no fact amont; did you mean amount?"},
		{ok + "facts = { amount = 3 }\n", "t.toml:4:20: 3 is not an amount"},
		{ok + "facts = { draw = 10000 }\n", "t.toml:4:18: draw is never \"10000\""},
		{ok + "facts = { flow = \"payr\" }\n", "t.toml:4:19: flow is never \"payr\"; did you mean payer?"},
		{ok + "facts = { payer.denied = 1 }\n", "t.toml:4:26: payer.denied is never \"1\"; it is a yes or no"},
		{ok + "facts = { amount = \"CNY(3)\", offline.sum = \"USD(3)\" }\n", "t.toml:4:45: the amounts of a case are of one currency; write it in CNY"},
		{ok + "facts = { amount = \"CNY(3)\", currency = \"USD\" }\n", "the amounts of a case are of one currency"},
		{"draw = 3\n" + ok, "t.toml:1:1: there is no key draw; facts of every case are under [base]"},
		{"[bass]\n" + ok, "t.toml:1:2: there is no table [bass]; did you mean base?"},
		{ok + "what\n", "t.toml:4:5: this is not TOML"},
	} {
		if _, err := ParseTrials("t.toml", []byte(x.text)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s\n%v\n\tdoes not contain %s", x.text, err, x.want)
		}
	}
}

func TestTry(t *testing.T) {
	s, err := Load("f.toml", []byte(good()))
	if err != nil {
		t.Fatal(err)
	}
	trials, err := ParseTrials("t.toml", []byte(`[base]
amount = "CNY(300.01)"
[[case]]
name = "right"
effect = "approve"
fired = ["big"]
[[case]]
name = "wrong effect"
effect = "refuse"
[[case]]
name = "wrong rule"
facts.amount = "CNY(300.00)"
effect = "allow"
fired = ["big"]
`))
	if err != nil {
		t.Fatal(err)
	}
	misses := s.Try(trials)
	if len(misses) != 2 || misses[0].Trial.Line != 7 || misses[0].Message != "wrong effect: the verdict is approve, not refuse" ||
		misses[1].Message != "wrong rule: fired: none; expected: big" || misses[0].Record.Effect != Approve {
		t.Errorf("%+v", misses)
	}
}
