package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"qrposd/daemon/aipay"
	"qrposd/daemon/api"
	"qrposd/daemon/checkout"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
)

// moody is a gateway whose model refuses by a mistake of its own: every n-th
// payment, none where n is zero.
type moody struct {
	checkout.Gateway
	n, asked int
}

func (m *moody) Do(_ context.Context, step sale.Step, _ sale.Sale, _ sale.Request) sale.Event {
	m.asked++
	if m.n > 0 && m.asked%m.n == 0 {
		return sale.Event{Kind: sale.OrderRefused, Why: &sale.Reason{Code: "ai_policy"}, OrderNo: step.OrderNo}
	}
	return sale.Event{Kind: sale.Ordered, OrderNo: step.OrderNo}
}

// Payments that a model refuses one in ten are noticed within a shift, the alarm
// says which, how many and what it cost, and it outlives the process.
func TestSilentRejectionsAreHeardOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	var log bytes.Buffer
	open := func(g *moody) (*rejections, *store.DB) {
		db, err := store.Open(path, store.Options{Till: "T1", Secret: []byte("merchant secret of a test")})
		if err != nil {
			t.Fatal(err)
		}
		return openRejections(g, "sim/fast", defaultIntents(t), db, slog.New(slog.NewTextHandler(&log, nil))), db
	}
	sell := func(r *rejections, n int) {
		for i := range n {
			s := sale.Sale{ID: sale.ID(fmt.Sprintf("S%d", i)), Flow: sale.Merchant, Amount: money.Money{Minor: 1280, Currency: "CNY"}}
			r.Do(t.Context(), sale.Step{Do: sale.Order}, s, sale.Request{Path: aipay.PathPayments})
		}
	}
	g := &moody{}
	r, db := open(g)
	sell(r, 300)
	if p := r.part(); p.Level != api.OK {
		t.Fatalf("a quiet day is %+v", p)
	}
	g.n = 10
	sell(r, 150)
	check := func(r *rejections, when string) {
		t.Helper()
		p := r.part()
		if p.Level != api.Trouble || p.Since.IsZero() {
			t.Fatalf("%s: %+v", when, p)
		}
		for _, want := range []string{"purchase by ", "CNY", "S"} {
			if !strings.Contains(p.Detail, want) {
				t.Errorf("%s: %q is not in %q", when, want, p.Detail)
			}
		}
		if n := (api.Health{Rejections: p}).Notices(); len(n) != 1 || n[0].Code != "rejections_trouble" {
			t.Errorf("%s: the cashier reads %v", when, n)
		}
	}
	check(r, "after 15 refusals")
	if !strings.Contains(log.String(), "refused more than usual") {
		t.Errorf("the log says nothing: %s", log.String())
	}
	r.Close()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r, db = open(&moody{})
	defer db.Close()
	check(r, "after a restart")
	var metrics strings.Builder
	r.metrics(func(format string, args ...any) { fmt.Fprintf(&metrics, format+"\n", args...) })
	if !strings.Contains(metrics.String(), "qrposd_rejection_alarms 1\n") || !strings.Contains(metrics.String(), `outcome="refused"} 15`) {
		t.Errorf("the metrics are\n%s", metrics.String())
	}
}

// Only what a model decided counts: not the network, and not the payer's own card.
func TestWhatCountsAsARejection(t *testing.T) {
	why := func(k sale.Kind, code string) sale.Event { return sale.Event{Kind: k, Why: &sale.Reason{Code: code}} }
	for _, c := range []struct {
		ev               sale.Event
		counts, rejected bool
	}{
		{sale.Event{Kind: sale.Ordered}, true, false},
		{sale.Event{Kind: sale.Received}, true, false},
		{why(sale.ChargeRefused, "ai_policy"), true, true},
		{why(sale.OrderRefused, "ai_nonsense"), true, true},
		{why(sale.Unclear, "ai_unclear"), true, true},
		{why(sale.ChargeRefused, "not_enough"), false, false},
		{why(sale.Unclear, "no_answer"), false, false},
		{why(sale.NotSent, "no_network"), false, false},
		{sale.Event{Kind: sale.Unclear}, false, false},
	} {
		if counts, rejected := refusedByModel(c.ev); counts != c.counts || rejected != c.rejected {
			t.Errorf("%s %v: counts %v, rejected %v", c.ev.Kind, c.ev.Why, counts, rejected)
		}
	}
}
