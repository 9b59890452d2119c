package main

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"qrposd/daemon"
	"qrposd/daemon/advisor"
)

// shade is how models and rules stood to each other over some sales.
type shade struct {
	sales   int // judged
	heard   int // of these, with a model's word in time
	agreed  int // of these, the same as the rules'
	milder  int
	harder  int
	changed int // sales whose verdict the model changed
	late    int // sales for which no model was in time
	in, out int // tokens
	took    time.Duration
}

func (s *shade) add(j *daemon.Judgement) {
	s.sales++
	s.took += j.Took
	if j.Path == advisor.RulesLate {
		s.late++
	}
	if j.Final.Owed != j.Rules.Owed {
		s.changed++
	}
	o := j.Opinion
	if o == nil {
		return
	}
	s.heard++
	s.in, s.out = s.in+o.TokensIn, s.out+o.TokensOut
	switch cmp.Compare(o.Effect, j.Rules.Effect) {
	case 0:
		s.agreed++
	case -1:
		s.milder++
	default:
		s.harder++
	}
}

// shadow prints, over all sales, for each rule that fired and for each intent,
// how often a model was in time, whether it agreed, what it changed and what it
// cost: what an owner looks at before trusting a model with more, or less.
func shadow(c *call, sales iter.Seq2[daemon.Judgement, error]) error {
	shades := map[string]*shade{}
	for j, err := range sales {
		if err != nil {
			return err
		}
		names := []string{"all sales", "path " + string(j.Path)}
		for _, id := range j.Rules.Fired {
			names = append(names, "rule "+id)
		}
		if j.Case.Intent.Label != "" {
			names = append(names, "intent "+j.Case.Intent.Label)
		}
		for _, name := range names {
			if shades[name] == nil {
				shades[name] = &shade{}
			}
			shades[name].add(&j)
		}
	}
	fmt.Fprintf(c.out, "%-36s %7s %7s %7s %7s %7s %7s %7s %9s %9s %8s\n",
		"", "sales", "heard", "agreed", "milder", "harder", "changed", "late", "tokens in", "out", "mean ms")
	for _, name := range slices.Sorted(maps.Keys(shades)) {
		s := shades[name]
		fmt.Fprintf(c.out, "%-36s %7d %7d %7d %7d %7d %7d %7d %9d %9d %8.1f\n",
			name, s.sales, s.heard, s.agreed, s.milder, s.harder, s.changed, s.late, s.in, s.out, float64(s.took.Microseconds())/1000/float64(s.sales))
	}
	return nil
}
