package aipay

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Everything that is missing is named at once.
func TestContextNamesWhatIsMissing(t *testing.T) {
	_, err := NewContext(Session{}, "", Intent{Confidence: math.NaN()})
	var f *FaultError
	if !errors.As(err, &f) {
		t.Fatal(err)
	}
	for _, want := range []string{
		"session.id", "session.flow", "session.amount", "session.started_at", "interactions", "device",
		"intent.classifier", "intent.label", "intent.confidence",
	} {
		if !slices.ContainsFunc(f.Faults, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%s is not named in %q", want, err)
		}
	}
}

func TestContextIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Session, *string, *Intent){
		"session.id":        func(s *Session, _ *string, _ *Intent) { s.ID = "a b" },
		"session.flow":      func(s *Session, _ *string, _ *Intent) { s.Flow = "both" },
		"session.amount":    func(s *Session, _ *string, _ *Intent) { s.Amount.Minor = 0 },
		"interactions: 1":   func(s *Session, _ *string, _ *Intent) { s.Interactions = make([]Interaction, 33) },
		"interactions[1].k": func(s *Session, _ *string, _ *Intent) { s.Interactions[1].Kind = "gaze" },
		"interactions[2].a": func(s *Session, _ *string, _ *Intent) { s.Interactions[2].At = time.Time{} },
		"device":            func(_ *Session, d *string, _ *Intent) { *d = strings.ToUpper(*d) },
		"intent.classifier": func(_ *Session, _ *string, in *Intent) { in.Classifier = "shop" },
		"intent.label":      func(_ *Session, _ *string, in *Intent) { in.Label = "" },
		"intent.confidence": func(_ *Session, _ *string, in *Intent) { in.Confidence = 1.01 },
	} {
		s, device, intent := testSession(), testDevice(), testIntent()
		change(&s, &device, &intent)
		c, err := NewContext(s, device, intent)
		var f *FaultError
		if !errors.As(err, &f) || !strings.HasPrefix(f.Faults[0], name) || !c.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoPaymentWithoutContext(t *testing.T) {
	r, err := NewPayment(Context{}, testPayment(), testStart())
	if !errors.Is(err, errNoContext) || !r.Fixed().IsZero() {
		t.Errorf("%v, %v", r, err)
	}
	if b, err := json.Marshal(Context{}); err == nil {
		t.Errorf("no context is written as %s", b)
	}
}

// A context is fixed when it is made.
func TestContextDoesNotChange(t *testing.T) {
	s := testSession()
	c, err := NewContext(s, testDevice(), testIntent())
	if err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(c)
	s.Interactions[0].Kind = Scan
	first, _ := c.MarshalJSON()
	clear(first)
	after, _ := json.Marshal(c)
	if !bytes.Equal(before, after) {
		t.Errorf("%s became %s", before, after)
	}
}

// Golden: the bytes of a payment are part of what is on disk.
func TestPaymentBytes(t *testing.T) {
	p := testPayment()
	p.FX, p.Liveness = testFX(t), &Proof{"ls_9", testDevice()}
	p.Code = sale.NewPayerCode("134567890123456789")
	c := testContext(t, sale.Payer)
	r, err := NewPayment(c, p, testStart())
	if err != nil {
		t.Fatal(err)
	}
	again, err := NewPayment(testContext(t, sale.Payer), p, testStart().Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	fixed := r.Fixed()
	got, err := fixed.Wire()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/payment.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bytes.TrimSpace(want)) {
		t.Errorf("%s", got)
	}
	if again.Fixed().Digest != fixed.Digest {
		t.Error("the same payment gives other bytes")
	}
	if fixed.Method != "POST" || fixed.Path != PathPayments || fixed.Session != c.SessionHash() {
		t.Errorf("%s %s for the session %s", fixed.Method, fixed.Path, fixed.Session)
	}
	if strings.Contains(fixed.Body, p.Code.Reveal()) || !bytes.Contains(got, []byte(p.Code.Reveal())) {
		t.Error("the payer's code belongs on the wire and not on the disk")
	}
}

func TestNativePayment(t *testing.T) {
	r, err := NewPayment(testContext(t, sale.Merchant), testPayment(), testStart())
	if err != nil {
		t.Fatal(err)
	}
	var b map[string]any
	if err := json.Unmarshal([]byte(r.Fixed().Body), &b); err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"payer", "fx", "liveness"} {
		if _, there := b[absent]; there {
			t.Errorf("a plain native payment has %s", absent)
		}
	}
	if b["scene"] != "native" || b["description"] != "two coffees" {
		t.Errorf("%s", r.Fixed().Body)
	}
}

func TestPaymentIsRefused(t *testing.T) {
	native, code := sale.Merchant, sale.NewPayerCode("134567890123456789")
	for _, c := range []struct {
		want   string
		flow   sale.Flow
		change func(*Payment)
	}{
		{"appid", native, func(p *Payment) { p.AppID = "" }},
		{"mchid", native, func(p *Payment) { p.MchID = "a b" }},
		{"out_trade_no", native, func(p *Payment) { p.OrderNo = "12345" }},
		{"amount", native, func(p *Payment) { p.Amount.Minor = -1 }},
		{"amount", native, func(p *Payment) { p.Amount.Currency = "XXX" }},
		{"payer.auth_code: none", native, func(p *Payment) { p.Code = code }},
		{"payer.auth_code: 18", sale.Payer, func(*Payment) {}},
		{"payer.auth_code: 18", sale.Payer, func(p *Payment) { p.Code = sale.NewPayerCode("284567890123456789") }},
		{"model_chain.pre_authorization.model", native, func(p *Payment) { p.Chain.PreAuthorization = "" }},
		{"model_chain.post_payment", native, func(p *Payment) { p.Chain.Reconciliation = "a b" }},
		{"model_chain.pre_authorization.timeout_ms", native, func(p *Payment) { p.Chain.Timeout = 0 }},
		{"model_chain.pre_authorization.timeout_ms", native, func(p *Payment) { p.Chain.Timeout = 751 * time.Millisecond }},
		{"liveness.session_id", native, func(p *Payment) { p.Liveness = &Proof{"", testDevice()} }},
		{"liveness.audit_hash", native, func(p *Payment) { p.Liveness = &Proof{"ls", ""} }},
	} {
		p := testPayment()
		c.change(&p)
		refused(t, c.want, testContext(t, c.flow), p)
	}
}

func TestPriceIsRefused(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*FX)
	}{
		{"fx.projection_id", func(x *FX) { x.Projection.ID = "" }},
		{"fx: a range between", func(x *FX) { x.Projection.Quote = "USD" }},
		{"fx: a range between", func(x *FX) { x.Projection.Quote = "EUR" }},
		{"fx.low", func(x *FX) { x.Projection.Low = money.Rate{} }},
		{"fx.low", func(x *FX) { x.Projection.Mid = rate(t, "7.3") }},
		{"fx.confidence", func(x *FX) { x.Projection.Confidence = math.NaN() }},
		{"fx.agreed_rate", func(x *FX) { x.Agreed = rate(t, "7.250000001") }},
		{"fx.agreed_rate", func(x *FX) { x.Agreed = rate(t, "7.09") }},
		{"fx.agreed_rate", func(x *FX) { x.Agreed = money.Rate{} }},
		{"fx: a range that has not expired", func(x *FX) { x.Projection.ValidUntil = testStart() }},
		{"fx.confirmed_at", func(x *FX) { x.Confirmed = testStart().Add(time.Second) }},
	} {
		p := testPayment()
		p.FX = testFX(t)
		c.change(p.FX)
		refused(t, c.want, testContext(t, sale.Merchant), p)
	}
}

func refused(t *testing.T, want string, c Context, p Payment) {
	t.Helper()
	r, err := NewPayment(c, p, testStart())
	var f *FaultError
	if !errors.As(err, &f) || len(f.Faults) != 1 || !strings.HasPrefix(f.Faults[0], want) || !r.Fixed().IsZero() {
		t.Errorf("%s: %v", want, err)
	}
}

func BenchmarkNewPayment(b *testing.B) {
	c, p := testContext(b, sale.Merchant), testPayment()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewPayment(c, p, testStart()); err != nil {
			b.Fatal(err)
		}
	}
}
