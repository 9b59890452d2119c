package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

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
	d := readDocument(text)
	base := &section{}
	for _, s := range d.sections {
		switch {
		case s.name == "base":
			base = s
		case s.name == "" && len(s.entries) > 0:
			d.fault(Unknown, s.entries[0].at, fmt.Sprintf("there is no key %.40s", s.entries[0].key), "facts of every case are under [base]")
		case s.name != "" && s.name != "case":
			d.fault(Unknown, s.at, fmt.Sprintf("there is no table [%.40s]", s.name), meant(s.name, []string{"base", "case"}))
		}
	}
	var trials []Trial
	for _, s := range d.sections {
		if s.name == "case" {
			trials = append(trials, d.trial(name, text, base, s))
		}
	}
	if err := faultsOf(name, text, d.faults); err != nil {
		return nil, err
	}
	return trials, nil
}

func (d *document) trial(file string, text []byte, base, s *section) Trial {
	t := Trial{Line: (&flaw{at: s.at}).in(file, text).Line}
	seen := map[string]bool{}
	facts := make([]entry, 0, len(base.entries)+len(s.entries))
	for _, e := range s.entries {
		seen[e.key] = true
		l := &loader{document: d}
		switch fact, ok := strings.CutPrefix(e.key, "facts."); {
		case ok:
			seen["facts."+fact] = true
			facts = append(facts, entry{fact, e.at, e.val})
		case e.key == "name":
			t.Name = l.text(e)
		case e.key == "effect":
			t.Effect = Effect(l.choice(e, effectNames[:]))
		case e.key == "fired":
			t.Fired = []string{}
			for _, v := range l.texts(e) {
				t.Fired = append(t.Fired, v.text)
			}
		default:
			l.unknown(e, "name", "facts", "effect", "fired")
		}
	}
	for _, e := range base.entries {
		if !seen["facts."+e.key] {
			facts = append(facts, e)
		}
	}
	for _, need := range []string{"name", "effect"} {
		if !seen[need] {
			d.fault(Missing, s.at, "the case has no "+need, need+` = "..."`)
		}
	}
	d.facts(&t.Case, facts)
	return t
}

// facts fills in a case. Amounts carry their currency, which has to be one.
func (d *document) facts(c *Case, list []entry) {
	cur := int64(0)
	var written entry
	for _, e := range list {
		i := fieldNamed(e.key)
		if i < 0 {
			d.fault(Unknown, e.at, fmt.Sprintf("there is no fact %.40s", e.key), (&checker{}).hint(e.key))
			continue
		}
		n, bad := e.assign(c, &fields[i])
		switch {
		case bad != nil:
			d.faults = append(d.faults, bad)
		case i == fieldCurrency:
			written = e
		case cur == 0:
			cur = n.cur
		case n.cur != 0 && n.cur != cur:
			d.fault(Type, e.val.at, "the amounts of a case are of one currency", fmt.Sprintf("write it in %s", unpack(cur)))
		}
	}
	if cur != 0 && written.key != "" && pack(money.Currency(written.val.text)) != cur {
		d.fault(Type, written.val.at, "the amounts of a case are of one currency", fmt.Sprintf("they are in %s", unpack(cur)))
	}
	if cur != 0 {
		c.Amount.Currency = unpack(cur)
	}
}

// assign sets one fact from the notation of conditions.
func (e entry) assign(c *Case, f *field) (node, *flaw) {
	v := e.val
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
	case f.kind == boolean && v.kind == unstable.Bool:
		ok = f.assign(c, v.text == "true")
	case f.kind != boolean && v.kind == unstable.String:
		ok = f.assignText(c, v.text)
	}
	if !ok {
		hint := fmt.Sprintf("it is %s", f.kind)
		if f.kind == word {
			hint = meant(v.text, f.words[1:])
		}
		return n, &flaw{Range, v.at, fmt.Sprintf("%s is never %.40q", f.name, v.text), hint}
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
