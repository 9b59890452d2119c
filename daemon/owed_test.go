package daemon

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/daemon/checkout"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
)

// owedClock is a clock that a test moves.
type owedClock struct{ up time.Duration }

func (c *owedClock) Wall() time.Time               { return time.Unix(1_700_000_000, 0).Add(c.up) }
func (c *owedClock) Boot() (string, time.Duration) { return "boot", c.up }

func owedBook(t *testing.T, clock store.Clock) *store.DB {
	t.Helper()
	db, err := store.Open(filepath.Join(t.TempDir(), "till.db"), store.Options{Till: "T1", Secret: []byte("0123456789abcdef"), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// The alarm is raised at an age, told once, and cleared only where nothing is half as
// old; what waits for nobody, and what the provider works on, does not raise it.
func TestQueueAlarm(t *testing.T) {
	clock, told := &owedClock{up: time.Hour}, []string{}
	db := owedBook(t, clock)
	desk := checkout.New(checkout.Options{Journal: db, Clock: db})
	o := &owed{db: db, desk: desk, after: 24 * time.Hour, tell: func(code, message string) { told = append(told, code+" "+message) }}
	cny := money.Money{Minor: 1280, Currency: "CNY"}
	apply := func(id sale.ID, events ...sale.Event) {
		t.Helper()
		for _, ev := range events {
			if _, err := db.Commit(t.Context(), id, ev, sale.Once{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	open := func() sale.ID {
		t.Helper()
		s, _, err := db.Begin(t.Context(), sale.New{Flow: sale.Payer, Amount: cny}, "s", sale.Once{})
		if err != nil {
			t.Fatal(err)
		}
		req := sale.NewRequest("POST", "/x", []byte("{}"), sale.PayerCode{})
		apply(s.ID, sale.Event{Kind: sale.ChargeIntended, OrderNo: s.NextOrderNo(), Request: &req}, sale.Event{Kind: sale.Unclear})
		return s.ID
	}
	is := func(level api.Level, what string) {
		t.Helper()
		clock.up += time.Second              // facts of one moment are nanoseconds apart
		if _, err := o.Queue(); err != nil { // looks anew
			t.Fatal(err)
		}
		if p := o.part(); p.Level != level {
			t.Errorf("%s: %+v", what, p)
		}
	}
	is(api.OK, "nothing is owed")
	old := open()
	clock.up += 23 * time.Hour
	is(api.OK, "a day is not over")
	young := open()
	clock.up += time.Hour
	is(api.Trouble, "a day is over")
	is(api.Trouble, "still")
	apply(old, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "42"})
	is(api.OK, "the other one is young")
	clock.up += 23 * time.Hour
	is(api.Trouble, "and old in its turn")
	apply(young, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "43"}, sale.Event{Kind: sale.RefundRequested, Amount: cny, By: "Li"})
	is(api.OK, "its refund is new")
	clock.up += 25 * time.Hour
	is(api.Trouble, "its refund was not accepted for a day")
	s, err := db.Sale(young)
	if err != nil {
		t.Fatal(err)
	}
	apply(young, sale.Event{Kind: sale.RefundPending, RefundNo: s.Refunds[0].No})
	is(api.OK, "the provider works on it")
	clock.up += 8 * 24 * time.Hour
	is(api.Trouble, "for more than a week")
	apply(young, sale.Event{Kind: sale.SetAside, By: "Li", Why: &sale.Reason{Message: "asked the bank"}})
	is(api.OK, "somebody has taken it")
	if len(told) != 4 || !strings.Contains(told[0], string(old)) || !strings.HasPrefix(told[0], "queue_waits ") {
		t.Errorf("told %q", told)
	}
	young = open()
	clock.up += 24 * time.Hour
	is(api.Trouble, "once more")
	apply(young, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "44"})
	o.measured(t)
}

func (o *owed) measured(t *testing.T) {
	t.Helper()
	var lines strings.Builder
	o.metrics(func(format string, _ ...any) { lines.WriteString(format) })
	for _, name := range []string{"qrposd_queue_jobs", "qrposd_queue_set_aside", "qrposd_queue_stuck", "qrposd_queue_oldest_seconds", "qrposd_queue_alarm"} {
		if !strings.Contains(lines.String(), name) {
			t.Errorf("there is no %s", name)
		}
	}
}

// An alarm that is raised stays while something is more than half as old.
func TestQueueAlarmDoesNotFlicker(t *testing.T) {
	clock := &owedClock{up: time.Hour}
	db := owedBook(t, clock)
	o := &owed{db: db, after: 24 * time.Hour, tell: func(string, string) {}}
	job := func(age time.Duration) []store.Owed {
		now := db.Now().At
		return []store.Owed{{Sale: sale.Sale{State: sale.InDoubt, Changed: now.Add(-age), Attempts: []sale.Attempt{{OrderNo: "X1"}}}}}
	}
	for _, c := range []struct {
		age   time.Duration
		alarm bool
	}{{23 * time.Hour, false}, {24 * time.Hour, true}, {23 * time.Hour, true}, {13 * time.Hour, true}, {11 * time.Hour, false}, {13 * time.Hour, false}} {
		o.look(job(c.age))
		if o.alarm != c.alarm {
			t.Errorf("at %s the alarm is %v", c.age, o.alarm)
		}
	}
}
