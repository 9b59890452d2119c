package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"qrposd/daemon"
	"qrposd/daemon/advisor"
	"qrposd/rules"
)

// What is counted of models beside the rules: in time or late, of one mind or
// not, what changed and what it cost, for all sales, by path and by rule.
func TestShadow(t *testing.T) {
	judged := func(path advisor.Path, byRules, asked rules.Effect, final rules.Effects) daemon.Judgement {
		j := daemon.Judgement{Advice: advisor.Advice{Path: path, Took: 100 * time.Millisecond}}
		j.Rules = rules.Record{Effect: byRules, Owed: rules.Effects(0).With(byRules), Fired: []string{"large"}}
		j.Final.Owed = final
		if path == advisor.ByModel {
			j.Opinion = &advisor.Opinion{Effect: asked, TokensIn: 200, TokensOut: 20}
		}
		return j
	}
	approve := rules.Effects(0).With(rules.Approve)
	all := []daemon.Judgement{
		judged(advisor.ByModel, rules.Approve, rules.Approve, approve),
		judged(advisor.ByModel, rules.Approve, rules.Allow, rules.Effects(0).With(rules.Review)),
		judged(advisor.ByModel, rules.Approve, rules.Refuse, approve.With(rules.Refuse)),
		judged(advisor.RulesLate, rules.Approve, 0, approve),
	}
	var out bytes.Buffer
	err := shadow(&call{out: &out}, func(yield func(daemon.Judgement, error) bool) {
		for _, j := range all {
			if !yield(j, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(` +`).ReplaceAllString(out.String(), " ")
	for _, want := range []string{
		"\nall sales 4 3 1 1 1 2 1 600 60 100.0\n", "\nrule large 4 3 1 1 1 2 1 600 60 100.0\n",
		"\npath model 3 3 1 1 1 2 0 600 60 100.0\n", "\npath rules_late 1 0 0 0 0 0 1 0 0 100.0\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestShadowOfAJournal(t *testing.T) {
	path, _ := journal(t, loaded(t, oneRule), 300)
	exit, out, errOut := does("rules", "shadow", "-store", path)
	if said := strings.Join(strings.Fields(out), " "); exit != exitOK || !strings.Contains(said, "all sales 300 0 0") || !strings.Contains(said, "rule large 251 0 0") {
		t.Errorf("%d\n%s%s", exit, out, errOut)
	}
	if exit, _, errOut := does("rules", "shadow", "-store", "nothing.db"); exit == exitOK || !strings.Contains(errOut, "nothing.db") {
		t.Errorf("a journal that is not there: %d %s", exit, errOut)
	}
}
