package e2e

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// A basket goes into the context of its payment as categories: the API finds the
// context complete and its digest right, and is told the label that a model chose
// among the shop's, or the shop's own where the model is silent. No name of an
// article reaches anybody.
func TestABasketIsTold(t *testing.T) {
	m := &reader{}
	srv := httptest.NewServer(m)
	t.Cleanup(srv.Close)
	o := startOutside(t, brisk)
	d := newTill(t, o, built(t).product, "BASKET", func(conf string) string {
		conf = strings.Replace(conf, "[aipay]\n", "[aipay]\nenabled = true\n", 1)
		return conf + fmt.Sprintf("\n[models]\nregion = \"cn\"\n[[models.providers]]\nname = \"near\"\nbase_url = %q\nregion = \"cn\"\n[[models.tasks.intent]]\nprovider = \"near\"\nmodel = \"small-1\"\n", srv.URL)
	}).open()
	basket := []api.Line{
		{SKU: "6901234567892", Name: "card for Li Lei", Category: "gift_card", Quantity: 1, Amount: "10.00"},
		{Name: "pen", Category: "writing things of Han Meimei", Quantity: 2, Amount: "2.80"},
	}
	for _, answer := range []string{`{"label":"top_up","confidence":9,"cites":["basket"]}`, ""} {
		m.says(answer)
		s, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Merchant, Amount: ordinary, Currency: "CNY", Basket: basket}, rand.Text(), 5*time.Second)
		if err != nil {
			t.Fatalf("%v\n%s", err, d.log)
		}
		d.pay(o, s)
		heard := m.says("")
		if len(heard) != 1 || strings.Contains(heard[0], "Li Lei") || strings.Contains(heard[0], "Meimei") || strings.Contains(heard[0], "6901234567892") {
			t.Errorf("the model heard %q", heard)
		}
	}
	var r struct {
		Counts struct {
			aiCount
			Labels map[string]int `json:"labels"`
		}
	}
	o.do(http.MethodGet, "/sim/ai", nil, &r)
	if c := r.Counts; c.Complete != 2 || c.Incomplete != 0 || c.Labels["top_up"] != 1 || c.Labels["gift_card"] != 1 || len(c.Labels) != 2 {
		t.Errorf("the API saw %+v", c)
	}
	if _, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Merchant, Amount: "13.00", Currency: "CNY", Basket: basket}, rand.Text(), 0); problem(err).Code != "basket_mismatch" {
		t.Errorf("a basket of another amount: %v", err)
	}
	d.stop()
	d.check()
}
