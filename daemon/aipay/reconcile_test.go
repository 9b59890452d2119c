package aipay

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"qrposd/rules/sale"
)

// settle has the simulator answer with a verdict.
func (d *stand) settle(verdict, explanation string, pendingMS int) {
	d.t.Helper()
	rule, err := json.Marshal(map[string]any{"reconciliation": map[string]any{"verdict": verdict, "explanation": explanation, "pending_ms": pendingMS, "model": "sim/auditor"}})
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.wx.SetAI(rule); err != nil {
		d.t.Fatal(err)
	}
}

// ask queries the order of a sale.
func (d *stand) ask(s sale.Sale) sale.Event {
	d.t.Helper()
	step := sale.Step{Do: sale.Query, OrderNo: s.Current().OrderNo}
	req, err := d.c.Prepare(step, s, sale.PayerCode{})
	if err != nil {
		d.t.Fatal(err)
	}
	return d.c.Do(d.t.Context(), step, s, req)
}

// A verdict goes on record with the payment if it is there, and by itself if it comes
// later; one that is pending changes nothing and is asked for again.
func TestVerdicts(t *testing.T) {
	const far = 3_600_000
	for _, c := range []struct {
		first, then string // verdicts; pending is one that takes its time
		heard       sale.Verdict
		want        sale.Event
	}{
		{"consistent", "consistent", sale.Consistent, sale.Event{Kind: sale.Reconciled, Verdict: sale.Consistent}},
		{"mismatch", "mismatch", sale.Mismatch, sale.Event{Kind: sale.Reconciled, Verdict: sale.Mismatch}},
		{"pending", "pending", sale.Unread, sale.Event{Kind: sale.Received}},
		{"pending", "mismatch", sale.Unread, sale.Event{Kind: sale.Reconciled, Verdict: sale.Mismatch}},
		{"pending", "consistent", sale.Unread, sale.Event{Kind: sale.Reconciled, Verdict: sale.Consistent}},
	} {
		t.Run(fmt.Sprintf("%s, then %s", c.first, c.then), func(t *testing.T) {
			d := newStand(t, `{}`)
			say := func(v string) {
				if v == "pending" {
					d.settle("consistent", "", far)
				} else {
					d.settle(v, "", 0)
				}
			}
			say(c.first)
			step, s, req := d.coffee(1800, nil, nil)
			ev := d.c.Do(t.Context(), step, s, req)
			if ev.Kind != sale.Received || ev.Verdict != c.heard || (ev.Finding != nil) != (c.heard != sale.Unread) {
				t.Fatalf("with the payment: %+v, %+v", ev, ev.Finding)
			}
			s.State = sale.Paid
			s.Attempts[0].End, s.Attempts[0].TransactionID = sale.EndPaid, ev.TransactionID
			say(c.then)
			got := d.ask(s)
			if got.Kind != c.want.Kind || got.Verdict != c.want.Verdict || got.OrderNo != step.OrderNo {
				t.Errorf("afterwards: %+v", got)
			}
			if c.then == "pending" && !s.Ephemeral(got) {
				t.Error("a verdict that is pending is written down")
			}
			if got.Kind == sale.Reconciled && (got.Finding == nil || got.Finding.Model != "sim/auditor" || got.Amount.Minor != 0 || got.TransactionID != "" || got.Why != nil) {
				t.Errorf("it rests on %+v: %+v", got.Finding, got)
			}
			if r := d.wx.Report(); r.Totals.Charges != 1 || r.Totals.Refunds != 0 || r.Totals.Reversals != 0 {
				t.Errorf("the provider counts %+v", r.Totals)
			}
		})
	}
}

// The model's words are read here and kept nowhere: what is kept is a class and how
// much in them was never sent.
func TestVerdictWordsAreNotKept(t *testing.T) {
	for name, c := range map[string]struct {
		words   string
		cause   string
		foreign int
	}{
		"an amount that was not sent": {"Li Wei of 13812345678 paid 99.00 CNY and not what was asked.", "hallucination", 1},
		"nothing in particular":       {"", "unknown", 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := newStand(t, `{}`)
			d.settle("mismatch", c.words, 0)
			step, s, req := d.coffee(1800, nil, nil)
			ev := d.c.Do(t.Context(), step, s, req)
			if ev.Finding == nil || ev.Finding.Cause != c.cause || ev.Finding.Foreign < c.foreign {
				t.Fatalf("%+v", ev.Finding)
			}
			b, err := json.Marshal(ev)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{"Li Wei", "13812345678", "99.00", "agree"} {
				if strings.Contains(string(b), word) {
					t.Errorf("%q is in the fact: %s", word, b)
				}
			}
		})
	}
}

// A verdict that cannot be read is none: the payment stands and is asked about again.
func TestUnreadableVerdicts(t *testing.T) {
	d := newStand(t, `{}`)
	step := sale.Step{Do: sale.Query, OrderNo: testOrder}
	paid := sale.Event{Kind: sale.Received, TransactionID: "42"}
	s := sale.Sale{Attempts: []sale.Attempt{{OrderNo: testOrder, End: sale.EndPaid}}}
	for _, body := range []string{
		``, `{`, `{}`, `{"out_trade_no":"` + testOrder + `"}`,
		`{"out_trade_no":"ANOTHER1","reconciliation":{"model":"m","verdict":"mismatch"}}`,
		`{"out_trade_no":"` + testOrder + `","reconciliation":{"model":"m","verdict":"paid"}}`,
		`{"out_trade_no":"` + testOrder + `","reconciliation":{"verdict":"mismatch"}}`,
		`{"out_trade_no":"` + testOrder + `","reconciliation":"mismatch"}`,
	} {
		if ev := d.c.judged(t.Context(), step, s, paid, []byte(body)); ev.Kind != sale.Received || ev.Verdict != sale.Unread || ev.Finding != nil {
			t.Errorf("%s: %+v", body, ev)
		}
	}
	body := `{"out_trade_no":"` + testOrder + `","reconciliation":{"model":"Li Wei 138 1234 5678","verdict":"mismatch","explanation":"no"}}`
	if ev := d.c.judged(t.Context(), step, s, paid, []byte(body)); ev.Kind != sale.Reconciled || ev.Finding.Model != "" {
		t.Errorf("a model's name that is none is kept: %+v", ev.Finding)
	}
}
