package llm

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"qrposd/rules/explain"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Facts are everything about a sale that may reach a model: amounts, counts, times
// of day and words of closed lists. Nobody can be recognised in them. There is no
// text of a person in them, no number of an order, no code, no hash, and nothing of
// a liveness check, not even that there was one. What is not filled in is not sent.
type Facts struct {
	Amount   Int // minor units
	Currency money.Currency
	Flow     sale.Flow
	Local    Local
	Link     Link
	Offline  Offline
	Payer    Payer
	Till     Till
	Operator Operator
	Price    Price
	Intent   Purpose
	Fault    Fault
	Rules    []Label   // ids of the rules that fired
	Asks     []Verdict // what they ask for
	Decision Verdict   // what was decided, for validation
}

// Local is the shop's own time, to the hour.
type Local struct {
	Hour    Int
	Weekday Weekday
}

// Offline is what was sold without the provider's word and is still open.
type Offline struct{ Sum, Count, Oldest, Streak Int }

// Payer counts what was seen of whoever pays, here and without knowing who it is.
type Payer struct {
	Wallet    Wallet
	FirstSeen Flag
	Count1m   Int
	Count10m  Int
	Count1h   Int
	Count1d   Int
	Sum10m    Int // minor units
	Sum1h     Int
	Sum1d     Int
	Declines  Int
}

// Till counts the traffic of this till.
type Till struct{ Count1m, Count1h, Sum1h, Sum1d, Declines Int }

// Operator counts what was done in this shift.
type Operator struct{ Sales, Voids, Refunds, OwnRefunds, TinySales, Count10m Int }

// Price is the projected range of a sale in another currency, in minor units.
type Price struct {
	Cross      Flag
	Low, High  Int
	Width      Int // in basis points of the middle
	Left       Int // seconds until it expires
	Confidence Int // percent
}

// Purpose is what the sale is taken for, and the labels that there are to choose from.
type Purpose struct {
	Label      Label
	Confidence Int     // percent
	Basket     []Label // the categories of what is sold, as the shop's intents name them
	Choices    []Label
}

// Fault is an error of the payment API: its status, its code, and what is left of
// its explanation.
type Fault struct {
	Status Int
	Code   Label
	Words  []FaultWord
}

// FaultWord is a word of the closed vocabulary of refusals ([explain.Words]): no
// name, number or code of anybody is in it. At most maxFaultWords are sent, in their
// order, which is what tells "not sufficient" from "sufficient".
type FaultWord string

const maxFaultWords = 64

// Int is a number that may be not known, as the zero Int is.
type Int struct {
	n     int64
	known bool
}

// Known is the number n.
func Known(n int64) Int { return Int{n, true} }

// maxInt has fewer digits than a payer's code: none fits into a number by mistake.
const maxInt = 10 * money.Max

// Flag is a yes or a no that may be not known, as the zero Flag is.
type Flag string

// The flags.
const (
	No  Flag = "no"
	Yes Flag = "yes"
)

// Weekday is a day of the week.
type Weekday string

// Link is what stands between the till and the payment provider.
type Link string

// Wallet is the scheme of a payer's code.
type Wallet string

// Verdict is what a sale must go through.
type Verdict string

// The verdicts, the mildest first. None says that a sale is paid.
const (
	Allow   Verdict = "allow"
	Review  Verdict = "review"
	Confirm Verdict = "confirm"
	Verify  Verdict = "verify"
	Approve Verdict = "approve"
	Refuse  Verdict = "refuse"
)

var (
	flags    = []string{string(No), string(Yes)}
	flows    = []string{string(sale.Merchant), string(sale.Payer)}
	weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	links    = []string{"online", "no_link", "no_dns", "provider_down", "provider_slow", "clock_untrusted"}
	wallets  = []string{"wechat", "wechat_hk", "alipay", "unionpay", "other"}
	verdicts = []string{string(Allow), string(Review), string(Confirm), string(Verify), string(Approve), string(Refuse)}
)

// Label is a word of the shop's own configuration: the id of a rule, an intent, a
// code of the payment API. It begins with a letter, is at most 32 of a-z, 0-9, -
// and _, and has at most six digits: a payer's code, a telephone number or a hash
// is no label.
type Label string

// Valid says whether l is a label.
func (l Label) Valid() bool { return l.check() == nil && l != "" }

func (l Label) check() error {
	digits := 0
	for i := range len(l) {
		c := l[i]
		switch {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c == '-' || c == '_'):
		case i > 0 && c >= '0' && c <= '9':
			digits++
		default:
			return errLabel
		}
	}
	if len(l) > 32 || digits > 6 {
		return errLabel
	}
	return nil
}

var (
	errLabel  = errors.New("it is not a label: a letter, then a-z, 0-9, - and _, 32 in all with at most six digits")
	errWord   = errors.New("it is not one of the words that there are")
	errNumber = errors.New("it is too large for an amount or a count")
)

// fact is a value under the name that models and records know it by. write appends
// it, or nothing if it is not known.
type fact struct {
	name  string
	write func(*Facts, []byte) ([]byte, error)
}

// facts are in the order in which they are written. What changes least from one
// sale to the next stands first, where a cache of prompts still recognises it.
var facts = []fact{
	{"currency", writeCurrency},
	{"choices", labels(func(f *Facts) []Label { return f.Intent.Choices })},
	{"local.weekday", word(weekdays, func(f *Facts) Weekday { return f.Local.Weekday })},
	{"local.hour", whole(func(f *Facts) Int { return f.Local.Hour })},
	{"link.state", word(links, func(f *Facts) Link { return f.Link })},
	{"offline.sum", whole(func(f *Facts) Int { return f.Offline.Sum })},
	{"offline.count", whole(func(f *Facts) Int { return f.Offline.Count })},
	{"offline.oldest", whole(func(f *Facts) Int { return f.Offline.Oldest })},
	{"offline.streak", whole(func(f *Facts) Int { return f.Offline.Streak })},
	{"till.count_1m", whole(func(f *Facts) Int { return f.Till.Count1m })},
	{"till.count_1h", whole(func(f *Facts) Int { return f.Till.Count1h })},
	{"till.sum_1h", whole(func(f *Facts) Int { return f.Till.Sum1h })},
	{"till.sum_1d", whole(func(f *Facts) Int { return f.Till.Sum1d })},
	{"till.declines", whole(func(f *Facts) Int { return f.Till.Declines })},
	{"operator.sales", whole(func(f *Facts) Int { return f.Operator.Sales })},
	{"operator.voids", whole(func(f *Facts) Int { return f.Operator.Voids })},
	{"operator.refunds", whole(func(f *Facts) Int { return f.Operator.Refunds })},
	{"operator.own_refunds", whole(func(f *Facts) Int { return f.Operator.OwnRefunds })},
	{"operator.tiny_sales", whole(func(f *Facts) Int { return f.Operator.TinySales })},
	{"operator.count_10m", whole(func(f *Facts) Int { return f.Operator.Count10m })},
	{"flow", word(flows, func(f *Facts) sale.Flow { return f.Flow })},
	{"amount", whole(func(f *Facts) Int { return f.Amount })},
	{"basket", labels(func(f *Facts) []Label { return f.Intent.Basket })},
	{"payer.wallet", word(wallets, func(f *Facts) Wallet { return f.Payer.Wallet })},
	{"payer.first_seen", word(flags, func(f *Facts) Flag { return f.Payer.FirstSeen })},
	{"payer.count_1m", whole(func(f *Facts) Int { return f.Payer.Count1m })},
	{"payer.count_10m", whole(func(f *Facts) Int { return f.Payer.Count10m })},
	{"payer.count_1h", whole(func(f *Facts) Int { return f.Payer.Count1h })},
	{"payer.count_1d", whole(func(f *Facts) Int { return f.Payer.Count1d })},
	{"payer.sum_10m", whole(func(f *Facts) Int { return f.Payer.Sum10m })},
	{"payer.sum_1h", whole(func(f *Facts) Int { return f.Payer.Sum1h })},
	{"payer.sum_1d", whole(func(f *Facts) Int { return f.Payer.Sum1d })},
	{"payer.declines", whole(func(f *Facts) Int { return f.Payer.Declines })},
	{"price.cross", word(flags, func(f *Facts) Flag { return f.Price.Cross })},
	{"price.low", whole(func(f *Facts) Int { return f.Price.Low })},
	{"price.high", whole(func(f *Facts) Int { return f.Price.High })},
	{"price.width", whole(func(f *Facts) Int { return f.Price.Width })},
	{"price.left", whole(func(f *Facts) Int { return f.Price.Left })},
	{"price.confidence", whole(func(f *Facts) Int { return f.Price.Confidence })},
	{"intent.label", label(func(f *Facts) Label { return f.Intent.Label })},
	{"intent.confidence", whole(func(f *Facts) Int { return f.Intent.Confidence })},
	{"fault.status", whole(func(f *Facts) Int { return f.Fault.Status })},
	{"fault.code", label(func(f *Facts) Label { return f.Fault.Code })},
	{"fault.words", writeFaultWords},
	{"rules", labels(func(f *Facts) []Label { return f.Rules })},
	{"asks", writeAsks},
	{"decision", word(verdicts, func(f *Facts) Verdict { return f.Decision })},
}

// encode is the canonical JSON of what is known, and the names of it.
func (f *Facts) encode() (b []byte, sent []string, err error) {
	b = make([]byte, 1, 512)
	b[0] = '{'
	for _, fact := range facts {
		head := len(b)
		if head > 1 {
			b = append(b, ',')
		}
		b = append(appendText(b, fact.name), ':')
		empty := len(b)
		if b, err = fact.write(f, b); err != nil {
			return nil, nil, fmt.Errorf("llm: %s: %w", fact.name, err)
		}
		if len(b) == empty {
			b = b[:head]
			continue
		}
		sent = append(sent, fact.name)
	}
	return append(b, '}'), sent, nil
}

func whole(at func(*Facts) Int) func(*Facts, []byte) ([]byte, error) {
	return func(f *Facts, b []byte) ([]byte, error) {
		i := at(f)
		switch {
		case !i.known:
			return b, nil
		case i.n > maxInt || i.n < -maxInt:
			return b, errNumber
		}
		return strconv.AppendInt(b, i.n, 10), nil
	}
}

func word[T ~string](list []string, at func(*Facts) T) func(*Facts, []byte) ([]byte, error) {
	return func(f *Facts, b []byte) ([]byte, error) {
		w := string(at(f))
		switch {
		case w == "":
			return b, nil
		case !slices.Contains(list, w):
			return b, errWord
		}
		return appendText(b, w), nil
	}
}

func label(at func(*Facts) Label) func(*Facts, []byte) ([]byte, error) {
	return func(f *Facts, b []byte) ([]byte, error) {
		l := at(f)
		if l == "" {
			return b, nil
		}
		return appendText(b, string(l)), l.check()
	}
}

func labels(at func(*Facts) []Label) func(*Facts, []byte) ([]byte, error) {
	return func(f *Facts, b []byte) ([]byte, error) {
		return list(b, at(f), Label.check)
	}
}

func writeAsks(f *Facts, b []byte) ([]byte, error) {
	return list(b, f.Asks, func(v Verdict) error {
		if !slices.Contains(verdicts, string(v)) {
			return errWord
		}
		return nil
	})
}

// writeFaultWords holds every word against the vocabulary once more: whoever fills
// in the facts may have taken them from the text.
func writeFaultWords(f *Facts, b []byte) ([]byte, error) {
	if len(f.Fault.Words) == 0 {
		return b, nil
	}
	if len(f.Fault.Words) > maxFaultWords {
		return b, errNumber
	}
	list := make([]string, len(f.Fault.Words))
	for i, w := range f.Fault.Words {
		if list[i] = string(w); !explain.InVocabulary(list[i]) {
			return b, errWord
		}
	}
	return append(b, texts(list)...), nil
}

func writeCurrency(f *Facts, b []byte) ([]byte, error) {
	if f.Currency == "" {
		return b, nil
	}
	if _, err := money.Exponent(f.Currency); err != nil {
		return b, errWord
	}
	return appendText(b, string(f.Currency)), nil
}

// list writes words in alphabetical order: they are sets, and the same set is the
// same bytes.
func list[T ~string](b []byte, words []T, check func(T) error) ([]byte, error) {
	if len(words) == 0 {
		return b, nil
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(words)))
	b = append(b, '[')
	for i, w := range sorted {
		if err := check(w); err != nil || w == "" {
			return b, errors.Join(err, errWord)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, string(w))
	}
	return append(b, ']'), nil
}

// factNames are the names of all facts.
func factNames() []string {
	names := make([]string, len(facts))
	for i, f := range facts {
		names[i] = f.name
	}
	return names
}
