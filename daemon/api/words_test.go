package api

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

func bilingual(t *testing.T, what string, text Text) {
	t.Helper()
	han := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	}
	if text.En == "" || han(text.En) || !han(text.Zh) {
		t.Errorf("%s is said as %q", what, text)
	}
}

// specimens are sales in every state, of both flows, cancelled and not, with
// every end of an attempt and every state of a refund.
func specimens() []sale.Sale {
	var all []sale.Sale
	ends := []sale.End{sale.Open, sale.EndPaid, sale.EndClosed, sale.EndTakenBack, sale.EndNotSent, sale.EndRefused, sale.EndConcluded}
	refunds := [][]sale.Refund{nil, {{State: sale.RefundBroken}}, {{State: sale.RefundHeld}}, {{State: sale.RefundOwed, Auto: true}}, {{State: sale.RefundOwed}}, {{State: sale.RefundWorking}}, {{State: sale.RefundPaid}}}
	for _, st := range sale.States() {
		for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
			for _, cancel := range []bool{false, true} {
				for _, end := range ends {
					for _, r := range refunds {
						s := sale.Sale{ID: "S", Flow: flow, State: st, Cancel: cancel, Amount: money.Money{Minor: 100, Currency: "CNY"}, Refunds: r}
						if st.Offline() || st == sale.Cancelled && flow == sale.Merchant {
							all = append(all, ownSpecimens(st)...)
						}
						if st.Offline() {
							continue
						}
						if !st.Before() {
							s.Attempts = []sale.Attempt{{OrderNo: "S1", End: end, CodeURL: "weixin://x"}}
						}
						all = append(all, s)
						all = append(all, spokenFor(s)...)
						lost := s
						lost.Restored = &sale.Restoration{At: 1, Rows: []sale.Instant{0}}
						all = append(all, lost)
						if st == sale.AwaitingApproval {
							s.Appeal = true
							all = append(all, s)
						}
						if st == sale.InDoubt {
							s.Why = &sale.Reason{Code: "payer_confirming"}
							all = append(all, s)
						}
						if st == sale.AwaitingLiveness {
							s.Liveness = &sale.Liveness{OrderNo: "S1", Session: "L1", URL: "https://check.example/L1"}
							all = append(all, s)
							again := *s.Liveness
							again.Failed, s.Liveness = 1, &again
							all = append(all, s)
						}
					}
				}
			}
		}
	}
	return all
}

// spokenFor is a sale of which a person has said something.
func spokenFor(s sale.Sale) (all []sale.Sale) {
	switch s.State {
	case sale.Closing, sale.InDoubt, sale.Reversing:
		for _, saw := range []string{sale.SeenPaid, sale.SeenUnpaid} {
			s.TakenOver = &sale.Takeover{OrderNo: "S1", By: "Li", Saw: saw, Note: "looked"}
			all = append(all, s)
		}
	case sale.Paid:
		s.Refunds = []sale.Refund{{No: "R1", State: sale.RefundBroken, Repaid: &sale.Repayment{By: "Li", How: "cash"}}}
		all = append(all, s)
	case sale.Refunding:
		s.Aside = &sale.Aside{By: "Li", Why: "cash"}
		all = append(all, s)
	}
	return all
}

// ownSpecimens are sales with a code of the till's own.
func ownSpecimens(st sale.State) (all []sale.Sale) {
	m := money.Money{Minor: 100, Currency: "CNY"}
	own := sale.OwnCode{Scheme: "pix", Price: m, Payload: "000201", Shown: 1, Lasts: time.Hour}
	for _, seen := range []*sale.Attestation{nil, {By: "Li"}} {
		for _, late := range []bool{false, true} {
			o := own
			o.Attested, o.GivenUp = seen, late && st == sale.Settled
			if st == sale.Settled {
				o.Receipt = &sale.Receipt{ID: "R1", Amount: m, How: sale.ByReference}
			}
			all = append(all, sale.Sale{ID: "S", Flow: sale.Offline, State: st, Amount: m, Own: &o})
		}
	}
	return all
}

func TestEverySaleIsWorded(t *testing.T) {
	said := make(map[string]bool)
	for _, s := range specimens() {
		w := says(&s)
		said[w.Code] = true
		if _, ok := sayings[w.Code]; !ok {
			t.Fatalf("%s has no words for %s", s.State, w.Code)
		}
		lost := s.Tracing() && !s.State.Live()
		// Where the money may be anywhere the cashier is told not to charge again,
		// and nowhere that nothing was taken.
		open := slices.Contains([]sale.State{sale.Closing, sale.Charging, sale.InDoubt, sale.Reversing, sale.Unconfirmed, sale.Disputed}, s.State) || s.Own != nil && s.Own.GivenUp || lost || s.State == sale.Presented && s.Cancel
		if open != strings.Contains(w.Advice.En, "Do not charge again") || open != strings.Contains(w.Advice.Zh, "请勿重复收款") {
			t.Errorf("%s is told as %q", s.State, w.Advice)
		}
		unseen := len(s.Attempts) > 0 && s.Current().End == sale.EndConcluded || s.Own != nil
		none := strings.Contains(w.Advice.En, nothingTaken)
		if ended := s.State >= sale.Declined && s.State != sale.Reversed; none != (ended && !unseen && !lost) {
			t.Errorf("%s of %v is told as %q", s.State, s.Attempts, w.Advice)
		}
		if paid := w.Headline.En == "Paid"; paid && s.State != sale.Paid {
			t.Errorf("%s is told as paid", s.State)
		}
	}
	for code, texts := range sayings {
		bilingual(t, code, texts[0])
		bilingual(t, code, texts[1])
		if !said[code] {
			t.Errorf("nothing is ever told as %s", code)
		}
	}
}

// At every moment of a payment that is not certain the cashier reads what is known,
// what is being done, and how many seconds are left.
func TestEveryLiveStateHasItsThreeWords(t *testing.T) {
	now := sale.Now{At: 2e9, Since: 1e9}
	for _, s := range specimens() {
		if !s.State.Live() {
			continue
		}
		v := View(s, now, sale.DefaultPlan())
		bilingual(t, s.State.String()+"'s headline", v.Says.Headline)
		bilingual(t, s.State.String()+"'s advice", v.Says.Advice)
		if v.SecondsLeft == nil {
			t.Errorf("%s, cancelled %v, taken over %v: no seconds", s.State, s.Cancel, s.TakenOver != nil)
		}
		if s.TakenOver != nil && !strings.Contains(v.Says.Headline.En, "by Li") {
			t.Errorf("it does not say who stands for it: %q", v.Says.Headline)
		}
	}
}

// A sale that owes something says what and what is to be done, whatever it owes.
func TestEveryJobIsWorded(t *testing.T) {
	said := map[sale.DebtKind]bool{}
	for _, s := range specimens() {
		j := NewJob(&s, 1e12, nil).Worded()
		if len(j.Debts) == 0 {
			continue
		}
		said[j.heavy()] = true
		bilingual(t, string(j.heavy()), j.Says.What)
		bilingual(t, string(j.heavy()), j.Says.Next)
		if j.Says.What == caseOther {
			t.Errorf("%s has no words", j.heavy())
		}
		if promised := j.heavy() == sale.DebtRefund && s.Aside == nil; promised && !strings.Contains(j.Says.Next.En, "Do not hand out cash") {
			t.Errorf("a promise is told as %q", j.Says.Next)
		}
	}
	for kind, texts := range jobSayings {
		bilingual(t, string(kind), texts[0])
		if !said[kind] && kind != sale.DebtTrace && kind != sale.DebtFailed {
			t.Errorf("nothing is ever told as %s", kind)
		}
	}
}

func TestReasonsAndNoticesAreWorded(t *testing.T) {
	for _, table := range []map[string]Text{reasons, notices, faults} {
		for code, text := range table {
			bilingual(t, code, text)
		}
	}
	for code, want := range map[string]string{"not_enough": "balance", "new_code": "余额不足"} {
		if r := reason(&sale.Reason{Code: code, Message: "余额不足"}); !strings.Contains(r.Text.En, want) || r.Code != code || r.Message != "余额不足" {
			t.Errorf("%s is told as %+v", code, r)
		}
	}
	h := Health{Store: Part{Level: OK}, Network: Part{Level: Down}, Gateway: Part{Level: Trouble}, Scanner: Part{Level: Off}, Clock: Part{Level: OK}}
	var codes []string
	for _, n := range h.Notices() {
		codes = append(codes, n.Code)
	}
	if !slices.Equal(codes, []string{"network_down", "gateway_trouble"}) || !h.Ready() {
		t.Errorf("notices %v, ready %v", codes, h.Ready())
	}
	for part := range map[string]bool{"store": true, "network": true, "gateway": true, "scanner": true, "clock": true} {
		for _, level := range []Level{Down, Trouble} {
			if _, ok := notices[part+"_"+string(level)]; !ok {
				t.Errorf("%s being %s has no words", part, level)
			}
		}
	}
}

// Every reason that some room can give has words, and no words are left over.
func TestReasonsAreThoseOfTheSources(t *testing.T) {
	literal := regexp.MustCompile(`(?:Reason\{|\{)(?:Code: )?"([a-z_]+)", (?:Message: )?"`)
	given := make(map[string]bool)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || !strings.Contains(readFile(t, path), "Reason{") {
			return err
		}
		for _, m := range literal.FindAllStringSubmatch(readFile(t, path), -1) {
			given[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for code := range given {
		if _, ok := reasons[code]; !ok {
			t.Errorf("the reason %s has no words for the cashier: add it to reasons", code)
		}
	}
	for code := range reasons {
		if !given[code] && code != "refund" && code != "offline_disputed" { // whose words are the shop's
			t.Errorf("nothing gives the reason %s", code)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What a view offers, the rules accept; what it does not offer, they refuse.
func TestViewOffersWhatTheRulesAccept(t *testing.T) {
	for _, s := range specimens() {
		v := View(s, sale.Now{}, sale.DefaultPlan())
		accepts := func(ev sale.Event) bool {
			next, err := s.Apply(ev)
			return err == nil && next.Facts > s.Facts
		}
		if refund := accepts(sale.Event{Kind: sale.RefundRequested, Amount: money.Money{Minor: 1, Currency: "CNY"}}); v.Can.Refund != refund {
			t.Errorf("%s of %v: refund offered: %v", s.State, s.Attempts, v.Can.Refund)
		}
		req := sale.NewRequest("POST", "/", []byte("{}"), sale.PayerCode{})
		charge := accepts(sale.Event{Kind: sale.ChargeIntended, Request: &req, OrderNo: s.NextOrderNo()})
		if offered := v.Can.Scan || v.Can.Retry; offered != charge && !(s.State == sale.Opened && s.Cancel) {
			t.Errorf("%s of %s, cancel %v: a code is offered: %v, and taken: %v", s.State, s.Flow, s.Cancel, offered, charge)
		}
		for what, offered := range map[string]bool{"attest": v.Can.Attest, "dispute": v.Can.Dispute, "reconcile": v.Can.Reconcile} {
			taken := accepts(map[string]sale.Event{
				"attest": {Kind: sale.Attested, By: "Li"}, "dispute": {Kind: sale.DisputeRaised, Why: &sale.Reason{Code: "x"}},
				"reconcile": {Kind: sale.ReceiptFound, Receipt: &sale.Receipt{ID: "R9", Digest: "0", How: sale.ByHand, By: "Li", Amount: s.Amount}},
			}[what])
			if offered != taken {
				t.Errorf("%s: %s is offered: %v, and taken: %v", s.State, what, offered, taken)
			}
		}
		if v.Can.Cancel && !accepts(sale.Event{Kind: sale.CancelRequested}) {
			t.Errorf("%s offers to cancel", s.State)
		}
		if (v.QR != nil) != (s.State == sale.Presented && !s.Cancel || s.State == sale.PresentedOffline) {
			t.Errorf("%s, cancel %v: code shown: %v", s.State, s.Cancel, v.QR)
		}
		if v.Rests() != Rests(s.State) {
			t.Errorf("%s rests: %v", s.State, v.Rests())
		}
	}
}

func TestCountdown(t *testing.T) {
	s := sale.Sale{
		Flow: sale.Merchant, State: sale.Presented, Amount: money.Money{Minor: 1, Currency: "JPY"}, BegunWall: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
		Begun: sale.Instant(10 * time.Second), Changed: sale.Instant(12 * time.Second),
		Attempts: []sale.Attempt{{Shown: sale.Instant(12 * time.Second), Lasts: time.Minute}},
	}
	for at, want := range map[time.Duration]int{12 * time.Second: 60, 12*time.Second + 1: 60, 71 * time.Second: 1, 72 * time.Second: 0, time.Hour: 0} {
		v := View(s, sale.Now{At: sale.Instant(at)}, sale.DefaultPlan())
		if v.SecondsLeft == nil || *v.SecondsLeft != want {
			t.Errorf("at %s: %v s left, want %d", at, v.SecondsLeft, want)
		}
		if v.Amount.Decimal != "1" || !v.Changed.Equal(s.BegunWall.Add(2*time.Second)) {
			t.Errorf("%+v", v)
		}
	}
}
