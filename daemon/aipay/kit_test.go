package aipay

import (
	"errors"
	"strings"
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

const testOrder = "TILL01261125000017K3A1"

func testStart() time.Time { return time.Date(2026, 11, 25, 3, 4, 5, 678_900_000, time.UTC) }

func testSession() Session {
	at := func(d time.Duration) time.Time { return testStart().Add(d) }
	return Session{
		ID: "8sKx2P0c", Flow: sale.Merchant, Amount: money.Money{Minor: 1280, Currency: "CNY"}, Started: testStart(),
		Interactions: []Interaction{
			{Kind: Keypad, At: at(200 * time.Millisecond)},
			{Kind: Product, At: at(2 * time.Second), Article: Article{"drink", 1280}},
			{Kind: Confirm, At: at(time.Minute)},
			{Kind: Pay, At: at(59 * time.Second)}, // the wall clock was set back
		},
	}
}

func testDevice() string { return strings.Repeat("0123456789abcdef", 4) }

func testIntent() Intent { return Intent{"shop/3", "purchase", 0.97} }

func testContext(t testing.TB, flow sale.Flow) Context {
	t.Helper()
	s := testSession()
	s.Flow = flow
	c, err := NewContext(s, testDevice(), testIntent())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func rate(t testing.TB, s string) money.Rate {
	t.Helper()
	r, err := money.ParseRate(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func testPayment() Payment {
	return Payment{
		AppID: "wxd678efh567hg6787", MchID: "1230000109", OrderNo: testOrder, Description: "two coffees \U0001F600",
		Amount: money.Money{Minor: 1280, Currency: "CNY"}, Chain: Chain{"fast-reasoner", 400 * time.Millisecond, "careful/auditor"},
	}
}

func testFX(t testing.TB) *FX {
	return &FX{
		Projection: Projection{
			ID: "pj_1", Base: "USD", Quote: "CNY", Low: rate(t, "7.10"), Mid: rate(t, "7.1923"), High: rate(t, "7.25"),
			Confidence: 0.9, Volatility: 0.02, ValidUntil: testStart().Add(time.Minute),
		},
		Agreed: rate(t, "7.2"), Confirmed: testStart().Add(-time.Second),
	}
}

func mustUnknown(t *testing.T, name string, err error) {
	t.Helper()
	if !errors.Is(err, ErrUnknown) {
		t.Errorf("%s: %v, want unknown", name, err)
	}
}
