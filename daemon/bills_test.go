package daemon

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/sim"
	"qrposd/daemon/wechat"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// shopClock is noon of a day in Beijing and runs from there.
type shopClock struct{ start time.Time }

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, beijing) // budget: a constant but for its type

func (c shopClock) Wall() time.Time               { return noon.Add(time.Since(c.start)) }
func (c shopClock) Boot() (string, time.Duration) { return "boot", time.Since(c.start) }

// billRig is a till's store and bills at a simulated provider that books what is sold.
type billRig struct {
	*bills
	t  *testing.T
	wx *sim.WeChat
	c  *wechat.Client
}

func newBillRig(t *testing.T) *billRig {
	t.Helper()
	clock := shopClock{time.Now()}
	r := &billRig{t: t, wx: &sim.WeChat{Now: clock.Wall}}
	cred, err := r.wx.Keys()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cred.WriteDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(r.wx)
	t.Cleanup(srv.Close)
	conf := wechat.Config{
		MchID: in.MchID, AppID: in.AppID, Serial: in.MerchantSerial, PrivateKeyFile: in.KeyFile, NotifyURL: "https://shop.example/notify", BaseURLs: []string{srv.URL},
		PlatformKeys: []wechat.PlatformKey{{ID: in.PublicKeyID, File: in.PublicKeyFile}}, SkewLimit: wechat.Duration(100 * 365 * 24 * time.Hour), Scene: wechat.Scene{StoreID: "S1"},
	}
	if r.c, err = wechat.Open(conf, 5*time.Minute, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	db := storetest.MustOpen(t, func(o *store.Options) { o.Clock = clock })
	cfg := Default()
	cfg.Till.ID, cfg.WeChat.MchID, cfg.Bill.Dir = "T1", in.MchID, filepath.Join(t.TempDir(), "bills")
	if err := r.c.Probe(t.Context()); err != nil { // the first answer sets the clock
		t.Fatal(err)
	}
	r.bills = newBills(cfg, db, r.c, func(string, string) {}, slog.New(slog.DiscardHandler))
	return r
}

func (r *billRig) commit(id sale.ID, ev sale.Event) sale.Sale {
	r.t.Helper()
	s, err := r.db.Commit(r.t.Context(), id, ev, sale.Once{})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// sell charges a customer's code; told says whether the till hears of it.
func (r *billRig) sell(fen int64, told bool) sale.Sale {
	r.t.Helper()
	s, _, err := r.db.Begin(r.t.Context(), sale.New{Flow: sale.Payer, Amount: money.Money{Minor: fen, Currency: "CNY"}, Description: "tea, green", Operator: "Li"}, "s", sale.Once{})
	if err != nil {
		r.t.Fatal(err)
	}
	minted, err := r.wx.Mint(sim.PayerCode{Behaviour: "pay"})
	if err != nil {
		r.t.Fatal(err)
	}
	code := sale.NewPayerCode(minted.AuthCode)
	step := sale.Step{Do: sale.Charge, OrderNo: s.NextOrderNo()}
	req, err := r.c.Prepare(step, s, code)
	if err != nil {
		r.t.Fatal(err)
	}
	s = r.commit(s.ID, sale.Event{Kind: sale.ChargeIntended, OrderNo: step.OrderNo, Request: &req, CodeID: "c" + step.OrderNo})
	ev := r.c.Do(r.t.Context(), step, s, req)
	if ev.Kind != sale.Received {
		r.t.Fatalf("%+v", ev)
	}
	if !told {
		ev = sale.Event{Kind: sale.Unclear}
	}
	return r.commit(s.ID, ev)
}

// giveBack refunds a sale in part.
func (r *billRig) giveBack(s sale.Sale, fen int64) sale.Refund {
	r.t.Helper()
	s = r.commit(s.ID, sale.Event{Kind: sale.RefundRequested, Amount: money.Money{Minor: fen, Currency: "CNY"}, By: "Li"})
	f := s.Refunds[len(s.Refunds)-1]
	step := sale.Step{Do: sale.SendRefund, OrderNo: f.OrderNo, RefundNo: f.No}
	req, err := r.c.Prepare(step, s, sale.PayerCode{})
	if err != nil {
		r.t.Fatal(err)
	}
	s = r.commit(s.ID, sale.Event{Kind: sale.RefundIntended, RefundNo: f.No, Request: &req})
	r.commit(s.ID, r.c.Do(r.t.Context(), step, s, req))
	return f
}

// tomorrow turns the provider's clock to eleven o'clock of so many days later, and has
// the till hear of it.
func (r *billRig) tomorrow(days int) {
	r.t.Helper()
	r.peeked = time.Time{}
	r.wx.SetAhead(time.Duration(days)*24*time.Hour - time.Hour)
	if err := r.c.Probe(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// found are the open cases as "code number".
func (r *billRig) found() []string {
	r.t.Helper()
	list, err := r.db.Cases(100, 0, func(c store.Case) bool { return c.Open() })
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, c := range list {
		out = append(out, c.Data["code"]+" "+c.Data["no"])
		if c.Kind != store.BillDifference || c.Next == "" {
			r.t.Errorf("%+v", c)
		}
	}
	slices.Sort(out)
	return out
}

func (r *billRig) bill(date string) store.BillDay {
	r.t.Helper()
	list, err := r.db.Bills(date)
	if err != nil || len(list) == 0 || list[0].Date != date {
		r.t.Fatalf("no bill of %s: %+v, %v", date, list, err)
	}
	return list[0]
}

func (r *billRig) ledger() string {
	st := r.db.Stats()
	return fmt.Sprintf("%d %s", st.Entries, st.Head)
}

// A day is sold, given back in part, reversed; the bill of it says what the provider
// booked, and what was planted in it. Every difference is one case and nothing else is;
// the books stay as they are.
func TestBillFindsWhatWasPlanted(t *testing.T) {
	r := newBillRig(t)
	var sold []sale.Sale
	for i := range 8 {
		sold = append(sold, r.sell(1050+int64(i)*100, true))
	}
	lost := r.sell(2050, false) // paid at the provider, and never heard of here
	refund := r.giveBack(sold[0], 100)
	dropped := r.giveBack(sold[1], 150)
	order := func(i int) string { return sold[i].Attempts[0].OrderNo }
	stranger := "T1" + "260305" + "0000Z" + "ABCDEFGHJKM" + "1"
	planted := sim.Bills{
		Plant:   []sim.PlantedRow{{OutTradeNo: stranger, Total: 700}, {OutTradeNo: order(2), RefundNo: "BYHAND1", Total: 200}, {OutTradeNo: "T7" + stranger[2:], Total: 900}},
		Drop:    []string{order(3), dropped.No},
		Amounts: map[string]int64{order(4): 1, refund.No: 99},
		Twice:   []string{order(5)},
		Columns: "turned",
	}
	r.wx.SetBills(planted)
	r.pass(t.Context())
	if list, err := r.db.Bills(""); err != nil || len(list) != 0 {
		t.Fatalf("a bill of a day that is not over: %+v, %v", list, err)
	}
	r.tomorrow(1)
	before := r.ledger()
	r.pass(t.Context())
	want := []string{
		"amount_differs " + order(4), "amount_differs " + refund.No, "paid_at_provider " + lost.Attempts[0].OrderNo, "payment_not_in_bill " + order(3),
		"payment_unknown_here " + stranger, "refund_unknown_here BYHAND1", "twice_in_bill " + order(5),
	}
	slices.Sort(want)
	if got := r.found(); !slices.Equal(got, want) {
		t.Fatalf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if after := r.ledger(); after != before {
		t.Errorf("the journal was %s and is %s", before, after)
	}
	d := r.bill("2026-03-05")
	info, err := os.Stat(d.File)
	if err != nil || !d.Done || d.Opened != len(want) || info.Mode().Perm() != 0o600 {
		t.Errorf("%+v, %v, %v", d, info, err)
	}
	// Nobody knows when a refund was booked that the provider still works on: it is
	// missed when the bill of the next day has it neither.
	if want := []string{"refund " + dropped.No}; !slices.Equal(d.Pending, want) {
		t.Errorf("pending are %v, want %v", d.Pending, want)
	}
	r.wx.SetBills(sim.Bills{})
	r.tomorrow(2)
	r.pass(t.Context())
	want = append(want, "refund_not_in_bill "+dropped.No)
	slices.Sort(want)
	if got := r.found(); !slices.Equal(got, want) {
		t.Errorf("after the next bill\n%s", strings.Join(got, "\n"))
	}
	list, err := r.db.Cases(100, 0, func(c store.Case) bool { return strings.HasSuffix(c.Data["code"], "_not_in_bill") })
	if err != nil || len(list) != 2 || list[0].Data["provider"] == "" || list[1].Data["provider"] == "" {
		t.Errorf("what only the till has was not asked about: %+v, %v", list, err)
	}
	r.wx.SetBills(planted)
	r.once(t.Context(), store.BillDay{Date: "2026-03-05"}, r.wx.Now().Add(47*time.Hour)) // once more opens nothing
	if got := r.found(); !slices.Equal(got, want) || r.bill("2026-03-05").Opened != 0 {
		t.Errorf("found again\n%s", strings.Join(got, "\n"))
	}
	v, err := cases{r.db, r.log}.view(list[0])
	if err != nil || !strings.Contains(v.Says.What.En, "the bill does not") || !strings.Contains(v.Says.Next.Zh, "查询") {
		t.Errorf("%+v, %v", v, err)
	}
}

// A bill that agrees opens nothing, in whatever form it comes; days without sales have
// none, days on which the till was off are fetched later, and a file that is not the
// one that was signed, or half of it, is refused and fetched again.
func TestBillIsFetchedUntilItIsWhole(t *testing.T) {
	r := newBillRig(t)
	s := r.sell(1251, true)
	r.giveBack(s, 251)
	for _, c := range []struct {
		bills sim.Bills
		code  string
	}{
		{sim.Bills{WrongHash: 1}, "bill_digest"},
		{sim.Bills{Cut: 1}, "bill_truncated"},
		{sim.Bills{Cut: 1, Columns: "plain"}, "bill_digest"},
		{sim.Bills{Missing: 1}, "bill_absent"},
	} {
		r.wx.SetBills(c.bills)
		r.tomorrow(1)
		now, _ := r.now()
		r.once(t.Context(), store.BillDay{Date: "2026-03-05"}, now)
		d := r.bill("2026-03-05")
		if d.Done || d.Code != c.code || !d.Next.After(now) || len(r.found()) > 0 {
			t.Errorf("%+v: %+v, %v", c.bills, d, r.found())
		}
		files, err := os.ReadDir(r.conf.Dir)
		if err != nil || len(files) > 0 {
			t.Errorf("%+v leaves %v, %v", c.bills, files, err)
		}
	}
	r.pass(t.Context()) // it is not tried before its time
	if d := r.bill("2026-03-05"); d.Tries != 1 {
		t.Errorf("%+v", d)
	}
	r.wx.SetBills(sim.Bills{Columns: "plain"})
	r.tomorrow(4)
	r.pass(t.Context())
	for date, file := range map[string]bool{"2026-03-05": true, "2026-03-06": false, "2026-03-07": false, "2026-03-08": false} {
		if d := r.bill(date); !d.Done || (d.File != "") != file {
			t.Errorf("%+v", d)
		}
	}
	if got := r.found(); len(got) > 0 {
		t.Errorf("found %v", got)
	}
	if due, err := r.due(r.wx.Now().Add(95 * time.Hour)); err != nil || len(due) > 0 {
		t.Errorf("still due: %+v, %v", due, err)
	}
	if p := r.part(); p.Level != "ok" {
		t.Errorf("%+v", p)
	}
}

// Before a signed answer has told the time, no day is known to be over.
func TestBillsWaitForTheClock(t *testing.T) {
	r := newBillRig(t)
	r.pass(t.Context())
	if v, err := r.Bills(); err != nil || !v.Blind || len(v.Bills) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
	r.sell(1251, true)
	r.wx.SetBills(sim.Bills{Missing: 9})
	r.tomorrow(1) // by an answer that nobody signed
	r.pass(t.Context())
	if list, err := r.db.Bills(""); err != nil || len(list) > 0 {
		t.Errorf("a bill was looked for by a clock that nobody has confirmed: %+v, %v", list, err)
	}
	if _, err := r.FetchBill(t.Context(), "2026-03-04"); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("%v", err)
	}
}
