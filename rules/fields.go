package rules

import (
	"math"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// kind is the type of an expression. Amounts, spans and plain numbers are all
// integers, and a rule that mixes them up is wrong.
type kind uint8

const (
	boolean  kind = iota
	number        // a count
	amount        // minor units
	span          // seconds
	word          // one of a closed list
	currency      // ISO 4217
	label         // one of the file's own labels
)

var kindNames = [...]string{"a yes or no", "a number", "an amount", "a time span", "a word", "a currency", "a label"}

func (k kind) String() string { return kindNames[k] }

// arithmetic says that values of this kind add up and have an order.
func (k kind) arithmetic() bool { return k == number || k == amount || k == span }

// field is a fact under the name that rules, records and test tables know it by.
type field struct {
	name   string
	kind   kind
	lo, hi int64 // what the fact can be
	words  []string
	get    func(*Case) (int64, bool)
	set    func(*Case, int64)
	num    func(*Case) *Int // of most: spares load a call
}

const (
	nFields       = 42
	fieldAmount   = 0
	fieldCurrency = 1
	fieldLabel    = 40
)

// fields are in the order in which a case is hashed and written. New ones go to
// the end: a case that was recorded before them keeps its hash, because only
// what is known goes into it.
//
// budget: its rows are large and read through pointers
var fields = [nFields]field{
	{"amount", amount, 1, money.Max, nil, getAmount, setAmount, nil},
	{"currency", currency, 0, math.MaxInt64, nil, getCurrency, setCurrency, nil},
	{"flow", word, 1, 3, []string{"", string(sale.Merchant), string(sale.Payer), string(sale.Offline)}, getFlow, setFlow, nil},
	ints("draw", number, 0, 9999, func(c *Case) *Int { return &c.Draw }),
	ints("local.time", span, 0, 86_400-1, func(c *Case) *Int { return &c.Local.Time }),
	words("local.weekday", []string{"", "mon", "tue", "wed", "thu", "fri", "sat", "sun"}, func(c *Case) *Weekday { return &c.Local.Weekday }),
	words("link.state", []string{"", "online", "no_link", "no_dns", "provider_down", "provider_slow", "clock_untrusted"}, func(c *Case) *Connection { return &c.Link.State }),
	ints("link.silence", span, 0, maxFact, func(c *Case) *Int { return &c.Link.Silence }),
	ints("offline.sum", amount, 0, maxFact, func(c *Case) *Int { return &c.Offline.Sum }),
	ints("offline.count", number, 0, maxFact, func(c *Case) *Int { return &c.Offline.Count }),
	ints("offline.oldest", span, 0, maxFact, func(c *Case) *Int { return &c.Offline.Oldest }),
	ints("offline.streak", number, 0, maxFact, func(c *Case) *Int { return &c.Offline.Streak }),
	words("payer.wallet", []string{"", "wechat", "wechat_hk", "alipay", "unionpay", "other"}, func(c *Case) *Wallet { return &c.Payer.Wallet }),
	flags("payer.first_seen", func(c *Case) *Flag { return &c.Payer.FirstSeen }),
	flags("payer.denied", func(c *Case) *Flag { return &c.Payer.Denied }),
	flags("payer.verified", func(c *Case) *Flag { return &c.Payer.Verified }),
	ints("payer.count_1m", number, 0, maxFact, func(c *Case) *Int { return &c.Payer.Count1m }),
	ints("payer.count_10m", number, 0, maxFact, func(c *Case) *Int { return &c.Payer.Count10m }),
	ints("payer.count_1h", number, 0, maxFact, func(c *Case) *Int { return &c.Payer.Count1h }),
	ints("payer.count_1d", number, 0, maxFact, func(c *Case) *Int { return &c.Payer.Count1d }),
	ints("payer.sum_10m", amount, 0, maxFact, func(c *Case) *Int { return &c.Payer.Sum10m }),
	ints("payer.sum_1h", amount, 0, maxFact, func(c *Case) *Int { return &c.Payer.Sum1h }),
	ints("payer.sum_1d", amount, 0, maxFact, func(c *Case) *Int { return &c.Payer.Sum1d }),
	ints("payer.sum_split", amount, 0, maxFact, func(c *Case) *Int { return &c.Payer.SumSplit }),
	ints("payer.declines", number, 0, maxFact, func(c *Case) *Int { return &c.Payer.Declines }),
	ints("till.count_1m", number, 0, maxFact, func(c *Case) *Int { return &c.Till.Count1m }),
	ints("till.count_1h", number, 0, maxFact, func(c *Case) *Int { return &c.Till.Count1h }),
	ints("till.sum_1h", amount, 0, maxFact, func(c *Case) *Int { return &c.Till.Sum1h }),
	ints("till.sum_1d", amount, 0, maxFact, func(c *Case) *Int { return &c.Till.Sum1d }),
	ints("till.declines", number, 0, maxFact, func(c *Case) *Int { return &c.Till.Declines }),
	ints("operator.sales", number, 0, maxFact, func(c *Case) *Int { return &c.Operator.Sales }),
	ints("operator.voids", number, 0, maxFact, func(c *Case) *Int { return &c.Operator.Voids }),
	ints("operator.refunds", number, 0, maxFact, func(c *Case) *Int { return &c.Operator.Refunds }),
	ints("operator.own_refunds", number, 0, maxFact, func(c *Case) *Int { return &c.Operator.OwnRefunds }),
	ints("operator.tiny_sales", number, 0, maxFact, func(c *Case) *Int { return &c.Operator.TinySales }),
	ints("operator.count_10m", number, 0, maxFact, func(c *Case) *Int { return &c.Operator.Count10m }),
	flags("price.cross", func(c *Case) *Flag { return &c.Price.Cross }),
	ints("price.width", number, 0, maxFact, func(c *Case) *Int { return &c.Price.Width }),
	ints("price.left", span, -maxFact, maxFact, func(c *Case) *Int { return &c.Price.Left }),
	ints("price.confidence", number, 0, 100, func(c *Case) *Int { return &c.Price.Confidence }),
	{"intent.label", label, math.MinInt64, math.MaxInt64, nil, getLabel, nil, nil},
	ints("intent.confidence", number, 0, 100, func(c *Case) *Int { return &c.Intent.Confidence }),
}

// maxFact is beyond any counter or sum of a till. A fact outside of its bounds is
// an error of whoever counted, and not known.
const maxFact = 1_000_000_000_000_000

func ints(name string, k kind, lo, hi int64, at func(*Case) *Int) field {
	get := func(c *Case) (int64, bool) {
		i := at(c)
		return i.n, i.known && i.n >= lo && i.n <= hi
	}
	return field{name, k, lo, hi, nil, get, func(c *Case, n int64) { *at(c) = Known(n) }, at}
}

func flags(name string, at func(*Case) *Flag) field {
	get := func(c *Case) (int64, bool) {
		b := *at(c)
		return int64(b) - int64(No), b == No || b == Yes
	}
	return field{name, boolean, 0, 1, nil, get, func(c *Case, n int64) { *at(c) = FlagOf(n != 0) }, nil}
}

func words[T ~uint8](name string, list []string, at func(*Case) *T) field {
	get := func(c *Case) (int64, bool) {
		w := *at(c)
		return int64(w), w != 0 && int(w) < len(list)
	}
	return field{name, word, 1, int64(len(list) - 1), list, get, func(c *Case, n int64) { *at(c) = T(n) }, nil}
}

func getAmount(c *Case) (int64, bool) {
	return c.Amount.Minor, c.Amount.Minor > 0 && c.Amount.Minor <= money.Max && c.Amount.Currency != ""
}

func setAmount(c *Case, n int64) { c.Amount.Minor = n }

func getCurrency(c *Case) (int64, bool) {
	code := pack(c.Amount.Currency)
	return code, code != 0
}

func setCurrency(c *Case, n int64) { c.Amount.Currency = unpack(n) }

// pack is a currency as an integer, 0 if it cannot be one. The form is checked
// here, the table of currencies where a rule names one.
func pack(c money.Currency) int64 {
	if len(c) != 3 {
		return 0
	}
	for i := range 3 {
		if c[i] < 'A' || c[i] > 'Z' {
			return 0
		}
	}
	return int64(c[0])<<16 | int64(c[1])<<8 | int64(c[2])
}

func unpack(n int64) money.Currency {
	return money.Currency([]byte{byte(n >> 16), byte(n >> 8), byte(n)})
}

func getFlow(c *Case) (int64, bool) {
	switch c.Flow {
	case sale.Merchant:
		return 1, true
	case sale.Payer:
		return 2, true
	case sale.Offline:
		return 3, true
	}
	return 0, false
}

func setFlow(c *Case, n int64) {
	c.Flow = [...]sale.Flow{"", sale.Merchant, sale.Payer, sale.Offline}[n]
}

func getLabel(c *Case) (int64, bool) {
	return hashLabel(c.Intent.Label), isLabel(c.Intent.Label)
}

// hashLabel stands for a label among the facts. Two labels of one shop that
// collide in 64 bits would be told apart by no rule; nobody will meet them.
func hashLabel(s string) int64 {
	h := uint64(fnvOffset)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return int64(h)
}

// isLabel keeps sentences out of the records.
func isLabel(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// fieldNamed is the index of a field, or -1.
func fieldNamed(name string) int {
	for i := range fields {
		if fields[i].name == name {
			return i
		}
	}
	return -1
}

// facts are a case as rules are evaluated on it: every fact an integer.
type facts struct {
	v     [nFields]int64
	known uint64
}

func (f *facts) load(c *Case) {
	for i := range fields {
		d := &fields[i]
		var n int64
		var ok bool
		if d.num != nil {
			p := d.num(c)
			n, ok = p.n, p.known && p.n >= d.lo && p.n <= d.hi
		} else {
			n, ok = d.get(c)
		}
		if ok {
			f.v[i] = n
			f.known |= 1 << i
		}
	}
}

const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// hash names the facts. It depends on nothing but them, not on the machine
// either, and it is no proof: the case itself is in the record, and the record
// in a chain. FNV-1a over whole words, folded so that high bits reach low ones.
func (f *facts) hash() Hash64 {
	h := (uint64(fnvOffset) ^ f.known) * fnvPrime
	for i, v := range f.v {
		if f.known>>i&1 == 1 {
			h = (h ^ uint64(v)) * fnvPrime
			h ^= h >> 32
		}
	}
	return Hash64(h)
}
