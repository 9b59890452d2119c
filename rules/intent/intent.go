package intent

import (
	_ "embed"
	"slices"
	"strings"

	"qrposd/rules/money"
)

// Default is the file of a shop that has none of its own.
//
//go:embed default.toml
var Default []byte

// In is what is known of a sale before it is paid.
type In struct {
	Basket []string    // the categories of what is sold; none if the amount was typed in
	Amount money.Money // what it costs
	Clock  int         // seconds since local midnight; below 0 if the time is not known
	Flow   string      // who shows the code: "merchant" or "payer"
}

// Verdict is what a sale is for, and who says so.
type Verdict struct {
	Label      string
	Confidence int    // 0 to 100
	Version    string // name/version of the file
}

// Classifier is a file of intents. It does not change and may be shared.
type Classifier struct {
	version  string
	intents  []intent
	fallback Verdict
}

// intent is a verdict and the conditions for it: all of those that are set hold.
type intent struct {
	verdict Verdict
	basket  []string
	amount  []band
	hours   hours
	flow    string
}

// band is what an amount of one currency lies in, both ends included.
type band struct {
	currency money.Currency
	min, max int64
}

// hours are seconds since midnight, the last excluded. They go over midnight if
// from is after to, and are not set if both are zero.
type hours struct{ from, to int }

// Classify is the first intent of the file that matches, or else its default.
func (c *Classifier) Classify(in In) Verdict {
	for i := range c.intents {
		if c.intents[i].matches(&in) {
			return c.intents[i].verdict
		}
	}
	return c.fallback
}

// Version is the name and version of the file, with a slash between them.
func (c *Classifier) Version() string { return c.version }

// Labels are those that Classify can give, sorted. A rule that names another one
// never fires.
func (c *Classifier) Labels() []string {
	labels := []string{c.fallback.Label}
	for i := range c.intents {
		labels = append(labels, c.intents[i].verdict.Label)
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

// matches is false where a condition needs what is not known: an intent is a
// claim, and the default is there for sales that nothing can be claimed about.
func (n *intent) matches(in *In) bool {
	return (n.flow == "" || n.flow == in.Flow) &&
		(n.hours == hours{} || n.hours.contain(in.Clock)) &&
		(n.amount == nil || n.costs(in.Amount)) &&
		(n.basket == nil || n.sells(in.Basket))
}

func (n *intent) costs(m money.Money) bool {
	for _, b := range n.amount {
		if b.currency == m.Currency {
			return b.min <= m.Minor && m.Minor <= b.max
		}
	}
	return false
}

func (n *intent) sells(basket []string) bool {
	for _, item := range basket {
		for _, word := range n.basket {
			if strings.EqualFold(item, word) {
				return true
			}
		}
	}
	return false
}

func (h hours) contain(clock int) bool {
	if clock < 0 || clock >= day {
		return false
	}
	if h.from < h.to {
		return h.from <= clock && clock < h.to
	}
	return h.from <= clock || clock < h.to
}

const day = 24 * 60 * 60
