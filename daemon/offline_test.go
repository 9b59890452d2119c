package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/daemon/sim"
	"qrposd/daemon/wechat"
	"qrposd/rules"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// outage is a provider that a test takes away: hung up, out of order, or silent.
type outage struct {
	next http.Handler
	mode atomic.Value // "", "gone", "faulty", "silent"
	free chan struct{}
}

func (o *outage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch o.mode.Load() {
	case "gone":
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	case "faulty":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "silent":
		<-o.free
	default:
		o.next.ServeHTTP(w, r)
	}
}

// counter is a till that sells offline, opened again and again.
type counter struct {
	t   *testing.T
	st  stand
	wx  *sim.WeChat
	out *outage
	url string
	dir string
	k   *till
	c   *api.Client
}

func sellOffline(c *Config) {
	c.Offline = Offline{
		Enabled: true, Window: wechat.Duration(24 * time.Hour), Distinct: "0.02", Name: "TEA HOUSE", City: "SAO PAULO",
		Accounts: []OfflineAccount{
			{Scheme: "pix", Label: "bank", Key: "123e4567-e12b-12d1-a456-426655440000"}, {Scheme: "promptpay", Label: "mobile", Mobile: "0801234567"},
		},
	}
	c.Rules.File, c.AIPay.Enabled = "", false
	c.WeChat.TotalTimeout, c.WeChat.ConnectTimeout = wechat.Duration(time.Second), wechat.Duration(time.Second)
}

func newCounter(t *testing.T) *counter {
	n := &counter{t: t, st: stand{speed: 20, keys: newKeys(t)}, dir: t.TempDir()}
	n.wx = &sim.WeChat{Credentials: n.st.keys, TimeScale: 20, AISecret: []byte("the merchant's secret, at least 16 bytes")}
	n.out = &outage{next: n.wx, free: make(chan struct{})}
	n.out.mode.Store("")
	srv := httptest.NewServer(n.out)
	n.url = srv.URL
	t.Cleanup(func() { close(n.out.free); srv.Close() })
	n.open()
	t.Cleanup(func() { n.close() })
	return n
}

func (n *counter) open() {
	n.t.Helper()
	file := filepath.Join(n.dir, "unpicked.toml") // no sale is picked for a manager
	text := strings.Replace(string(rules.Default), "random       = 100 ", "random       = 0 ", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	k, err := n.st.at(n.dir, n.url, n.wx, Faults{}, func(c *Config) { sellOffline(c); c.Rules.File = file })
	if err != nil {
		n.t.Fatal(err)
	}
	n.k, n.c = k, &api.Client{Base: k.d.URL()}
}

func (n *counter) close() {
	if n.k != nil {
		if err := n.k.close(); err != nil {
			n.t.Error(err)
		}
		n.k = nil
	}
}

func (n *counter) link() string {
	n.t.Helper()
	e, err := n.c.Exposure(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	return e.Link.State
}

// take takes the provider away and waits until the till has noticed.
func (n *counter) take(mode, state string) {
	n.t.Helper()
	n.out.mode.Store(mode)
	for end := time.Now().Add(time.Minute); n.link() != state; time.Sleep(20 * time.Millisecond) {
		_ = n.k.d.gateway.Probe(n.t.Context()) // what a cashier's next sale would do
		if time.Now().After(end) {
			n.t.Fatalf("the link is %s and not %s", n.link(), state)
		}
	}
}

func (n *counter) sell(scheme, amount string) (api.Sale, error) {
	s := api.NewSale{Flow: sale.Offline, Scheme: scheme, Amount: amount, Currency: "BRL", Description: "tea", Operator: "Li"}
	if scheme == "promptpay" {
		s.Currency = "THB"
	}
	return n.c.Open(n.t.Context(), s, rand.Text(), 10*time.Second)
}

func refusedAs(err error, code string) bool {
	var p *api.Problem
	return errors.As(err, &p) && p.Code == code
}

// A day at the counter: nothing is sold offline while the provider answers; while it is
// away codes are shown, attested and counted over a restart; a statement finds what it
// can, and the rest is the owner's.
func TestSellingOffline(t *testing.T) {
	n := newCounter(t)
	for end := time.Now().Add(time.Minute); n.k.d.vitals.link.silence() == (rules.Int{}); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the provider's first answer is not noted")
		}
	}
	if _, err := n.sell("pix", "12.00"); !refusedAs(err, "offline_online") {
		t.Errorf("a sale offline while the provider answers: %v", err)
	}
	n.take("gone", "provider_down")
	if _, err := n.sell("upi", "12.00"); err == nil {
		t.Error("a sale in a scheme without an account")
	}
	pix, err := n.sell("pix", "12.00")
	if err != nil || pix.State != "presented_offline" || pix.QR == nil || !strings.Contains(pix.QR.Text, pix.Offline.Reference) || !strings.Contains(pix.QR.Text, "540512.00") {
		t.Fatalf("%+v, %v", pix, err)
	}
	tea, err := n.sell("promptpay", "35.00")
	if err != nil {
		t.Fatal(err)
	}
	second, err := n.sell("promptpay", "35.00")
	if err != nil || second.Amount.Decimal != "34.99" || second.Offline.Price.Decimal != "35.00" {
		t.Fatalf("a second sale of one amount asks for %+v, %v", second.Amount, err)
	}
	if huge, err := n.sell("pix", "150.01"); err != nil || huge.State != "declined" || huge.Reason.Code != "rule_offline-per-sale" {
		t.Errorf("above the limit: %s, %+v, %v", huge.State, huge.Reason, err)
	}
	if s, err := n.c.Attest(t.Context(), pix.ID, api.NewAttestation{Operator: "Li", Shown: true}); err != nil || s.State != "unconfirmed" || s.Says.Code != "unconfirmed" {
		t.Errorf("attested: %s, %v", s.State, err)
	}
	if s, err := n.c.Attest(t.Context(), tea.ID, api.NewAttestation{Operator: "Li"}); err != nil || s.State != "presented_offline" || s.Says.Code != "offline_not_shown" {
		t.Errorf("not shown: %s, %v", s.State, err)
	}
	if _, err := n.c.Cancel(t.Context(), second.ID, "Li"); err != nil {
		t.Error(err)
	}
	n.exposed("BRL 12.00 THB 35.00", 2, 0)
	n.close()
	n.open()
	n.exposed("BRL 12.00 THB 35.00", 2, 0)
	n.take("gone", "provider_down")
	if s, ok := n.k.d.vitals.link.silence().Value(); !ok || s > 3600 {
		t.Errorf("after a restart the silence is %d, %v", s, ok)
	}
	if again, err := n.c.Sale(t.Context(), tea.ID, 0); err != nil || again.QR == nil || again.QR.Text != tea.QR.Text {
		t.Errorf("after a restart another code is shown: %v", err)
	}
	if s, err := n.c.Dispute(t.Context(), tea.ID, api.NewDispute{Operator: "Li", Note: "walked away"}); err != nil || s.State != "disputed" || s.Reason.Message != "walked away" {
		t.Errorf("disputed: %s, %+v, %v", s.State, s.Reason, err)
	}
	n.exposed("BRL 12.00", 1, 1)
	n.statement(pix, tea, second)
	n.again()
	n.exposed("", 0, 0)
	n.close()
	if r, err := store.CheckFile(filepath.Join(n.dir, "till.db")); err != nil || r.Err() != nil || r.Receipts != 5 {
		t.Errorf("%d receipts, %v, %v", r.Receipts, r.Err(), err)
	}
}

// again asks for a sale under its key when the provider is back: it is that sale, though
// none could be begun now.
func (n *counter) again() {
	n.t.Helper()
	ask := api.NewSale{Flow: sale.Offline, Scheme: "pix", Amount: "8.00", Currency: "BRL", Operator: "Li"}
	first, err := n.c.Open(n.t.Context(), ask, "the-same-key", 10*time.Second)
	if err != nil {
		n.t.Fatal(err)
	}
	n.take("", "online")
	second, err := n.c.Open(n.t.Context(), ask, "the-same-key", 0)
	if err != nil || second.ID != first.ID {
		n.t.Errorf("the same key gives %s after %s, %v", second.ID, first.ID, err)
	}
	if _, err := n.c.Open(n.t.Context(), ask, "another-key", 0); !refusedAs(err, "offline_online") {
		n.t.Errorf("another key while online: %v", err)
	}
	if _, err := n.c.Cancel(n.t.Context(), first.ID, "Li"); err != nil {
		n.t.Error(err)
	}
}

// exposed holds the card against the sums and counts.
func (n *counter) exposed(sums string, count, disputed int) {
	n.t.Helper()
	e, err := n.c.Exposure(n.t.Context())
	var got []string
	for _, m := range e.Sums {
		got = append(got, string(m.Currency)+" "+m.Decimal)
	}
	if err != nil || strings.Join(got, " ") != sums || e.Count != count || e.Disputed != disputed || (e.Left != nil) != (count > 0) {
		n.t.Errorf("the exposure is %+v, %v; want %s of %d, %d disputed", e, err, sums, count, disputed)
	}
	list, err := n.c.Offline(n.t.Context())
	if err != nil || len(list.Sales) != count+disputed {
		n.t.Errorf("%d sales are listed, %v", len(list.Sales), err)
	}
	res, err := http.Get(n.k.d.URL() + "metrics")
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	var b strings.Builder
	_ = res.Write(&b)
	for _, want := range []string{fmt.Sprintf("qrposd_offline_open %d\n", count), fmt.Sprintf("qrposd_offline_disputed %d\n", disputed)} {
		if !strings.Contains(b.String(), want) {
			n.t.Errorf("the metrics do not say %q", want)
		}
	}
}

// statement hands in what the bank has, twice.
func (n *counter) statement(pix, tea, second api.Sale) {
	n.t.Helper()
	at := time.Now()
	list := []api.NewReceipt{
		{ID: "1", At: at, Amount: "12.00", Currency: "BRL", Reference: strings.ToLower(pix.Offline.Reference), Source: "bank"},
		{ID: "2", At: at, Amount: "35.00", Currency: "THB", Source: "bank"},
		{ID: "3", At: at, Amount: "34.99", Currency: "THB", Source: "bank"},
		{ID: "4", At: at, Amount: "12.00", Currency: "BRL", Reference: pix.Offline.Reference, Source: "bank"},
		{ID: "5", At: at, Amount: "99.00", Currency: "THB", Source: "bank"},
	}
	for round := range 2 {
		got, err := n.c.Receipts(n.t.Context(), api.NewReceipts{Receipts: list})
		if err != nil {
			n.t.Fatal(err)
		}
		var said []string
		for _, r := range got.Results {
			said = append(said, fmt.Sprintf("%s %s %s", r.ID, r.Why, r.Sale))
			if r.Replayed != (round > 0) || r.Says.En == "" {
				n.t.Errorf("round %d: %+v", round, r)
			}
		}
		want := fmt.Sprintf("1 by_reference %s, 2 by_amount_time %s, 3 by_amount_time %s, 4 used %s, 5 no_sale ", pix.ID, tea.ID, second.ID, pix.ID)
		if strings.Join(said, ", ") != want || got.Matched != 3 || got.Unmatched != 2 {
			n.t.Errorf("round %d: %+v\nwant %s", round, said, want)
		}
	}
	if s, err := n.c.Sale(n.t.Context(), second.ID, 0); err != nil || s.State != "reconciled" || s.Says.Code != "receipt_given_up" || !s.Offline.GivenUp {
		n.t.Errorf("money for a cancelled sale: %s, %v", s.State, err)
	}
	cases, err := n.c.Cases(n.t.Context(), "open", 100, 0)
	kinds := map[string]int{}
	for _, c := range cases.Cases {
		if kinds[c.Kind]++; c.Says.What.En == "Something needs a person to look at it." {
			n.t.Errorf("%s has no words", c.Kind)
		}
	}
	if err != nil || fmt.Sprint(kinds) != "map[offline_unpaid:1 paid_twice:1 receipt_given_up:1 receipt_unmatched:1]" {
		n.t.Errorf("the cases are %v, %v", kinds, err)
	}
}

// The kinds of offline are told apart, each with what it rests on.
func TestKindsOfOffline(t *testing.T) {
	n := newCounter(t)
	for _, c := range []struct{ mode, state, evidence string }{
		{"faulty", "provider_down", "faulty"}, {"silent", "provider_slow", "slow"}, {"gone", "provider_down", "no_door"}, {"", "online", ""},
	} {
		if n.take(c.mode, c.state); c.evidence == "" {
			continue
		}
		e, err := n.c.Exposure(t.Context())
		if err != nil || !strings.Contains(e.Link.Evidence, c.evidence) || e.Link.Says.En == "" || !e.Offered || e.Link.Since == nil {
			t.Errorf("%s: %+v, %v", c.mode, e.Link, err)
		}
		st, err := n.c.Status(t.Context())
		told := fmt.Sprint(st.Notices)
		if err != nil || st.Health.Link.State != c.state || !strings.Contains(told, "link_"+c.state) {
			t.Errorf("%s: the status has %+v and says %s, %v", c.mode, st.Health.Link, told, err)
		}
	}
}

// gauge is a provider's client that says what a test wants.
type gauge struct {
	p     wechat.Pulse
	skew  time.Duration
	known bool
}

func (g *gauge) Pulse() wechat.Pulse         { return g.p }
func (g *gauge) Skew() (time.Duration, bool) { return g.skew, g.known }
func (g *gauge) Probe(context.Context) error { return nil }

func TestLinkStates(t *testing.T) {
	db := storetest.MustOpen(t)
	for name, c := range map[string]struct {
		trouble wechat.Trouble
		times   int
		skew    time.Duration
		wired   bool
		want    rules.Connection
	}{
		"answers":                            {"", 0, 0, true, rules.Online},
		"answers a wrong clock":              {"", 0, time.Hour, true, rules.Online},
		"stumbles once":                      {wechat.Faulty, 1, 0, true, rules.Online},
		"is slow once":                       {wechat.Slow, 1, 0, true, rules.Online},
		"out of order":                       {wechat.Faulty, 2, 0, true, rules.ProviderDown},
		"slow":                               {wechat.Slow, 2, 0, true, rules.ProviderSlow},
		"nobody opens":                       {wechat.NoDoor, 1, 0, true, rules.ProviderDown},
		"no name":                            {wechat.NoName, 1, 0, true, rules.NoDNS},
		"no route":                           {wechat.NoRoute, 1, 0, true, rules.NoDNS},
		"no name because there is no cable":  {wechat.NoName, 1, 0, false, rules.NoLink},
		"no route because there is no cable": {wechat.NoRoute, 1, 0, false, rules.NoLink},
		"a clock that is not believed":       {wechat.Clock, 1, 0, true, rules.ClockUntrusted},
		"no way, and a wrong clock":          {wechat.NoRoute, 1, -time.Hour, true, rules.ClockUntrusted},
	} {
		g := &gauge{p: wechat.Pulse{Trouble: c.trouble, Failures: c.times, Detail: "x"}, skew: c.skew, known: true}
		l, err := openLink(g, db, []string{"https://api.mch.weixin.qq.com"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		l.wired = func() bool { return c.wired }
		if got, evidence := l.look(); got != c.want || (evidence == "") != (c.times == 0) {
			t.Errorf("a provider that is %s: %s (%s), want %s", name, linkNames[got], evidence, linkNames[c.want])
		}
	}
}

// Sales at once cannot pass the rules' limits together: what is accepted is what the
// limits of the default rules allow, however many try.
func TestOfflineLimitsAtOnce(t *testing.T) {
	n := newCounter(t)
	for end := time.Now().Add(time.Minute); n.k.d.vitals.link.silence() == (rules.Int{}) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	n.take("gone", "provider_down")
	var group sync.WaitGroup
	var shown, streak atomic.Int32
	for range 24 {
		group.Go(func() {
			s, err := n.sell("pix", "10.00")
			switch {
			case err != nil:
				t.Error(err)
			case s.State == "presented_offline":
				shown.Add(1)
			case s.State == "awaiting_approval":
				streak.Add(1)
			default:
				t.Errorf("%s, %+v", s.State, s.Reason)
			}
		})
	}
	group.Wait()
	if n := shown.Load(); n > 10 || shown.Load()+streak.Load() != 24 {
		t.Errorf("%d codes were shown without a manager, %d need one; ten in a row do not", n, streak.Load())
	}
}
