package daemon

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
)

// verdict waits for what the provider's model makes of a sale's payment.
func (k *till) verdict(id sale.ID) (sale.Sale, error) {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(15 * time.Millisecond) {
		s, err := k.d.store.Sale(id)
		if err != nil || s.PaidOrder() != nil && s.PaidOrder().Verdict != sale.Unread {
			return s, err
		}
		if time.Now().After(end) {
			return s, fmt.Errorf("nobody has said anything of sale %s, which is %s", id, s.State)
		}
	}
}

// books are what the provider counts and what the till has posted.
func (k *till) books(t *testing.T) string {
	t.Helper()
	totals := k.wx.Report().Totals
	r, err := k.d.store.Backup(t.Context(), filepath.Join(t.TempDir(), "copy.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d charges, %d refunds, %d reversals; %d postings", totals.Charges, totals.Refunds, totals.Reversals, r.Postings)
}

// A reconciliation that is pending is asked about again. What it says at last opens
// one case if it disagrees and none if it does not, and moves no money either way.
func TestReconciliation(t *testing.T) {
	keys := newKeys(t)
	for _, verdict := range []sale.Verdict{sale.Consistent, sale.Mismatch} {
		for _, pending := range []int{0, 1500} {
			for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
				t.Run(fmt.Sprintf("%s, %d ms, %s", verdict, pending, flow), func(t *testing.T) {
					t.Parallel()
					st := stand{keys: keys, speed: 60, settings: fmt.Sprintf(`{"reconciliation":{"verdict":%q,"pending_ms":%d}}`, verdict, pending)}
					k, err := st.open(t.TempDir())
					if err != nil {
						t.Fatal(err)
					}
					defer func() {
						if err := k.close(); err != nil {
							t.Error(err)
						}
					}()
					k.reconcile(t, flow, verdict, pending > 0)
				})
			}
		}
	}
}

func (k *till) reconcile(t *testing.T, flow sale.Flow, verdict sale.Verdict, later bool) {
	t.Helper()
	told := k.follow(t)
	s, err := k.begin(flow, 1280)
	if err == nil {
		s, err = k.pay(s)
	}
	if err != nil || s.State != sale.Paid {
		t.Fatalf("%s, %v", s.State, err)
	}
	before := k.books(t)
	if later && s.PaidOrder().Verdict != sale.Unread {
		t.Fatal("a verdict that is pending is on record")
	}
	if s, err = k.verdict(s.ID); err != nil {
		t.Fatal(err)
	}
	if after := k.books(t); after != before || s.State != sale.Paid || s.PaidOrder().Verdict != verdict {
		t.Errorf("%s is %s, %q; before: %s, after: %s", s.ID, s.State, s.PaidOrder().Verdict, before, after)
	}
	client := &api.Client{Base: strings.TrimSuffix(k.d.URL(), "/")}
	list, err := client.Cases(t.Context(), "", 100, 0)
	if err != nil {
		t.Fatal(err)
	}
	if verdict == sale.Consistent {
		if list.Open != 0 || len(list.Cases) != 0 {
			t.Errorf("cases: %+v", list)
		}
		return
	}
	if list.Open != 1 || len(list.Cases) != 1 {
		t.Fatalf("cases: %+v", list)
	}
	c := list.Cases[0]
	if c.Sale != s.ID || c.OrderNo != s.PaidOrder().OrderNo || c.Amount.Decimal != "12.80" || c.Evidence["model"] != "sim/slow" || c.State != "open" {
		t.Errorf("%+v", c)
	}
	select {
	case n := <-told:
		if !strings.Contains(n, "case_opened") {
			t.Errorf("the stream tells %s", n)
		}
	case <-time.After(time.Minute):
		t.Error("the stream tells nothing")
	}
	k.closeCase(t, client, c)
}

// closeCase closes a case and looks at what the till then says of itself.
func (k *till) closeCase(t *testing.T, client *api.Client, c api.Case) {
	t.Helper()
	figures := func() string {
		var b bytes.Buffer
		k.d.metrics(&b)
		return b.String() + k.d.health().Cases.Detail
	}
	if m := figures(); !strings.Contains(m, "qrposd_cases_open 1\n") || !strings.Contains(m, "1 open, the oldest for") {
		t.Errorf("before it is closed: %s", m)
	}
	done, err := client.CloseCase(t.Context(), c.ID, api.NewClosing{Operator: "owner", Note: "the bill agrees"}, "a-key-of-the-owner")
	if err != nil || done.State != "closed" || done.Closed.Note != "the bill agrees" {
		t.Errorf("%+v, %v", done, err)
	}
	if m := figures(); !strings.Contains(m, "qrposd_cases_open 0\n") || !strings.Contains(m, "qrposd_case_oldest_seconds 0\n") || k.d.health().Cases.Detail != "" {
		t.Errorf("after: %s", m)
	}
}

// follow hears the notices of the event stream.
func (k *till) follow(t *testing.T) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.d.URL()+"v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 100)
	t.Cleanup(func() { _ = res.Body.Close() })
	beat := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(io.LimitReader(res.Body, 1<<22))
		name, first := "", true
		for lines.Scan() {
			if n, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = n
			} else if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && name == "notice" {
				told <- data
			}
			if name == "beat" && first {
				first = false
				close(beat)
			}
		}
	}()
	<-beat
	return told
}

// aged is a machine whose time of day is the test's.
type aged struct{ wall time.Time }

func (a *aged) Wall() time.Time               { return a.wall }
func (a *aged) Boot() (string, time.Duration) { return "boot", time.Hour }

// Everybody is told of a case that has waited for a day, and nobody of one that is
// closed.
func TestACaseThatWaits(t *testing.T) {
	clock := &aged{time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)}
	db, err := store.Open(filepath.Join(t.TempDir(), "till.db"), store.Options{Till: "T1", Secret: []byte("merchant secret of a test"), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := cases{db, slog.New(slog.DiscardHandler)}
	if p := c.part(); p.Level != api.OK || p.Detail != "" {
		t.Errorf("before any case: %+v", p)
	}
	var rung []string
	journal := bell{db, func(code, _ string) { rung = append(rung, code) }}
	s := disagreed(t, journal)
	if strings.Join(rung, " ") != "case_opened" {
		t.Errorf("it rang %q", rung)
	}
	for _, wait := range []struct {
		age  time.Duration
		want api.Level
	}{{0, api.OK}, {caseAlarm - time.Second, api.OK}, {caseAlarm, api.Trouble}, {100 * caseAlarm, api.Trouble}, {-time.Hour, api.OK}} {
		clock.wall = time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC).Add(wait.age)
		p := c.part()
		if p.Level != wait.want || !strings.HasPrefix(p.Detail, "1 open") || p.Since.IsZero() != (wait.want == api.OK) {
			t.Errorf("after %s: %+v", wait.age, p)
		}
		if n := (api.Health{Cases: p}).Notices(); (len(n) == 1 && n[0].Code == "cases_trouble") != (wait.want == api.Trouble) {
			t.Errorf("after %s the cashier reads %v", wait.age, n)
		}
	}
	one, err := c.Case(1)
	if err != nil || one.Sale != s.ID || one.Amount.Minor != 1280 {
		t.Errorf("%+v, %v", one, err)
	}
	if _, _, err := c.CloseCase(t.Context(), 1, api.NewClosing{Operator: "owner", Note: "seen"}, sale.Once{}); err != nil {
		t.Fatal(err)
	}
	if p := c.part(); p.Level != api.OK || p.Detail != "" {
		t.Errorf("after it was closed: %+v", p)
	}
	for state, want := range map[string]int{"": 1, "open": 0, "closed": 1} {
		if list, err := c.Cases(state, 10, 0); err != nil || len(list.Cases) != want || list.Open != 0 {
			t.Errorf("%q: %+v, %v", state, list, err)
		}
	}
}

// disagreed is a sale whose payment the provider's model disagrees with.
func disagreed(t *testing.T, journal bell) sale.Sale {
	t.Helper()
	amount := money.Money{Minor: 1280, Currency: "CNY"}
	s, _, err := journal.Begin(t.Context(), sale.New{Flow: sale.Payer, Amount: amount}, "s", sale.Once{})
	if err != nil {
		t.Fatal(err)
	}
	req := sale.NewRequest("POST", "/v3/ai/payments", []byte(`{}`), sale.PayerCode{})
	for _, ev := range []sale.Event{
		{Kind: sale.ChargeIntended, OrderNo: s.NextOrderNo(), Request: &req},
		{Kind: sale.Received, Amount: amount, TransactionID: "42"},
		{Kind: sale.Reconciled, Verdict: sale.Mismatch},
	} {
		if s, err = journal.Commit(t.Context(), s.ID, ev, sale.Once{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
