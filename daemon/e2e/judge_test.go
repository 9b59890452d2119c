package e2e

import (
	"crypto/rand"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// A sale goes on, waits for a manager or ends before anything is asked of the
// provider, and who decided is on record.
func TestSalesAreJudged(t *testing.T) {
	o := startOutside(t, brisk)
	d := judged(t, o, built(t).product, "JUDGE", "").open()

	small := d.pay(o, d.sell(sale.Merchant, ordinary))
	asked := o.asked("")
	refused := d.sell(sale.Payer, huge)
	if refused.State != "declined" || refused.Reason == nil || refused.Reason.Code != "rule_beyond-this-shop" || refused.Reason.Text.Zh != "超出本店单笔上限" {
		t.Errorf("a sale that a hard rule refuses is %s: %+v", refused.State, refused.Reason)
	}
	if n := o.asked(""); n != asked {
		t.Error("a model was asked about a sale that no model can allow")
	}
	waits := d.sell(sale.Merchant, large)
	if waits.State != "awaiting_approval" || waits.Says.Code != "consent_manager" || !waits.Can.Consent || waits.QR != nil {
		t.Fatalf("a large sale is %s, says %+v", waits.State, waits.Says)
	}
	if waits.Reason == nil || waits.Reason.Code != "rule_high-value" || waits.Reason.Text.En == "" || waits.Reason.Text.Zh == "" {
		t.Errorf("nobody at the till knows why: %+v", waits.Reason)
	}
	if n := o.made(); len(waits.History.Attempts)+len(refused.History.Attempts) > 0 || n != 1 {
		t.Errorf("%d orders were made, of sales that were not let go too", n)
	}
	if _, err := d.api.Consent(soon(t), waits, ""); problem(err).Code != "approver_missing" || problem(err).Status != 422 {
		t.Errorf("a nameless approval: %v", err)
	}
	if s, err := d.api.Consent(soon(t), refused, "Wang"); problem(err).Status != http.StatusConflict {
		t.Errorf("a refused sale was approved: %s, %v", s.State, err)
	}
	if _, err := d.api.Consent(soon(t), waits, "Wang"); err != nil {
		t.Fatal(err)
	}
	approved := d.pay(o, d.shown(waits.ID))

	d.stop()
	d.check()
	if v := d.explain(small.ID); v.path != "model" || v.model == "" || v.asked == 0 {
		t.Errorf("an ordinary sale:\n%s", v.text)
	}
	if v := d.explain(refused.ID); v.path != "rules" || v.asked != 0 || !strings.Contains(v.owed, "refuse") {
		t.Errorf("a refused sale:\n%s", v.text)
	}
	if v := d.explain(approved.ID); !strings.Contains(v.text, "high-value") || !strings.Contains(v.owed, "verify") {
		t.Errorf("a large sale:\n%s", v.text)
	}
}

// shown waits for the code of a sale that goes on.
func (d *till) shown(id sale.ID) api.Sale {
	d.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if s, err := d.api.Sale(soon(d.t), id, 0); err != nil {
			d.t.Fatal(err)
		} else if s.QR != nil {
			return s
		}
	}
	d.t.Fatalf("%s shows no code:\n%s", id, d.log)
	return api.Sale{}
}

// A code held out too early is not kept until a manager has come: it is given
// back, and a fresh one is charged once.
func TestACodeBeforeTheApproval(t *testing.T) {
	o := startOutside(t, brisk)
	d := judged(t, o, built(t).product, "EARLY", "").open()
	early, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: large, Currency: "CNY", Code: o.payerCode("pay")}, rand.Text(), 5*time.Second)
	p := problem(err)
	if p.Status != http.StatusConflict || p.Instance == "" {
		t.Fatalf("%s, %v", early.State, err)
	}
	id := sale.ID(strings.TrimPrefix(p.Instance, "/v1/sales/"))
	if _, err := d.api.Consent(soon(t), api.Sale{ID: id}, "Wang"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.api.Scan(soon(t), id, o.payerCode("pay")); err != nil {
		t.Fatal(err)
	}
	s, err := rest(t.Context(), d, id, nil)
	if err != nil || s.State != "paid" {
		t.Fatalf("%s, %v\n%s", s.State, err, d.log)
	}
	if c := o.orders()[s.History.Attempts[0].OrderNo]; c.Charges != 1 {
		t.Errorf("the provider saw %+v", c)
	}
	d.stop()
	d.check()
}

// Power that fails between the judgement and the order leaves a sale that is
// judged again, and is paid once.
func TestAPowerCutAfterTheJudgement(t *testing.T) {
	o := startOutside(t, brisk)
	for flow, point := range map[sale.Flow]string{sale.Merchant: "order_intended:before-commit", sale.Payer: "judged:before-commit"} {
		t.Run(string(flow), func(t *testing.T) {
			crew := "-" + string(flow)
			d := judged(t, o, built(t).faulty, strings.ToUpper(string(flow)), crew)
			d.start("QRPOSD_KILL=" + point)
			s, err := d.api.Open(soon(t), api.NewSale{Flow: flow, Amount: ordinary, Currency: "CNY"}, rand.Text(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if d.wait(10*time.Second) == nil {
				t.Fatal("the power did not fail")
			}
			if n := o.models()["mistral"+crew].Calls; n != 1 {
				t.Fatalf("a model was asked %d times before the power failed", n)
			}
			d.open()
			if flow == sale.Payer {
				for s.State != "judged" {
					if s, err = d.api.Sale(soon(t), s.ID, 0); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := d.api.Scan(soon(t), s.ID, o.payerCode("pay")); err != nil {
					t.Fatal(err)
				}
				s, err = rest(t.Context(), d, s.ID, nil)
			} else {
				s = d.pay(o, d.shown(s.ID))
			}
			if err != nil || s.State != "paid" || len(s.History.Attempts) != 1 {
				t.Fatalf("%s, %v, %+v\n%s", s.State, err, s.History, d.log)
			}
			if n := o.models()["mistral"+crew].Calls; n != 2 {
				t.Errorf("a model was asked %d times in all, not once for each judgement", n)
			}
			if c := o.orders()[s.History.Attempts[0].OrderNo]; c.Charges != 1 {
				t.Errorf("the provider saw %+v", c)
			}
			d.stop()
			d.check()
			if v := d.explain(s.ID); v.path != "model" {
				t.Errorf("judged by %s", v.path)
			}
		})
	}
}

// Other rules come into force whole or not at all, from the file and over the API.
func TestRulesAreReplaced(t *testing.T) {
	o := startOutside(t, brisk)
	d := judged(t, o, built(t).product, "RULES", "").open()
	inForce := func() api.Rules {
		r, err := d.api.Rules(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := inForce()
	if first.Name != d.rules() || !strings.Contains(first.Text, "beyond-this-shop") {
		t.Fatalf("in force are %s, %d rules", first.Name, first.Count)
	}
	d.setRules(first.Text + strings.NewReplacer("beyond-this-shop", "small-shop", "30000.00", "10.00").Replace(limit))
	d.hangUp(`msg="other rules are in force"`)
	second := inForce()
	if second.Hash == first.Hash || second.Count != first.Count+1 {
		t.Errorf("%d rules %s follow %d rules %s", second.Count, second.Hash, first.Count, first.Hash)
	}
	if s := d.sell(sale.Merchant, ordinary); s.State != "declined" || s.Reason.Code != "rule_small-shop" {
		t.Errorf("by the new rules it is %s: %+v", s.State, s.Reason)
	}

	bad := strings.NewReplacer("amount >=", "amuont >=", `"refuse"`, `"decline"`).Replace(limit)
	d.setRules(bad)
	d.hangUp(`msg="the rules stay as they are"`)
	for _, words := range []string{"rules.toml:4:9: there is no fact amuont; did you mean amount?", "rules.toml:5:11: there is no effect"} {
		if !strings.Contains(d.log.String(), words) {
			t.Errorf("the log does not say %s:\n%s", words, d.log)
		}
	}
	_, err := d.api.ReplaceRules(soon(t), bad)
	p := problem(err)
	if p.Status != 422 || p.Code != "rules_invalid" || !strings.Contains(p.Detail, "rules:4:9: ") || !strings.Contains(p.Detail, "rules:5:11: ") || p.Hint == "" {
		t.Errorf("a bad file over the API: %v", err)
	}
	if r := inForce(); r.Hash != second.Hash || r.Text != second.Text {
		t.Errorf("%s are in force, not %s", r.Hash, second.Hash)
	}
	third, err := d.api.ReplaceRules(soon(t), first.Text)
	if err != nil || third.Hash != first.Hash || inForce().Hash != first.Hash {
		t.Errorf("%+v, %v", third.Hash, err)
	}
	d.pay(o, d.sell(sale.Merchant, ordinary))
	d.stop()
	d.check()
}

// hangUp has the till read its rules again and waits for its words about it.
func (d *till) hangUp(words string) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		d.t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !strings.Contains(d.log.String(), words); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("no word of %s:\n%s", words, d.log)
		}
	}
}

// A replay of a till's own journal against its own rules changes nothing, and
// against stricter ones says which sales and how much.
func TestReplayOfADay(t *testing.T) {
	o := startOutside(t, brisk)
	d := judged(t, o, built(t).product, "DAY", "").open()
	for _, amount := range []string{ordinary, "13.80", large, huge} {
		d.sell(sale.Merchant, amount)
	}
	d.stop()
	replay := func() string {
		out, err := exec.Command(d.exe, "rules", "replay", "-store", d.store, d.rules()).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	if out := replay(); !strings.HasPrefix(out, "4 judged sales, 0 would end otherwise") {
		t.Errorf("by the same rules:\n%s", out)
	}
	d.setRules(strings.NewReplacer("30000.00", "13.00").Replace(limit))
	out := strings.Join(strings.Fields(replay()), " ")
	for _, words := range []string{"4 judged sales, 2 would end otherwise", "-> refuse 1", "beyond-this-shop fired 1, would fire 3 (+2 -0)", "high-value fired 2, would fire 0 (+0 -2)"} {
		if !strings.Contains(out, words) {
			t.Errorf("no %q in\n%s", words, out)
		}
	}
}
