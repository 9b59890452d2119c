package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"qrposd/rules/document"
	"qrposd/rules/money"
)

// loader turns a document into a set and collects what is wrong with it.
type loader struct {
	*tables
	set *Set
	ids map[string]bool // of the rules so far
}

// Load reads a rule file: all of it or nothing. The error is Faults, and name is
// what they call the file.
func Load(name string, text []byte) (*Set, error) {
	l := &loader{
		tables: readTables(name, text),
		set:    &Set{denied: map[string]bool{}, used: map[string]bool{}},
		ids:    map[string]bool{},
	}
	if l.complete {
		l.read()
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	for i := range l.set.rules {
		l.set.rules[i].Line = l.Line(l.set.rules[i].Line)
	}
	l.set.seal()
	return l.set, nil
}

// read takes limits and labels before the rules that name them.
func (l *loader) read() {
	rules := 0
	for _, s := range l.sections {
		if several := s.Name == "rule"; s.list != several && (several || s.Name == "limits" || s.Name == "deny") {
			l.Fault(Type, s.At, fmt.Sprintf("there can be several rules, and one of any other table; this is %s", s.Name), "write [[rule]], [limits] and [deny]")
		}
		switch s.Name {
		case "":
			l.top(s)
		case "limits":
			l.limits(s)
		case "deny":
			l.deny(s)
		case "rule":
			rules++
			if rules == MaxRules+1 {
				l.Fault(TooMuch, s.At, fmt.Sprintf("more than %d rules", MaxRules), "join conditions with ||, or take a rule out: which of them fired has to fit into every record")
				return
			}
		default:
			l.Fault(Unknown, s.At, fmt.Sprintf("there is no table [%.40s]", s.Name), meant(s.Name, []string{"rule", "limits", "deny"}))
		}
	}
	if rules == 0 {
		l.Fault(Missing, 0, "there is no rule in this file", "begin with [[rule]]; a file that allows everything says so with when = 'true'")
	}
	for _, s := range l.sections {
		if s.Name == "rule" {
			l.rule(s)
		}
	}
}

func (l *loader) top(s *section) {
	for _, e := range s.Entries {
		if e.Key != "labels" {
			l.unknown(e, "labels", "limits", "deny", "rule")
			continue
		}
		for _, v := range l.texts(e) {
			if !isLabel(v.Text) {
				l.Fault(Range, v.TextAt, fmt.Sprintf("%.40q is not a label", v.Text), "1 to 32 of a-z, 0-9, - and _")
			}
			l.set.labels = append(l.set.labels, v.Text)
		}
	}
}

func (l *loader) unknown(e entry, known ...string) {
	l.Fault(Unknown, e.At, fmt.Sprintf("there is no key %.40s", e.Key), meant(e.Key, known))
}

// texts are the texts of a list.
func (l *loader) texts(e entry) []value {
	if e.Value.Kind != document.List {
		l.Fault(Type, e.At, e.Key+" is a list", e.Key+` = ["...", "..."]`)
		return nil
	}
	for _, v := range e.Value.List {
		if v.Kind != document.String {
			l.Fault(Type, e.Value.TextAt, e.Key+" is a list of texts", e.Key+` = ["...", "..."]`)
			return nil
		}
	}
	return e.Value.List
}

// deny lists payers by the keyed hash that the store counts them under.
func (l *loader) deny(s *section) {
	for _, e := range s.Entries {
		if e.Key != "payers" {
			l.unknown(e, "payers")
			continue
		}
		for _, v := range l.texts(e) {
			if len(v.Text) < 16 || len(v.Text) > 64 || strings.Trim(v.Text, "0123456789abcdef") != "" {
				l.Fault(Range, v.TextAt, fmt.Sprintf("%.20q is not the keyed hash of a payer", v.Text), "16 to 64 of 0-9 and a-f, as the record of a sale shows it; never a code or a name")
				continue
			}
			if l.set.denied[v.Text] {
				l.Fault(Duplicate, v.TextAt, fmt.Sprintf("%.20s... is denied twice", v.Text), "keep one of them")
			}
			l.set.denied[v.Text] = true
		}
	}
}

func (l *loader) limits(s *section) {
	lim := &l.set.limits
	for _, e := range s.Entries {
		table, cur, dotted := strings.Cut(e.Key, ".")
		switch {
		case dotted && table == "per_sale":
			lim.PerSale = l.amount(lim.PerSale, e, cur)
		case dotted && table == "cumulative":
			lim.Cumulative = l.amount(lim.Cumulative, e, cur)
		case e.Key == "count":
			lim.Count = l.number(e, number, 0, 1_000_000)
		case e.Key == "random":
			lim.Random = l.number(e, number, 0, 10_000)
		case e.Key == "offline":
			lim.Offline = l.number(e, span, 0, 366*86_400)
		case e.Key == "split_window":
			lim.SplitWindow = l.number(e, span, 1, 7*86_400)
		case e.Key == "per_sale" || e.Key == "cumulative":
			l.Fault(Type, e.At, fmt.Sprintf("limits.%s is an amount for each currency", e.Key), fmt.Sprintf(`%s = { CNY = "300.00" }`, e.Key))
		default:
			l.unknown(e, "per_sale", "cumulative", "count", "offline", "split_window", "random")
		}
	}
}

func (l *loader) amount(have []money.Money, e entry, cur string) []money.Money {
	if e.Value.Kind != document.String {
		l.Fault(Type, e.Value.TextAt, fmt.Sprintf("limits.%s is a decimal number in quotes", e.Key), fmt.Sprintf(`%s = "300.00"`, cur))
		return have
	}
	if _, err := money.Exponent(money.Currency(cur)); err != nil {
		l.Fault(Unknown, e.At, fmt.Sprintf("there is no currency %.20q", cur), "use an ISO 4217 code in capitals, such as CNY")
		return have
	}
	m, bad := parseAmount(e.Value.Text, money.Currency(cur), e.Value.TextAt)
	if bad == nil && m.Minor < 0 {
		bad = &flaw{Range, e.Value.TextAt, "the amount is negative", "0 or more"}
	}
	if bad != nil {
		l.flawed(bad, 0)
		return have
	}
	at, _ := slices.BinarySearchFunc(have, m, func(a, b money.Money) int { return strings.Compare(string(a.Currency), string(b.Currency)) })
	return slices.Insert(have, at, m)
}

// number is a whole number, or a constant expression such as "4*hour".
func (l *loader) number(e entry, k kind, lo, hi int64) Int {
	n, bad := constantOf(e.Value, k)
	if bad == nil && (n.n < lo || n.n > hi) {
		bad = &flaw{Range, e.Value.TextAt, fmt.Sprintf("%s is %d", e.Key, n.n), fmt.Sprintf("it is between %s and %s", constant(k, lo, 0), constant(k, hi, 0))}
	}
	if bad != nil {
		l.flawed(bad, 0)
		return Int{}
	}
	return Known(n.n)
}

// constantOf reads a value that is a number, or a text with an expression that
// needs no facts.
func constantOf(v value, k kind) (node, *flaw) {
	text := v.Text
	if v.Kind != document.Integer && v.Kind != document.String {
		return node{}, &flaw{Type, v.TextAt, fmt.Sprintf("this is not %s", k), examples[k]}
	}
	if v.Kind == document.Integer {
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil || k != number {
			return node{}, &flaw{Type, v.TextAt, fmt.Sprintf("%.40s is not %s", text, k), examples[k]}
		}
		return node{op: opConst, kind: number, n: n}, nil
	}
	e, bad := parse(text)
	var n node
	if bad == nil {
		n, bad = (&checker{limits: &Limits{}, used: map[string]bool{}}).expr(e)
	}
	if bad != nil {
		bad.at += v.TextAt
		return n, bad
	}
	if n.op != opConst || n.kind != k {
		return n, &flaw{Type, v.TextAt, fmt.Sprintf("%.40s is not %s", text, k), examples[k]}
	}
	return n, nil
}

var examples = map[kind]string{
	number: "write a whole number, such as 20", span: `write a time with its unit in quotes, such as "4*hour"`,
	amount: `write an amount with its currency in quotes, such as "CNY(12.80)"`,
}
