package e2e

import (
	"crypto/rand"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// Both flows on the real binary, a stop in order, and a clean file.
func TestASaleOfEachKind(t *testing.T) {
	o := startOutside(t, 50)
	d := newTill(t, o, built(t).product, "SMOKE", nil)
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	qr, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Merchant, Amount: "12.80", Currency: "CNY"}, rand.Text(), 5*time.Second)
	if err != nil || qr.QR == nil {
		t.Fatalf("%+v, %v\n%s", qr, err, d.log)
	}
	o.do(http.MethodPost, "/sim/phone/scan", map[string]string{"code_url": qr.QR.Text, "action": "pay"}, nil)
	code, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: "8.50", Currency: "CNY", Code: o.payerCode("pay")}, rand.Text(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []sale.ID{qr.ID, code.ID} {
		s, err := d.api.Sale(soon(t), id, 10*time.Second)
		if err != nil || s.State != "paid" {
			t.Fatalf("%s, %v\n%s", s.State, err, d.log)
		}
		if c := o.orders()[s.History.Attempts[0].OrderNo]; c.Charges != 1 || c.Net != s.Amount.Minor || len(c.Violations) > 0 {
			t.Errorf("the provider saw %+v", c)
		}
	}
	res, err := http.Get(d.api.Base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	for _, want := range []string{"\nqrposd_sales_total 2\n", "\nqrposd_judgements_total{path=\"rules\"} 2\n"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("no %q in the metrics:\n%s", want, said)
		}
	}
	d.stop()
	d.check()
}
