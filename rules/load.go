package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"qrposd/rules/money"
)

// MaxFaults is how many faults are named at once.
const MaxFaults = 20

// loader turns a document into a set and collects what is wrong with it.
type loader struct {
	*document
	set *Set
	ids map[string]bool // of the rules so far
}

// Load reads a rule file: all of it or nothing. The error is Faults, and name is
// what they call the file.
func Load(name string, text []byte) (*Set, error) {
	l := &loader{
		document: readDocument(text),
		set:      &Set{denied: map[string]bool{}, used: map[string]bool{}},
		ids:      map[string]bool{},
	}
	if len(l.sections) > 0 && !slices.ContainsFunc(l.faults, func(f *flaw) bool { return f.code == Syntax }) {
		l.tables()
	}
	if err := faultsOf(name, text, l.faults); err != nil {
		return nil, err
	}
	for i := range l.set.rules {
		l.set.rules[i].Line = (&flaw{at: l.set.rules[i].Line}).in(name, text).Line
	}
	l.set.seal()
	return l.set, nil
}

// faultsOf is nil if there are none, and not an empty list in an interface.
func faultsOf(name string, text []byte, flaws []*flaw) error {
	if len(flaws) == 0 {
		return nil
	}
	slices.SortStableFunc(flaws, func(a, b *flaw) int { return a.at - b.at })
	var faults Faults
	for _, f := range flaws {
		fault := f.in(name, text)
		if len(faults) == MaxFaults-1 && len(flaws) > MaxFaults {
			fault.Code, fault.Message = TooMuch, fmt.Sprintf("from here on there are %d more faults", len(flaws)-len(faults))
			fault.Hint = "mend those above and look again"
			return append(faults, fault)
		}
		faults = append(faults, fault)
	}
	return faults
}

// tables reads limits and labels before the rules that name them.
func (l *loader) tables() {
	rules := 0
	for _, s := range l.sections {
		if several := s.name == "rule"; s.list != several && (several || s.name == "limits" || s.name == "deny") {
			l.fault(Type, s.at, fmt.Sprintf("there can be several rules, and one of any other table; this is %s", s.name), "write [[rule]], [limits] and [deny]")
		}
		switch s.name {
		case "":
			l.top(s)
		case "limits":
			l.limits(s)
		case "deny":
			l.deny(s)
		case "rule":
			rules++
			if rules == MaxRules+1 {
				l.fault(TooMuch, s.at, fmt.Sprintf("more than %d rules", MaxRules), "join conditions with ||, or take a rule out: which of them fired has to fit into every record")
				return
			}
		default:
			l.fault(Unknown, s.at, fmt.Sprintf("there is no table [%.40s]", s.name), meant(s.name, []string{"rule", "limits", "deny"}))
		}
	}
	if rules == 0 {
		l.fault(Missing, 0, "there is no rule in this file", "begin with [[rule]]; a file that allows everything says so with when = 'true'")
	}
	for _, s := range l.sections {
		if s.name == "rule" {
			l.rule(s)
		}
	}
}

func (l *loader) top(s *section) {
	for _, e := range s.entries {
		if e.key != "labels" {
			l.unknown(e, "labels", "limits", "deny", "rule")
			continue
		}
		for _, v := range l.texts(e) {
			if !isLabel(v.text) {
				l.fault(Range, v.at, fmt.Sprintf("%.40q is not a label", v.text), "1 to 32 of a-z, 0-9, - and _")
			}
			l.set.labels = append(l.set.labels, v.text)
		}
	}
}

func (l *loader) unknown(e entry, known ...string) {
	l.fault(Unknown, e.at, fmt.Sprintf("there is no key %.40s", e.key), meant(e.key, known))
}

// texts are the texts of a list.
func (l *loader) texts(e entry) []value {
	if e.val.kind != unstable.Array {
		l.fault(Type, e.at, e.key+" is a list", e.key+` = ["...", "..."]`)
		return nil
	}
	for _, v := range e.val.list {
		if v.kind != unstable.String {
			l.fault(Type, e.val.at, e.key+" is a list of texts", e.key+` = ["...", "..."]`)
			return nil
		}
	}
	return e.val.list
}

// deny lists payers by the keyed hash that the store counts them under.
func (l *loader) deny(s *section) {
	for _, e := range s.entries {
		if e.key != "payers" {
			l.unknown(e, "payers")
			continue
		}
		for _, v := range l.texts(e) {
			if len(v.text) < 16 || len(v.text) > 64 || strings.Trim(v.text, "0123456789abcdef") != "" {
				l.fault(Range, v.at, fmt.Sprintf("%.20q is not the keyed hash of a payer", v.text), "16 to 64 of 0-9 and a-f, as the record of a sale shows it; never a code or a name")
				continue
			}
			if l.set.denied[v.text] {
				l.fault(Duplicate, v.at, fmt.Sprintf("%.20s... is denied twice", v.text), "keep one of them")
			}
			l.set.denied[v.text] = true
		}
	}
}

func (l *loader) limits(s *section) {
	lim := &l.set.limits
	for _, e := range s.entries {
		table, cur, dotted := strings.Cut(e.key, ".")
		switch {
		case dotted && table == "per_sale":
			lim.PerSale = l.amount(lim.PerSale, e, cur)
		case dotted && table == "cumulative":
			lim.Cumulative = l.amount(lim.Cumulative, e, cur)
		case e.key == "count":
			lim.Count = l.number(e, number, 0, 1_000_000)
		case e.key == "random":
			lim.Random = l.number(e, number, 0, 10_000)
		case e.key == "offline":
			lim.Offline = l.number(e, span, 0, 366*86_400)
		case e.key == "split_window":
			lim.SplitWindow = l.number(e, span, 1, 7*86_400)
		case e.key == "per_sale" || e.key == "cumulative":
			l.fault(Type, e.at, fmt.Sprintf("limits.%s is an amount for each currency", e.key), fmt.Sprintf(`%s = { CNY = "300.00" }`, e.key))
		default:
			l.unknown(e, "per_sale", "cumulative", "count", "offline", "split_window", "random")
		}
	}
}

func (l *loader) amount(have []money.Money, e entry, cur string) []money.Money {
	if e.val.kind != unstable.String {
		l.fault(Type, e.val.at, fmt.Sprintf("limits.%s is a decimal number in quotes", e.key), fmt.Sprintf(`%s = "300.00"`, cur))
		return have
	}
	if _, err := money.Exponent(money.Currency(cur)); err != nil {
		l.fault(Unknown, e.at, fmt.Sprintf("there is no currency %.20q", cur), "use an ISO 4217 code in capitals, such as CNY")
		return have
	}
	m, bad := parseAmount(e.val.text, money.Currency(cur), e.val.at)
	if bad == nil && m.Minor < 0 {
		bad = &flaw{Range, e.val.at, "the amount is negative", "0 or more"}
	}
	if bad != nil {
		l.faults = append(l.faults, bad)
		return have
	}
	at, _ := slices.BinarySearchFunc(have, m, func(a, b money.Money) int { return strings.Compare(string(a.Currency), string(b.Currency)) })
	return slices.Insert(have, at, m)
}

// number is a whole number, or a constant expression such as "4*hour".
func (l *loader) number(e entry, k kind, lo, hi int64) Int {
	n, bad := constantOf(e.val, k)
	if bad == nil && (n.n < lo || n.n > hi) {
		bad = &flaw{Range, e.val.at, fmt.Sprintf("%s is %d", e.key, n.n), fmt.Sprintf("it is between %s and %s", constant(k, lo, 0), constant(k, hi, 0))}
	}
	if bad != nil {
		l.faults = append(l.faults, bad)
		return Int{}
	}
	return Known(n.n)
}

// constantOf reads a value that is a number, or a text with an expression that
// needs no facts.
func constantOf(v value, k kind) (node, *flaw) {
	text := v.text
	if v.kind != unstable.Integer && v.kind != unstable.String {
		return node{}, &flaw{Type, v.at, fmt.Sprintf("this is not %s", k), examples[k]}
	}
	if v.kind == unstable.Integer {
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil || k != number {
			return node{}, &flaw{Type, v.at, fmt.Sprintf("%.40s is not %s", text, k), examples[k]}
		}
		return node{op: opConst, kind: number, n: n}, nil
	}
	e, bad := parse(text)
	var n node
	if bad == nil {
		n, bad = (&checker{limits: &Limits{}, used: map[string]bool{}}).expr(e)
	}
	if bad != nil {
		bad.at += v.at
		return n, bad
	}
	if n.op != opConst || n.kind != k {
		return n, &flaw{Type, v.at, fmt.Sprintf("%.40s is not %s", text, k), examples[k]}
	}
	return n, nil
}

var examples = map[kind]string{
	number: "write a whole number, such as 20", span: `write a time with its unit in quotes, such as "4*hour"`,
	amount: `write an amount with its currency in quotes, such as "CNY(12.80)"`,
}
