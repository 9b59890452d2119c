package e2e

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// trait is how the providers of a till's models are, and by whom it may then be
// judged. The large sales come first, the ordinary one last.
type trait struct {
	name    string
	setting map[string]any
	by      []string
}

func (tr trait) String() string { return tr.name }

func script(name string, by ...string) trait {
	return trait{name, map[string]any{"script": name}, by}
}

// traits are providers of every kind. Those that talk nonsense are asked no more
// after a while.
func traits() []trait {
	late, failed, model, open := "rules_late", "rules_failed", "model", "rules_breaker"
	slow := map[string]any{"script": "sensible", "latency": map[string]any{"kind": "fixed", "ms": 2500}}
	outage := map[string]any{"script": "error", "error": map[string]any{"status": 503, "message": "overloaded"}}
	return []trait{
		script("sensible", model),
		{"slow", slow, []string{late}},
		script("hang", late),
		script("hang_headers", late),
		script("stall", late),
		script("drip", late),
		script("blanks_forever", late),
		script("reset", failed),
		script("reset_body", failed),
		script("cut_json", failed, open),
		script("html", failed, open),
		{"outage", outage, []string{failed}},
		script("refusal", "rules_policy"),
		script("truncation", failed),
		script("lenient", model),
		script("contradicts", model),
		script("cites_unsent", failed, open),
		script("off_schema", failed, model, open),
		script("forbidden", failed, open),
		script("injected", failed, model, open),
		script("two_answers", failed, model, open),
	}
}

// Whatever the models do, a sale has its verdict in time, and what a hard rule
// asks for stays. Nothing is asked of the provider meanwhile.
func TestModelsOfEveryKind(t *testing.T) {
	o := startOutside(t, brisk)
	abreast(t, 4, traits(), func(t *testing.T, tr trait) {
		crew := "-" + strings.ReplaceAll(tr.name, "_", "-")
		o.script(crew, tr.setting)
		till := "M" + strings.ToUpper(strings.ReplaceAll(tr.name, "_", ""))
		d := judged(t, o, built(t).product, till[:min(len(till), 8)], crew).open()
		var sales []api.Sale
		for _, amount := range []string{large, large, ordinary} {
			sales = append(sales, d.sell(sale.Merchant, amount))
		}
		if o.asked(crew) == 0 {
			t.Error("no model was asked")
		}
		d.stop()
		d.check()
		asExpected := 0
		for i, s := range sales {
			v := d.explain(s.ID)
			if slices.Contains(tr.by, v.path) {
				asExpected++
			} else if v.path != "rules_late" || v.took < 500*time.Millisecond { // a machine that stands still makes anybody late
				t.Errorf("sale %d was judged in %s by %s, not by %v:\n%s", i, v.took, v.path, tr.by, v.text)
			}
			if v.took > latest {
				t.Errorf("sale %d was judged in %s by %s", i, v.took, v.path)
			}
			held := s.State == "awaiting_approval" || s.State == "awaiting_confirmation" || s.State == "declined"
			if i < 2 && (!held || !strings.Contains(v.owed, "verify") || len(s.History.Attempts) > 0) {
				t.Errorf("a large sale is %s:\n%s", s.State, v.text)
			}
			if i == 2 && s.QR == nil && (!held || v.path != "model") {
				t.Errorf("an ordinary sale is %s, and no model asked for it:\n%s", s.State, v.text)
			}
		}
		if asExpected == 0 {
			t.Errorf("no sale was judged by %v", tr.by)
		}
	})
}

// The switch on the simulator's page turns the models off and on again. The till
// sells on, says who decides, asks a dead provider no more, and comes back to its
// models by itself.
func TestTheSwitchOfTheModels(t *testing.T) {
	o := startOutside(t, brisk)
	d := judged(t, o, built(t).product, "SWITCH", "").open()
	judge := func() (api.Part, bool) {
		st, err := d.api.Status(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		said := slices.ContainsFunc(st.Notices, func(n api.Notice) bool { return n.Code == "judge_trouble" && n.Text.En != "" && n.Text.Zh != "" })
		if said != (st.Health.Judge.Level == api.Trouble) {
			t.Errorf("the judging is %s, the page says %v", st.Health.Judge.Level, st.Notices)
		}
		return st.Health.Judge, said
	}
	first := d.sell(sale.Merchant, ordinary)
	if part, _ := judge(); part.Level != api.OK || !strings.Contains(part.Detail, "mistral") {
		t.Fatalf("with quick models the judging is %+v", part)
	}

	o.mode("off")
	failed := d.sell(sale.Merchant, ordinary)
	for n := 0; ; n++ {
		if _, troubled := judge(); troubled {
			break
		} else if n == 30 {
			t.Fatal("the till goes on asking the dead")
		}
		d.sell(sale.Merchant, ordinary)
	}
	asked := o.asked("")
	open := d.sell(sale.Merchant, ordinary)
	if n := o.asked("") - asked; n != 0 {
		t.Errorf("%d providers were asked that are known to be dead", n)
	}
	d.pay(o, open)

	o.mode("quick")
	var last api.Sale
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		if part, troubled := judge(); !troubled {
			break
		} else if time.Now().After(end) {
			t.Fatalf("the models are back and the till has not noticed: %+v", part)
		}
		d.sell(sale.Merchant, ordinary)
	}
	last = d.sell(sale.Merchant, ordinary)
	d.pay(o, last)
	d.stop()
	d.check()
	for _, c := range []struct {
		id   sale.ID
		path string
		most time.Duration
	}{{first.ID, "model", time.Second}, {failed.ID, "rules_failed", latest}, {open.ID, "rules_breaker", 20 * time.Millisecond}, {last.ID, "model", time.Second}} {
		if v := d.explain(c.id); v.path != c.path || v.took > c.most {
			t.Errorf("judged by %s in %s, not by %s:\n%s", v.path, v.took, c.path, v.text)
		}
	}
}

// The line of the shop is cut to the models as to the provider: a sale is judged
// by the rules in time, and made when the line is back.
func TestTheLineIsCutWhileASaleIsJudged(t *testing.T) {
	o := startOutside(t, brisk)
	d := judged(t, o, built(t).product, "LINE", "").open()
	o.script("", map[string]any{"script": "sensible", "latency": map[string]any{"kind": "fixed", "ms": 400}})
	s, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Merchant, Amount: ordinary, Currency: "CNY"}, rand.Text(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for o.asked("") == 0 {
		time.Sleep(time.Millisecond)
	}
	o.do(http.MethodPost, "/sim/link", map[string]bool{"up": false}, nil)
	time.Sleep(700 * time.Millisecond)
	o.do(http.MethodPost, "/sim/link", map[string]bool{"up": true}, nil)
	d.pay(o, d.shown(s.ID))
	d.stop()
	d.check()
	if v := d.explain(s.ID); !strings.HasPrefix(v.path, "rules_") || v.took > latest {
		t.Errorf("judged so:\n%s", v.text)
	}
}

// What a model hears of a sale is what a model may hear, and a question never
// waits for another sale's: many are judged at once and every one in time.
func TestManySalesAreJudgedAtOnce(t *testing.T) {
	o := startOutside(t, brisk)
	d := judged(t, o, built(t).product, "RUSH", "").open()
	o.mode("slow")
	ids := make(chan sale.ID)
	for i := range 12 {
		go func() {
			n := api.NewSale{Flow: sale.Payer, Amount: fmt.Sprintf("%d.80", 10+i), Currency: "CNY", Description: "for Li Lei, 13800138000", Operator: "Han Meimei"}
			s, err := d.api.Open(soon(t), n, rand.Text(), 0)
			if err != nil {
				t.Error(err)
			}
			ids <- s.ID
		}()
	}
	var all []sale.ID
	for range 12 {
		all = append(all, <-ids)
	}
	for _, id := range all {
		for s := (api.Sale{}); s.State != "judged"; time.Sleep(5 * time.Millisecond) {
			var err error
			if s, err = d.api.Sale(soon(t), id, 0); err != nil || s.Rests() {
				t.Fatalf("%s, %v", s.State, err)
			}
		}
	}
	for _, name := range modelNames {
		var bodies []string
		o.do(http.MethodGet, "/sim/models/"+name, nil, &bodies)
		for _, b := range bodies {
			for _, word := range []string{"Li Lei", "13800138000", "Meimei", string(all[0]), "RUSH"} {
				if strings.Contains(b, word) {
					t.Errorf("%s was told %q: %s", name, word, b)
				}
			}
		}
		if len(bodies) == 0 && name == modelNames[0] {
			t.Error("nobody was asked")
		}
	}
	o.models() // and what the outsider takes for personal
	d.stop()
	d.check()
	for _, id := range all {
		if v := d.explain(id); v.took > latest {
			t.Errorf("judged in %s:\n%s", v.took, v.text)
		}
	}
}
