package e2e

import (
	"crypto/rand"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// leave asks the product whether the till may be taken away: its file, as the script
// of a package does, unless it runs.
func (d *till) leave(t *testing.T, args ...string) (int, string) {
	t.Helper()
	out, err := exec.Command(d.exe, append([]string{"leave", "-config", d.config}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return exit.ExitCode(), string(out)
	}
	return 0, string(out)
}

// A refund that is promised without a network is told as what it is, keeps the till
// from being taken away, lives through kills, and goes by itself, once, when the line
// is back.
func TestARefundIsPromisedOffline(t *testing.T) {
	o := startOutside(t, brisk)
	c := newCable(t, o)
	d := faultTill(t, o, "OFF1", "v3", c.url)
	if code, out := d.leave(t, "-addr", d.api.Base, "-for", "update"); code != 0 {
		t.Fatalf("nothing is owed and it ends with %d: %s", code, out)
	}
	s := charge(t, o, d, "12.80", 10*time.Second)
	until(t, d, s.ID, "paid")
	c.pull()
	if _, err := d.api.Refund(soon(t), s.ID, api.NewRefund{Amount: "2.80", Operator: "Li"}, rand.Text()); err != nil {
		t.Fatal(err)
	}
	told := func() {
		t.Helper()
		v := until(t, d, s.ID, "refund_promised")
		if !strings.Contains(v.Says.Advice.En, "Do not hand out cash too") || !strings.Contains(v.Says.Payer.Advice.En, "has not been sent yet") {
			t.Errorf("it is told as %+v", v.Says)
		}
		q, err := d.api.Queue(soon(t))
		if err != nil || len(q.Jobs) != 1 || q.Jobs[0].ID != s.ID || q.Jobs[0].Debts[0].Kind != sale.DebtRefund || q.Jobs[0].Debts[0].Amount.Decimal != "2.80" {
			t.Errorf("the queue is %+v, %v", q, err)
		}
	}
	told()
	if code, out := d.leave(t, "-addr", d.api.Base, "-for", "removal"); code != 77 || !strings.Contains(out, string(s.ID)) || !strings.Contains(out, "refund") {
		t.Errorf("beside the running till: %d, %s", code, out)
	}
	for range 2 {
		d.kill()
		if code, out := d.leave(t, "-for", "update"); code != 77 || !strings.Contains(out, string(s.ID)) {
			t.Errorf("on the file: %d, %s", code, out)
		}
		if !d.start() {
			t.Fatalf("the till did not open:\n%s", d.log)
		}
		told()
	}
	d.kill()
	if code, out := d.leave(t, "-for", "update", "-override", "Wang", "-reason", "a new version"); code != 0 {
		t.Errorf("with a name on the file: %d, %s", code, out)
	}
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	if j, err := d.api.Job(soon(t), s.ID); err != nil || len(j.History) == 0 {
		t.Errorf("the job: %+v, %v", j, err)
	}
	c.plug()
	v := until(t, d, s.ID, "part_refunded")
	if got := o.orders()[v.History.Attempts[0].OrderNo]; got.Refunds != 1 || got.Net != 1000 {
		t.Errorf("the provider saw %+v", got)
	}
	if code, out := d.leave(t, "-addr", d.api.Base, "-for", "removal"); code != 0 {
		t.Errorf("nothing is owed any more and it ends with %d: %s", code, out)
	}
	finish(t, o, d)
}

// A refund that the provider closes keeps the till where it is until somebody has given
// the money back in another way; after that nothing of it can be given back again.
func TestAClosedRefundIsRepaid(t *testing.T) {
	o := startOutside(t, brisk)
	d := faultTill(t, o, "OFF3", "v3", o.url)
	s := charge(t, o, d, "12.29", 10*time.Second) // the provider closes its first refund
	until(t, d, s.ID, "paid")
	if _, err := d.api.Refund(soon(t), s.ID, api.NewRefund{Amount: "2.29", Operator: "Li"}, rand.Text()); err != nil {
		t.Fatal(err)
	}
	until(t, d, s.ID, "refund_failed")
	if code, out := d.leave(t, "-addr", d.api.Base, "-for", "removal"); code != 77 || !strings.Contains(out, "another way, say so") {
		t.Errorf("it owes a refund: %d, %s", code, out)
	}
	out, err := exec.Command(d.exe, "queue", "repaid", "-addr", d.api.Base, "-operator", "Wang", "-reason", "in cash", string(s.ID)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "owes nothing") {
		t.Errorf("repaid: %v\n%s", err, out)
	}
	d.kill()
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	v := until(t, d, s.ID, "refund_repaid")
	if _, err := d.api.Refund(soon(t), s.ID, api.NewRefund{Amount: "10.01", Operator: "Li"}, rand.Text()); err == nil {
		t.Error("more goes back than was paid")
	}
	if code, out := d.leave(t, "-addr", d.api.Base, "-for", "removal"); code != 0 {
		t.Errorf("nothing is owed: %d, %s", code, out)
	}
	if got := o.orders()[v.History.Attempts[0].OrderNo]; got.Net != 1229 {
		t.Errorf("the provider saw %+v", got)
	}
	finish(t, o, d)
}

// Somebody has seen that a charge was not paid, and it was: the sale is never told as
// paid, takes no other code, and the money goes back by itself.
func TestATakeoverSettlesNothing(t *testing.T) {
	o := startOutside(t, brisk)
	c := newCable(t, o)
	d := faultTill(t, o, "OFF2", "v3", c.url)
	s, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: "9.90", Currency: "CNY"}, rand.Text(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.api.Scan(soon(t), s.ID, o.payerCode("password_late")); err != nil {
		t.Fatal(err)
	}
	o.sent(990)
	c.pull()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if v, err := d.api.Sale(soon(t), s.ID, 0); err != nil || time.Now().After(end) {
			t.Fatalf("nobody may take it over: %+v, %v", v.Says, err)
		} else if v.Can.TakeOver {
			break
		}
	}
	v, err := d.api.TakeOver(soon(t), s.ID, api.NewTakeover{Remark: api.Remark{Operator: "Wang", Reason: "the telephone shows none"}, Saw: "not_paid"})
	if err != nil || v.Says.Code != "taken_over" || v.State == "paid" {
		t.Fatalf("%+v, %v", v.Says, err)
	}
	if _, err := d.api.Scan(soon(t), s.ID, o.payerCode("pay")); err == nil {
		t.Error("it takes another code")
	}
	d.kill()
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	until(t, d, s.ID, "taken_over")
	c.plug()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if v, err = d.api.Sale(soon(t), s.ID, 0); err != nil || time.Now().After(end) {
			t.Fatalf("it is still %s, %v\n%s", v.State, err, d.log)
		}
		if v.State == "paid" {
			t.Fatal("a person's word made it paid")
		}
		if v.Rests() {
			break
		}
	}
	if got := o.orders()[v.History.Attempts[0].OrderNo]; got.Net != 0 || len(v.History.Attempts) != 1 {
		t.Errorf("it ended as %s and the provider saw %+v", v.State, got)
	}
	finish(t, o, d)
}
