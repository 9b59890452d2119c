package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qrposd/daemon/llm"
	"qrposd/rules/explain"
)

// answering is a provider that counts its questions and answers all of them so.
func answering(t *testing.T, asked *atomic.Int32, answer func(w http.ResponseWriter, r *http.Request, body string)) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		answer(w, r, string(body))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// saying is an answer in the form of chat completions.
func saying(content string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		fmt.Fprintf(w, `{"model":"m","choices":[{"finish_reason":"stop","message":{"content":%q}}]}`, content)
	}
}

func status(code int) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(code) }
}

func hanging(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }

// seated is a panel for a task over providers at addresses.
func seated(t *testing.T, task llm.Task, mainland bool, region string, urls ...string) *panel {
	t.Helper()
	m := llm.Models{Region: "cn"}
	for i, u := range urls {
		name := fmt.Sprint("p", i)
		m.Providers = append(m.Providers, llm.Provider{Name: name, BaseURL: u, Region: region})
		choice := llm.Choice{Provider: name, Model: "m"}
		if task == llm.Embedding {
			m.Tasks.Embedding = append(m.Tasks.Embedding, choice)
		} else {
			m.Tasks.Classification = append(m.Tasks.Classification, choice)
		}
	}
	c, err := llm.Open(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return newPanel(c, task, mainland, slog.New(slog.DiscardHandler))
}

// classifiers are a panel of monitoring models.
func classifiers(t *testing.T, mainland bool, region string, urls ...string) *panel {
	t.Helper()
	return seated(t, llm.Classification, mainland, region, urls...)
}

func askPanel(t *testing.T, p *panel) (llm.Opinion, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return p.ask(ctx, llm.Facts{Fault: llm.Fault{Words: []llm.FaultWord{"risk", "score"}}})
}

const saysPolicy = `{"cause":"policy","confidence":8,"cites":["fault.words"]}`

// The first model that answers in form is heard: after an error, after nonsense,
// and beside one that hangs.
func TestPanelFailsOver(t *testing.T) {
	for name, first := range map[string]func(http.ResponseWriter, *http.Request, string){
		"an error": status(503), "nonsense": saying("the payment succeeded"), "no cause": saying(`{"cause":"paid","confidence":10,"cites":["fault.words"]}`),
		"cites what was not sent": saying(`{"cause":"user","confidence":10,"cites":["amount"]}`), "hangs": hanging,
	} {
		var a, b atomic.Int32
		p := classifiers(t, true, "cn", answering(t, &a, first), answering(t, &b, saying(saysPolicy)))
		o, by, err := askPanel(t, p)
		if err != nil || o.Word != "policy" || o.Level != 8 || by != "p1/m" || a.Load() != 1 || b.Load() != 1 {
			t.Errorf("%s: %+v by %q, %v; asked %d and %d", name, o, by, err, a.Load(), b.Load())
		}
	}
}

// A model that fails again and again is left alone, and a refusal to answer does
// not count as failing.
func TestPanelBreaks(t *testing.T) {
	for code, most := range map[int]int32{503: 3, 451: 6} {
		var asked atomic.Int32
		p := classifiers(t, true, "cn", answering(t, &asked, status(code)))
		for range 6 {
			if _, _, err := askPanel(t, p); err == nil {
				t.Fatal("it answered")
			}
		}
		if asked.Load() != most {
			t.Errorf("status %d: asked %d times of 6, want %d", code, asked.Load(), most)
		}
	}
}

// What is the mainland's stays in its region, and no panel is no monitor.
func TestPanelStaysInItsRegion(t *testing.T) {
	var asked atomic.Int32
	url := answering(t, &asked, saying(saysPolicy))
	if p := classifiers(t, true, "us", url); p != nil || monitor(p) != nil {
		t.Error("a provider abroad has a seat")
	}
	if p := classifiers(t, false, "us", url); p == nil {
		t.Error("sales abroad ask nobody")
	} else if _, _, err := askPanel(t, p); err != nil || asked.Load() != 1 {
		t.Errorf("asked %d times, %v", asked.Load(), err)
	}
}

// Nobody is asked where there is no end, or too little time before it.
func TestPanelNeedsTime(t *testing.T) {
	var asked atomic.Int32
	p := classifiers(t, true, "cn", answering(t, &asked, saying(saysPolicy)))
	short, cancel := context.WithTimeout(t.Context(), panelLeast/2)
	defer cancel()
	for _, ctx := range []context.Context{t.Context(), short} {
		if _, _, err := p.ask(ctx, llm.Facts{Fault: llm.Fault{Words: []llm.FaultWord{"risk"}}}); err == nil {
			t.Error("it answered")
		}
	}
	if asked.Load() != 0 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// The monitor passes words on and a cause back, and nothing that a provider wrote
// gets on record.
func TestMonitor(t *testing.T) {
	var asked atomic.Int32
	var body string
	p := classifiers(t, true, "cn", answering(t, &asked, func(w http.ResponseWriter, r *http.Request, b string) {
		body = b
		saying(saysPolicy)(w, r, b)
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	o, by, err := monitor(p)(ctx, []string{"not", "risk", "not"})
	if err != nil || o != (explain.Opinion{Cause: explain.Policy, Level: 8}) || by != "p0/m" {
		t.Errorf("%+v by %s, %v", o, by, err)
	}
	if !strings.Contains(body, `{\"fault.words\":[\"not\",\"risk\",\"not\"]}`) {
		t.Errorf("it heard %s", body)
	}
	if _, _, err := monitor(p)(ctx, []string{"zhang"}); err == nil || asked.Load() != 1 {
		t.Errorf("a word that is not of the vocabulary: %v", err)
	}
	p = classifiers(t, true, "cn", answering(t, &asked, func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(500)
		fmt.Fprint(w, `{"error":{"message":"Zhang San was here","code":"boom"}}`)
	}))
	if _, _, err := monitor(p)(ctx, []string{"risk"}); err == nil || strings.Contains(err.Error(), "Zhang") {
		t.Errorf("on record: %v", err)
	}
}
