package rules

import "qrposd/rules/money"

// Limits bound what a till may sell without the provider. Conditions name them
// (limits.count), and the store counts by them. A limit that is not known is not
// set, which is not the same as 0: no condition can name it.
type Limits struct {
	PerSale     []money.Money // at most one of a currency
	Cumulative  []money.Money // open at the same time, at most one of a currency
	Count       Int           // sales open at the same time
	Offline     Int           // seconds since the provider last answered
	SplitWindow Int           // seconds within which the sales of a payer count as one
	Random      Int           // of 10,000 sales below the limits, picked for a closer look
}

// perCurrency is an amount that depends on the currency of the sale.
type perCurrency struct {
	name string
	rows []perCurrencyRow
}

type perCurrencyRow struct{ cur, minor int64 }

// in is the limit for a sale. A currency without one is broken, not unlimited.
func (p *perCurrency) in(f *facts) (int64, truth) {
	if f.known>>fieldCurrency&1 == 1 {
		for i := range p.rows {
			if p.rows[i].cur == f.v[fieldCurrency] {
				return p.rows[i].minor, yes
			}
		}
	}
	return 0, broken
}

func newPerCurrency(name string, amounts []money.Money) *perCurrency {
	p := &perCurrency{name: name}
	for _, m := range amounts {
		p.rows = append(p.rows, perCurrencyRow{pack(m.Currency), m.Minor})
	}
	return p
}

// limit is what a condition says when it names one of them.
func (l *Limits) limit(name string) (node, bool) {
	plain := func(k kind, i Int) (node, bool) { return node{op: opConst, kind: k, n: i.n}, i.known }
	switch name {
	case "limits.per_sale":
		return node{op: opLimit, kind: amount, limit: newPerCurrency(name, l.PerSale)}, len(l.PerSale) > 0
	case "limits.cumulative":
		return node{op: opLimit, kind: amount, limit: newPerCurrency(name, l.Cumulative)}, len(l.Cumulative) > 0
	case "limits.count":
		return plain(number, l.Count)
	case "limits.offline":
		return plain(span, l.Offline)
	case "limits.split_window":
		return plain(span, l.SplitWindow)
	case "limits.random":
		return plain(number, l.Random)
	}
	return node{}, false
}

var limitNames = []string{"limits.per_sale", "limits.cumulative", "limits.count", "limits.offline", "limits.split_window", "limits.random"}
