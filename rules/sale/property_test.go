package sale

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qrposd/rules/money"
)

// till is the loop that drives a sale, as small as it can be, with a power
// switch: crash forgets everything that Apply has not recorded.
type till struct {
	t    *rapid.T
	p    *provider
	plan Plan
	s    Sale
	w    Watch
	now  Now
	net  map[Account]int64
}

func (d *till) crash(name string, percent int) bool {
	if !d.p.chance(name, percent) {
		return false
	}
	d.w = Watch{}
	d.now.At += Instant(time.Duration(rapid.IntRange(1, 100).Draw(d.t, "seconds off")) * time.Second)
	if rapid.Bool().Draw(d.t, "reboot") {
		d.now.Since = d.now.At
	}
	return true
}

func (d *till) commit(ev Event) {
	ev.At, ev.Wall = d.now.At, time.Unix(0, int64(d.now.At))
	before := d.s
	after, err := d.s.Apply(ev)
	if err != nil {
		d.t.Fatalf("%s in %s: %v", ev.Kind, d.s.State, err)
	}
	sum := int64(0)
	for _, leg := range Postings(before, after) {
		d.net[leg.Account] += leg.Amount.Minor
		sum += leg.Amount.Minor
	}
	if sum != 0 {
		d.t.Fatalf("I8: %s posts %d out of nothing", ev.Kind, sum)
	}
	d.s = after
	d.invariants()
}

func (d *till) invariants() {
	own := slices.ContainsFunc(d.s.Attempts, func(a Attempt) bool { return !a.Found }) // what was found was weighed by a record that is lost
	if p := d.s.Price; p != nil && own && (p.Ask && p.Confirmed.IsZero() || d.s.Amount.Currency != d.s.PayIn) {
		d.t.Fatalf("an attempt at a price that nobody agreed to: %+v", p)
	}
	if l := d.s.Liveness; d.s.State.Live() && !d.s.Current().Found && l != nil && (l.Passed == 0 || !l.Spent) && l.OrderNo != d.s.Current().OrderNo {
		d.t.Fatalf("an attempt before its check: %+v", l)
	}
	open, promised := 0, map[string]int64{}
	for _, a := range d.s.Attempts {
		if a.End == Open {
			open++
		}
	}
	for _, r := range d.s.Refunds {
		if r.State != RefundBroken {
			promised[r.OrderNo] += r.Amount.Minor
		} else if r.Repaid != nil {
			promised[r.OrderNo] += r.Repaid.Amount.Minor
		}
	}
	for no, sum := range promised {
		if sum > d.s.Amount.Minor || d.s.Attempt(no).End != EndPaid {
			d.t.Fatalf("I6: %d promised back of order %s", sum, no)
		}
	}
	if j := d.s.Judgement; own && d.plan.Judge && (j == nil || !j.clear()) {
		d.t.Fatalf("an attempt without a judgement, or against it: %+v", j)
	}
	if open > 1 {
		d.t.Fatalf("I1: %d open attempts", open)
	}
	if d.net[Provider] != d.s.Net() {
		d.t.Fatalf("the ledger has %d, the sale %d", d.net[Provider], d.s.Net())
	}
}

// step does what is owed now, with a chance to lose the power at every line.
func (d *till) step() bool {
	step := d.s.Next(d.now, d.w, d.plan)
	if step.Do == Nothing {
		return false
	}
	if step.Due > d.now.At {
		d.now.At = step.Due
	}
	d.p.tick(d.now.At)
	if d.s.NeedsIntent(step) {
		req, again := d.s.Recorded(step)
		if !again {
			req = NewRequest("POST", "/"+step.OrderNo+step.RefundNo, []byte("{}"), PayerCode{})
		}
		if d.crash("before the intent", 3) {
			return true
		}
		d.commit(d.s.Intent(step, req, ""))
		if d.crash("after the intent", 6) {
			return true
		}
	}
	d.w.Code = d.w.Code && step.Do != Charge
	var ev Event
	switch step.Do {
	case Conclude:
		ev = d.s.Conclusion(step)
	case Project:
		if ev = (Event{Kind: NotPriced}); !d.p.chance("no projection", 10) {
			ev = Event{Kind: Priced, Price: price(time.Duration(rapid.IntRange(1, 90).Draw(d.t, "price lasts")) * time.Second)}
			ev.Price.Ask = rapid.Bool().Draw(d.t, "ask")
		}
	case Verify:
		ev = d.verify(step)
	case Judge:
		ev = Event{Kind: Assessed, Judgement: &Judgement{
			Refused: d.p.chance("refused by a rule", 5),
			Needs:   [][]Need{nil, nil, {NeedApprove}, {NeedConfirm}, {NeedConfirm, NeedApprove}, {NeedVerify}, {NeedApprove, NeedVerify}}[rapid.IntRange(0, 6).Draw(d.t, "needs")],
		}}
	default:
		took := time.Duration(rapid.IntRange(10, 3000).Draw(d.t, "took")) * time.Millisecond
		ev = d.s.Heard(step, d.p.do(d.s, step, d.now.At))
		d.now.At = d.now.At.Add(took)
	}
	if d.crash("after the answer", 6) {
		return true
	}
	d.w.Note(step, ev, d.now.At)
	var no *Refusal
	if _, err := d.s.Apply(ev); ev.Kind == RefundFound && errors.As(err, &no) {
		return true // it is asked about again, when more is known
	}
	if !d.s.Ephemeral(ev) {
		d.commit(ev)
	}
	return true
}

// verify is a check of the payer: opened once, then pending, passed or failed.
func (d *till) verify(step Step) Event {
	l := d.s.Liveness
	switch {
	case d.p.chance("no answer about the check", 10):
		return Event{Kind: Unclear, OrderNo: step.OrderNo}
	case l == nil || l.Opened == 0:
		return Event{Kind: LivenessOpened, Liveness: check(step.OrderNo)}
	case d.p.chance("the check goes on", 50):
		return Event{Kind: Waiting, OrderNo: step.OrderNo}
	case d.p.chance("the check fails", 30):
		return Event{Kind: LivenessFailed}
	}
	return Event{Kind: LivenessPassed}
}

// people do what people do at a counter.
func (d *till) people() {
	switch rapid.IntRange(0, 33).Draw(d.t, "people") {
	case 8, 9, 10:
		ev := d.remark(rapid.SampledFrom([]Kind{TakenOver, SetAside, Resumed, Repaid, Left}).Draw(d.t, "remark"))
		if _, err := d.s.Apply(ev); err == nil {
			d.commit(ev)
		}
	case 0:
		if ok := table[d.s.State][CancelRequested]; ok != nil {
			d.commit(Event{Kind: CancelRequested})
		}
	case 1, 2, 3:
		d.w.Code = d.s.Flow == Payer
	case 5, 6, 7:
		if d.s.State == AwaitingConfirmation {
			d.commit(Event{Kind: Agreed})
		} else if d.s.State == AwaitingApproval {
			d.commit(Event{Kind: Approved, By: "manager"})
		}
	case 4:
		if a := d.s.Current(); (d.s.State == Paid || d.s.State == PartRefunded) && d.s.Refundable(a.OrderNo).Minor > 0 {
			left := d.s.Refundable(a.OrderNo).Minor
			m := money.Money{Minor: rapid.Int64Range(1, left).Draw(d.t, "refund"), Currency: "CNY"}
			d.commit(Event{Kind: RefundRequested, Amount: m, OrderNo: a.OrderNo})
		}
	}
}

// newTill is a till with a sale that has just begun, and a provider of its own.
func newTill(t *rapid.T) *till {
	flow := rapid.SampledFrom([]Flow{Merchant, Payer}).Draw(t, "flow")
	lag := time.Duration(rapid.SampledFrom([]int{0, 0, 3, 60, 240}).Draw(t, "lag")) * time.Second
	d := &till{
		t: t, plan: DefaultPlan(), s: begin(t, flow), now: Now{At: 1e9, Since: 1e9}, net: map[Account]int64{},
		p: &provider{t: t, orders: map[string]*order{}, refunds: map[string]refunded{}, late: map[string]func(){}, charges: map[string]int{}, sent: map[string]Instant{}, lag: lag},
	}
	d.plan.Judge = rapid.Bool().Draw(t, "judged")
	if rapid.Bool().Draw(t, "abroad") {
		d.s.Amount, d.s.PayIn = hkd, "CNY"
	}
	return d
}

// settle drives the sale until nothing is owed; what only a person can bring on, a
// person does.
func (d *till) settle(steps int) {
	for range steps {
		if d.s.Stuck() || d.s.Aside != nil && d.s.owesRefund() {
			d.commit(d.remark(Resumed))
		} else if !d.step() {
			return
		}
	}
}

// remark is a person's word, with a name and a reason.
func (d *till) remark(kind Kind) Event {
	code := rapid.SampledFrom([]string{SeenPaid, SeenUnpaid}).Draw(d.t, "saw")
	return Event{Kind: kind, By: "Li", Why: &Reason{Code: code, Message: "looked"}}
}

// Whatever the network, the power, the payer and the cashier do: no order is
// charged by two requests, nothing is reversed before its time, the books agree
// with the provider in the end, and nobody has paid more than once.
func TestMoneyIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newTill(t)
		for range 60 {
			d.people()
			d.step()
		}
		d.p.calm = true
		d.settle(600)
		for _, debt := range d.s.Debts() {
			t.Fatalf("%s of order %s is owed after the network has healed", debt.Kind, debt.OrderNo)
		}
		if d.s.State.Live() || d.s.State == Refunding {
			t.Fatalf("still %s after the network has healed", d.s.State)
		}
		if d.p.net() != d.s.Net() {
			t.Fatalf("the provider holds %d for the shop, the books say %d", d.p.net(), d.s.Net())
		}
		if d.s.Net() > d.s.Amount.Minor {
			t.Fatalf("I1: the payer has paid %d of %d", d.s.Net(), d.s.Amount.Minor)
		}
		if taken := d.s.Net() > 0; taken != (d.s.State == Paid || d.s.State == PartRefunded) {
			t.Fatalf("the sale is %s and holds %d", d.s.State, d.s.Net())
		}
	})
}
