package rules

import (
	"maps"
	"math"
)

// bound is what a condition leaves of a value: an interval, or of a word a set.
type bound struct {
	lo, hi int64
	words  uint64
}

func (b bound) and(o bound) bound {
	return bound{max(b.lo, o.lo), min(b.hi, o.hi), b.words & o.words}
}

func (b bound) empty() bool { return b.lo > b.hi || b.words == 0 }

// term is a conjunction: bounds by what they bound. A part that is no comparison
// of a field with constants is bounded to true or false under its own text.
type term map[string]bound

// maxTerms bounds the work: a condition with more ways to be true is not looked
// into.
const maxTerms = 128

// ways are the terms of which one has to hold for n to be true, or false if not
// is set. Those that contradict themselves are left out. ok is false if there
// are too many.
func (n *node) ways(not bool) (terms []term, ok bool) {
	switch {
	case n.op == opNot:
		return n.args[0].ways(!not)
	case n.op == opConst:
		if (n.n != 0) != not {
			terms = []term{{}}
		}
		return terms, true
	case n.op == opAnd && !not, n.op == opOr && not:
		return n.all(not)
	case n.op == opAnd, n.op == opOr:
		for i := range n.args {
			more, fits := n.args[i].ways(not)
			if terms = append(terms, more...); !fits || len(terms) > maxTerms {
				return nil, false
			}
		}
		return terms, true
	}
	return n.leaf(not), true
}

// all multiplies the ways of the parts.
func (n *node) all(not bool) ([]term, bool) {
	terms := []term{{}}
	for i := range n.args {
		more, ok := n.args[i].ways(not)
		if !ok || len(more)*len(terms) > maxTerms {
			return nil, false
		}
		var product []term
		for _, a := range terms {
			for _, b := range more {
				if t, ok := a.and(b); ok {
					product = append(product, t)
				}
			}
		}
		terms = product
	}
	return terms, true
}

// and joins two terms, if both can hold.
func (t term) and(o term) (term, bool) {
	joined := maps.Clone(t)
	for key, b := range o {
		if have, ok := joined[key]; ok {
			b = b.and(have)
		}
		if b.empty() {
			return nil, false
		}
		joined[key] = b
	}
	return joined, true
}

// leaf is a comparison as terms. What is true of every possible value bounds
// nothing.
func (n *node) leaf(not bool) []term {
	whole := bound{0, 1, math.MaxUint64}
	key := n.String()
	if n.op != opRange && n.op != opMask {
		if b := (bound{1, 1, whole.words}); !not {
			return []term{{key: b}}
		}
		return []term{{key: bound{0, 0, whole.words}}}
	}
	f := &fields[n.field]
	key = f.name
	whole.lo, whole.hi = f.lo, f.hi
	var parts []bound
	if n.op == opMask {
		whole.words = 1<<len(f.words) - 2 // bit 0 is no word
		parts = []bound{{f.lo, f.hi, uint64(n.n)}}
		if not {
			parts[0].words = ^parts[0].words
		}
	} else {
		parts = []bound{{n.lo, n.hi, whole.words}}
		if not {
			parts = parts[:0]
			if n.lo > lowest {
				parts = append(parts, bound{lowest, n.lo - 1, whole.words})
			}
			if n.hi < highest {
				parts = append(parts, bound{n.hi + 1, highest, whole.words})
			}
		}
	}
	var terms []term
	for _, b := range parts {
		b = b.and(whole)
		t := term{}
		if n.cur != 0 {
			key = f.name + " in " + string(unpack(n.cur))
			t["currency"] = bound{n.cur, n.cur, math.MaxUint64}
		}
		if b != whole {
			t[key] = b
		}
		if !b.empty() {
			terms = append(terms, t)
		}
	}
	return terms
}

// implies says that whenever one of a holds, one of b does. It may say no where
// the answer is yes, never the other way round.
func implies(a, b []term) bool {
	for _, t := range a {
		if !t.impliesOne(b) {
			return false
		}
	}
	return true
}

func (t term) impliesOne(of []term) bool {
	for _, o := range of {
		all := true
		for key, b := range o {
			have, ok := t[key]
			if all = ok && have.and(b) == have; !all {
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}

// currencies says whether n compares amounts of a fixed currency.
func (n *node) currencies() bool {
	if n.cur != 0 {
		return true
	}
	for i := range n.args {
		if n.args[i].currencies() {
			return true
		}
	}
	return false
}
