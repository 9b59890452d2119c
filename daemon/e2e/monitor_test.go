package e2e

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// reader is a monitoring model: it says one thing of everything, or nothing at all,
// and keeps what it was asked.
type reader struct {
	mu     sync.Mutex
	answer string // "" is none before the client gives up
	heard  []string
}

func (m *reader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodPost {
		return // somebody connects ahead
	}
	m.mu.Lock()
	m.heard = append(m.heard, string(body))
	answer := m.answer
	m.mu.Unlock()
	if answer == "" {
		<-r.Context().Done()
		return
	}
	fmt.Fprintf(w, `{"model":"small-1","choices":[{"finish_reason":"stop","message":{"content":%q}}]}`, answer)
}

// says sets what the model says, and is what it was asked since the last time.
func (m *reader) says(answer string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	heard := m.heard
	m.answer, m.heard = answer, nil
	return heard
}

// A refusal in words that the till's own table does not know goes to a model, which
// hears words of a closed list and nobody's name; what it says leads to the right
// path, its name is on record, and without its answer the sale is held. Nobody is
// charged for what was refused.
func TestAModelReadsARefusal(t *testing.T) {
	const refusal = "Zhang San (13800138000) had better open the app and let us have a newer code, please."
	m := &reader{}
	srv := httptest.NewServer(m)
	t.Cleanup(srv.Close)
	o := startOutside(t, speed)
	d := newTill(t, o, built(t).product, "READER", func(conf string) string {
		conf = strings.Replace(conf, "[aipay]\n", "[aipay]\nenabled = true\n", 1)
		return conf + fmt.Sprintf("\n[models]\nregion = \"cn\"\n[[models.providers]]\nname = \"near\"\nbase_url = %q\nregion = \"cn\"\n[[models.tasks.classification]]\nprovider = \"near\"\nmodel = \"small-1\"\n", srv.URL)
	}).open()
	cause := func(word string, level int) string {
		return fmt.Sprintf(`{"cause":%q,"confidence":%d,"cites":["fault.words"]}`, word, level)
	}
	for _, tc := range []struct {
		name, answer, state, code, by string
		charges                       int
	}{
		{"the payer can mend it", cause("user", 9), "declined", "ai_payer", "near/small-1 as user, 9 of 10", 0},
		{"a rule of the service", cause("policy", 9), "awaiting_approval", "ai_policy", "near/small-1 as policy, 9 of 10", 0},
		{"an invention", cause("hallucination", 9), "declined", "ai_nonsense", "near/small-1 as hallucination", 0},
		{"a guess", cause("user", 2), "declined", "order_unknown", "", 0},
		{"a claim of money", `{"cause":"paid","confidence":10,"cites":["fault.words"]}`, "declined", "order_unknown", "", 0},
		{"no answer", "", "declined", "order_unknown", "", 0},
	} {
		m.says(tc.answer)
		o.setAI(map[string]any{"errors": []map[string]any{{"class": "unknown", "times": 1, "explanation": refusal}}})
		s, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: ordinary, Currency: "CNY", Code: o.payerCode("pay")}, rand.Text(), 0)
		if err == nil {
			s, err = rest(t.Context(), d, s.ID, nil)
		}
		if err != nil || s.State != tc.state {
			t.Errorf("%s: %s, %v, %+v", tc.name, s.State, err, s.Reason)
			continue
		}
		if tc.code != "" && (s.Reason == nil || s.Reason.Code != tc.code || !strings.Contains(fmt.Sprint(*s.Reason), tc.by)) {
			t.Errorf("%s: the reason is %+v", tc.name, s.Reason)
		}
		if tc.code == "ai_nonsense" { // gone round with the payer's next code, and no model is asked about it
			if s, err = d.api.Scan(soon(t), s.ID, o.payerCode("pay")); err == nil {
				s, err = rest(t.Context(), d, s.ID, nil)
			}
			if err != nil || s.State != "paid" || len(s.History.Attempts) != 2 {
				t.Errorf("%s, the other way: %s, %v, %+v", tc.name, s.State, err, s.History)
			}
			tc.charges = 1
		}
		charges := 0
		for _, a := range s.History.Attempts {
			charges += o.orders()[a.OrderNo].Charges
		}
		heard := m.says("")
		if charges != tc.charges || len(heard) != 1 {
			t.Errorf("%s: %d charges, the model was asked %d times", tc.name, charges, len(heard))
		}
		for _, body := range heard {
			if strings.Contains(strings.ToLower(body), "zhang") || strings.Contains(body, "13800138000") || !strings.Contains(body, "fault.words") {
				t.Errorf("%s: the model heard %s", tc.name, body)
			}
		}
	}
	d.stop()
	d.check()
	if log := d.log.String(); !strings.Contains(log, "read by near/small-1") || strings.Contains(log, "Zhang") {
		t.Errorf("the log does not say who read it, or says who paid:\n%s", log)
	}
}
