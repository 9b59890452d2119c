package explain

import (
	"slices"
	"strconv"
	"strings"

	"qrposd/rules/money"
)

// citation is what a text cites that it should not.
type citation struct {
	foreign []string
	absurd  bool // a comparison of its own figures is false
}

// add keeps a few: the first are proof enough.
func (c *citation) add(what string) {
	const few = 8
	what = strings.Clone(strings.TrimSpace(what))
	if len(c.foreign) < few && what != "" && !slices.Contains(c.foreign, what) {
		c.foreign = append(c.foreign, what)
	}
}

// cites checks all that s refers to against what was sent.
func cites(s string, sent *Sent) citation {
	var c citation
	for _, clause := range clauses(s) {
		c.numbers(clause, sent)
		c.currencies(clause, sent)
		c.names(clause, sent)
	}
	c.quotes(s, sent)
	return c
}

// numbers checks every figure that says what it is a figure of. A bare one
// (seconds, attempts, error numbers) is nobody's claim.
func (c *citation) numbers(clause string, sent *Sent) {
	var last number
	for n, ok := nextNumber(clause, 0); ok; n, ok = nextNumber(clause, n.to) {
		kind := n.kind(clause)
		if kind == ofOwn && last.to > 0 && absurd(clause[last.to:n.from], last.value, n.value) {
			c.absurd = true
		}
		if !n.sent(kind, clause, sent) {
			c.add(clause[n.markFrom:n.markTo])
		}
		last = n
	}
}

// absurd says whether a comparison of two figures is false. Sums over a day are
// not compared: one part of them does not have to exceed the limit.
func absurd(between string, a, b float64) bool {
	if has(between, sums) {
		return false
	}
	return has(between, above) && a <= b || has(between, below) && a >= b
}

// sent says whether the figure was part of the request, or is the API's own.
func (n *number) sent(kind figure, clause string, sent *Sent) bool {
	text := canonical(n.text)
	switch kind {
	case ofMoney:
		return slices.ContainsFunc(sent.Amounts, func(m money.Money) bool {
			return n.currency.holds(m.Currency) && canonical(m.Decimal()) == text
		})
	case ofPercent:
		return holds(sent.Percents, text)
	case ofRate:
		return holds(sent.Rates, text)
	case ofYours:
		return holds(sent.Thresholds, text) || holds(sent.Percents, text)
	case ofAmount:
		return slices.ContainsFunc(sent.Amounts, func(m money.Money) bool {
			return canonical(m.Decimal()) == text || strconv.FormatInt(m.Minor, 10) == text
		})
	case ofOwn: // a limit in another currency cannot have been applied to this sale
		return n.currency == "" || slices.ContainsFunc(sent.Amounts, func(m money.Money) bool { return n.currency.holds(m.Currency) })
	}
	return true
}

func holds(figures []string, canon string) bool {
	return slices.ContainsFunc(figures, func(f string) bool { return canonical(strings.TrimSuffix(f, "%")) == canon })
}

// canonical is the one spelling of a decimal: no leading or trailing zeros.
func canonical(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	s = strings.TrimLeft(s, "0")
	if s == "" || s[0] == '.' {
		s = "0" + s
	}
	return s
}

// currencies checks the currencies that are named without an amount.
func (c *citation) currencies(clause string, sent *Sent) {
	known := func(set marked) bool {
		return slices.ContainsFunc(sent.Amounts, func(m money.Money) bool { return set.holds(m.Currency) })
	}
	for _, m := range marks {
		if from, to := index(clause, m.mark, 0); m.alone && from >= 0 && !known(m.set) {
			c.add(clause[from:to])
		}
	}
	for i := 1; i+3 < len(clause); i++ {
		if letter(clause[i-1]) || letter(clause[i+3]) || !letter(clause[i]) || !letter(clause[i+1]) || !letter(clause[i+2]) {
			continue
		}
		if set := code(clause[i : i+3]); set != "" && !slices.Contains(words, clause[i:i+3]) && !known(set) {
			c.add(clause[i : i+3])
		}
	}
}

// names checks the identifiers that follow the word for what they identify.
func (c *citation) names(clause string, sent *Sent) {
	for _, head := range heads {
		for from, to := index(clause, head, 0); from >= 0; from, to = index(clause, head, to) {
			start := to
			for start < len(clause) && strings.IndexByte(" :#", clause[start]) >= 0 {
				start++
			}
			end, odd := start, false
			for end < len(clause) && (letter(clause[end]) || digit(clause[end]) || strings.IndexByte("-_/.", clause[end]) >= 0) {
				odd = odd || !letter(clause[end]) && clause[end] != '.'
				end++
			}
			if name := strings.TrimRight(clause[start:end], "./-"); odd && start > to-1 && name != "" && clause[to] != '-' && !named(name, sent) {
				c.add(name)
			}
		}
	}
}

// quotes checks what stands between quotation marks, unless it is a phrase of the
// trade or somebody's answer: "insufficient balance" quotes an error, not an item.
func (c *citation) quotes(s string, sent *Sent) {
	for i := 1; i < len(s)-1; i++ {
		mark := s[i]
		if mark != '"' && (mark != '\'' || letter(s[i-1]) || digit(s[i-1])) {
			continue
		}
		length := strings.IndexByte(s[i+1:], mark)
		if length < 0 {
			continue
		}
		inner := s[i+1 : i+1+length]
		if length > 0 && length <= 60 && !named(inner, sent) && !familiar(inner) && !has(s[max(0, i-14):i], speech) {
			c.add(inner)
		}
		i += length + 1
	}
}

// named says whether a name was sent, whole or as one of its words.
func named(name string, sent *Sent) bool {
	return slices.ContainsFunc(sent.Names, func(n string) bool {
		from, _ := index(normalize(n), strings.TrimSpace(name), 0)
		return from >= 0
	})
}
