package rules

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

const (
	maxID     = 40
	maxReason = 200 // characters: it has to fit on a cashier's screen
)

// rule reads one [[rule]].
func (l *loader) rule(s *section) {
	r := rule{Rule: Rule{Line: s.at}}
	seen := map[string]bool{}
	var model entry
	before := len(l.faults)
	for _, e := range s.entries {
		seen[e.key] = true
		switch e.key {
		case "id":
			r.ID = l.id(e)
		case "when":
			r.When, r.when = l.when(e)
		case "effect":
			r.Effect = Effect(l.choice(e, effectNames[:]))
		case "hard":
			r.Hard = l.yesNo(e)
		case "model":
			r.Model, model = Lenience(l.choice(e, lenienceNames)), e
		case "reason.en":
			r.Reason.EN = l.text(e)
		case "reason.zh":
			r.Reason.ZH = l.text(e)
		case "reason":
			l.fault(Type, e.at, "reason has two languages", `reason = { en = "...", zh = "..." }`)
		default:
			l.unknown(e, "id", "when", "effect", "hard", "model", "reason.en", "reason.zh")
		}
	}
	for _, need := range []struct{ key, hint string }{
		{"id", `id = "split-sale"`},
		{"when", `when = 'amount > CNY(300.00)'`},
		{"effect", `effect = "approve", or one of ` + strings.Join(effectNames[:], ", ")},
		{"reason.en", `reason = { en = "...", zh = "..." }; the cashier reads it`},
		{"reason.zh", `reason = { en = "...", zh = "..." }; the cashier reads it`},
	} {
		if !seen[need.key] && !(strings.HasPrefix(need.key, "reason.") && seen["reason"]) {
			l.fault(Missing, s.at, fmt.Sprintf("the rule%s has no %s", named(r.ID), need.key), need.hint)
		}
	}
	if r.Hard && r.Model == Relax {
		l.fault(Type, model.at, "a hard rule is not relaxed by a model", `take hard = true away, or write model = "tighten"`)
	}
	r.firm = r.Hard || r.Model != Relax
	if len(l.faults) == before {
		l.set.rules = append(l.set.rules, r)
	}
}

func named(id string) string {
	if id == "" {
		return ""
	}
	return " " + id
}

func (l *loader) id(e entry) string {
	id := l.text(e)
	if id == "" {
		return ""
	}
	form := strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && id[0] >= 'a' && id[len(id)-1] != '-' && len(id) <= maxID
	if !form {
		l.fault(Range, e.val.at, fmt.Sprintf("%.50q is not an id", id), fmt.Sprintf("at most %d of a-z, 0-9 and -, beginning with a letter, such as split-sale", maxID))
		return ""
	}
	if l.ids[id] {
		l.fault(Duplicate, e.val.at, fmt.Sprintf("there are two rules %s", id), "rename one of them: records name rules by their id")
		return id
	}
	l.ids[id] = true
	return id
}

// text is a text of one line that says something.
func (l *loader) text(e entry) string {
	t := e.val.text
	switch {
	case e.val.kind != unstable.String:
		l.fault(Type, e.val.at, e.key+" is a text", e.key+` = "..."`)
		return ""
	case strings.TrimSpace(t) == "":
		l.fault(Missing, e.val.at, e.key+" is empty", "say it in a sentence")
		return ""
	case utf8.RuneCountInString(t) > maxReason || strings.ContainsAny(t, "\n\r\t"):
		l.fault(TooMuch, e.val.at, fmt.Sprintf("%s is longer than %d characters or a line", e.key, maxReason), "say it in a sentence")
		return ""
	}
	return t
}

// choice is the index of a word in a list.
func (l *loader) choice(e entry, list []string) int {
	i := slices.Index(list, e.val.text)
	if e.val.kind != unstable.String || i < 0 {
		l.fault(Unknown, e.val.at, fmt.Sprintf("there is no %s %.20q", e.key, e.val.text), meant(e.val.text, list))
		return 0
	}
	return i
}

func (l *loader) yesNo(e entry) bool {
	if e.val.kind != unstable.Bool {
		l.fault(Type, e.val.at, e.key+" is true or false", e.key+" = true, without quotes")
	}
	return e.val.text == "true"
}

// when checks a condition; a flaw in it is shown at its place in the file.
func (l *loader) when(e entry) (string, node) {
	if e.val.kind != unstable.String {
		l.fault(Type, e.val.at, "when is a condition in quotes", `when = 'amount > CNY(300.00)'`)
		return "", node{}
	}
	c := &checker{limits: &l.set.limits, labels: l.set.labels, used: l.set.used}
	tree, bad := parse(e.val.text)
	var n node
	if bad == nil {
		n, bad = c.condition(tree)
	}
	if bad != nil {
		bad.at += e.val.at
		l.faults = append(l.faults, bad)
	}
	return e.val.text, n
}
