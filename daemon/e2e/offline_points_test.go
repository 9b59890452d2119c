package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// plug is a name of a point at which the power goes.
type plug string

func (p plug) String() string { return strings.ReplaceAll(string(p), ":", "/") }

// The power is cut once at every point at which a sale without the provider is
// written: it is one sale, with one code, and one receipt pays it.
func TestEveryPointOfAnOfflineSale(t *testing.T) {
	o := startOutside(t, 1)
	all := []plug{"present:before-code"}
	for _, kind := range []sale.Kind{"begin", sale.OfflineShown, sale.Attested, sale.ReceiptFound} {
		all = append(all, plug(kind+":before-commit"), plug(kind+":after-commit"))
	}
	abreast(t, 3, all, func(t *testing.T, p plug) {
		d := newTill(t, o, built(t).faulty, "OFF2", func(conf string) string {
			return strings.Replace(conf, "[offline]\n", "[offline]\nwhile_online = true\n", 1)
		})
		if !d.start("QRPOSD_KILL=" + string(p)) {
			t.Fatalf("the till did not open:\n%s", d.log)
		}
		c := &cutOff{t: t, d: d}
		c.sell()
		if !c.died {
			t.Errorf("no sale passes %s", p)
		}
		d.kill()
		d.check()
	})
}

// cutOff is an offline sale at a till that loses its power on the way.
type cutOff struct {
	t    *testing.T
	d    *till
	died bool
	text string // of the code, once somebody has seen it
}

// insist asks until it is answered, over the power cut.
func (c *cutOff) insist(call func(context.Context) (api.Sale, error)) api.Sale {
	c.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; {
		ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
		s, err := call(ctx)
		cancel()
		var p *api.Problem
		switch {
		case err == nil:
			c.seen(s)
			return s
		case errors.As(err, &p):
			c.t.Fatal(err)
		case c.died || time.Now().After(end):
			c.t.Fatalf("%v\n%s", err, c.d.log)
		}
		c.died = true
		c.d.kill()
		if !c.d.start() {
			c.t.Fatalf("the till did not open again:\n%s", c.d.log)
		}
	}
}

// seen holds that the code that somebody has seen is the one that is shown.
func (c *cutOff) seen(s api.Sale) {
	c.t.Helper()
	if s.QR == nil {
		return
	}
	if c.text != "" && s.QR.Text != c.text {
		c.t.Errorf("the code was %s and is %s", c.text, s.QR.Text)
	}
	c.text = s.QR.Text
}

func (c *cutOff) sell() {
	c.t.Helper()
	ask := api.NewSale{Flow: sale.Offline, Scheme: "pix", Amount: "12.00", Currency: "BRL", Operator: "Li"}
	s := c.insist(func(ctx context.Context) (api.Sale, error) {
		return c.d.api.Open(ctx, ask, "one-sale-of-tea", 10*time.Second)
	})
	for end := time.Now().Add(time.Minute); s.State != "presented_offline"; {
		if s = c.insist(func(ctx context.Context) (api.Sale, error) { return c.d.api.Sale(ctx, s.ID, time.Second) }); time.Now().After(end) {
			c.t.Fatalf("the sale is %s, %+v", s.State, s.Reason)
		}
	}
	s = c.insist(func(ctx context.Context) (api.Sale, error) {
		return c.d.api.Attest(ctx, s.ID, api.NewAttestation{Operator: "Li", Shown: true})
	})
	if s.State != "unconfirmed" || c.text == "" || !strings.Contains(c.text, s.Offline.Reference) {
		c.t.Fatalf("attested, the sale is %s, its code was %q", s.State, c.text)
	}
	in := api.NewReceipts{Receipts: []api.NewReceipt{{ID: "R1", At: time.Now(), Amount: "12.00", Currency: "BRL", Reference: s.Offline.Reference, Source: "bank"}}}
	s = c.insist(func(ctx context.Context) (api.Sale, error) {
		if got, err := c.d.api.Receipts(ctx, in); err != nil {
			return api.Sale{}, err
		} else if got.Matched != 1 {
			c.t.Errorf("the receipt is %+v", got.Results)
		}
		return c.d.api.Sale(ctx, s.ID, 0)
	})
	list, err := c.d.api.Sales(soon(c.t), 10, "")
	if err != nil || len(list.Sales) != 1 || s.State != "reconciled" || s.Offline.Receipt.ID != "R1" {
		c.t.Errorf("the sale is %s of %d, %v", s.State, len(list.Sales), err)
	}
	if e, err := c.d.api.Exposure(soon(c.t)); err != nil || e.Count != 0 || len(e.Worst) != 0 {
		c.t.Errorf("the exposure is %+v, %v", e, err)
	}
}
