package rules

import (
	"fmt"
	"slices"

	"qrposd/rules/money"
)

// comparison checks a comparison of two operands and finds its shortest form.
func (c *checker) comparison(o lexeme, at int, left, right *syntax) (node, *flaw) {
	if left.op == lexString && right.op != lexString {
		left, right = right, left
		o = mirrored(o)
	}
	a, bad := c.expr(left)
	if bad != nil {
		return node{}, bad
	}
	if right.op == lexString {
		return c.text(o, at, a, right)
	}
	b, bad := c.expr(right)
	if bad != nil {
		return node{}, bad
	}
	switch {
	case a.kind != b.kind:
		return node{}, &flaw{Type, at, fmt.Sprintf("%s is compared with %s", a.kind, b.kind), mixed(a, b)}
	case a.kind == boolean:
		return c.same(o, at, a, b, left, right)
	case !a.kind.arithmetic():
		return node{}, &flaw{Type, at, fmt.Sprintf("%s is compared with what is not a text", a.kind), "compare it with a text in double quotes"}
	case a.cur != 0 && b.cur != 0 && a.cur != b.cur:
		return node{}, &flaw{Type, at, "amounts of two currencies do not compare", "use one currency on both sides"}
	}
	if a.op == opConst && b.op != opConst {
		a, b, o = b, a, mirrored(o)
	}
	if a.op == opField && b.op == opConst {
		return ranged(o, a, b), nil
	}
	return ordered(o, a, b), nil
}

func mirrored(o lexeme) lexeme {
	switch o {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return o
}

// mixed says how to write the side that has no unit.
func mixed(a, b node) string {
	k := max(a.kind, b.kind)
	if min(a.kind, b.kind) == number && k == amount {
		return "an amount names its currency, such as CNY(300.00)"
	}
	if min(a.kind, b.kind) == number && k == span {
		return "a time names its unit, such as 5*minute"
	}
	if k == word || k == currency || k == label {
		return "compare it with a text in double quotes"
	}
	return "both sides are of one kind"
}

// ranged is a field compared with a constant.
func ranged(o lexeme, a, b node) node {
	n := node{op: opRange, kind: boolean, field: a.field, lo: lowest, hi: highest, cur: b.cur}
	impossible := node{op: opConst, kind: boolean}
	switch o {
	case "==", "!=":
		n.lo, n.hi = b.n, b.n
		if o == "!=" {
			return negate(n)
		}
	case "<":
		if b.n == lowest {
			return impossible
		}
		n.hi = b.n - 1
	case "<=":
		n.hi = b.n
	case ">":
		if b.n == highest {
			return impossible
		}
		n.lo = b.n + 1
	case ">=":
		n.lo = b.n
	}
	return n
}

// ordered is any other comparison, as one of three.
func ordered(o lexeme, a, b node) node {
	if a.op == opConst && b.op == opConst {
		hit := map[lexeme]bool{"==": a.n == b.n, "!=": a.n != b.n, "<": a.n < b.n, "<=": a.n <= b.n, ">": a.n > b.n, ">=": a.n >= b.n}[o]
		n := node{op: opConst, kind: boolean}
		if hit {
			n.n = 1
		}
		return n
	}
	n := node{kind: boolean, args: []node{a, b}}
	switch o {
	case "==", "!=":
		n.op = opEqual
		if o == "!=" {
			return negate(n)
		}
	case "<", ">":
		n.op = opLess
	default:
		n.op = opAtMost
	}
	if o == ">" || o == ">=" {
		n.args[0], n.args[1] = b, a
	}
	return n
}

// same compares two conditions.
func (c *checker) same(o lexeme, at int, a, b node, left, right *syntax) (node, *flaw) {
	if o != "==" && o != "!=" {
		return node{}, &flaw{Type, at, "a yes or no has no order", "compare it with == or !=, or use it as it is"}
	}
	a, bad := c.truthful(a, left)
	if bad != nil {
		return node{}, bad
	}
	b, bad = c.truthful(b, right)
	if bad != nil {
		return node{}, bad
	}
	if a.op == opConst {
		a, b = b, a
	}
	n := node{op: opSame, kind: boolean, args: []node{a, b}}
	if b.op == opConst {
		if n = a; b.n == 0 {
			n = negate(a)
		}
	}
	if o == "!=" {
		return negate(n), nil
	}
	return n, nil
}

// text compares a word, a currency or a label with a text, whose spelling is
// checked here: a misspelt word would be a rule that never fires.
func (c *checker) text(o lexeme, at int, a node, text *syntax) (node, *flaw) {
	if a.op != opField || a.kind != word && a.kind != currency && a.kind != label {
		return node{}, &flaw{Type, at, fmt.Sprintf("%s is compared with the text %.40q", a.kind, text.text), "texts are for flow, currency, link.state, local.weekday, payer.wallet and intent.label"}
	}
	if o != "==" && o != "!=" {
		return node{}, &flaw{Type, at, fmt.Sprintf("%s has no order", a.kind), `compare it with == or !=, or list words: in(local.weekday, "sat", "sun")`}
	}
	n := node{op: opRange, kind: boolean, field: a.field}
	name := fields[a.field].name
	switch a.kind {
	case word:
		known := fields[a.field].words[1:]
		i := slices.Index(known, text.text)
		if i < 0 {
			return node{}, &flaw{Unknown, text.at, fmt.Sprintf("%s is never %.40q", name, text.text), meant(text.text, known)}
		}
		n.op, n.n = opMask, 1<<(i+1)
	case currency:
		if _, err := money.Exponent(money.Currency(text.text)); err != nil {
			return node{}, &flaw{Unknown, text.at, fmt.Sprintf("there is no currency %.40q", text.text), "use an ISO 4217 code in capitals, such as CNY"}
		}
		n.lo = pack(money.Currency(text.text))
		n.hi = n.lo
	default:
		if !slices.Contains(c.labels, text.text) {
			hint := "list the classifier's labels at the top of the file: labels = [\"purchase\", ...]"
			if len(c.labels) > 0 {
				hint = meant(text.text, c.labels) + " (labels at the top of the file lists them)"
			}
			return node{}, &flaw{Unknown, text.at, fmt.Sprintf("there is no label %.40q", text.text), hint}
		}
		n.lo = hashLabel(text.text)
		n.hi, n.text = n.lo, text.text
	}
	if o == "!=" {
		return negate(n), nil
	}
	return n, nil
}
