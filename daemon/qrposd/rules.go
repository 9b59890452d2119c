package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	"qrposd/daemon"
	"qrposd/daemon/advisor"
	"qrposd/rules"
	"qrposd/rules/sale"
	"qrposd/store"
)

// rulesVerb finds faults in a rule file, tries it, and says what it would have
// changed, without a running till.
func rulesVerb(_ context.Context, c *call) error {
	what, err := c.kind("rules takes default, check, test, replay, shadow or explain")
	if err != nil {
		return err
	}
	journal := c.flags.String("store", "/var/lib/qrposd/till.db", "replay, shadow, explain: the store `FILE` of a stopped till, or a backup of it")
	since := c.flags.Duration("since", 0, "replay, shadow: only sales that young")
	trials := c.flags.String("cases", "", "test: the table `FILE` of cases")
	if err := c.parse(); err != nil {
		return err
	}
	if what == "default" {
		_, err := c.out.Write(rules.Default)
		return err
	}
	if what == "shadow" {
		return shadow(c, judgements(*journal, *since))
	}
	if len(c.args) != 1 {
		return usage(fmt.Sprintf("rules %s takes one file, or one sale to explain, after the flags", what))
	}
	if what == "explain" {
		return explain(c, *journal, sale.ID(c.args[0]))
	}
	text, err := os.ReadFile(c.args[0])
	if err != nil {
		return err
	}
	set, err := rules.Load(c.args[0], text)
	if err != nil {
		return err
	}
	switch what {
	case "check":
		return lint(c, set)
	case "test":
		if *trials == "" {
			return usage("rules test needs -cases with a table of cases")
		}
		return try(c, set, *trials)
	case "replay":
		return replay(c, set, *journal, *since)
	}
	return usage(fmt.Sprintf("rules does not %.20q; it takes default, check, test, replay, shadow or explain", what))
}

func lint(c *call, set *rules.Set) error {
	for _, f := range set.Lint() {
		fmt.Fprintf(c.out, "line %d: %s: %s\n", f.Line, f.Rule, f.Message)
	}
	fmt.Fprintf(c.out, "%d rules, hash %s\n", len(set.Rules()), set.Hash())
	return nil
}

func try(c *call, set *rules.Set, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	trials, err := rules.ParseTrials(file, text)
	if err != nil {
		return err
	}
	misses := set.Try(trials)
	for _, m := range misses {
		fmt.Fprintf(c.out, "line %d: %s\n", m.Trial.Line, m.Message)
	}
	fmt.Fprintf(c.out, "%d cases, %d came out otherwise\n", len(trials), len(misses))
	if len(misses) > 0 {
		return errors.New("the rules do not do what the table says")
	}
	return nil
}

// judgements reads the judgements of a journal.
func judgements(path string, since time.Duration) iter.Seq2[daemon.Judgement, error] {
	return func(yield func(daemon.Judgement, error) bool) {
		for e, err := range store.ReadJournal(path) {
			j := e.Event.Judgement
			if err == nil && (j == nil || len(j.Record) == 0 || since > 0 && time.Since(e.Event.Wall) > since) {
				continue
			}
			var rec daemon.Judgement
			if err == nil {
				err = json.Unmarshal(j.Record, &rec)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// recorded is what the rules said of the sales of a journal.
func recorded(path string, since time.Duration) iter.Seq2[rules.Recorded, error] {
	return func(yield func(rules.Recorded, error) bool) {
		for j, err := range judgements(path, since) {
			if !yield(rules.Recorded{Case: j.Case, Verdict: j.Rules}, err) {
				return
			}
		}
	}
}

func replay(c *call, set *rules.Set, path string, since time.Duration) error {
	began := time.Now()
	report, err := set.Replay(recorded(path, since))
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d judged sales, %d would end otherwise (%s)\n", report.Sales, report.Changed, time.Since(began).Round(time.Millisecond))
	for _, m := range report.Moves {
		fmt.Fprintf(c.out, "  %-8s -> %-8s %7d  %v\n", m.From, m.To, m.Sales, m.Sums)
	}
	for _, r := range report.Rules {
		fmt.Fprintf(c.out, "  %-32s fired %d, would fire %d (+%d -%d)\n", r.ID, r.Before, r.After, r.Gained, r.Lost)
	}
	return nil
}

// explain prints how a sale was judged.
func explain(c *call, path string, id sale.ID) error {
	j, at, err := judgementOf(path, id)
	if err != nil {
		return err
	}
	facts, err := json.Marshal(j.Case)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s was judged at %s: %s\n", id, at.Format(time.RFC3339), strings.Join(words(j.Final.Owed), ", "))
	fmt.Fprintf(c.out, "  by        %s\n", by(j))
	fmt.Fprintf(c.out, "  rules     %s: %v (set %.12s)\n", j.Rules.Effect, j.Rules.Fired, j.Rules.Set)
	if o := j.Opinion; o != nil {
		fmt.Fprintf(c.out, "  model     %s %s: %s at risk %d of 10, for %s\n", j.Provider, j.Model, o.Effect, o.Risk, strings.Join(o.Cites, ", "))
	}
	if j.Checked != advisor.Unchecked {
		fmt.Fprintf(c.out, "  checked   %s\n", j.Checked)
	}
	_, err = fmt.Fprintf(c.out, "  facts     %s\n", facts)
	return err
}

// by is how a judgement was come by, in one line.
func by(j daemon.Judgement) string {
	return fmt.Sprintf("%s in %.1f ms, %d models asked", j.Path, float64(j.Took)/float64(time.Millisecond), j.Asked)
}

func words(e rules.Effects) []string {
	list := []string{}
	for _, w := range e.List() {
		list = append(list, w.String())
	}
	return list
}

// judgementOf is the last judgement of a sale, which a power cut may have had
// judged before.
func judgementOf(path string, id sale.ID) (j daemon.Judgement, at time.Time, err error) {
	for e, err := range store.ReadJournal(path) {
		if err != nil {
			return j, at, err
		}
		if e.Sale != id || e.Event.Judgement == nil {
			continue
		}
		j, at = daemon.Judgement{}, e.Event.Wall
		if err := json.Unmarshal(e.Event.Judgement.Record, &j); err != nil {
			return j, at, fmt.Errorf("the judgement of sale %s: %w", id, err)
		}
	}
	if at.IsZero() {
		return j, at, fmt.Errorf("no judgement of sale %s is in %s", id, path)
	}
	return j, at, nil
}
