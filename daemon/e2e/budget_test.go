package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// What a sale may cost the disk: a till's flash wears with every commit, and the
// customer waits for each of them until the QR code is there.
const (
	untilShown = 3
	wholeLife  = 5
)

func TestCommitsOfASale(t *testing.T) {
	o := startOutside(t, brisk)
	for by, d := range map[string]*till{
		"rules":  newTill(t, o, built(t).product, "COST", nil),
		"models": judged(t, o, built(t).product, "COSTM", ""),
	} {
		t.Run("judged by "+by, func(t *testing.T) { sellWithin(t, o, d.open()) })
	}
}

func sellWithin(t *testing.T, o *outside, d *till) {
	qr, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Merchant, Amount: "12.80", Currency: "CNY"}, rand.Text(), 5*time.Second)
	if err != nil || qr.QR == nil {
		t.Fatalf("%v, %s", err, qr.State)
	}
	if n := facts(t, d)[qr.ID]; n < 2 || n > untilShown {
		t.Errorf("%d commits until the QR code is there, at most %d may be", n, untilShown)
	}
	time.Sleep(10 * time.Second / brisk) // five polls that bring nothing new
	o.do(http.MethodPost, "/sim/phone/scan", map[string]string{"code_url": qr.QR.Text, "action": "pay"}, nil)
	code, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: "8.50", Currency: "CNY", Code: o.payerCode("password")}, rand.Text(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []sale.ID{qr.ID, code.ID} {
		s, err := rest(t.Context(), d, id, nil)
		if err != nil || s.State != "paid" {
			t.Fatalf("%v, %s", err, s.State)
		}
		asked := o.orders()[s.History.Attempts[0].OrderNo].Requests
		if n := facts(t, d)[id]; n < 3 || n > wholeLife {
			t.Errorf("%d commits for a paid %s sale, at most %d may be; the provider was asked %v", n, s.Flow, wholeLife, asked)
		}
		if asked["query"] < 2 {
			t.Errorf("asked %v: polls that bring nothing were to be among them", asked)
		}
	}
	d.stop()
	d.check()
}

// facts counts the journal's entries of each sale. Each is one commit at most:
// neighbours may share one.
func facts(t *testing.T, d *till) map[sale.ID]int {
	t.Helper()
	st, err := d.api.Status(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	n := make(map[sale.ID]int)
	end := errors.New("the end of the journal")
	err = d.api.Events(soon(t), 0, func(ev api.Event) error {
		n[ev.Sale.ID]++
		if ev.Seq == st.Seq {
			return end
		}
		return nil
	})
	if !errors.Is(err, end) {
		t.Fatal(err)
	}
	return n
}

// shut ends a benchmark's sale, so that its polls do not run beside the next one.
func shut(ctx context.Context, d *till, id sale.ID) error {
	_, err := d.api.Cancel(ctx, id, "")
	_, err = rest(ctx, d, id, err)
	return err
}
