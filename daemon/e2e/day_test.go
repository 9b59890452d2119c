package e2e

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/day"
	"qrposd/rules/sale"
)

// missing is what keeps the day open, as "code order or operator".
func missing(list []day.Missing) []string {
	out := []string{}
	for _, m := range list {
		who := m.OrderNo
		if who == "" {
			who = m.Operator
		}
		out = append(out, string(m.Why)+" "+who)
	}
	return out
}

// closes asks for the day to be closed, and is what keeps it open if something does.
func (s *shift) closes(t *testing.T, key string) (api.Day, []string) {
	t.Helper()
	d, err := s.d.api.CloseDay(soon(t), "Wang", key)
	var p *api.Problem
	if errors.As(err, &p) && p.Code == "day_open" {
		return d, missing(p.Missing)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d, nil
}

// A day with sales that were paid, given back, declined and in doubt. It is closed when
// nothing is missing, and until then says exactly what is; the plug is pulled around
// the closing, and there is one Z report.
func TestADayIsClosedThroughPowerCuts(t *testing.T) {
	for _, point := range []string{"day_closed:before-commit", "day_closed:after-commit"} {
		t.Run(point, func(t *testing.T) {
			st := newStreet(t)
			s := st.shift(t, built(t).faulty)
			s.start("QRPOSD_KILL=" + point)
			for _, b := range []*basket{
				newBasket(sale.Payer, 1290, toPay), newBasket(sale.Merchant, 2591, toPay), newBasket(sale.Payer, 3390, toReturn), newBasket(sale.Payer, 4405, toPay), // 05 is declined
			} {
				s.serve(one(b))
			}
			s.people.Wait()
			if err := s.rest(90 * time.Second); err != nil {
				t.Fatal(err)
			}
			st.o.do(http.MethodPost, "/sim/rules", map[string]any{"tail": 77, "fault": "system_error_before"}, nil)
			v, err := s.d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: "50.77", Currency: "CNY", Code: st.o.payerCode("pay"), Operator: "Li"}, "a-sale-in-doubt", 0)
			if err != nil {
				t.Fatal(err)
			}
			order := string(v.ID) + "1"
			for _, args := range [][]string{{"-kind", "float", "-amount", "200.00"}, {"-kind", "paid_out", "-amount", "50.00", "-note", "stamps"}} {
				if out, err := s.cli(append([]string{"day", "drawer", "-operator", "Li"}, args...)...); err != nil || !strings.Contains(out, "drawer Li") {
					t.Fatalf("%v: %v\n%s", args, err, out)
				}
			}
			s.doubts(t, order)
			if _, open := s.closes(t, "close-it-too-early"); !slices.Equal(open, []string{"drawer_uncounted Li", "in_doubt " + order}) {
				t.Fatalf("it is kept open by %q:\n%s", open, s.d.log)
			}
			out, err := s.cli("day", "z", "-operator", "Wang")
			if err == nil || !strings.Contains(out, "in_doubt  "+order) || !strings.Contains(out, "count it and enter the sum") || !strings.Contains(out, "day_open") {
				t.Errorf("day z: %v\n%s", err, out)
			}
			if out, err := s.cli("day", "drawer", "-operator", "Li", "-kind", "counted", "-amount", "149.50"); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if _, open := s.closes(t, "close-it-too-early"); !slices.Equal(open, []string{"in_doubt " + order}) {
				t.Fatalf("it is kept open by %q", open)
			}
			st.o.do(http.MethodDelete, "/sim/rules", nil, nil)
			if err := s.rest(90 * time.Second); err != nil {
				t.Fatal(err)
			}
			closing := []string{"day", "z", "-operator", "Wang", "-key", "closing-of-the-day"}
			if out, err := s.cli(closing...); err == nil {
				t.Fatalf("the till that was cut off answered: %s", out)
			}
			if !s.died() {
				t.Fatalf("it never passed %s:\n%s", point, s.d.log)
			}
			s.start()
			for range 2 {
				if out, err := s.cli(closing...); err != nil || !strings.Contains(out, "number 1\n") {
					t.Fatalf("day z: %v\n%s", err, out)
				}
			}
			s.isClosed(t)
			s.d.stop()
			if out, err := exec.Command(s.d.exe, "check", s.d.store).CombinedOutput(); err != nil || !strings.Contains(string(out), "1 days closed, 3 lines about drawers") {
				t.Errorf("check: %v\n%s", err, out)
			}
		})
	}
}

// doubts waits until an order is among what keeps the day open.
func (s *shift) doubts(t *testing.T, order string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		x, err := s.d.api.DayReport(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(missing(x.Missing), "in_doubt "+order) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not in doubt: %+v\n%s", order, x, s.d.log)
		}
	}
}

// isClosed holds the one closed day against what was sold and against its signature.
func (s *shift) isClosed(t *testing.T) {
	t.Helper()
	list, err := s.d.api.ClosedDays(soon(t), 10, 0)
	if err != nil || len(list.Days) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	d := list.Days[0]
	key, kerr := hex.DecodeString(d.Key)
	signature, err := base64.StdEncoding.DecodeString(d.Signature)
	if err != nil || kerr != nil || !ed25519.Verify(key, []byte(d.Statement), signature) {
		t.Errorf("the signature of %q does not verify", d.Statement)
	}
	receipt, err := s.cli("day", "show", "-receipt", "1")
	if err != nil {
		t.Fatalf("day show: %v\n%s", err, receipt)
	}
	for _, line := range []string{
		"END OF DAY (Z)", "Opening                 CNY 0.00", "Paid                   CNY 72.71", "Closing                CNY 55.76", "Drawer                        Li", "Over/short             CNY -0.50",
	} {
		if !strings.Contains(receipt, line+"\n") {
			t.Errorf("the receipt has no line %q:\n%s", line, receipt)
		}
	}
	if table, err := s.cli("day", "show", "-csv", "1"); err != nil || !strings.HasPrefix(table, "kind,till,number") || !strings.Contains(table, "drawer,Li,cash,,CNY") {
		t.Errorf("day show -csv: %v\n%s", err, table)
	}
	if x, err := s.cli("day", "x"); err != nil || !strings.Contains(x, "DAY SO FAR (X)") || !strings.Contains(x, "Opening                CNY 55.76\n") {
		t.Errorf("day x: %v\n%s", err, x)
	}
	if ls, err := s.cli("day", "ls"); err != nil || strings.Count(ls, "\n") != 1 || !strings.Contains(ls, "by Wang  CNY 72.71 less 16.95") {
		t.Errorf("day ls: %v\n%s", err, ls)
	}
}

// ahead turns the provider's clock to eleven o'clock in Beijing of the day after.
func (o *outside) ahead() (yesterday string) {
	o.t.Helper()
	beijing := time.FixedZone("Asia/Shanghai", 8*3600)
	now := time.Now().In(beijing)
	y, m, d := now.Date()
	then := time.Date(y, m, d+1, 11, 0, 0, 0, beijing)
	o.do(http.MethodPost, "/sim/clock", map[string]int64{"ahead_s": int64(then.Sub(now) / time.Second)}, nil)
	return now.Format(time.DateOnly)
}

// The bill of a day is fetched by itself when it can be had. The plug is pulled in the
// middle of the download, and around the record of it; the cases are those that were
// planted, once, whatever happened.
func TestABillThroughPowerCuts(t *testing.T) {
	for _, point := range []string{"", "bill:before-commit", "bill:after-commit"} {
		t.Run("at "+point, func(t *testing.T) {
			st := newStreet(t)
			s := st.shift(t, built(t).faulty, edit{"wechat", `skew_limit = "72h"`})
			s.start()
			for _, b := range []*basket{newBasket(sale.Payer, 1290, toPay), newBasket(sale.Merchant, 2591, toPay), newBasket(sale.Payer, 3390, toReturn)} {
				s.serve(one(b))
			}
			s.people.Wait()
			if err := s.rest(90 * time.Second); err != nil {
				t.Fatal(err)
			}
			var orders []string
			for no, c := range st.o.orders() {
				if c.Total == 1290 || c.Total == 2591 {
					orders = append(orders, no)
				}
			}
			if len(orders) != 2 {
				t.Fatalf("the provider has %v", orders)
			}
			s.kill()
			stranger := orders[0][:len(orders[0])-12] + "ABCDEFGHJKM1"
			st.o.do(http.MethodPost, "/sim/bills", map[string]any{
				"plant": []map[string]any{{"out_trade_no": stranger, "total": 700}}, "amounts": map[string]int64{orders[0]: 1}, "twice": orders[1:], "columns": "turned", "wrong_hash": 2, // the first address is asked for the sake of the time
			}, nil)
			date := st.o.ahead()
			if point == "" {
				st.o.do(http.MethodPost, "/sim/rules", map[string]any{"op": "billfile", "fault": "slow_drip", "drip_ms": 500}, nil)
				s.start()
				st.o.served(t, date)
				s.kill()
				st.o.do(http.MethodDelete, "/sim/rules", nil, nil)
				s.start()
			} else {
				s.start("QRPOSD_KILL=" + point + "*2")
				if !s.died() {
					t.Fatalf("it never passed %s:\n%s", point, s.d.log)
				}
				s.start()
			}
			s.answered(t, date, orders, stranger)
			s.d.stop()
			s.d.check()
		})
	}
}

// answered holds the cases of a bill against what was planted, has it fetched once
// more, and closes the day when somebody has answered them.
func (s *shift) answered(t *testing.T, date string, orders []string, stranger string) {
	t.Helper()
	found := []string{}
	for _, c := range s.openCases(t, 3) {
		found = append(found, c.Evidence["code"]+" "+c.Evidence["no"])
	}
	slices.Sort(found)
	want := []string{"amount_differs " + orders[0], "payment_unknown_here " + stranger, "twice_in_bill " + orders[1]}
	if !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
	if out, err := s.cli("bill", "fetch", date); err != nil || !strings.Contains(out, "compared") || !strings.Contains(out, "3 differ") {
		t.Errorf("bill fetch: %v\n%s", err, out)
	}
	s.openCases(t, 3)
	if out, err := s.cli("bill", "ls"); err != nil || !strings.Contains(out, date+"  compared") {
		t.Errorf("bill ls: %v\n%s", err, out)
	}
	if out, err := s.cli("bill", "show", date); err != nil || !strings.Contains(out, "to do: ask the provider about the order") {
		t.Errorf("bill show: %v\n%s", err, out)
	}
	if _, open := s.closes(t, "with-open-differences"); len(open) != 3 || !strings.HasPrefix(open[0], string(day.BillDiffers)) {
		t.Errorf("the day is kept open by %q", open)
	}
	for _, c := range s.openCases(t, 3) {
		if out, err := s.cli("case", "close", "-operator", "owner", "-note", "asked the provider", fmt.Sprint(c.ID)); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if d, open := s.closes(t, "with-answers"); d.Number != 1 {
		t.Errorf("the day is kept open by %q", open)
	}
}

// served waits until the file of a bill was asked for.
func (o *outside) served(t *testing.T, date string) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var b struct {
			Served map[string]int `json:"served"`
		}
		o.do(http.MethodGet, "/sim/bills", nil, &b)
		if b.Served[date] > 0 {
			return
		}
	}
	t.Fatal("nobody asked for the bill")
}
