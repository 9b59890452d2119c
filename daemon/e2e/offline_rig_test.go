package e2e

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// offlineDay is a shop whose provider comes and goes, with everything that its people
// know of it.
type offlineDay struct {
	t      *testing.T
	o      *outside
	d      *till
	rules  string // as they come with the program
	window time.Duration
	book   ownBook
	want   map[string]found // of every payment at the bank, by its number
	left   map[string]int64 // came for no sale, by currency
	streak int              // codes since the provider last took a payment
	online int64            // taken through the provider, in fen
	steps  int              // times that the exposure was compared
}

// ownAccounts are a till's, at five schemes.
const ownAccounts = `[offline]
enabled = true
window = "24h"
name = "Corner Cafe"
city = "Bangkok"
[[offline.account]]
scheme = "promptpay"
label = "Kasikorn"
mobile = "0812345678"
[[offline.account]]
scheme = "promptpay_bill"
label = "Kasikorn bills"
biller = "010553509091205"
[[offline.account]]
scheme = "pix"
label = "Banco do Sul"
key = "123e4567-e12b-12d1-a456-426655440000"
[[offline.account]]
scheme = "paynow"
label = "DBS"
company = "201403121W"
[[offline.account]]
scheme = "upi"
label = "HDFC"
address = "corner.cafe@hdfcbank"
`

var currencyOf = map[string]string{"promptpay": "THB", "promptpay_bill": "THB", "pix": "BRL", "paynow": "SGD", "upi": "INR"}

func openOfflineDay(t *testing.T) *offlineDay {
	t.Helper()
	y := &offlineDay{t: t, o: startOutside(t, 1), window: 24 * time.Hour, want: map[string]found{}, left: map[string]int64{}}
	out, err := exec.Command(built(t).product, "rules", "default").Output()
	if err != nil {
		t.Fatal(err)
	}
	y.rules = string(out)
	y.d = newTill(t, y.o, built(t).product, "OFF1", func(conf string) string {
		if i := strings.Index(conf, "[offline]\n"); i >= 0 { // the simulator's own accounts
			rest := regexp.MustCompile(`(?m)^\[(?:[^\[o]|o[^f])`).FindStringIndex(conf[i+1:])
			end := len(conf)
			if rest != nil {
				end = i + 1 + rest[0]
			}
			conf = conf[:i] + conf[end:]
		}
		return conf + "\n" + ownAccounts
	})
	y.limit(nil)
	y.start()
	return y
}

// limits of the day, unless a step has its own.
var limits = map[string]string{
	"per_sale":   `{ THB = "1000.00", SGD = "40.00", BRL = "150.00", INR = "2000.00" }`,
	"cumulative": `{ THB = "10000.00", SGD = "400.00", BRL = "1500.00", INR = "20000.00" }`,
	"count":      "60", "offline": `"4*hour"`, "split_window": `"10*minute"`, "random": "0",
}

// limit puts the program's own rules in force with other limits, all or nothing.
func (y *offlineDay) limit(own map[string]string) {
	y.t.Helper()
	text := y.rules
	for name, value := range limits {
		if v, ok := own[name]; ok {
			value = v
		}
		line := regexp.MustCompile(`(?m)^` + name + ` *= .*$`)
		if n := len(line.FindAllString(text, -1)); n != 1 {
			y.t.Fatalf("the rules have %d lines of %s", n, name)
		}
		text = line.ReplaceAllLiteralString(text, name+" = "+value)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(y.d.config), "rules.toml"), []byte(text), 0o600); err != nil {
		y.t.Fatal(err)
	}
	if y.d.cmd == nil {
		return
	}
	if err := y.d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		y.t.Fatal(err)
	}
	y.until("the rules are in force", func() bool {
		r, err := y.d.api.Rules(soon(y.t))
		return err == nil && r.Text == text
	})
}

func (y *offlineDay) start() {
	y.t.Helper()
	if !y.d.start() {
		y.t.Fatalf("the till did not open:\n%s", y.d.log)
	}
}

func (y *offlineDay) until(what string, ok func() bool) {
	y.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			y.t.Fatalf("never: %s\n%s", what, y.d.log)
		}
	}
}

func (y *offlineDay) exposure() api.Exposure {
	y.t.Helper()
	e, err := y.d.api.Exposure(soon(y.t))
	if err != nil {
		y.t.Fatal(err)
	}
	return e
}

// same holds the till's card against the script's own count.
func (y *offlineDay) same(step string) {
	y.t.Helper()
	asked := time.Now()
	e := y.exposure()
	for _, d := range y.book.differs(e, asked, time.Now(), y.window) {
		y.t.Errorf("after %s: %s", step, d)
	}
	y.steps++
}

// cut takes the link away. The till learns it as tills do: a payment does not go out.
func (y *offlineDay) cut() {
	y.t.Helper()
	y.o.do(http.MethodPost, "/sim/link", map[string]bool{"up": false}, nil)
	s, err := y.d.api.Open(soon(y.t), api.NewSale{Flow: sale.Merchant, Amount: "5.00", Currency: "CNY"}, rand.Text(), 0)
	if err != nil {
		y.t.Fatal(err)
	}
	y.until("the link is found to be down", func() bool { return y.exposure().Link.State != "online" })
	if _, err := y.d.api.Cancel(soon(y.t), s.ID, "Li"); err != nil && problem(err).Status != http.StatusConflict {
		y.t.Fatal(err)
	}
	if e := y.exposure(); !e.Offered || e.Link.State != "provider_down" || e.Link.Evidence == "" || len(e.Schemes) != len(currencyOf) {
		y.t.Errorf("cut off, the till says %+v", e)
	}
}

// mend gives the link back; the customer after that pays through the provider.
func (y *offlineDay) mend() {
	y.t.Helper()
	y.o.do(http.MethodPost, "/sim/link", map[string]bool{"up": true}, nil)
	y.until("the link is found to be up", func() bool { return y.exposure().Link.State == "online" })
	if _, err := y.open("pix", "20.00", rand.Text()); problem(err).Code != "offline_online" {
		y.t.Errorf("an offline sale while online: %v", err)
	}
	s, err := y.d.api.Open(soon(y.t), api.NewSale{Flow: sale.Merchant, Amount: "12.00", Currency: "CNY"}, rand.Text(), 10*time.Second)
	y.until("a code of the provider's", func() bool {
		if err == nil && s.QR == nil {
			s, err = y.d.api.Sale(soon(y.t), s.ID, time.Second)
		}
		return err != nil || s.QR != nil
	})
	if err != nil {
		y.t.Fatal(err)
	}
	y.o.do(http.MethodPost, "/sim/phone/scan", map[string]string{"code_url": s.QR.Text, "action": "pay"}, nil)
	y.until("it is paid", func() bool {
		v, err := y.d.api.Sale(soon(y.t), s.ID, time.Second)
		return err == nil && v.State == "paid"
	})
	y.streak, y.online = 0, y.online+1200
	y.same("the link is back")
}

func (y *offlineDay) open(scheme, amount, key string) (api.Sale, error) {
	return y.d.api.Open(soon(y.t), api.NewSale{Flow: sale.Offline, Scheme: scheme, Amount: amount, Currency: money.Currency(currencyOf[scheme]), Operator: "Li"}, key, 10*time.Second)
}

// refused has a sale refused by a rule, in the rule's words, and nothing exposed by it.
func (y *offlineDay) refused(scheme, amount, rule, words string) {
	y.t.Helper()
	s, err := y.open(scheme, amount, rand.Text())
	y.until("it is decided", func() bool {
		if err == nil && !s.Rests() && s.QR == nil {
			s, err = y.d.api.Sale(soon(y.t), s.ID, time.Second)
		}
		return err != nil || s.Rests() || s.QR != nil
	})
	if err != nil {
		y.t.Fatal(err)
	}
	if s.State != "declined" || s.QR != nil || s.Reason == nil || s.Reason.Code != "rule_"+rule || s.Reason.Text.En != words || s.Reason.Text.Zh == "" {
		y.t.Errorf("%s %s is %s: %+v; want %s", scheme, amount, s.State, s.Reason, rule)
	}
	y.same(rule)
}

// sell shows a code. A manager is asked exactly where the script expects one: rule is
// why, empty where only ten in a row are.
func (y *offlineDay) sell(scheme, amount, rule string) *slip {
	y.t.Helper()
	return y.sellAs(scheme, amount, rule, rand.Text(), time.Now())
}

func (y *offlineDay) sellAs(scheme, amount, rule, key string, before time.Time) *slip {
	y.t.Helper()
	s, err := y.open(scheme, amount, key)
	if err != nil {
		y.t.Fatalf("%s %s: %v\n%s", scheme, amount, err, y.d.log)
	}
	asked := false
	y.until("its code is shown", func() bool {
		switch {
		case s.State == "awaiting_approval" && !asked:
			asked = true
			if rule != "" && (s.Reason == nil || s.Reason.Code != "rule_"+rule) {
				y.t.Errorf("a manager is asked because of %+v, not %s", s.Reason, rule)
			}
			if s.QR != nil {
				y.t.Error("the code is shown before the manager has agreed")
			}
			y.same("a manager is waited for")
			before = time.Now()
			s, err = y.d.api.Consent(soon(y.t), s, "Wang")
		case s.State != "presented_offline":
			s, err = y.d.api.Sale(soon(y.t), s.ID, time.Second)
		}
		if err != nil || s.Rests() {
			y.t.Fatalf("%s %s is %s, %+v: %v", scheme, amount, s.State, s.Reason, err)
		}
		return s.State == "presented_offline"
	})
	if expected := rule != "" || y.streak >= 10; asked != expected {
		y.t.Errorf("%s %s after %d in a row: a manager was asked: %v", scheme, amount, y.streak, asked)
	}
	y.streak++
	p := &slip{s.ID, scheme, string(s.Amount.Currency), s.Amount.Minor, s.QR.Text, before, time.Now(), "exposed"}
	if s.Amount.Decimal != amount || s.Says.Code != "offline_shown" {
		y.t.Errorf("%s was asked for and %s is, %q", amount, s.Amount.Decimal, s.Says.Headline.En)
	}
	y.book.slips = append(y.book.slips, p)
	y.same("a code is shown")
	return p
}

// pay has a telephone pay a code in some way, and says the payment's number.
func (y *offlineDay) pay(p *slip, how map[string]any) string {
	y.t.Helper()
	order := map[string]any{"text": p.text}
	for k, v := range how {
		order[k] = v
	}
	var shown struct {
		ID       string `json:"id"`
		Amount   string `json:"amount"`
		Currency string `json:"currency"`
	}
	y.o.do(http.MethodPost, "/sim/bank/pay", order, &shown)
	if how["amount"] == nil && (shown.Currency != p.currency || strings.Replace(shown.Amount, ".", "", 1) != fmt.Sprint(p.minor)) {
		y.t.Errorf("a telephone pays %s %s for %+v", shown.Currency, shown.Amount, p)
	}
	return shown.ID
}

func (y *offlineDay) attest(p *slip, shown bool) {
	y.t.Helper()
	s, err := y.d.api.Attest(soon(y.t), p.id, api.NewAttestation{Operator: "Li", Shown: shown})
	if err != nil {
		y.t.Fatal(err)
	}
	if says := map[bool]string{true: "unconfirmed", false: "offline_not_shown"}[shown]; s.Says.Code != says || s.Offline.Attested.Operator != "Li" {
		y.t.Errorf("attested it says %q, by %+v", s.Says.Code, s.Offline.Attested)
	}
	y.same("somebody has looked")
}

func (y *offlineDay) cancel(p *slip) {
	y.t.Helper()
	s, err := y.d.api.Cancel(soon(y.t), p.id, "Li")
	if err != nil || s.State != "cancelled" {
		y.t.Fatalf("cancelled it is %s, %v", s.State, err)
	}
	p.state = "over"
	y.same("a sale is given up")
}
