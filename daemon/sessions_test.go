package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/checkout"
	"qrposd/daemon/llm"
	"qrposd/daemon/web"
	"qrposd/rules/intent"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// memory is a journal that keeps nothing but answers.
type memory struct {
	checkout.Journal
	replay bool
	fails  error
}

func (m *memory) Begin(_ context.Context, n sale.New, _ string, _ sale.Once) (sale.Sale, bool, error) {
	return sale.Sale{ID: sale.ID("S-" + n.Description), Flow: n.Flow, Amount: n.Amount, BegunWall: time.Now()}, m.replay, m.fails
}

func (m *memory) Commit(_ context.Context, id sale.ID, _ sale.Event, _ sale.Once) (sale.Sale, error) {
	return sale.Sale{ID: id}, m.fails
}

// namers are sessions that ask one model, at an address, for intents.
func namers(t *testing.T, url string) *sessions {
	t.Helper()
	c, err := llm.Open(llm.Models{
		Region:    "cn",
		Providers: []llm.Provider{{Name: "p", BaseURL: url, Region: "cn"}},
		Tasks:     llm.Tasks{Intent: []llm.Choice{{Provider: "p", Model: "m/1"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return newSessions(defaultIntents(t), newPanel(c, llm.Intent, true, slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler))
}

// ring opens a sale with a basket.
func ring(t *testing.T, m *sessions, j *memory, name string, items ...web.Item) sale.Sale {
	t.Helper()
	m.rung("key-"+name, items)
	s, _, err := overheard{j, m}.Begin(t.Context(), sale.New{Flow: sale.Merchant, Amount: money.Money{Minor: 5000, Currency: "CNY"}, Description: name}, "x", sale.Once{Key: "key-" + name})
	if err != nil && j.fails == nil {
		t.Fatal(err)
	}
	m.rung("key-"+name, nil)
	return s
}

// What lies in a basket is what the sale is for, to the rules and to the API; what
// is no category of the shop's is other; who agreed is remembered.
func TestSessionsWithoutAModel(t *testing.T) {
	m := newSessions(defaultIntents(t), nil, slog.New(slog.DiscardHandler))
	j := &memory{}
	gift := ring(t, m, j, "gift", web.Item{Category: "Gift_Card", Quantity: 1, Each: 5000}, web.Item{Category: "Li Lei 13800138000", Quantity: 2, Each: 10})
	typed := ring(t, m, j, "typed")
	for _, v := range []intent.Verdict{m.local(m.intents, gift), m.intent(m.intents, gift)} {
		if v.Label != "gift_card" || v.Version != "default/1" || v.Confidence != 95 {
			t.Errorf("a gift card is %+v", v)
		}
	}
	if v := m.intent(m.intents, typed); v.Label != "purchase" || len(m.told(typed.ID).Articles) != 0 {
		t.Errorf("a typed amount is %+v", v)
	}
	if got, want := m.told(gift.ID).Articles, []aipay.Article{{Category: "gift_card", Price: 5000}, {Category: "other", Price: 10}}; !slices.Equal(got, want) {
		t.Errorf("of the basket is told %v", got)
	}
	for _, kind := range []sale.Kind{sale.Agreed, sale.Approved, sale.Ordered} {
		if _, err := (overheard{j, m}).Commit(t.Context(), gift.ID, sale.Event{Kind: kind}, sale.Once{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(m.told(gift.ID).Confirmed); n != 2 {
		t.Errorf("%d of 2 agreed", n)
	}
	if len(m.baskets) != 0 {
		t.Errorf("baskets are left over: %v", m.baskets)
	}
}

// A sale that is not on disk, or was there before, has no session; nor has one of
// before a restart, which is classified all the same; and their number is bounded.
func TestSessionsAreOfSalesOnDisk(t *testing.T) {
	m := newSessions(defaultIntents(t), nil, slog.New(slog.DiscardHandler))
	food := web.Item{Category: "food", Quantity: 1, Each: 5000}
	for name, j := range map[string]*memory{"failed": {fails: errors.New("disk")}, "replayed": {replay: true}} {
		if s := ring(t, m, j, name, food); m.of(s.ID) != nil || len(m.told(s.ID).Articles) != 0 || m.intent(m.intents, s).Confidence != 60 {
			t.Errorf("%s: a session", name)
		}
	}
	failing := &memory{fails: errors.New("disk")}
	s := ring(t, m, &memory{}, "agreed", food)
	if _, err := (overheard{failing, m}).Commit(t.Context(), s.ID, sale.Event{Kind: sale.Agreed}, sale.Once{}); err == nil || len(m.told(s.ID).Confirmed) != 0 {
		t.Error("an agreement that is not on disk is told")
	}
	for i := range 3 * maxSessions {
		ring(t, m, &memory{}, fmt.Sprint(i), food)
	}
	if len(m.open) != maxSessions || len(m.order) != maxSessions || m.of(s.ID) != nil {
		t.Errorf("%d sessions", len(m.open))
	}
	for i := range 3 * maxSessions {
		m.rung(fmt.Sprint("left", i), []web.Item{food})
	}
	if len(m.baskets) > maxSessions {
		t.Errorf("%d baskets", len(m.baskets))
	}
	var none *sessions
	if v := none.intent(m.intents, s); v.Label != "purchase" || none.local(m.intents, s) != v {
		t.Errorf("without sessions a sale is %+v", v)
	}
}

// A model that is in time and certain names the intent for the API, under a version
// of its own; the rules go on by the shop's classifier. Everything else leaves the
// shop's verdict.
func TestAModelNamesAnIntent(t *testing.T) {
	named := func(label string, confidence int) func(http.ResponseWriter, *http.Request, string) {
		return saying(fmt.Sprintf(`{"label":%q,"confidence":%d,"cites":["amount"]}`, label, confidence))
	}
	shops := intent.Verdict{Label: "gift_card", Confidence: 95, Version: "default/1"}
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request, string)
		want   intent.Verdict
	}{
		"certain":            {named("top_up", 9), intent.Verdict{Label: "top_up", Confidence: 90, Version: "default/1.p_m_1"}},
		"a guess":            {named("top_up", namedAt-1), shops},
		"no label of ours":   {named("crime", 10), shops},
		"no answer":          {hanging, shops},
		"an error":           {status(500), shops},
		"something else":     {saying("It looks like a gift."), shops},
		"more than it may":   {saying(`{"label":"top_up","confidence":9,"cites":["amount"],"paid":true}`), shops},
		"cites what was not": {saying(`{"label":"top_up","confidence":9,"cites":["payer.sum_1d"]}`), shops},
	} {
		var asked atomic.Int32
		var said atomic.Pointer[string] // the handler of a model that hangs outlives its question
		m := namers(t, answering(t, &asked, func(w http.ResponseWriter, r *http.Request, body string) {
			said.Store(&body)
			tc.answer(w, r, body)
		}))
		s := ring(t, m, &memory{}, "Li Lei", web.Item{Category: "gift_card", Quantity: 1, Each: 4000}, web.Item{Category: "Han Meimei", Quantity: 1, Each: 1000})
		for range 3 {
			if got := m.intent(m.intents, s); got != tc.want {
				t.Errorf("%s: %+v, want %+v", name, got, tc.want)
			}
			if got := m.local(m.intents, s); got != shops {
				t.Errorf("%s: the rules go by %+v", name, got)
			}
		}
		if asked.Load() != 1 {
			t.Fatalf("%s: asked %d times", name, asked.Load())
		}
		heard := *said.Load()
		if !strings.Contains(heard, `\"basket\":[\"gift_card\",\"other\"]`) || !strings.Contains(heard, `\"amount\":5000`) || strings.Contains(heard, "Li Lei") || strings.Contains(heard, "Mei") {
			t.Errorf("%s: it heard %s", name, heard)
		}
	}
}

// A classifier's name fits what the API takes, whatever the model is called.
func TestVersionOf(t *testing.T) {
	form := regexp.MustCompile(`^[0-9A-Za-z_.-]{1,64}/[0-9A-Za-z_.-]{1,64}$`)
	for _, model := range []string{"p/m", "openrouter/qwen/qwen3:free@latest+x", strings.Repeat("p/", 100), "名/模型", ""} {
		if v := versionOf("shop/3", model); !form.MatchString(v) || !strings.HasPrefix(v, "shop/3.") {
			t.Errorf("%q: %q", model, v)
		}
	}
}
