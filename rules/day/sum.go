package day

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"slices"
	"sort"
	"strings"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// X is a look at the period so far. Of each part no more is kept than what does not
// agree yet: a till whose day nobody closes for a year is added up in the memory of a till.
func (d Day) X(parts iter.Seq[Part]) (Report, error) {
	if err := d.check(); err != nil {
		return Report{}, err
	}
	s := sums{Day: d, rows: make(map[row]*Row), totals: make(map[money.Currency]*Total), orders: make(map[order]*moved), agreed: make(map[money.Currency]int64), exposed: make(map[Exposed]*Exposed)}
	s.report = Report{
		Kind: X, Till: d.Till, Number: d.Number, Began: d.Began, Ended: d.Ended, Head: d.Head,
		Rows: []Row{}, Totals: []Total{}, Drawers: []Count{}, Exposed: []Exposed{}, Missing: []Missing{},
	}
	for p := range parts {
		if err := s.part(p); err != nil {
			return Report{}, err
		}
	}
	if err := errors.Join(s.drawers(), s.equation()); err != nil {
		return Report{}, err
	}
	return s.finish(), nil
}

// Z closes the period, or says in an Unbalanced what keeps it open.
func (d Day) Z(parts iter.Seq[Part]) (Report, error) {
	if d.Head.Link == "" || d.Number < 1 {
		return Report{}, fault("day_head", "this is an error of the program: keep the journal", "a day is closed under a number and with the head of the journal")
	}
	r, err := d.X(parts)
	if err != nil {
		return Report{}, err
	}
	if !r.Balanced {
		return Report{}, &Unbalanced{r.Missing}
	}
	r.Kind = Z
	return r, nil
}

type row struct {
	operator string
	method   Method
	state    string
	currency money.Currency
}

// order is one order's money in one currency, at the provider or in the shop's own
// account.
type order struct {
	sale     sale.ID
	no       string
	currency money.Currency
	account  sale.Account
}

// moved is what an order moved to the shop, as its sale and as the journal has it.
type moved struct {
	here, posted int64
	operator     string
	state        string
}

type sums struct {
	Day
	report Report
	rows   map[row]*Row
	totals map[money.Currency]*Total
	orders map[order]*moved
	seen   map[sale.ID]bool         // in this part
	agreed map[money.Currency]int64 // posted to the provider's account for orders that agreed

	exposed map[Exposed]*Exposed // by state and currency
}

func (s *sums) part(p Part) error {
	s.seen = make(map[sale.ID]bool)
	for r, err := range p.Records {
		if err == nil {
			err = s.record(r)
		}
		if err != nil {
			return err
		}
	}
	for l, err := range p.Legs {
		if err == nil {
			err = s.post(l)
		}
		if err != nil {
			return err
		}
	}
	return s.agree()
}

// agree forgets the orders of which sale and journal say the same. One that has more in
// another part begins again there, and differs by what that says more.
func (s *sums) agree() error {
	for k, m := range s.orders {
		if m.posted != m.here {
			continue
		}
		if k.account == sale.Provider {
			sum := s.agreed[k.currency]
			if err := plus(&sum, m.posted); err != nil {
				return err
			}
			s.agreed[k.currency] = sum
		}
		delete(s.orders, k)
	}
	return nil
}

// plus adds to a sum, which may not overflow.
func plus(to *int64, n int64) error {
	sum, err := money.Money{Minor: *to}.Add(money.Money{Minor: n})
	*to = sum.Minor
	return err
}

func (s *sums) row(k row) *Row {
	r := s.rows[k]
	if r == nil {
		r = &Row{Operator: k.operator, Method: k.method, State: k.state, Currency: k.currency}
		s.rows[k] = r
	}
	return r
}

func (s *sums) total(c money.Currency) *Total {
	t := s.totals[c]
	if t == nil {
		t = &Total{Currency: c}
		s.totals[c] = t
	}
	return t
}

func (s *sums) order(k order) *moved {
	m := s.orders[k]
	if m == nil {
		m = &moved{}
		s.orders[k] = m
	}
	return m
}

// record adds what a sale did in the period.
func (s *sums) record(r Record) error {
	before, after := &r.Before, &r.After
	if s.seen[after.ID] || before.ID != "" && before.ID != after.ID {
		return fault("day_sale", "this is an error of the program: keep the journal", "sale %.40s is there twice, or is another one than before", after.ID)
	}
	s.seen[after.ID] = true
	if r.Method == "" {
		r.Method = MethodOf(*after)
	}
	k := row{after.Operator, r.Method, after.State.String(), after.Amount.Currency}
	if before.ID == "" {
		s.row(k).Sales++
	}
	for i := range after.Attempts {
		a := &after.Attempts[i]
		was := before.Attempt(a.OrderNo)
		switch {
		case a.End == sale.Open:
			s.doubt(after, a)
		case a.End == sale.EndPaid && (was == nil || was.End != sale.EndPaid):
			if err := s.paid(k, after, a.OrderNo); err != nil {
				return err
			}
		}
	}
	if err := s.own(k, before, after); err != nil {
		return err
	}
	for i := range after.Refunds {
		f := &after.Refunds[i]
		was := before.Refund(f.No)
		switch {
		case f.State == sale.RefundPaid && (was == nil || was.State != sale.RefundPaid):
			k.operator = cmp.Or(f.By, after.Operator)
			if err := s.refunded(k, after, f); err != nil {
				return err
			}
		case f.State == sale.RefundOwed || f.State == sale.RefundWorking || f.State == sale.RefundHeld:
			if err := plus(&s.total(f.Amount.Currency).Owed, f.Amount.Minor); err != nil {
				return err
			}
		}
	}
	return nil
}

// own adds a sale without the provider: what a receipt says that came in the period,
// and what nobody has found a receipt of.
func (s *sums) own(k row, before, after *sale.Sale) error {
	if after.Exposed() {
		at := Exposed{State: k.state, Currency: k.currency}
		if s.exposed[at] == nil {
			s.exposed[at] = &Exposed{State: k.state, Currency: k.currency}
		}
		e := s.exposed[at]
		e.Sales++
		return plus(&e.Sum, after.Amount.Minor)
	}
	n := after.Banked() - before.Banked()
	if n == 0 {
		return nil
	}
	r, t := s.row(k), s.total(k.currency)
	r.Payments++
	m := s.order(order{after.ID, string(after.ID), k.currency, sale.Bank})
	m.operator, m.state = after.Operator, after.State.String()
	return errors.Join(plus(&r.Paid, n), plus(&t.Banked, n), plus(&m.here, n))
}

func (s *sums) paid(k row, after *sale.Sale, no string) error {
	r, t := s.row(k), s.total(k.currency)
	r.Payments++
	m := s.order(order{after.ID, no, k.currency, sale.Provider})
	m.operator, m.state = after.Operator, after.State.String()
	n := after.Amount.Minor
	return errors.Join(plus(&r.Paid, n), plus(&t.Paid, n), plus(&m.here, n))
}

func (s *sums) refunded(k row, after *sale.Sale, f *sale.Refund) error {
	r, t := s.row(k), s.total(k.currency)
	r.Refunds++
	m := s.order(order{after.ID, f.OrderNo, k.currency, sale.Provider})
	m.operator, m.state = after.Operator, after.State.String()
	n := f.Amount.Minor
	return errors.Join(plus(&r.Refunded, n), plus(&t.Refunded, n), plus(&m.here, -n))
}

func (s *sums) doubt(after *sale.Sale, a *sale.Attempt) {
	m := missing(InDoubt)
	m.Sale, m.OrderNo, m.Operator, m.Detail, m.Amount = after.ID, a.OrderNo, after.Operator, after.State.String(), after.Amount
	m.Age = int64(max(0, s.Now.Sub(after.Changed)).Seconds())
	s.report.Missing = append(s.report.Missing, m)
}

// post adds a leg of the journal.
func (s *sums) post(l Leg) error {
	if l.Account != sale.Provider && l.Account != sale.Bank {
		return nil
	}
	return plus(&s.order(order{l.Sale, l.OrderNo, l.Amount.Currency, l.Account}).posted, l.Amount.Minor)
}

func (s *sums) drawers() error {
	for _, w := range s.Drawers {
		c := Count{Drawer: w, Expected: w.Float}
		t := s.total(w.Currency)
		for _, n := range []int64{w.Taken, -w.Returned, w.PaidIn, -w.PaidOut} {
			if err := plus(&c.Expected, n); err != nil {
				return err
			}
		}
		if err := errors.Join(plus(&t.Cash, w.Taken), plus(&t.Cash, -w.Returned)); err != nil {
			return err
		}
		if w.Sales > 0 || w.Returns > 0 || w.Taken > 0 || w.Returned > 0 {
			r := s.row(row{w.Operator, Cash, "", w.Currency})
			r.Sales, r.Payments, r.Refunds = r.Sales+w.Sales, r.Payments+w.Sales, r.Refunds+w.Returns
			if err := errors.Join(plus(&r.Paid, w.Taken), plus(&r.Refunded, w.Returned)); err != nil {
				return err
			}
		}
		if w.Counted == nil {
			m := missing(Uncounted)
			m.Operator, m.Amount = w.Operator, money.Money{Minor: c.Expected, Currency: w.Currency}
			s.report.Missing = append(s.report.Missing, m)
		} else {
			over := *w.Counted
			if err := plus(&over, -c.Expected); err != nil {
				return err
			}
			c.Over = &over
		}
		s.report.Drawers = append(s.report.Drawers, c)
	}
	return nil
}

// equation holds the orders and the balances against the journal.
func (s *sums) equation() error {
	rest := make(map[money.Currency]int64) // opening and postings less closing
	add := func(c money.Currency, n int64) error {
		sum := rest[c]
		err := plus(&sum, n)
		rest[c] = sum
		return err
	}
	for _, b := range s.Opening {
		s.total(b.Currency).Opening = b.Minor
		if err := add(b.Currency, b.Minor); err != nil {
			return err
		}
	}
	for c, n := range s.agreed {
		if err := add(c, n); err != nil {
			return err
		}
	}
	for k, m := range s.orders {
		if k.account == sale.Provider {
			if err := add(k.currency, m.posted); err != nil {
				return err
			}
		}
		gap := m.posted
		if err := plus(&gap, -m.here); err != nil {
			return err
		}
		item := missing(JournalDiffers)
		item.Sale, item.OrderNo, item.Operator, item.Detail = k.sale, k.no, m.operator, m.state
		item.Amount = money.Money{Minor: gap, Currency: k.currency}
		s.report.Missing = append(s.report.Missing, item)
	}
	for _, b := range s.Closing {
		s.total(b.Currency).Closing = b.Minor
		if err := add(b.Currency, -b.Minor); err != nil {
			return err
		}
	}
	for c, n := range rest {
		if n != 0 {
			item := missing(BalanceDiffers)
			item.Amount = money.Money{Minor: n, Currency: c}
			s.report.Missing = append(s.report.Missing, item)
		}
	}
	for _, u := range s.Unsettled {
		item := missing(BillDiffers)
		item.Sale, item.OrderNo, item.Detail, item.Amount = u.Sale, u.OrderNo, u.Code, u.Amount
		s.report.Missing = append(s.report.Missing, item)
	}
	return nil
}

// finish puts everything in an order that depends on nothing but what it is.
func (s *sums) finish() Report {
	r := s.report
	for _, w := range s.rows {
		r.Rows = append(r.Rows, *w)
	}
	sort.SliceStable(r.Rows, func(i, j int) bool {
		a, b := &r.Rows[i], &r.Rows[j]
		return cmp.Or(strings.Compare(a.Operator, b.Operator), cmp.Compare(a.Method, b.Method), cmp.Compare(a.State, b.State), cmp.Compare(a.Currency, b.Currency)) < 0
	})
	for _, c := range slices.Sorted(maps.Keys(s.totals)) {
		r.Totals = append(r.Totals, *s.totals[c])
	}
	for _, e := range s.exposed {
		r.Exposed = append(r.Exposed, *e)
	}
	sort.SliceStable(r.Exposed, func(i, j int) bool {
		a, b := &r.Exposed[i], &r.Exposed[j]
		return cmp.Or(strings.Compare(a.State, b.State), cmp.Compare(a.Currency, b.Currency)) < 0
	})
	sort.SliceStable(r.Missing, func(i, j int) bool {
		a, b := &r.Missing[i], &r.Missing[j]
		return cmp.Or(cmp.Compare(a.Why, b.Why), cmp.Compare(a.Sale, b.Sale), strings.Compare(a.OrderNo, b.OrderNo), cmp.Compare(a.Amount.Currency, b.Amount.Currency)) < 0
	})
	r.Balanced = len(r.Missing) == 0
	return r
}
