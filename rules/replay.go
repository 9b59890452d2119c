package rules

import (
	"iter"
	"maps"
	"math"
	"slices"

	"qrposd/rules/money"
)

// Recorded is a sale of the past: the facts, and what the rules said then.
type Recorded struct {
	Case    Case
	Verdict Record
}

// Report says what a set would have changed. Its size depends on the rules and
// the currencies, not on the number of sales.
type Report struct {
	Sales   int
	Changed int          // sales with another effect
	Moves   []Move       // from the mildest to the strictest
	Rules   []RuleChange // by id, those that fired then or would fire now
}

// Move counts the sales that go from one effect to another, or keep it.
type Move struct {
	From, To Effect
	Sales    int
	Sums     []money.Money // by currency
}

// RuleChange counts what becomes of a rule.
type RuleChange struct {
	ID     string
	Before int // sales for which it fired then
	After  int
	Gained int // only now
	Lost   int // only then
}

// elsewhere collects rules beyond any that a till can have had.
const (
	elsewhere = "(other rules)"
	maxRecall = 8 * MaxRules
)

// Replay judges recorded sales again. It holds one of them at a time. Where a
// sale cannot be read it stops with that error, and the report is of those before.
func (s *Set) Replay(sales iter.Seq2[Recorded, error]) (Report, error) {
	r := replay{set: s, moves: map[[2]Effect]*tally{}, rules: map[string]*RuleChange{}}
	for sale, err := range sales {
		if err != nil {
			return r.report(), err
		}
		r.add(&sale)
	}
	return r.report(), nil
}

type replay struct {
	set            *Set
	sales, changed int
	moves          map[[2]Effect]*tally
	rules          map[string]*RuleChange
}

type tally struct {
	sales int
	sums  map[money.Currency]int64
}

func (r *replay) add(sale *Recorded) {
	v := r.set.Decide(&sale.Case)
	r.sales++
	from, to := sale.Verdict.Effect, v.Effect()
	if from != to {
		r.changed++
	}
	t := r.moves[[2]Effect{from, to}]
	if t == nil {
		t = &tally{sums: map[money.Currency]int64{}}
		r.moves[[2]Effect{from, to}] = t
	}
	t.add(sale.Case.Amount)
	for i := range r.set.rules {
		if !v.Fired.Has(i) {
			continue
		}
		id := r.set.rules[i].ID
		c := r.change(id)
		c.After++
		if !slices.Contains(sale.Verdict.Fired, id) {
			c.Gained++
		}
	}
	for _, id := range sale.Verdict.Fired {
		c := r.change(id)
		c.Before++
		if i, ok := r.set.find(id); !ok || !v.Fired.Has(i) {
			c.Lost++
		}
	}
}

func (t *tally) add(m money.Money) {
	t.sales++
	if _, err := money.Exponent(m.Currency); err != nil || m.Minor <= 0 {
		return
	}
	sum, ok := arith(opAdd, t.sums[m.Currency], m.Minor)
	if !ok {
		sum = math.MaxInt64
	}
	t.sums[m.Currency] = sum
}

func (r *replay) change(id string) *RuleChange {
	c := r.rules[id]
	if c == nil {
		if len(r.rules) >= maxRecall {
			id = elsewhere
		}
		if c = r.rules[id]; c == nil {
			c = &RuleChange{ID: id}
			r.rules[id] = c
		}
	}
	return c
}

func (r *replay) report() Report {
	out := Report{Sales: r.sales, Changed: r.changed}
	for from := Allow; from <= Refuse; from++ {
		for to := Allow; to <= Refuse; to++ {
			if t := r.moves[[2]Effect{from, to}]; t != nil {
				out.Moves = append(out.Moves, t.move(from, to))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.rules)) {
		out.Rules = append(out.Rules, *r.rules[id])
	}
	return out
}

func (t *tally) move(from, to Effect) Move {
	m := Move{From: from, To: to, Sales: t.sales}
	for _, c := range slices.Sorted(maps.Keys(t.sums)) {
		m.Sums = append(m.Sums, money.Money{Minor: t.sums[c], Currency: c})
	}
	return m
}
