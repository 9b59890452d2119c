package sale

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qrposd/rules/money"
)

// restoration is how a till goes on from a backup. The second is what must be caught.
type restoration func(d *till)

func told(d *till) { d.commit(Event{Kind: Restored}) }

func untold(*till) {}

// lose takes the till back to what it was at some moment, while the provider and the
// payer know what followed, and checks that nothing of it happens twice or is lost.
func lose(t *rapid.T, goOn restoration) {
	d := newTill(t)
	back := rapid.IntRange(0, 60).Draw(t, "backup at")
	lost := back + rapid.IntRange(0, 60).Draw(t, "lost")
	var backup Sale
	books := map[Account]int64{}
	for i := range lost + 1 {
		if i == back {
			backup = d.s.clone()
			for a, n := range d.net {
				books[a] = n
			}
		}
		d.people()
		d.step()
	}
	was, promised := d.s, int64(0)
	for _, r := range was.Refunds {
		if r.State != RefundBroken {
			promised += r.Amount.Minor
		} else if r.Repaid != nil {
			promised += r.Repaid.Amount.Minor
		}
	}
	for _, debt := range was.Debts() {
		if debt.Kind == DebtFailed { // the till promises it again when somebody says so
			promised += debt.Amount.Minor
		}
	}
	for range 100 { // what is on its way arrives
		d.now.At += Instant(time.Second)
		d.p.tick(d.now.At)
	}
	d.s, d.w, d.net = backup, Watch{}, books
	d.now.At += Instant(time.Hour)
	d.now.Since = d.now.At
	attempts := len(was.Attempts)
	goOn(d)
	if rapid.Bool().Draw(t, "restored again") {
		goOn(d)
	}
	if rapid.Bool().Draw(t, "the customer asks again") && (d.s.State == Paid || d.s.State == PartRefunded) && d.s.Refundable(d.s.Current().OrderNo).Minor > 0 {
		no := d.s.Current().OrderNo
		m := money.Money{Minor: rapid.Int64Range(1, d.s.Refundable(no).Minor).Draw(t, "again"), Currency: "CNY"}
		d.commit(Event{Kind: RefundRequested, Amount: m, OrderNo: no})
		promised += m.Minor
	}
	d.p.calm = true
	d.w.Code = d.s.Flow == Payer // somebody scans another code
	d.settle(600)
	judge(t, d, was, attempts, promised)
}

func judge(t *rapid.T, d *till, was Sale, attempts int, promised int64) {
	back := int64(0)
	for _, o := range d.p.orders {
		back += o.refunded
	}
	late := int64(0)
	for _, r := range d.s.Refunds {
		if r.Auto && r.State == RefundPaid {
			late += r.Amount.Minor
		}
	}
	switch {
	case d.s.State.Live() || d.s.State == Refunding || d.s.State.Before() || d.s.Tracing():
		t.Fatalf("still %s, %+v", d.s.State, d.s.Restored)
	case d.p.net() != d.s.Net():
		t.Fatalf("the provider holds %d for the shop, the books say %d", d.p.net(), d.s.Net())
	case len(d.s.Attempts) > max(attempts, len(was.Attempts)):
		t.Fatalf("I4: another attempt in a restored sale")
	case back > promised+late:
		t.Fatalf("%d went back and %d was promised", back, promised+late)
	case (was.State == Paid || was.State == PartRefunded || was.State == Refunded) && !d.s.State.Taken() && d.s.State != Refunded:
		t.Fatalf("it was %s and is %s", was.State, d.s.State)
	case was.State == Paid && promised == 0 && d.s.State != Paid:
		t.Fatalf("it was paid and is %s", d.s.State)
	}
}

// Whatever was lost with the end of a record: no order is charged by two requests and
// no promise of money is kept twice, the books agree with the provider in the end,
// and what was paid in the lost part is paid.
func TestALostEndIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { lose(t, told) })
}

// A till that goes on from a backup as if it were whole is caught.
func TestALostEndThatNobodyTellsIsCaught(t *testing.T) {
	caught := map[string]int{}
	try := func(t *rapid.T) int {
		defer func() {
			if r := recover(); r != nil {
				caught[strings.Join(strings.FieldsFunc(fmt.Sprint(r), func(r rune) bool { return r < 'A' }), " ")]++
			}
		}()
		lose(t, untold)
		return 0
	}
	for seed := range 400 {
		rapid.Custom(try).Example(seed)
	}
	t.Log(caught)
	if len(caught) < 3 {
		t.Errorf("too little is caught: %v", caught)
	}
}

// The numbers of the lost part are asked for, each as often as it takes, and none of
// them is given out again.
func TestNumbersAfterARestore(t *testing.T) {
	s := specimen(t, PartRefunded)
	no := s.Current().OrderNo
	apply := func(ev Event) {
		t.Helper()
		var err error
		if s, err = s.Apply(ev); err != nil {
			t.Fatal(err)
		}
	}
	apply(Event{Kind: Restored, At: Instant(3600 * time.Second)})
	part := money.Money{Minor: 2, Currency: "CNY"}
	apply(Event{Kind: RefundRequested, OrderNo: no, Amount: part})
	if got, want := s.Refunds[1].No, no+"R3GG-2"; got != want {
		t.Errorf("the promise is %s, want %s", got, want)
	}
	asked := func(rows ...string) {
		t.Helper()
		var want []string
		for _, row := range rows {
			for n := range maxRefunds + 1 {
				if no := row + strconv.Itoa(n); n > 1 && s.Refund(no) == nil {
					want = append(want, no)
				}
			}
		}
		if got := s.lostRefundNos(no); !slices.Equal(got, want) {
			t.Errorf("asked for %v, want %v", got, want)
		}
	}
	asked(no + "R")
	apply(Event{Kind: RefundFound, OrderNo: no, RefundNo: no + "R2", Amount: part})
	asked(no + "R")
	apply(Event{Kind: Restored, At: Instant(7200 * time.Second)}) // before the row was known to its end
	asked(no+"R", no+"R3GG-")
	for _, ev := range []Event{
		{Kind: RefundFound, OrderNo: no, RefundNo: no + "R51", Amount: part},
		{Kind: RefundFound, OrderNo: no, RefundNo: no + "R4", Amount: money.Money{Minor: 2, Currency: "HKD"}},
		{Kind: RefundFound, OrderNo: no, RefundNo: no + "R4", Amount: cny},
		{Kind: OrderFound, OrderNo: s.NextOrderNo()},
		{Kind: Traced},
	} {
		if got, err := s.Apply(ev); err == nil {
			t.Errorf("%s is taken: %+v", ev.Kind, got.Refunds)
		}
	}
}

// An order that was paid in the lost part stays paid. It is taken back only on the
// provider's word that nobody paid it, however late that comes.
func TestAFoundOrderIsNotTakenBackUnheard(t *testing.T) {
	plan, now := DefaultPlan(), Now{At: Instant(time.Hour), Since: Instant(time.Hour)}
	s, w := begin(t, Payer), Watch{}
	take := func(ev Event) {
		t.Helper()
		step := s.Next(now, w, plan)
		if step.Do != Query || step.OrderNo != s.orderNo(1) {
			t.Fatalf("%s: next is %+v", s.State, step)
		}
		now.At = max(now.At, step.Due)
		ev.At, ev.OrderNo = now.At, step.OrderNo
		ev = s.Heard(step, ev)
		w.Note(step, ev, now.At)
		var err error
		if s, err = s.Apply(ev); err != nil {
			t.Fatal(err)
		}
	}
	s = applied(t, s, Event{Kind: Restored})
	take(Event{Kind: Received, Amount: s.Amount}) // it has an order: is it paid?
	for range 30 {
		take(Event{Kind: Unclear})
	}
	take(Event{Kind: Received, Amount: s.Amount})
	if s.State != Paid {
		t.Errorf("it is %s", s.State)
	}
}

// A charge that was being taken back, and is found to be paid, goes back by a refund:
// its numbers say whether the lost part has sent one.
func TestARestoredReversalAsksForRefunds(t *testing.T) {
	s := applied(t, specimen(t, Reversing), Event{Kind: Restored}, Event{Kind: Received, Amount: cny})
	if s.State != Refunding || len(s.Refunds) != 1 || !s.Tracing() {
		t.Fatalf("it is %s with %+v", s.State, s.Refunds)
	}
	no := s.Current().OrderNo
	s = applied(t, s, Event{Kind: RefundFound, OrderNo: no, RefundNo: no + "R1", Amount: s.Amount}, Event{Kind: RefundDone, RefundNo: no + "R1"}, Event{Kind: Traced, OrderNo: no})
	if s.State != Refunded || s.Net() != 0 || s.Refunds[0].State != RefundBroken {
		t.Errorf("it is %s with %+v", s.State, s.Refunds)
	}
}

// A paid order whose verdict is told is a paid order: what was asked back of it is
// told with either, and the trace comes to its end.
func TestAVerdictEndsATrace(t *testing.T) {
	plan, now := DefaultPlan(), Now{At: Instant(time.Hour), Since: Instant(time.Hour)}
	for _, kind := range []Kind{Received, Reconciled} {
		for _, returned := range []bool{false, true} {
			s, w := applied(t, specimen(t, Paid), Event{Kind: Restored}), Watch{}
			no := s.Current().OrderNo
			step := s.Next(now, w, plan)
			w.Note(step, Event{Kind: kind, OrderNo: no, Verdict: Consistent, Returned: returned}, now.At)
			next := s.Next(now, w, plan)
			if step.Do != Query || returned != (next.Do == QueryRefund) || !returned && !next.Traced {
				t.Errorf("%s, returned %v: %+v is followed by %+v", kind, returned, step, next)
			}
		}
	}
}
