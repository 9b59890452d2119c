package explain

import (
	"strconv"
	"strings"

	"qrposd/rules/money"
)

// figure is what a number in a text is a figure of.
type figure uint8

const (
	ofNothing figure = iota // seconds, attempts, error numbers
	ofMoney                 // an amount with its currency
	ofAmount                // an amount without one
	ofPercent
	ofRate
	ofYours // said to be the merchant's own setting
	ofOwn   // the API's score, threshold or limit
)

// number is one figure of a clause: the digits, and with its marks.
type number struct {
	text             string // digits and point
	value            float64
	from, to         int // the digits
	markFrom, markTo int // the digits with currency or percent sign
	currency         marked
	percent          bool
}

// marked is what a currency mark can stand for: ISO codes with spaces between.
type marked string

func (m marked) holds(c money.Currency) bool {
	return c != "" && strings.Contains(string(m), string(c))
}

// code is the currency that a word of three letters names, or "".
func code(word string) marked {
	c := money.Currency(strings.ToUpper(word))
	if _, err := money.Exponent(c); err != nil {
		return ""
	}
	return marked(c)
}

// nextNumber finds the next figure at or after byte i. Digits inside a name
// (gpt-4, R2D2) are part of the name.
func nextNumber(s string, i int) (number, bool) {
	for i < len(s) {
		if !digit(s[i]) {
			i++
			continue
		}
		n := number{from: i, to: digitsEnd(s, i)}
		n.markFrom, n.markTo = n.from, n.to
		n.text = strings.ReplaceAll(s[n.from:n.to], ",", "")
		inside := n.glued(s)
		n.marksAfter(s)
		n.marksBefore(s)
		if inside && n.currency == "" {
			i = nameEnd(s, n.to)
			continue
		}
		n.value, _ = strconv.ParseFloat(n.text, 64) // beyond range is infinite, which is above every limit
		return n, true
	}
	return number{}, false
}

func digitsEnd(s string, i int) int {
	for i < len(s) && (digit(s[i]) || (s[i] == '.' || s[i] == ',') && i+1 < len(s) && digit(s[i+1])) {
		i++
	}
	return i
}

func nameEnd(s string, i int) int {
	for i < len(s) && (letter(s[i]) || digit(s[i]) || s[i] == '-' || s[i] == '_') {
		i++
	}
	return i
}

// glued says whether the digits touch letters, as in a name.
func (n *number) glued(s string) bool {
	before, after := byte(' '), byte(' ')
	if n.from > 0 {
		before = s[n.from-1]
	}
	if n.to < len(s) {
		after = s[n.to]
	}
	joined := (before == '-' || before == '_' || before == '/') && n.from > 1 && (letter(s[n.from-2]) || digit(s[n.from-2]))
	return letter(before) || joined || letter(after) || after == '_'
}

func (n *number) marksAfter(s string) {
	rest := s[n.to:]
	if tail, ok := strings.CutPrefix(rest, "万"); ok { // ten thousands
		n.text, rest = shift(n.text), tail
	}
	trimmed := strings.TrimLeft(rest, " -")
	if len(rest)-len(trimmed) > 1 {
		return
	}
	at := len(s) - len(trimmed)
	for _, p := range percents {
		if strings.HasPrefix(trimmed, p) {
			n.percent, n.markTo = true, at+len(p)
			return
		}
	}
	for _, m := range marks {
		if strings.HasPrefix(trimmed, m.mark) && !(letter(m.mark[0]) && len(trimmed) > len(m.mark) && letter(trimmed[len(m.mark)])) {
			n.currency, n.markTo = m.set, at+len(m.mark)
			return
		}
	}
	if len(trimmed) >= 3 && allLetters(trimmed[:3]) && (len(trimmed) == 3 || !letter(trimmed[3])) {
		if n.currency = code(trimmed[:3]); n.currency != "" {
			n.markTo = at + 3
		}
	}
}

func (n *number) marksBefore(s string) {
	if n.currency != "" || n.percent {
		return
	}
	head := strings.TrimSuffix(s[:n.from], " ")
	if strings.HasSuffix(head, "百分之") {
		n.percent, n.markFrom = true, len(head)-len("百分之")
		return
	}
	for _, m := range marks {
		at := len(head) - len(m.mark)
		if strings.HasSuffix(head, m.mark) && !(letter(m.mark[0]) && at > 0 && letter(head[at-1])) {
			n.currency, n.markFrom = m.set, at
			return
		}
	}
	at := len(head) - 3
	if at >= 0 && allLetters(head[at:]) && (at == 0 || !letter(head[at-1])) {
		if n.currency = code(head[at:]); n.currency != "" {
			n.markFrom = at
		}
	}
}

func allLetters(s string) bool {
	for i := range len(s) {
		if !letter(s[i]) {
			return false
		}
	}
	return true
}

// shift multiplies a decimal by ten thousand.
func shift(text string) string {
	whole, frac, _ := strings.Cut(text, ".")
	frac += "0000"
	return whole + frac[:4] + "." + frac[4:] + "0"
}

// near is how far from a figure, in bytes, the words are that say what it is.
const near = 40

// kind reads from the words around a figure what it is a figure of.
func (n *number) kind(clause string) figure {
	before := clause[max(0, n.markFrom-near):n.markFrom]
	after := clause[n.markTo:min(len(clause), n.markTo+near)]
	head := lastHead(before)
	yours := has(before, yourWords) || has(before, sentWords) || has(after, sentWords)
	switch {
	case n.currency != "" && bounds(before):
		return ofOwn
	case n.currency != "":
		return ofMoney
	case head == ofOwn && yours:
		return ofYours
	case n.percent && head != ofOwn:
		return ofPercent
	case counted(after):
		return ofNothing
	}
	return head
}

// lastHead is what the word nearest before a figure makes of it.
func lastHead(before string) figure {
	kind, last := ofNothing, -1
	for _, h := range figureHeads {
		for from, to := index(before, h.word, 0); from >= 0; from, to = index(before, h.word, to) {
			if from > last {
				kind, last = h.kind, from
			}
		}
	}
	return kind
}

// bounds says whether text ends in a word that makes the next amount a limit.
func bounds(text string) bool {
	for again := true; again; {
		again = false
		text = strings.TrimRight(text, " :=")
		for _, link := range links {
			if strings.HasSuffix(text, link) {
				text, again = text[:len(text)-len(link)], true
			}
		}
	}
	for _, w := range limitWords {
		if strings.HasSuffix(text, w) {
			return true
		}
	}
	return false
}

// counted says whether a figure counts time or tries.
func counted(after string) bool {
	after = strings.TrimLeft(after, " -")
	for _, u := range countWords {
		if strings.HasPrefix(after, u) {
			return true
		}
	}
	return false
}
