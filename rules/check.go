package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"qrposd/rules/money"
)

// checker gives meaning to a parsed expression.
type checker struct {
	limits *Limits
	labels []string
	used   map[string]bool // fields and limits that a condition names
}

var units = map[string]int64{"second": 1, "minute": 60, "hour": 3600, "day": 86_400}

// condition checks that e is true or false.
func (c *checker) condition(e *syntax) (node, *flaw) {
	n, bad := c.expr(e)
	if bad != nil {
		return node{}, bad
	}
	return c.truthful(n, e)
}

// truthful is n as a condition: a field that is a yes or a no is one by itself.
func (c *checker) truthful(n node, e *syntax) (node, *flaw) {
	switch {
	case n.kind != boolean:
		return node{}, &flaw{Type, e.at, fmt.Sprintf("a condition is true or false, and this is %s", n.kind), "compare it, such as with > or =="}
	case n.op == opField:
		return node{op: opRange, kind: boolean, field: n.field, lo: 1, hi: 1}, nil
	}
	return n, nil
}

func (c *checker) expr(e *syntax) (node, *flaw) {
	switch e.op {
	case lexName:
		return c.name(e)
	case lexNumber:
		v, err := strconv.ParseInt(strings.ReplaceAll(e.text, "_", ""), 10, 64)
		if err != nil || e.text[len(e.text)-1] == '_' {
			return node{}, &flaw{Type, e.at, fmt.Sprintf("%.40s is not a whole number", e.text), "amounts are written CNY(12.80), times 5*minute, percentages and counts as whole numbers"}
		}
		return node{op: opConst, kind: number, n: v}, nil
	case lexString:
		return node{}, &flaw{Type, e.at, fmt.Sprintf("the text %.40q stands alone", e.text), "a text is compared with a field, such as flow == \"payer\""}
	case lexCall:
		return c.call(e)
	}
	if len(e.args) == 1 {
		return c.unary(e)
	}
	switch e.op {
	case "&&", "||":
		return c.junction(e)
	case "+", "-", "*", "/", "%":
		return c.arithmetic(e)
	}
	return c.comparison(e.op, e.at, e.args[0], e.args[1])
}

func (c *checker) name(e *syntax) (node, *flaw) {
	if i := fieldNamed(e.text); i >= 0 {
		c.used[e.text] = true
		return node{op: opField, kind: fields[i].kind, field: uint8(i)}, nil
	}
	if n, ok := c.limits.limit(e.text); ok {
		c.used[e.text] = true
		return n, nil
	}
	if slices.Contains(limitNames, e.text) {
		return node{}, &flaw{Missing, e.at, fmt.Sprintf("this file does not set %s", e.text), "set it under [limits], or compare with a value"}
	}
	if s, ok := units[e.text]; ok {
		return node{op: opConst, kind: span, n: s}, nil
	}
	if e.text == "true" || e.text == "false" {
		return node{op: opConst, kind: boolean, n: int64(len("false") - len(e.text))}, nil
	}
	return node{}, &flaw{Unknown, e.at, fmt.Sprintf("there is no fact %.40s", e.text), c.hint(e.text)}
}

// hint knows what was meant by a name that is no field.
func (c *checker) hint(name string) string {
	for i := range fields {
		if slices.Contains(fields[i].words, name) {
			return fmt.Sprintf("a word is in double quotes: %q", name)
		}
	}
	if _, err := money.Exponent(money.Currency(name)); err == nil {
		return fmt.Sprintf("an amount is written %s(300.00), a currency %q", name, name)
	}
	known := append([]string{"true", "false", "second", "minute", "hour", "day"}, limitNames...)
	for i := range fields {
		known = append(known, fields[i].name)
	}
	return meant(name, known)
}

func (c *checker) unary(e *syntax) (node, *flaw) {
	x, bad := c.expr(e.args[0])
	if bad != nil {
		return node{}, bad
	}
	if e.op == "!" {
		if x, bad = c.truthful(x, e.args[0]); bad != nil {
			return node{}, bad
		}
		return negate(x), nil
	}
	if !x.kind.arithmetic() {
		return node{}, &flaw{Type, e.at, fmt.Sprintf("%s has no negative", x.kind), "a condition is turned around with !"}
	}
	if x.op == opConst {
		return c.fold(e, opSub, node{op: opConst, kind: x.kind, cur: x.cur}, x)
	}
	return node{op: opNeg, kind: x.kind, args: []node{x}}, nil
}

func negate(x node) node {
	switch x.op {
	case opConst:
		x.n = 1 - x.n
		return x
	case opNot:
		return x.args[0]
	}
	return node{op: opNot, kind: boolean, args: []node{x}}
}

// junction flattens a && b && c into one node.
func (c *checker) junction(e *syntax) (node, *flaw) {
	joined := node{op: opAnd, kind: boolean}
	if e.op == "||" {
		joined.op = opOr
	}
	for _, arg := range e.args {
		x, bad := c.condition(arg)
		if bad != nil {
			return node{}, bad
		}
		if x.op == joined.op {
			joined.args = append(joined.args, x.args...)
		} else {
			joined.args = append(joined.args, x)
		}
	}
	return joined, nil
}

var arithmetic = map[lexeme]op{"+": opAdd, "-": opSub, "*": opMul, "/": opDiv, "%": opMod}

func (c *checker) arithmetic(e *syntax) (node, *flaw) {
	a, bad := c.expr(e.args[0])
	if bad != nil {
		return node{}, bad
	}
	b, bad := c.expr(e.args[1])
	if bad != nil {
		return node{}, bad
	}
	o := arithmetic[e.op]
	k, ok := product(o, a.kind, b.kind)
	if !ok {
		return node{}, &flaw{Type, e.at, fmt.Sprintf("%s %s %s has no meaning", a.kind, e.op, b.kind), "amounts add to amounts and times to times; both are multiplied and divided by numbers"}
	}
	if a.op == opConst && b.op == opConst {
		return c.fold(e, o, a, b)
	}
	if b.op == opConst && b.n == 0 && (o == opDiv || o == opMod) {
		return node{}, &flaw{Range, e.at, "a division by zero", "divide by a number that is not 0"}
	}
	return node{op: o, kind: k, args: []node{a, b}}, nil
}

// product is the kind of a result: amounts and spans are dimensions.
func product(o op, a, b kind) (kind, bool) {
	if !a.arithmetic() || !b.arithmetic() {
		return 0, false
	}
	switch o {
	case opAdd, opSub:
		return a, a == b
	case opMul:
		if a == number {
			return b, true
		}
		return a, b == number
	case opDiv:
		if a == b {
			return number, true
		}
		return a, b == number
	}
	return a, a == b && a != amount
}

// fold computes a constant, and refuses one that cannot be.
func (c *checker) fold(e *syntax, o op, a, b node) (node, *flaw) {
	if a.cur != 0 && b.cur != 0 && a.cur != b.cur {
		return node{}, &flaw{Type, e.at, "amounts of two currencies do not go together", "convert one of them by hand; a till has no rates of its own"}
	}
	k, _ := product(o, a.kind, b.kind)
	r, ok := arith(o, a.n, b.n)
	if !ok {
		return node{}, &flaw{Range, e.at, "this has no value: it overflows, or divides by zero", "use smaller numbers, and divide by one that is not 0"}
	}
	n := node{op: opConst, kind: k, n: r}
	if k == amount {
		n.cur = max(a.cur, b.cur)
	}
	return n, nil
}

// call is a function or an amount.
func (c *checker) call(e *syntax) (node, *flaw) {
	switch e.text {
	case "in":
		return c.in(e)
	case "between":
		return c.between(e)
	case "known":
		return c.known(e)
	}
	if _, err := money.Exponent(money.Currency(e.text)); err == nil {
		return c.money(e)
	}
	return node{}, &flaw{Unknown, e.at, fmt.Sprintf("there is no function %.40s", e.text), meant(e.text, []string{"in", "between", "known"}) + " and amounts such as CNY(300.00)"}
}

func (c *checker) money(e *syntax) (node, *flaw) {
	cur := money.Currency(e.text)
	if len(e.args) != 1 || e.args[0].op != lexNumber {
		return node{}, &flaw{Syntax, e.at, fmt.Sprintf("an amount in %s is one decimal number", cur), fmt.Sprintf("write %s", constant(amount, 30_000, pack(cur)))}
	}
	m, bad := parseAmount(e.args[0].text, cur, e.args[0].at)
	if bad != nil {
		return node{}, bad
	}
	return node{op: opConst, kind: amount, n: m.Minor, cur: pack(cur)}, nil
}

// parseAmount reads "300.00"; nothing at all is an amount too where it bounds one.
func parseAmount(text string, cur money.Currency, at int) (money.Money, *flaw) {
	m, err := money.Parse(strings.ReplaceAll(text, "_", ""), cur)
	if e, ok := err.(*money.Error); ok && e.Code != money.Zero {
		return m, &flaw{Range, at, e.Message, e.Hint}
	}
	return m, nil
}

func (c *checker) known(e *syntax) (node, *flaw) {
	if len(e.args) == 1 && e.args[0].op == lexName {
		n, bad := c.name(e.args[0])
		if bad != nil {
			return node{}, bad
		}
		if n.op == opField {
			return node{op: opKnown, kind: boolean, field: n.field}, nil
		}
	}
	return node{}, &flaw{Type, e.at, "known takes the name of one fact", "write known(payer.count_1h)"}
}

func (c *checker) in(e *syntax) (node, *flaw) {
	if len(e.args) < 2 {
		return node{}, &flaw{Syntax, e.at, "in takes a fact and what it may be", `write in(flow, "payer", "merchant")`}
	}
	or := node{op: opOr, kind: boolean}
	mask := node{op: opMask, kind: boolean}
	for _, arg := range e.args[1:] {
		n, bad := c.comparison("==", arg.at, e.args[0], arg)
		if bad != nil {
			return node{}, bad
		}
		if n.op == opMask {
			mask.field, mask.n = n.field, mask.n|n.n
			continue
		}
		or.args = append(or.args, n)
	}
	if mask.n != 0 {
		return mask, nil
	}
	return or, nil
}

func (c *checker) between(e *syntax) (node, *flaw) {
	if len(e.args) != 3 {
		return node{}, &flaw{Syntax, e.at, "between takes a fact, the least and the greatest", "write between(local.time, 9*hour, 21*hour)"}
	}
	low, bad := c.comparison(">=", e.at, e.args[0], e.args[1])
	if bad != nil {
		return node{}, bad
	}
	high, bad := c.comparison("<=", e.at, e.args[0], e.args[2])
	if bad != nil {
		return node{}, bad
	}
	if low.op == opRange && high.op == opRange && low.cur == high.cur {
		if low.lo > high.hi {
			return node{}, &flaw{Range, e.at, "between has its bounds the wrong way round", "the least comes first; over midnight write local.time >= 22*hour || local.time < 6*hour"}
		}
		low.hi = high.hi
		return low, nil
	}
	return node{op: opAnd, kind: boolean, args: []node{low, high}}, nil
}

const (
	lowest  = math.MinInt64
	highest = math.MaxInt64
)
