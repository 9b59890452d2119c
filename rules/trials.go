package rules

import (
	"fmt"
	"slices"
	"strings"

	"qrposd/rules/document"
	"qrposd/rules/money"
)

// Trial is a case with the verdict that its author expects: one row of a table
// that a rule file is tested with.
type Trial struct {
	Name   string
	Line   int
	Case   Case
	Effect Effect
	Fired  []string // the rules that ask for something, nil if the row does not say
}

// Miss is a trial that came out otherwise.
type Miss struct {
	Trial   Trial
	Record  Record
	Message string
}

// ParseTrials reads a table of trials:
//
//	[base]                     facts of every case
//	currency = "CNY"
//
//	[[case]]
//	name   = "large without a link"
//	facts  = { amount = "CNY(500.00)", link.state = "no_link", link.silence = "5*minute" }
//	effect = "refuse"
//	fired  = ["offline-per-sale"]
//
// Facts are written as in conditions, and what is not written is not known. The
// error is Faults.
func ParseTrials(name string, text []byte) ([]Trial, error) {
	t := readTables(name, text)
	base := &section{}
	for _, s := range t.sections {
		switch {
		case s.Name == "base":
			base = s
		case s.Name == "" && len(s.Entries) > 0:
			t.Fault(Unknown, s.Entries[0].At, fmt.Sprintf("there is no key %.40s", s.Entries[0].Key), "facts of every case are under [base]")
		case s.Name != "" && s.Name != "case":
			t.Fault(Unknown, s.At, fmt.Sprintf("there is no table [%.40s]", s.Name), meant(s.Name, []string{"base", "case"}))
		}
	}
	var trials []Trial
	for _, s := range t.sections {
		if s.Name == "case" {
			trials = append(trials, t.trial(base, s))
		}
	}
	if err := t.Err(); err != nil {
		return nil, err
	}
	return trials, nil
}

func (t *tables) trial(base, s *section) Trial {
	row := Trial{Line: t.Line(s.At)}
	seen := map[string]bool{}
	facts := make([]entry, 0, len(base.Entries)+len(s.Entries))
	for _, e := range s.Entries {
		seen[e.Key] = true
		l := &loader{tables: t}
		switch fact, ok := strings.CutPrefix(e.Key, "facts."); {
		case ok:
			seen["facts."+fact] = true
			facts = append(facts, entry{Key: fact, At: e.At, Value: e.Value})
		case e.Key == "name":
			row.Name = l.text(e)
		case e.Key == "effect":
			row.Effect = Effect(l.choice(e, effectNames[:]))
		case e.Key == "fired":
			row.Fired = []string{}
			for _, v := range l.texts(e) {
				row.Fired = append(row.Fired, v.Text)
			}
		default:
			l.unknown(e, "name", "facts", "effect", "fired")
		}
	}
	for _, e := range base.Entries {
		if !seen["facts."+e.Key] {
			facts = append(facts, e)
		}
	}
	for _, need := range []string{"name", "effect"} {
		if !seen[need] {
			t.Fault(Missing, s.At, "the case has no "+need, need+` = "..."`)
		}
	}
	t.facts(&row.Case, facts)
	return row
}

// facts fills in a case. Amounts carry their currency, which has to be one.
func (t *tables) facts(c *Case, list []entry) {
	cur := int64(0)
	var written entry
	for _, e := range list {
		i := fieldNamed(e.Key)
		if i < 0 {
			t.Fault(Unknown, e.At, fmt.Sprintf("there is no fact %.40s", e.Key), (&checker{}).hint(e.Key))
			continue
		}
		n, bad := assign(e.Value, c, &fields[i])
		switch {
		case bad != nil:
			t.flawed(bad, 0)
		case i == fieldCurrency:
			written = e
		case cur == 0:
			cur = n.cur
		case n.cur != 0 && n.cur != cur:
			t.Fault(Type, e.Value.TextAt, "the amounts of a case are of one currency", fmt.Sprintf("write it in %s", unpack(cur)))
		}
	}
	if cur != 0 && written.Key != "" && pack(money.Currency(written.Value.Text)) != cur {
		t.Fault(Type, written.Value.TextAt, "the amounts of a case are of one currency", fmt.Sprintf("they are in %s", unpack(cur)))
	}
	if cur != 0 {
		c.Amount.Currency = unpack(cur)
	}
}

// assign sets one fact from the notation of conditions.
func assign(v value, c *Case, f *field) (node, *flaw) {
	ok := false
	n := node{}
	switch {
	case f.kind.arithmetic():
		var bad *flaw
		if n, bad = constantOf(v, f.kind); bad != nil {
			return n, bad
		}
		f.set(c, n.n)
		ok = f.sound(c)
	case f.kind == boolean && v.Kind == document.Bool:
		ok = f.assign(c, v.Text == "true")
	case f.kind != boolean && v.Kind == document.String:
		ok = f.assignText(c, v.Text)
	}
	if !ok {
		hint := fmt.Sprintf("it is %s", f.kind)
		if f.kind == word {
			hint = meant(v.Text, f.words[1:])
		}
		return n, &flaw{Range, v.TextAt, fmt.Sprintf("%s is never %.40q", f.name, v.Text), hint}
	}
	return n, nil
}

// Try runs trials and returns those that came out otherwise.
func (s *Set) Try(trials []Trial) []Miss {
	var misses []Miss
	for i := range trials {
		t := &trials[i]
		v := s.Decide(&t.Case)
		var asking []string
		for _, r := range s.Reasons(v.Fired) {
			asking = append(asking, r.ID)
		}
		slices.Sort(asking)
		want := slices.Sorted(slices.Values(t.Fired))
		var wrong []string
		if v.Effect() != t.Effect {
			wrong = append(wrong, fmt.Sprintf("the verdict is %s, not %s", v.Effect(), t.Effect))
		}
		if t.Fired != nil && !slices.Equal(asking, want) {
			wrong = append(wrong, fmt.Sprintf("fired: %s; expected: %s", list(asking), list(want)))
		}
		if len(wrong) > 0 {
			misses = append(misses, Miss{*t, s.Record(v), t.Name + ": " + strings.Join(wrong, "; ")})
		}
	}
	return misses
}

func list(ids []string) string {
	if len(ids) == 0 {
		return "none"
	}
	return strings.Join(ids, ", ")
}
