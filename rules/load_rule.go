package rules

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"qrposd/rules/document"
)

const (
	maxID     = 40
	maxReason = 200 // characters: it has to fit on a cashier's screen
)

// rule reads one [[rule]].
func (l *loader) rule(s *section) {
	r := rule{Rule: Rule{Line: s.At}}
	seen := map[string]bool{}
	var model entry
	before := l.Found()
	for _, e := range s.Entries {
		seen[e.Key] = true
		switch e.Key {
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
			l.Fault(Type, e.At, "reason has two languages", `reason = { en = "...", zh = "..." }`)
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
			l.Fault(Missing, s.At, fmt.Sprintf("the rule%s has no %s", named(r.ID), need.key), need.hint)
		}
	}
	if r.Hard && r.Model == Relax {
		l.Fault(Type, model.At, "a hard rule is not relaxed by a model", `take hard = true away, or write model = "tighten"`)
	}
	r.firm = r.Hard || r.Model != Relax
	if l.Found() == before {
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
		l.Fault(Range, e.Value.TextAt, fmt.Sprintf("%.50q is not an id", id), fmt.Sprintf("at most %d of a-z, 0-9 and -, beginning with a letter, such as split-sale", maxID))
		return ""
	}
	if l.ids[id] {
		l.Fault(Duplicate, e.Value.TextAt, fmt.Sprintf("there are two rules %s", id), "rename one of them: records name rules by their id")
		return id
	}
	l.ids[id] = true
	return id
}

// text is a text of one line that says something.
func (l *loader) text(e entry) string {
	t := e.Value.Text
	switch {
	case e.Value.Kind != document.String:
		l.Fault(Type, e.Value.TextAt, e.Key+" is a text", e.Key+` = "..."`)
		return ""
	case strings.TrimSpace(t) == "":
		l.Fault(Missing, e.Value.TextAt, e.Key+" is empty", "say it in a sentence")
		return ""
	case utf8.RuneCountInString(t) > maxReason || strings.ContainsAny(t, "\n\r\t"):
		l.Fault(TooMuch, e.Value.TextAt, fmt.Sprintf("%s is longer than %d characters or a line", e.Key, maxReason), "say it in a sentence")
		return ""
	}
	return t
}

// choice is the index of a word in a list.
func (l *loader) choice(e entry, list []string) int {
	i := slices.Index(list, e.Value.Text)
	if e.Value.Kind != document.String || i < 0 {
		l.Fault(Unknown, e.Value.TextAt, fmt.Sprintf("there is no %s %.20q", e.Key, e.Value.Text), meant(e.Value.Text, list))
		return 0
	}
	return i
}

func (l *loader) yesNo(e entry) bool {
	if e.Value.Kind != document.Bool {
		l.Fault(Type, e.Value.TextAt, e.Key+" is true or false", e.Key+" = true, without quotes")
	}
	return e.Value.Text == "true"
}

// when checks a condition; a flaw in it is shown at its place in the file.
func (l *loader) when(e entry) (string, node) {
	if e.Value.Kind != document.String {
		l.Fault(Type, e.Value.TextAt, "when is a condition in quotes", `when = 'amount > CNY(300.00)'`)
		return "", node{}
	}
	c := &checker{limits: &l.set.limits, labels: l.set.labels, used: l.set.used}
	tree, bad := parse(e.Value.Text)
	var n node
	if bad == nil {
		n, bad = c.condition(tree)
	}
	if bad != nil {
		l.flawed(bad, e.Value.TextAt)
	}
	return e.Value.Text, n
}
