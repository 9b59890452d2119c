package bill

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qrposd/rules/sale"
)

func noon() time.Time { return time.Date(2026, 3, 5, 12, 0, 0, 0, beijing) }

func each(entries ...Entry) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// compare holds a bill of the lines against the entries.
func compare(lines []line, entries ...Entry) (Result, error) {
	text := write(present, lines...)
	return Comparison{Day: noon(), Digest: digest(text), Merchant: merchant}.Compare(strings.NewReader(text), each(entries...))
}

func payment(no string, fen int64, state Standing) Entry {
	return Entry{Payment, no, no, sale.ID(no), cny(fen), state, noon(), noon().Add(time.Minute)}
}

func refund(no, order string, fen int64, state Standing) Entry {
	return Entry{Return, no, order, sale.ID(order), cny(fen), state, noon(), noon().Add(time.Minute)}
}

// Every standing against everything that a bill can have of it.
func TestEveryPair(t *testing.T) {
	pay, less := line{order: "P", fen: 500}, line{order: "P", fen: 499}
	yen := line{order: "P", fen: 500, currency: "HKD"}
	rev, revLess := line{order: "P", fen: 500, state: "REVOKED"}, line{order: "P", fen: 400, state: "REVOKED"}
	back, backLess := line{order: "P", refund: "R", fen: 500}, line{order: "P", refund: "R", fen: 1}
	failed, other := line{order: "P", refund: "R", fen: 500, status: "FAIL"}, line{order: "Q", refund: "R", fen: 500}
	const none, agrees What = "", "agrees"
	table := []struct {
		name  string
		lines []line
		want  map[Standing]What
	}{
		{"nothing", nil, map[Standing]What{Open: none, Paid: NoPayment, TakenBack: none, Unpaid: none, Owed: none, Accepted: NoRefund, Returned: NoRefund, Broken: none}},
		{"paid", []line{pay}, map[Standing]What{Open: PaidThere, Paid: agrees, TakenBack: NotRevoked, Unpaid: PaidThere}},
		{"paid, revoked", []line{pay, rev}, map[Standing]What{Open: PaidThere, Paid: RevokedThere, TakenBack: agrees, Unpaid: agrees}},
		{"revoked", []line{rev}, map[Standing]What{Open: PaidThere, Paid: RevokedThere, TakenBack: agrees, Unpaid: agrees}},
		{"paid twice", []line{pay, pay}, map[Standing]What{Open: Twice, Paid: Twice, TakenBack: Twice, Unpaid: Twice}},
		{"revoked twice", []line{pay, rev, rev}, map[Standing]What{Open: Twice, Paid: Twice, TakenBack: Twice, Unpaid: Twice}},
		{"less", []line{less}, map[Standing]What{Open: AmountDiffers, Paid: AmountDiffers, TakenBack: AmountDiffers, Unpaid: AmountDiffers}},
		{"another currency", []line{yen}, map[Standing]What{Open: AmountDiffers, Paid: AmountDiffers, TakenBack: AmountDiffers, Unpaid: AmountDiffers}},
		{"less revoked", []line{pay, revLess}, map[Standing]What{Open: AmountDiffers, Paid: AmountDiffers, TakenBack: AmountDiffers, Unpaid: AmountDiffers}},
		{"refunded", []line{back}, map[Standing]What{Owed: AcceptedThere, Accepted: agrees, Returned: agrees, Broken: agrees}},
		{"failed", []line{failed}, map[Standing]What{Owed: AcceptedThere, Accepted: FailedThere, Returned: FailedThere, Broken: agrees}},
		{"refunded twice", []line{back, back}, map[Standing]What{Owed: Twice, Accepted: Twice, Returned: Twice, Broken: Twice}},
		{"refunded less", []line{backLess}, map[Standing]What{Owed: AmountDiffers, Accepted: AmountDiffers, Returned: AmountDiffers, Broken: AmountDiffers}},
		{"of another order", []line{other}, map[Standing]What{Owed: OrderDiffers, Accepted: OrderDiffers, Returned: OrderDiffers, Broken: OrderDiffers}},
	}
	for _, tt := range table {
		for state, want := range tt.want {
			e := payment("P", 500, state)
			if slices.Contains([]Standing{Owed, Accepted, Returned, Broken}, state) {
				e = refund("R", "P", 500, state)
			}
			anchor := payment("ANCHOR", 1, Paid)
			got, err := compare(append([]line{{order: "ANCHOR", fen: 1}}, tt.lines...), e, anchor)
			if err != nil {
				t.Fatal(err)
			}
			agreed := 1
			var found What
			switch {
			case want == agrees:
				agreed = 2
			case len(got.Differences) == 1:
				d := got.Differences[0]
				found = d.What
				if d.No != e.No || d.Kind != e.Kind || d.State != state || d.Here != e.Amount || d.Sale != "P" || d.OrderNo != "P" {
					t.Errorf("%s, %s: %+v", tt.name, state, d)
				}
				if (d.Next == QueryOrder) != (e.Kind == Payment && d.What != Twice) || (d.Next == CallProvider) != (d.What == Twice) {
					t.Errorf("%s, %s: the next step is %s", tt.name, state, d.Next)
				}
				if absent := d.At.IsZero(); absent != (d.Class == OnlyHere) || absent != (d.There.Minor == 0) {
					t.Errorf("%s, %s: what the bill has is %s at %s", tt.name, state, d.There, d.At)
				}
			}
			if want == agrees {
				found = agrees
			}
			if found != want || got.Agreed != agreed || len(got.Differences) > 1 || want == agrees && len(got.Differences) > 0 || len(got.Pending) > 0 {
				t.Errorf("%s, %s: want %q, got %+v", tt.name, state, want, got)
			}
		}
	}
}

func TestOnlyThere(t *testing.T) {
	got, err := compare([]line{{order: "X", fen: 7}, {order: "Y", refund: "YR", fen: 3}, {order: "Z", state: "REVOKED", fen: 5}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Difference{
		{Class: OnlyThere, What: UnknownPayment, Next: QueryOrder, Kind: Payment, No: "X", OrderNo: "X", There: cny(7), At: noon()},
		{Class: OnlyThere, What: UnknownRefund, Next: QueryRefund, Kind: Return, No: "YR", OrderNo: "Y", There: cny(3), At: noon()},
	} {
		d := got.Differences[i]
		d.Message, d.Hint, d.Chinese, d.ZhHint = "", "", "", ""
		if !d.At.Equal(want.At) {
			t.Errorf("at %s", d.At)
		}
		if d.At = want.At; d != want {
			t.Errorf("%+v\nwant\n%+v", d, want)
		}
	}
	if len(got.Differences) != 2 || !slices.Equal(got.There, []Sum{{"CNY", 7, 8}}) || got.Fee != 1800 || got.Rows != 3 {
		t.Errorf("%+v", got)
	}
}

// What is not in the bill is only missed where it could have been in no other.
func TestMidnight(t *testing.T) {
	begin := time.Date(2026, 3, 5, 0, 0, 0, 0, beijing)
	for _, tt := range []struct {
		from, to time.Duration
		want     What
	}{
		{0, 24*time.Hour - 1, AnotherDay},
		{5 * time.Minute, 10 * time.Minute, NoPayment},
		{5*time.Minute - 1, 10 * time.Minute, AnotherDay},
		{23 * time.Hour, 24*time.Hour - 5*time.Minute - 1, NoPayment},
		{23 * time.Hour, 24*time.Hour - 5*time.Minute, AnotherDay},
		{23 * time.Hour, -1, AnotherDay}, // its end is not known
		{-time.Hour, -5*time.Minute - 1, ""},
		{-time.Hour, -5 * time.Minute, AnotherDay},
		{24*time.Hour + 5*time.Minute - 1, 30 * time.Hour, AnotherDay},
		{24*time.Hour + 5*time.Minute, 30 * time.Hour, ""},
	} {
		e := payment("P", 1, Paid)
		e.From, e.To = begin.Add(tt.from).UTC(), begin.Add(tt.to)
		if tt.to == -1 {
			e.To = time.Time{}
		}
		got, err := compare([]line{{order: "A", fen: 1}}, payment("A", 1, Paid), e)
		if err != nil {
			t.Fatal(err)
		}
		var found What
		for _, d := range slices.Concat(got.Differences, got.Pending) {
			found = d.What
		}
		if found != tt.want || len(got.Pending) > 0 != (tt.want == AnotherDay) {
			t.Errorf("%s to %s: %q, want %q", tt.from, tt.to, found, tt.want)
		}
		got, err = compare([]line{{order: "A", fen: 1}, {order: "P", fen: 1}}, payment("A", 1, Paid), e)
		if err != nil || got.Agreed != 2 || len(got.Differences)+len(got.Pending) > 0 {
			t.Errorf("%s to %s, in the bill: %v %+v", tt.from, tt.to, err, got)
		}
	}
}

func TestOthers(t *testing.T) {
	lines := []line{{order: "T1A", fen: 1}, {order: "T2A", fen: 2}, {order: "T2A", refund: "T2AR1", fen: 2}, {order: "T1B", fen: 4, merchant: "1900000002"}, {order: "T1C", fen: 8, merchant: "1", sub: merchant}}
	text := write(present, lines...)
	c := Comparison{Day: noon(), Digest: digest(text), Merchant: merchant, Ours: func(no string) bool { return strings.HasPrefix(no, "T1") }}
	got, err := c.Compare(strings.NewReader(text), each(payment("T1A", 1, Paid), payment("T1C", 8, Paid)))
	if err != nil || got.Others != 3 || got.Agreed != 2 || len(got.Differences) > 0 || !slices.Equal(got.There, []Sum{{"CNY", 9, 0}}) {
		t.Errorf("%v %+v", err, got)
	}
}

func TestCompareRefuses(t *testing.T) {
	code := func(err error) string {
		if e := (*Error)(nil); errors.As(err, &e) {
			return e.Code
		}
		return ""
	}
	if _, err := compare([]line{{order: "P", fen: 1, at: "2026-03-04 12:00:00"}}); code(err) != CodeOtherDay {
		t.Errorf("a bill of the day before: %v", err)
	}
	if got, err := compare(nil, payment("P", 1, Paid)); err != nil || len(got.Differences) != 1 {
		t.Errorf("a bill of a day without sales: %v %+v", err, got)
	}
	if _, err := compare(nil, payment("P", 1, Paid), payment("P", 1, Paid)); err == nil {
		t.Error("the same payment twice")
	}
	many := make([]line, maxDifferences+1)
	for i := range many {
		many[i] = line{order: fmt.Sprint("X", i), fen: 1}
	}
	if got, err := compare(many[1:]); err != nil || len(got.Differences) != maxDifferences {
		t.Errorf("as many as there may be: %v", err)
	}
	if _, err := compare(many); code(err) != CodeForeign {
		t.Errorf("another shop's bill: %v", err)
	}
	text, broken := write(present, day()...), errors.New("cannot be read")
	c := Comparison{Day: noon(), Digest: digest(text), Merchant: merchant}
	got, err := c.Compare(strings.NewReader(text), func(yield func(Entry, error) bool) { yield(Entry{}, broken) })
	if err != broken || got.Rows > 0 {
		t.Errorf("entries that break off: %v %+v", err, got)
	}
	if got, err = c.Compare(strings.NewReader(text[:len(text)-9]), each()); code(err) != CodeDigest || got.Differences != nil {
		t.Errorf("a file that breaks off leaves %v %+v", err, got)
	}
	c.Merchant = ""
	if _, err := c.Compare(strings.NewReader(text), each()); err == nil {
		t.Error("no merchant")
	}
}

// A day in which both sides agree but for what was planted: it is found, with its
// class, and nothing else is.
func TestPlantedDifferences(t *testing.T) {
	type found struct {
		no   string
		what What
	}
	rapid.Check(t, func(t *rapid.T) {
		var lines []line
		var entries []Entry
		var want []found
		agreed := 0
		plant := func(no string, what What) { want = append(want, found{no, what}) }
		for i := range rapid.IntRange(1, 40).Draw(t, "sales") {
			no, fen := fmt.Sprintf("T1S%dA", i), rapid.IntRange(2, 1e6).Draw(t, "fen")
			e, l := payment(no, int64(fen), Paid), line{order: no, fen: fen}
			if rapid.Bool().Draw(t, "refunded") {
				back := rapid.IntRange(1, fen).Draw(t, "back")
				switch rapid.IntRange(0, 3).Draw(t, "planted in the refund") {
				case 0:
					plant(no+"R1", NoRefund)
					entries = append(entries, refund(no+"R1", no, int64(back), Returned))
				case 1:
					plant(no+"R1", UnknownRefund)
					lines = append(lines, line{order: no, refund: no + "R1", fen: back})
				default:
					agreed++
					entries = append(entries, refund(no+"R1", no, int64(back), rapid.SampledFrom([]Standing{Returned, Accepted}).Draw(t, "refund")))
					lines = append(lines, line{order: no, refund: no + "R1", fen: back})
				}
			}
			switch rapid.IntRange(0, 6).Draw(t, "planted") {
			case 0:
				plant(no, NoPayment)
				entries = append(entries, e)
				continue
			case 1:
				plant(no, UnknownPayment)
				lines = append(lines, l)
				continue
			case 2:
				plant(no, AmountDiffers)
				l.fen--
			case 3:
				plant(no, PaidThere)
				e.State = rapid.SampledFrom([]Standing{Open, Unpaid}).Draw(t, "state")
			default:
				agreed++
			}
			entries, lines = append(entries, e), append(lines, l)
		}
		got, err := compare(rapid.Permutation(lines).Draw(t, "lines"), rapid.Permutation(entries).Draw(t, "entries")...)
		if err != nil {
			t.Fatal(err)
		}
		var seen []found
		for _, d := range got.Differences {
			seen = append(seen, found{d.No, d.What})
		}
		slices.SortFunc(want, func(a, b found) int { return cmp.Compare(a.no, b.no) })
		if !slices.Equal(seen, want) || got.Agreed != agreed || len(got.Pending) > 0 {
			t.Fatalf("found %v and %d that agree, planted %v and %d", seen, got.Agreed, want, agreed)
		}
	})
}

func TestAdvice(t *testing.T) {
	for _, what := range []What{
		UnknownPayment, UnknownRefund, NoPayment, NoRefund, Twice, AmountDiffers, OrderDiffers,
		PaidThere, RevokedThere, NotRevoked, AcceptedThere, FailedThere, AnotherDay,
	} {
		for _, kind := range []Kind{Payment, Return} {
			d := difference(what, kind)
			if d.Class == "" || d.Next == "" || d.Message == "" || d.Hint == "" || d.Chinese == "" || d.ZhHint == "" || kind == Return && d.Next == QueryOrder {
				t.Errorf("%s of a %s: %+v", what, kind, d)
			}
		}
	}
	if len(advices) != 13 {
		t.Errorf("%d ways to differ", len(advices))
	}
}
