package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"qrposd/daemon/api"
	"qrposd/daemon/bill"
	"qrposd/daemon/wechat"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
)

// around is how far before and after a day something of it may have been recorded.
const around = 36 * time.Hour

// compare has a day's bill and holds it against the books. Where there is an error
// nothing is known of the day.
func (b *bills) compare(ctx context.Context, d *store.BillDay) ([]store.Case, error) {
	day, err := time.ParseInLocation(time.DateOnly, d.Date, beijing)
	if err != nil {
		return nil, err
	}
	sales, err := b.touched(ctx, day)
	if err != nil {
		return nil, err
	}
	var result bill.Result
	d.File, d.SHA1, err = b.download(ctx, d.Date)
	var refused *wechat.BillError
	switch {
	case errors.As(err, &refused) && refused.Absent:
		if result, err = b.without(day, sales); err != nil {
			return nil, err
		}
		if len(result.Differences) > 0 {
			return nil, refused
		}
		d.Code, d.Reason = "bill_none", "nothing was sold on that day, and the provider has no bill of it"
	case err != nil:
		return nil, err
	default:
		if result, err = b.hold(*d, day, sales); err != nil {
			return nil, err
		}
	}
	if err := b.overdue(d, day, &result, sales); err != nil {
		return nil, err
	}
	if len(result.Differences) > maxCases {
		return nil, &bill.Error{Code: bill.CodeForeign, Message: fmt.Sprintf("more than %d of its rows and the shop's do not agree", maxCases), Hint: "see whether merchant, day and shop are the ones that the bill is of"}
	}
	found := make([]store.Case, 0, len(result.Differences))
	for _, one := range result.Differences {
		c, err := b.ask(ctx, d, one)
		if err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	d.Done = true
	d.Result, err = json.Marshal(summary(result))
	return found, err
}

// touched are the sales of which something was recorded around a day. The journal is
// read from where it stood when the bill of an earlier day was looked for.
func (b *bills) touched(ctx context.Context, day time.Time) (map[sale.ID]bool, error) {
	from, to := day.Add(-around), day.Add(24*time.Hour+around)
	known, err := b.db.Bills("")
	if err != nil {
		return nil, err
	}
	after := uint64(0)
	for _, d := range known {
		if d.At.Before(from) {
			after = max(after, d.Seq)
		}
	}
	sales := make(map[sale.ID]bool)
	for ctx.Err() == nil {
		list, err := b.db.Journal(after, 256)
		if err != nil || len(list) == 0 {
			return sales, err
		}
		for _, e := range list {
			if e.Event.Wall.After(from) && e.Event.Wall.Before(to) {
				sales[e.Sale] = true
			}
		}
		after = list[len(list)-1].Seq
	}
	return nil, ctx.Err()
}

func (b *bills) entries(sales map[sale.ID]bool) iter.Seq2[bill.Entry, error] {
	return func(yield func(bill.Entry, error) bool) {
		for id := range sales {
			s, err := b.db.Sale(id)
			if err != nil {
				yield(bill.Entry{}, err)
				return
			}
			for e := range bill.Entries(s) {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func (b *bills) comparison(day time.Time, digest string) bill.Comparison {
	c := bill.Comparison{Day: day, Digest: digest, Merchant: b.merchant}
	if !b.conf.SoleTill {
		c.Ours = func(no string) bool { _, ours := b.sale(no); return ours }
	}
	return c
}

// sale is the sale that an order number would be of: it begins with the till's name
// and the day and has one length.
func (b *bills) sale(no string) (sale.ID, bool) {
	rest, ours := strings.CutPrefix(no, b.till)
	if !ours || len(rest) != 6+5+11+1 {
		return "", false
	}
	_, err := time.Parse("060102", rest[:6])
	return sale.ID(no[:len(no)-1]), err == nil
}

// hold compares. Rows of sales that were not touched around the day, such as money
// that came very late, are looked up by their number.
func (b *bills) hold(d store.BillDay, day time.Time, sales map[sale.ID]bool) (bill.Result, error) {
	for again := true; ; again = false {
		f, err := os.Open(d.File)
		if err != nil {
			return bill.Result{}, err
		}
		result, err := b.comparison(day, d.SHA1).Compare(f, b.entries(sales))
		if err = errors.Join(err, f.Close()); err != nil || !again {
			return result, err
		}
		more := false
		for _, one := range result.Differences {
			id, ours := b.sale(one.OrderNo)
			if one.Class != bill.OnlyThere || !ours || sales[id] {
				continue
			}
			if _, err := b.db.Sale(id); err == nil {
				sales[id], more = true, true
			}
		}
		if !more {
			return result, nil
		}
	}
}

// without is the comparison with no bill at all.
func (b *bills) without(day time.Time, sales map[sale.ID]bool) (bill.Result, error) {
	text, digest := bill.None()
	return b.comparison(day, digest).Compare(strings.NewReader(text), b.entries(sales))
}

// overdue makes differences of what was pending in a neighbouring day's bill as well
// and can be in no other.
func (b *bills) overdue(d *store.BillDay, day time.Time, result *bill.Result, sales map[sale.ID]bool) error {
	before, after := day.AddDate(0, 0, -1).Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly)
	known, err := b.db.Bills(before)
	if err != nil {
		return err
	}
	var beside []string
	for _, other := range known {
		if other.Done && (other.Date == before || other.Date == after) {
			beside = append(beside, other.Pending...)
		}
	}
	last := make(map[string]bool) // what can be in no later bill
	for e, err := range b.entries(sales) {
		if err != nil {
			return err
		}
		// Where nobody knows until when it may have happened, it is awaited for one day.
		over := e.To.Add(bill.DefaultSkew).Before(day.AddDate(0, 0, 1))
		if e.To.IsZero() {
			over = e.From.In(beijing).Format(time.DateOnly) == before
		}
		last[pendingName(e.Kind, e.No)] = over
	}
	d.Pending = []string{}
	for _, one := range result.Pending {
		switch name := pendingName(one.Kind, one.No); {
		case slices.Contains(beside, name) && last[name]:
			result.Differences = append(result.Differences, one.Overdue())
		default:
			d.Pending = append(d.Pending, name)
		}
	}
	return nil
}

func pendingName(k bill.Kind, no string) string { return string(k) + " " + no }

// ask makes a case of a difference. What only the shop has is asked about first: the
// provider's answer is part of the case, and is put down nowhere else.
func (b *bills) ask(ctx context.Context, d *store.BillDay, one bill.Difference) (store.Case, error) {
	amount := one.There
	if one.Class == bill.OnlyHere || amount.Currency == "" {
		amount = one.Here
	}
	c := store.Case{
		Kind: store.BillDifference, Subject: string(one.What) + "|" + string(one.Kind) + "|" + one.No, Sale: one.Sale, OrderNo: one.OrderNo, Next: store.CaseStep(one.Next),
		Data: map[string]string{
			"code": string(one.What), "class": string(one.Class), "of": string(one.Kind), "no": one.No, "day": d.Date,
			"minor": strconv.FormatInt(amount.Minor, 10), "currency": string(amount.Currency),
		},
	}
	for name, m := range map[string]money.Money{"here": one.Here, "there": one.There} {
		if m.Currency != "" {
			c.Data[name] = m.String()
		}
	}
	if one.Class != bill.OnlyHere {
		return c, nil
	}
	s, err := b.db.Sale(one.Sale)
	if err != nil {
		return c, err
	}
	step := sale.Step{Do: sale.Query, OrderNo: one.OrderNo}
	if one.Kind == bill.Return {
		step.Do, step.RefundNo = sale.QueryRefund, one.No
	}
	req, err := b.orders.Prepare(step, s, sale.PayerCode{})
	if err != nil {
		return c, err
	}
	ev := b.orders.Do(ctx, step, s, req)
	if ev.Kind == sale.Unclear && d.Tries < billTrouble {
		return c, &wechat.BillError{Code: "bill_no_answer", Message: "the provider did not say what became of " + one.No, Hint: "the till tries again by itself"}
	}
	c.Data["provider"] = string(ev.Kind)
	return c, nil
}

// summary is what is kept of a comparison.
func summary(r bill.Result) api.BillResult {
	out := api.BillResult{Rows: r.Rows, Others: r.Others, Agreed: r.Agreed, Differences: len(r.Differences), Fee: r.Fee.String(), Sums: []api.BillSum{}}
	for _, s := range r.There {
		out.Sums = append(out.Sums, api.BillSum{
			Currency: s.Currency, Paid: money.Money{Minor: s.Paid, Currency: s.Currency}.Decimal(), Refunded: money.Money{Minor: s.Refunded, Currency: s.Currency}.Decimal(),
		})
	}
	for _, one := range r.Differences[:min(len(r.Differences), 100)] {
		out.Listed = append(out.Listed, api.BillDifference{
			Code: string(one.What), Class: string(one.Class), Kind: string(one.Kind), No: one.No, OrderNo: one.OrderNo, Sale: one.Sale, Here: one.Here.Decimal(), There: one.There.Decimal(), Next: string(one.Next),
			Text: api.Text{En: one.Message, Zh: one.Chinese}, Hint: api.Text{En: one.Hint, Zh: one.ZhHint},
		})
	}
	return out
}
