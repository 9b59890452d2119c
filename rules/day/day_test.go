package day

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

func list[T any](items ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, it := range items {
			if !yield(it, nil) {
				return
			}
		}
	}
}

func cny(minor int64) money.Money { return money.Money{Minor: minor, Currency: "CNY"} }

func of(n int64) *int64 { return &n }

// sold is a sale that was paid, at one order.
func sold(id sale.ID, operator string, minor int64) sale.Sale {
	return sale.Sale{
		ID: id, Flow: sale.Merchant, Operator: operator, Amount: cny(minor), State: sale.Paid,
		Attempts: []sale.Attempt{{OrderNo: string(id) + "1", End: sale.EndPaid}},
	}
}

// back is a refund of the sale's first order.
func back(s sale.Sale, minor int64, state sale.RefundState, by string) sale.Sale {
	s.Refunds = append(slices.Clone(s.Refunds), sale.Refund{
		No: fmt.Sprintf("%sR%d", s.Attempts[0].OrderNo, len(s.Refunds)+1), OrderNo: s.Attempts[0].OrderNo, Amount: money.Money{Minor: minor, Currency: s.Amount.Currency},
		State: state, By: by,
	})
	return s
}

// legs are what the journal of the records has.
func legs(records []Record) []Leg {
	var all []Leg
	for _, r := range records {
		for _, p := range sale.Postings(r.Before, r.After) {
			all = append(all, Leg{r.After.ID, p})
		}
	}
	return all
}

var (
	began = time.Date(2026, 3, 5, 8, 0, 0, 0, time.UTC)  // budget: a constant but for its type
	ended = time.Date(2026, 3, 5, 22, 0, 0, 0, time.UTC) // budget: a constant but for its type
)

// example is a day with everything that a day can have and be closed.
func example() (Day, []Record) {
	yesterday := sold("Y", "amy", 1000)
	declined := sale.Sale{ID: "D", Flow: sale.Payer, Operator: "bob", Amount: cny(999), State: sale.Declined, Attempts: []sale.Attempt{{OrderNo: "D1", End: sale.EndRefused}}}
	part := back(back(sold("B", "bob", 2000), 500, sale.RefundPaid, "amy"), 100, sale.RefundHeld, "amy")
	part.State = sale.Refunding
	records := []Record{
		{After: sold("A", "amy", 1280)},
		{After: part},
		{After: declined},
		{Before: yesterday, After: back(yesterday, 1000, sale.RefundPaid, "")},
	}
	records[3].After.State = sale.Refunded
	return Day{
		Till: "T1", Number: 7, Began: began, Ended: ended, Head: Head{Seq: 41, Link: "c0ffee"},
		Opening: []Balance{{"CNY", 5000}}, Closing: []Balance{{"CNY", 5000 + 1280 + 2000 - 500 - 1000}},
		Drawers: []Drawer{{Operator: "amy", Currency: "CNY", Float: 10000, Sales: 2, Taken: 3000, Returns: 1, Returned: 500, PaidIn: 200, PaidOut: 1000, Counted: of(11650)}},
	}, records
}

func TestZ(t *testing.T) {
	d, records := example()
	got, err := d.Z(Whole(list(records...), list(legs(records)...)))
	if err != nil {
		t.Fatal(err)
	}
	want := Report{
		Kind: Z, Till: "T1", Number: 7, Began: began, Ended: ended, Head: Head{Seq: 41, Link: "c0ffee"}, Exposed: []Exposed{}, Missing: []Missing{}, Balanced: true,
		Rows: []Row{
			{Operator: "amy", Method: Cash, Currency: "CNY", Sales: 2, Payments: 2, Paid: 3000, Refunds: 1, Refunded: 500},
			{Operator: "amy", Method: QR, State: "paid", Currency: "CNY", Sales: 1, Payments: 1, Paid: 1280},
			{Operator: "amy", Method: QR, State: "refunded", Currency: "CNY", Refunds: 1, Refunded: 1000},
			{Operator: "amy", Method: QR, State: "refunding", Currency: "CNY", Refunds: 1, Refunded: 500},
			{Operator: "bob", Method: QR, State: "refunding", Currency: "CNY", Sales: 1, Payments: 1, Paid: 2000},
			{Operator: "bob", Method: Code, State: "declined", Currency: "CNY", Sales: 1},
		},
		Totals:  []Total{{Currency: "CNY", Opening: 5000, Paid: 3280, Refunded: 1500, Closing: 6780, Owed: 100, Cash: 2500}},
		Drawers: []Count{{Drawer: d.Drawers[0], Expected: 11700, Over: of(-50)}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
	x, err := d.X(Whole(list(records...), list(legs(records)...)))
	if x.Kind = Z; err != nil || !reflect.DeepEqual(x, want) {
		t.Errorf("the X report of the same moment is another: %v %+v", err, x)
	}
}

// What keeps a day open, one at a time.
func TestUnbalanced(t *testing.T) {
	type change func(d *Day, records []Record, legs []Leg) ([]Record, []Leg)
	for name, tt := range map[string]struct {
		change change
		want   Missing
	}{
		"in doubt": {func(d *Day, r []Record, l []Leg) ([]Record, []Leg) {
			d.Now = sale.Instant(90 * time.Second)
			doubt := sale.Sale{ID: "Q", Flow: sale.Payer, Operator: "bob", Amount: cny(5), State: sale.InDoubt, Changed: sale.Instant(30 * time.Second), Attempts: []sale.Attempt{{OrderNo: "Q1"}}}
			return append(r, Record{After: doubt}), l
		}, Missing{Why: InDoubt, Sale: "Q", OrderNo: "Q1", Operator: "bob", Detail: "in_doubt", Amount: cny(5), Age: 60}},
		"not posted": {func(_ *Day, r []Record, l []Leg) ([]Record, []Leg) {
			return append(r, Record{After: sold("N", "amy", 70)}), l
		}, Missing{Why: JournalDiffers, Sale: "N", OrderNo: "N1", Operator: "amy", Detail: "paid", Amount: cny(-70)}},
		"posted, no sale": {func(d *Day, r []Record, l []Leg) ([]Record, []Leg) {
			d.Closing = []Balance{{"CNY", 6780 + 33}}
			return r, append(l, Leg{"G", sale.Posting{Account: sale.Provider, Amount: cny(33), OrderNo: "G1"}})
		}, Missing{Why: JournalDiffers, Sale: "G", OrderNo: "G1", Amount: cny(33)}},
		"the balance before": {func(d *Day, r []Record, l []Leg) ([]Record, []Leg) {
			d.Opening = []Balance{{"CNY", 5001}}
			return r, l
		}, Missing{Why: BalanceDiffers, Amount: cny(1)}},
		"a balance from nowhere": {func(d *Day, r []Record, l []Leg) ([]Record, []Leg) {
			d.Closing = append(d.Closing, Balance{"JPY", 4})
			return r, l
		}, Missing{Why: BalanceDiffers, Amount: money.Money{Minor: -4, Currency: "JPY"}}},
		"not counted": {func(d *Day, r []Record, l []Leg) ([]Record, []Leg) {
			d.Drawers[0].Counted = nil
			return r, l
		}, Missing{Why: Uncounted, Operator: "amy", Amount: cny(11700)}},
		"the bill": {func(d *Day, r []Record, l []Leg) ([]Record, []Leg) {
			d.Unsettled = []Unsettled{{"payment_unknown_here", "", "X1", cny(8)}}
			return r, l
		}, Missing{Why: BillDiffers, OrderNo: "X1", Detail: "payment_unknown_here", Amount: cny(8)}},
	} {
		d, records := example()
		r, l := tt.change(&d, records, legs(records))
		got, err := d.Z(Whole(list(r...), list(l...)))
		var u *Unbalanced
		if !errors.As(err, &u) || !reflect.DeepEqual(got, Report{}) || len(u.Missing) != 1 {
			t.Errorf("%s: %v %+v", name, err, got)
			continue
		}
		m := u.Missing[0]
		if m.Message == "" || m.Hint == "" || m.Chinese == "" || m.ZhHint == "" {
			t.Errorf("%s says nothing: %+v", name, m)
		}
		m.Message, m.Hint, m.Chinese, m.ZhHint = "", "", "", ""
		if m != tt.want {
			t.Errorf("%s: %+v\nwant %+v", name, m, tt.want)
		}
		x, err := d.X(Whole(list(r...), list(l...)))
		if err != nil || x.Balanced || !reflect.DeepEqual(x.Missing, u.Missing) {
			t.Errorf("%s: the X report says %v %+v", name, err, x.Missing)
		}
	}
}

// Two errors that cancel each other are two errors.
func TestErrorsThatCancel(t *testing.T) {
	d, records := example()
	l := legs(records)
	for i := range l {
		if l[i].Account == sale.Provider && l[i].Sale == "A" {
			l[i].Amount.Minor += 5
		}
		if l[i].Account == sale.Provider && l[i].Sale == "Y" {
			l[i].Amount.Minor -= 5
		}
	}
	_, err := d.Z(Whole(list(records...), list(l...)))
	var u *Unbalanced
	if !errors.As(err, &u) || len(u.Missing) != 2 || u.Missing[0].Amount != cny(5) || u.Missing[1].Amount != cny(-5) {
		t.Errorf("%v", err)
	}
}

func TestFaults(t *testing.T) {
	broken := errors.New("cannot be read")
	for name, tt := range map[string]struct {
		change func(*Day)
		code   string
	}{
		"no head":           {func(d *Day) { d.Head.Link = "" }, "day_head"},
		"no number":         {func(d *Day) { d.Number = 0 }, "day_head"},
		"a clock set back":  {func(d *Day) { d.Ended = d.Began.Add(-1) }, "day_order"},
		"two balances":      {func(d *Day) { d.Opening = append(d.Opening, d.Opening[0]) }, "day_balance"},
		"a negative float":  {func(d *Day) { d.Drawers[0].Float = -1 }, "drawer_negative"},
		"a negative count":  {func(d *Day) { d.Drawers[0].Counted = of(-1) }, "drawer_negative"},
		"a negative return": {func(d *Day) { d.Drawers[0].Returns = -1 }, "drawer_negative"},
		"a currency":        {func(d *Day) { d.Drawers[0].Currency = "XXX" }, string(money.Unknown)},
		"another currency":  {func(d *Day) { d.Closing[0].Currency = "XXX" }, string(money.Unknown)},
		"an overflow":       {func(d *Day) { d.Drawers[0].Float, d.Drawers[0].Taken = math.MaxInt64, 1 }, string(money.Overflow)},
	} {
		d, records := example()
		tt.change(&d)
		got, err := d.Z(Whole(list(records...), list(legs(records)...)))
		code := ""
		if f := (*Fault)(nil); errors.As(err, &f) && f.Message != "" && f.Hint != "" {
			code = f.Code
		}
		if e := (*money.Error)(nil); errors.As(err, &e) {
			code = string(e.Code)
		}
		if code != tt.code || !reflect.DeepEqual(got, Report{}) {
			t.Errorf("%s: %v %+v", name, err, got)
		}
	}
	d, records := example()
	if _, err := d.X(Whole(list(append(records, records[0])...), list(legs(records)...))); err == nil {
		t.Error("a sale twice")
	}
	if _, err := d.X(Whole(func(yield func(Record, error) bool) { yield(Record{}, broken) }, list[Leg]())); err != broken {
		t.Errorf("records that break off: %v", err)
	}
	if _, err := d.X(Whole(list(records...), func(yield func(Leg, error) bool) { yield(Leg{}, broken) })); err != broken {
		t.Errorf("a journal that breaks off: %v", err)
	}
}

func TestJSON(t *testing.T) {
	d, records := example()
	d.Unsettled = []Unsettled{{"payment_unknown_here", "", "X1", cny(8)}}
	want, err := d.X(Whole(list(records...), list(legs(records)...)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\n%+v", err, got, want)
	}
	for _, part := range []string{`"kind":"X"`, `"head":{"seq":41,"link":"c0ffee"}`, `"over":-50`, `"balanced":false`, `"code":"bill_differs"`} {
		if !bytes.Contains(b, []byte(part)) {
			t.Errorf("%s is not in %s", part, b)
		}
	}
}

func TestCSV(t *testing.T) {
	d, records := example()
	records[0].After.Operator = "=HYPERLINK(\"x\"),\"y\"\r\n"
	d.Unsettled = []Unsettled{{"payment_unknown_here", "", "X1", cny(8)}}
	report, err := d.X(Whole(list(records...), list(legs(records)...)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	table, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(line []string, column string) string { return line[slices.Index(columns, column)] }
	kinds, paid := map[string]int{}, int64(0)
	for _, line := range table[1:] {
		kinds[at(line, "record")]++
		if at(line, "head") != "c0ffee" || at(line, "head_seq") != "41" || at(line, "kind") != "X" || at(line, "number") != "7" || at(line, "began") != "2026-03-05T08:00:00Z" {
			t.Errorf("not the day: %q", line)
		}
		if at(line, "record") == "row" && at(line, "method") != string(Cash) && at(line, "paid") != "0.00" {
			m, err := money.Parse(at(line, "paid"), "CNY")
			if err != nil {
				t.Fatal(err)
			}
			paid += m.Minor
		}
		if at(line, "record") == "drawer" && (at(line, "over") != "-0.50" || at(line, "expected") != "117.00") {
			t.Errorf("%q", line)
		}
		if at(line, "record") == "missing" && (at(line, "code") != "bill_differs" || at(line, "amount") != "0.08" || at(line, "order_no") != "X1") {
			t.Errorf("%q", line)
		}
		for _, cell := range line {
			if cell != "" && (cell[0] == '=' || cell[0] == '@' || cell[0] == '+') {
				t.Errorf("%q is a formula", cell)
			}
		}
	}
	if !reflect.DeepEqual(kinds, map[string]int{"row": 6, "total": 1, "drawer": 1, "missing": 1}) || paid != report.Totals[0].Paid {
		t.Errorf("%v, %d paid of %d", kinds, paid, report.Totals[0].Paid)
	}
	if err := report.WriteCSV(full{}); err == nil {
		t.Error("nobody hears of a full disk")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }
