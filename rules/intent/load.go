package intent

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"

	"qrposd/rules/money"
)

const (
	maxIntents = 256
	maxWords   = 64 // of one basket
	maxWord    = 64 // bytes
	maxName    = 32
)

// loader turns a document into a classifier and collects what is wrong with it.
type loader struct {
	*document
	c *Classifier
}

// Load reads a file of intents: all of it or nothing. The error is Faults, and
// name is what they call the file.
func Load(name string, text []byte) (*Classifier, error) {
	l := &loader{document: readDocument(text), c: &Classifier{}}
	if !l.broken {
		l.top(l.tables[0])
		for _, t := range l.tables[1:] {
			l.intent(t)
		}
		if len(l.tables) == 1 {
			l.flaw(Missing, 0, "there is no intent in this file", "begin with [[intent]]")
		}
		if len(l.tables) > 1+maxIntents {
			l.flaw(TooMuch, l.tables[1+maxIntents].at, fmt.Sprintf("more than %d intents", maxIntents), "put words that mean the same into one basket")
		}
	}
	if err := faultsOf(name, text, l.flaws); err != nil {
		return nil, err
	}
	for i := range l.c.intents {
		l.c.intents[i].verdict.Version = l.c.version
	}
	l.c.fallback.Version = l.c.version
	return l.c, nil
}

func (l *loader) top(t *table) {
	var name, version string
	for _, e := range t.entries {
		switch e.key {
		case "name":
			name = l.word(e, "", "a-z, 0-9, - and _")
		case "version":
			version = l.word(e, ".", "a-z, 0-9, -, _ and .")
		case "default.label":
			l.c.fallback.Label = l.word(e, "", "a-z, 0-9, - and _")
		case "default.confidence":
			l.c.fallback.Confidence = l.confidence(e)
		case "default":
			l.flaw(Type, e.at, "default is a table", `default = { label = "purchase", confidence = 60 }`)
		default:
			l.flaw(Unknown, e.at, fmt.Sprintf("there is no key %.40s", e.key), "there are name, version, default.label, default.confidence and [[intent]]")
		}
	}
	l.need(t, "the file", [][2]string{
		{"name", `name = "my-shop"`},
		{"version", `version = "1"; it goes into the record of each sale`},
		{"default.label", `default = { label = "purchase", confidence = 60 }`},
		{"default.confidence", `default = { label = "purchase", confidence = 60 }`},
	})
	l.c.version = name + "/" + version
}

// need faults the keys that are not there, unless their table was faulted.
func (l *loader) need(t *table, of string, keys [][2]string) {
	for _, k := range keys {
		outer, _, _ := strings.Cut(k[0], ".")
		if !slices.ContainsFunc(t.entries, func(e entry) bool { return e.key == k[0] || e.key == outer }) {
			l.flaw(Missing, t.at, fmt.Sprintf("%s has no %s", of, k[0]), k[1])
		}
	}
}

func (l *loader) intent(t *table) {
	n := intent{}
	conditions := 0
	for _, e := range t.entries {
		first, rest, _ := strings.Cut(e.key, ".")
		if slices.Contains([]string{"basket", "amount", "hours", "flow"}, first) {
			conditions++
		}
		switch {
		case e.key == "label":
			n.verdict.Label = l.word(e, "", "a-z, 0-9, - and _")
		case e.key == "confidence":
			n.verdict.Confidence = l.confidence(e)
		case e.key == "basket":
			n.basket = l.basket(e)
		case e.key == "flow":
			n.flow = l.text(e, `flow = "merchant"`)
			if n.flow != "" && n.flow != "merchant" && n.flow != "payer" {
				l.flaw(Unknown, e.val.at, fmt.Sprintf("flow is never %.40q", n.flow), "there are merchant and payer")
			}
		case e.key == "hours.from":
			n.hours.from = l.clock(e, day-1)
		case e.key == "hours.to":
			n.hours.to = l.clock(e, day)
		case first == "amount" && rest != "":
			n.amount = l.band(n.amount, e, rest)
		case e.key == "amount":
			l.flaw(Type, e.at, "amount is a table of currencies", `amount = { CNY = { min = "50.00", max = "500.00" } }`)
		case e.key == "hours":
			l.flaw(Type, e.at, "hours is a table", `hours = { from = "22:00", to = "06:00" }`)
		default:
			l.flaw(Unknown, e.at, fmt.Sprintf("there is no key %.40s", e.key), "there are label, confidence, basket, amount, hours.from, hours.to and flow")
		}
	}
	l.need(t, "the intent", [][2]string{{"label", `label = "gift_card"`}, {"confidence", "confidence = 95"}})
	if conditions == 0 {
		l.flaw(Missing, t.at, "the intent matches every sale", "write a basket, an amount, hours or a flow; what is left over is for [default]")
	}
	l.whole(t, &n)
	l.c.intents = append(l.c.intents, n)
}

// whole checks what two keys of an intent say together.
func (l *loader) whole(t *table, n *intent) {
	at := func(key string) int {
		i := slices.IndexFunc(t.entries, func(e entry) bool { return e.key == key })
		if i < 0 {
			return -1
		}
		return t.entries[i].at
	}
	from, to := at("hours.from"), at("hours.to")
	switch {
	case (from < 0) != (to < 0):
		l.flaw(Missing, max(from, to), "hours have a beginning and an end", `hours = { from = "22:00", to = "06:00" }`)
	case from >= 0 && n.hours.from == n.hours.to && n.hours.from >= 0:
		l.flaw(Range, to, "hours end when they begin", `the whole day is from = "00:00" to = "24:00"`)
	}
	for _, b := range n.amount {
		if b.min > b.max {
			l.flaw(Range, at(fmt.Sprintf("amount.%s.max", b.currency)), fmt.Sprintf("no amount of %s is in it", b.currency), "min is at most max")
		}
	}
}

// text is a text, or "" after a fault.
func (l *loader) text(e entry, example string) string {
	switch {
	case e.val.kind != unstable.String:
		l.flaw(Type, e.val.at, fmt.Sprintf("%.40s is a text in quotes", e.key), example)
	case e.val.text == "":
		l.flaw(Range, e.val.at, fmt.Sprintf("%.40s is empty", e.key), example)
	default:
		return e.val.text
	}
	return ""
}

// word is a text that goes into a record: short, and the same in every alphabet.
func (l *loader) word(e entry, more, letters string) string {
	s := l.text(e, e.key+` = "..."`)
	if len(s) > maxName || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_"+more) != "" {
		l.flaw(Range, e.val.at, fmt.Sprintf("%.40q is not a %s", s, e.key[strings.LastIndexByte(e.key, '.')+1:]), fmt.Sprintf("1 to %d of %s", maxName, letters))
	}
	return s
}

func (l *loader) confidence(e entry) int {
	n, err := strconv.ParseInt(e.val.text, 0, 64)
	switch {
	case e.val.kind != unstable.Integer:
		l.flaw(Type, e.val.at, "confidence is a whole number", "0 to 100, without quotes")
	case err != nil || n < 0 || n > 100:
		l.flaw(Range, e.val.at, fmt.Sprintf("confidence is %.40s", e.val.text), "it is between 0 and 100")
	}
	return int(n)
}

func (l *loader) basket(e entry) []string {
	const example = `basket = ["gift_card", "voucher"]`
	if e.val.kind != unstable.Array || len(e.val.list) == 0 {
		l.flaw(Type, e.val.at, "basket is a list of categories", example)
		return nil
	}
	if len(e.val.list) > maxWords {
		l.flaw(TooMuch, e.val.list[maxWords].at, fmt.Sprintf("more than %d categories", maxWords), "write a second intent with the same label")
		return nil
	}
	var words []string
	for _, v := range e.val.list {
		s := v.text
		switch {
		case v.kind != unstable.String:
			l.flaw(Type, v.at, "a category is a text in quotes", example)
		case !isCategory(s):
			l.flaw(Range, v.at, fmt.Sprintf("%.40q is not a category", s), fmt.Sprintf("1 to %d bytes without spaces around them, as the catalogue has it", maxWord))
		case slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, s) }):
			l.flaw(Duplicate, v.at, fmt.Sprintf("%.40q is there twice", s), "keep one of them; capitals do not count")
		}
		words = append(words, s)
	}
	return words
}

func isCategory(s string) bool {
	return s != "" && len(s) <= maxWord && utf8.ValidString(s) && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, unicode.IsControl)
}

// band reads amount.CNY.min or amount.CNY.max.
func (l *loader) band(have []band, e entry, key string) []band {
	name, end, _ := strings.Cut(key, ".")
	cur := money.Currency(name)
	if _, err := money.Exponent(cur); err != nil {
		l.flaw(Unknown, e.at, fmt.Sprintf("there is no currency %.20q", name), "use an ISO 4217 code in capitals, such as CNY")
		return have
	}
	if end != "min" && end != "max" {
		l.flaw(Unknown, e.at, fmt.Sprintf("there is no key %.40s", e.key), fmt.Sprintf("there are amount.%s.min and amount.%s.max", cur, cur))
		return have
	}
	example := fmt.Sprintf(`a decimal number in quotes: %s = { %s = "50.00" }`, cur, end)
	text := l.text(e, example)
	if text == "" {
		return have
	}
	m, err := money.Parse(text, cur)
	if err != nil {
		hint := example
		if e := (*money.Error)(nil); errors.As(err, &e) {
			hint = e.Hint
		}
		l.flaw(Range, e.val.at, err.Error(), hint)
		return have
	}
	i := slices.IndexFunc(have, func(b band) bool { return b.currency == cur })
	if i < 0 {
		i, have = len(have), append(have, band{cur, 0, money.Max})
	}
	if end == "min" {
		have[i].min = m.Minor
	} else {
		have[i].max = m.Minor
	}
	return have
}

// clock is the seconds since midnight of a time such as "21:30", or -1 after a
// fault. The end of a day is "24:00".
func (l *loader) clock(e entry, last int) int {
	const example = `hours and minutes in quotes, from "00:00" to "24:00"`
	text := l.text(e, example)
	if text == "" {
		return -1
	}
	if text == "24:00" && last == day {
		return day
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		l.flaw(Range, e.val.at, fmt.Sprintf("%.20q is not a time of day", text), example)
		return -1
	}
	return t.Hour()*3600 + t.Minute()*60
}
