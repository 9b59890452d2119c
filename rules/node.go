package rules

import (
	"fmt"
	"math/bits"
	"strings"

	"qrposd/rules/money"
)

// truth is the value of a condition. The order carries the logic: && is the
// least of its parts and || the greatest, so that one comparison in another
// currency silences a conjunction, and a broken part is heard unless the rest
// decides without it.
type truth uint8

const (
	no     truth = iota
	apart        // amounts of two currencies were compared: does not apply
	broken       // a fact is missing, a division by zero, an overflow: counts as fired
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// not turns yes and no around. What does not apply and what is broken stays so:
// the negation of what nobody knows is not known either.
func (t truth) not() truth {
	switch t {
	case no:
		return yes
	case yes:
		return no
	}
	return t
}

// same says whether two conditions have the same value.
func (t truth) same(u truth) truth {
	switch {
	case t.not() == t:
		return min(t, u.orYes())
	case u.not() == u:
		return u
	}
	return truthOf(t == u)
}

// orYes drops what is decided.
func (t truth) orYes() truth {
	if t.not() == t {
		return t
	}
	return yes
}

type op uint8

const (
	opConst op = iota // n; of an amount in currency cur
	opField           // the field's value
	opLimit           // the amount that limits set for the sale's currency
	opNeg
	opAdd
	opSub
	opMul
	opDiv
	opMod
	opRange // lo <= field <= hi, in currency cur if that is not 0
	opMask  // the field's word is a bit of n
	opKnown // the field is known
	opNot
	opAnd
	opOr
	opSame // two conditions have the same value
	opEqual
	opLess
	opAtMost
)

// node is a checked expression: names are resolved, kinds fit, constants are
// folded. Comparing a field with constants, which is nearly all that rules do, is
// one node.
type node struct {
	op          op
	kind        kind
	field       uint8
	n           int64
	lo, hi, cur int64
	limit       *perCurrency
	args        []node
	text        string // of a label
}

// truth evaluates a condition. It is recursive over a tree of bounded depth, and
// f stays on the caller's stack.
func (n *node) truth(f *facts) truth {
	switch n.op {
	case opRange:
		if n.cur != 0 {
			if t := f.in(n.cur); t != yes {
				return t
			}
		}
		if f.known>>n.field&1 == 0 {
			return broken
		}
		v := f.v[n.field]
		return truthOf(v >= n.lo && v <= n.hi)
	case opAnd:
		t := yes
		for i := range n.args {
			if t = min(t, n.args[i].truth(f)); t == no {
				break
			}
		}
		return t
	case opOr:
		t := no
		for i := range n.args {
			if t = max(t, n.args[i].truth(f)); t == yes {
				break
			}
		}
		return t
	case opMask:
		if f.known>>n.field&1 == 0 {
			return broken
		}
		return truthOf(n.n>>f.v[n.field]&1 == 1)
	case opNot:
		return n.args[0].truth(f).not()
	case opKnown:
		return truthOf(f.known>>n.field&1 == 1)
	case opConst:
		return truthOf(n.n != 0)
	case opSame:
		return n.args[0].truth(f).same(n.args[1].truth(f))
	}
	return n.compare(f)
}

func (n *node) compare(f *facts) truth {
	a, ta := n.args[0].value(f)
	b, tb := n.args[1].value(f)
	if t := min(ta, tb); t != yes {
		return t
	}
	switch n.op {
	case opEqual:
		return truthOf(a == b)
	case opLess:
		return truthOf(a < b)
	}
	return truthOf(a <= b)
}

// value evaluates an integer and says whether there is one: yes, apart or broken.
func (n *node) value(f *facts) (int64, truth) {
	switch n.op {
	case opConst:
		if n.cur != 0 {
			return n.n, f.in(n.cur)
		}
		return n.n, yes
	case opField:
		if f.known>>n.field&1 == 0 {
			return 0, broken
		}
		return f.v[n.field], yes
	case opLimit:
		return n.limit.in(f)
	case opNeg:
		a, t := n.args[0].value(f)
		r, ok := arith(opSub, 0, a)
		if !ok {
			t = min(t, broken)
		}
		return r, t
	}
	a, ta := n.args[0].value(f)
	b, tb := n.args[1].value(f)
	t := min(ta, tb)
	r, ok := arith(n.op, a, b)
	if !ok {
		t = min(t, broken)
	}
	return r, t
}

// in says whether the sale is in a currency.
func (f *facts) in(cur int64) truth {
	switch {
	case f.known>>fieldCurrency&1 == 0:
		return broken
	case f.v[fieldCurrency] == cur:
		return yes
	}
	return apart
}

// arith computes, and says whether the result is one: no wrapped sums.
func arith(o op, a, b int64) (r int64, ok bool) {
	switch o {
	case opAdd:
		r = a + b
		return r, (r > a) == (b > 0)
	case opSub:
		r = a - b
		return r, (r < a) == (b > 0)
	case opMul:
		hi, lo := bits.Mul64(abs(a), abs(b))
		neg := (a < 0) != (b < 0)
		if neg {
			return -int64(lo), hi == 0 && lo <= 1<<63
		}
		return int64(lo), hi == 0 && lo < 1<<63
	}
	if b == 0 || b == -1 && a == -1<<63 {
		return 0, false
	}
	if o == opDiv {
		return a / b, true
	}
	return a % b, true
}

func abs(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// String is the condition in one canonical notation: what a set is hashed by and
// what two rules are compared by. The same tree gives the same text, and the text
// parses to a tree of the same value.
func (n *node) String() string {
	switch n.op {
	case opConst:
		if n.kind == span {
			return "(" + constant(n.kind, n.n, 0) + ")"
		}
		return constant(n.kind, n.n, n.cur)
	case opField:
		return fields[n.field].name
	case opLimit:
		return n.limit.name
	case opRange:
		return n.bounds()
	case opMask:
		var in []string
		for i, w := range fields[n.field].words {
			if n.n>>i&1 == 1 {
				in = append(in, fmt.Sprintf("%q", w))
			}
		}
		return fmt.Sprintf("in(%s, %s)", fields[n.field].name, strings.Join(in, ", "))
	case opKnown:
		return fmt.Sprintf("known(%s)", fields[n.field].name)
	case opNot, opNeg:
		return opNames[n.op] + "(" + n.args[0].String() + ")"
	case opSame:
		return "((" + n.args[0].String() + ") == (" + n.args[1].String() + "))"
	}
	parts := make([]string, len(n.args))
	for i := range n.args {
		parts[i] = n.args[i].String()
	}
	return "(" + strings.Join(parts, " "+opNames[n.op]+" ") + ")"
}

var opNames = map[op]string{
	opNeg: "-", opAdd: "+", opSub: "-", opMul: "*", opDiv: "/", opMod: "%", opNot: "!", opAnd: "&&", opOr: "||",
	opEqual: "==", opLess: "<", opAtMost: "<=",
}

// bounds writes a range as its author did, as far as can be known.
func (n *node) bounds() string {
	f := &fields[n.field]
	if n.text != "" {
		return fmt.Sprintf("%s == %q", f.name, n.text)
	}
	lo, hi := constant(f.kind, n.lo, n.cur), constant(f.kind, n.hi, n.cur)
	switch {
	case f.kind == boolean && n.lo == n.hi && n.lo == 1:
		return f.name
	case n.lo == n.hi:
		return f.name + " == " + lo
	case n.hi == 1<<63-1:
		return f.name + " >= " + lo
	case n.lo == -1<<63:
		return f.name + " <= " + hi
	}
	return fmt.Sprintf("between(%s, %s, %s)", f.name, lo, hi)
}

func constant(k kind, n, cur int64) string {
	switch {
	case k == boolean:
		return fmt.Sprint(n != 0)
	case k == span:
		return fmt.Sprintf("%d*second", n)
	case k == currency:
		return fmt.Sprintf("%q", unpack(n))
	case n == lowest: // a minus is an operator, and the digits alone are too large
		return fmt.Sprintf("(%d - 1)", n+1)
	case cur != 0:
		c := unpack(cur)
		return fmt.Sprintf("%s(%s)", c, money.Money{Minor: n, Currency: c}.Decimal())
	}
	return fmt.Sprint(n)
}
