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

	"qrposd/rules/document"
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
	*tables
	c *Classifier
}

// Load reads a file of intents: all of it or nothing. The error is [document.Faults], and
// name is what they call the file.
func Load(name string, text []byte) (*Classifier, error) {
	l := &loader{tables: readTables(name, text), c: &Classifier{}}
	if l.complete {
		l.top(l.list[0])
		for _, t := range l.list[1:] {
			l.intent(t)
		}
		if len(l.list) == 1 {
			l.Fault(document.Missing, 0, "there is no intent in this file", "begin with [[intent]]")
		}
		if len(l.list) > 1+maxIntents {
			l.Fault(document.TooMuch, l.list[1+maxIntents].At, fmt.Sprintf("more than %d intents", maxIntents), "put words that mean the same into one basket")
		}
	}
	if err := l.Err(); err != nil {
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
	for _, e := range t.Entries {
		switch e.Key {
		case "name":
			name = l.word(e, "", "a-z, 0-9, - and _")
		case "version":
			version = l.word(e, ".", "a-z, 0-9, -, _ and .")
		case "default.label":
			l.c.fallback.Label = l.word(e, "", "a-z, 0-9, - and _")
		case "default.confidence":
			l.c.fallback.Confidence = l.confidence(e)
		case "default":
			l.Fault(document.Type, e.At, "default is a table", `default = { label = "purchase", confidence = 60 }`)
		default:
			l.Fault(document.Unknown, e.At, fmt.Sprintf("there is no key %.40s", e.Key), "there are name, version, default.label, default.confidence and [[intent]]")
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
		if !slices.ContainsFunc(t.Entries, func(e entry) bool { return e.Key == k[0] || e.Key == outer }) {
			l.Fault(document.Missing, t.At, fmt.Sprintf("%s has no %s", of, k[0]), k[1])
		}
	}
}

func (l *loader) intent(t *table) {
	n := intent{}
	conditions := 0
	for _, e := range t.Entries {
		first, rest, _ := strings.Cut(e.Key, ".")
		if slices.Contains([]string{"basket", "amount", "hours", "flow"}, first) {
			conditions++
		}
		switch {
		case e.Key == "label":
			n.verdict.Label = l.word(e, "", "a-z, 0-9, - and _")
		case e.Key == "confidence":
			n.verdict.Confidence = l.confidence(e)
		case e.Key == "basket":
			n.basket = l.basket(e)
		case e.Key == "flow":
			n.flow = l.text(e, `flow = "merchant"`)
			if n.flow != "" && n.flow != "merchant" && n.flow != "payer" {
				l.Fault(document.Unknown, e.Value.At, fmt.Sprintf("flow is never %.40q", n.flow), "there are merchant and payer")
			}
		case e.Key == "hours.from":
			n.hours.from = l.clock(e, day-1)
		case e.Key == "hours.to":
			n.hours.to = l.clock(e, day)
		case first == "amount" && rest != "":
			n.amount = l.band(n.amount, e, rest)
		case e.Key == "amount":
			l.Fault(document.Type, e.At, "amount is a table of currencies", `amount = { CNY = { min = "50.00", max = "500.00" } }`)
		case e.Key == "hours":
			l.Fault(document.Type, e.At, "hours is a table", `hours = { from = "22:00", to = "06:00" }`)
		default:
			l.Fault(document.Unknown, e.At, fmt.Sprintf("there is no key %.40s", e.Key), "there are label, confidence, basket, amount, hours.from, hours.to and flow")
		}
	}
	l.need(t, "the intent", [][2]string{{"label", `label = "gift_card"`}, {"confidence", "confidence = 95"}})
	if conditions == 0 {
		l.Fault(document.Missing, t.At, "the intent matches every sale", "write a basket, an amount, hours or a flow; what is left over is for [default]")
	}
	l.whole(t, &n)
	l.c.intents = append(l.c.intents, n)
}

// whole checks what two keys of an intent say together.
func (l *loader) whole(t *table, n *intent) {
	at := func(key string) int {
		i := slices.IndexFunc(t.Entries, func(e entry) bool { return e.Key == key })
		if i < 0 {
			return -1
		}
		return t.Entries[i].At
	}
	from, to := at("hours.from"), at("hours.to")
	switch {
	case (from < 0) != (to < 0):
		l.Fault(document.Missing, max(from, to), "hours have a beginning and an end", `hours = { from = "22:00", to = "06:00" }`)
	case from >= 0 && n.hours.from == n.hours.to && n.hours.from >= 0:
		l.Fault(document.Range, to, "hours end when they begin", `the whole day is from = "00:00" to = "24:00"`)
	}
	for _, b := range n.amount {
		if b.min > b.max {
			l.Fault(document.Range, at(fmt.Sprintf("amount.%s.max", b.currency)), fmt.Sprintf("no amount of %s is in it", b.currency), "min is at most max")
		}
	}
}

// text is a text, or "" after a fault.
func (l *loader) text(e entry, example string) string {
	switch {
	case e.Value.Kind != document.String:
		l.Fault(document.Type, e.Value.At, fmt.Sprintf("%.40s is a text in quotes", e.Key), example)
	case e.Value.Text == "":
		l.Fault(document.Range, e.Value.At, fmt.Sprintf("%.40s is empty", e.Key), example)
	default:
		return e.Value.Text
	}
	return ""
}

// word is a text that goes into a record: short, and the same in every alphabet.
func (l *loader) word(e entry, more, letters string) string {
	s := l.text(e, e.Key+` = "..."`)
	if len(s) > maxName || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_"+more) != "" {
		l.Fault(document.Range, e.Value.At, fmt.Sprintf("%.40q is not a %s", s, e.Key[strings.LastIndexByte(e.Key, '.')+1:]), fmt.Sprintf("1 to %d of %s", maxName, letters))
	}
	return s
}

func (l *loader) confidence(e entry) int {
	n, err := strconv.ParseInt(e.Value.Text, 0, 64)
	switch {
	case e.Value.Kind != document.Integer:
		l.Fault(document.Type, e.Value.At, "confidence is a whole number", "0 to 100, without quotes")
	case err != nil || n < 0 || n > 100:
		l.Fault(document.Range, e.Value.At, fmt.Sprintf("confidence is %.40s", e.Value.Text), "it is between 0 and 100")
	}
	return int(n)
}

func (l *loader) basket(e entry) []string {
	const example = `basket = ["gift_card", "voucher"]`
	if e.Value.Kind != document.List || len(e.Value.List) == 0 {
		l.Fault(document.Type, e.Value.At, "basket is a list of categories", example)
		return nil
	}
	if len(e.Value.List) > maxWords {
		l.Fault(document.TooMuch, e.Value.List[maxWords].At, fmt.Sprintf("more than %d categories", maxWords), "write a second intent with the same label")
		return nil
	}
	var words []string
	for _, v := range e.Value.List {
		s := v.Text
		switch {
		case v.Kind != document.String:
			l.Fault(document.Type, v.At, "a category is a text in quotes", example)
		case !isCategory(s):
			l.Fault(document.Range, v.At, fmt.Sprintf("%.40q is not a category", s), fmt.Sprintf("1 to %d bytes without spaces around them, as the catalogue has it", maxWord))
		case slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, s) }):
			l.Fault(document.Duplicate, v.At, fmt.Sprintf("%.40q is there twice", s), "keep one of them; capitals do not count")
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
		l.Fault(document.Unknown, e.At, fmt.Sprintf("there is no currency %.20q", name), "use an ISO 4217 code in capitals, such as CNY")
		return have
	}
	if end != "min" && end != "max" {
		l.Fault(document.Unknown, e.At, fmt.Sprintf("there is no key %.40s", e.Key), fmt.Sprintf("there are amount.%s.min and amount.%s.max", cur, cur))
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
		l.Fault(document.Range, e.Value.At, err.Error(), hint)
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
		l.Fault(document.Range, e.Value.At, fmt.Sprintf("%.20q is not a time of day", text), example)
		return -1
	}
	return t.Hour()*3600 + t.Minute()*60
}
