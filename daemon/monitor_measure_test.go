package daemon

import (
	"bufio"
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/llm"
	"qrposd/daemon/sim"
	"qrposd/rules/explain"
)

// What asking a model adds to a refusal, with a simulated provider that takes as
// long as it does by default. It understands no word, so how often it is right is no
// figure of anything and is not counted; that what is heard is in form and cites
// nothing but what was sent is. How many refusals are asked about is counted where
// the corpus is (rules/explain).
func TestWhatTheMonitorAdds(t *testing.T) {
	srv := httptest.NewServer(&sim.Models{})
	t.Cleanup(srv.Close)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("sk-0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := llm.Open(llm.Models{
		Region:    "cn",
		Providers: []llm.Provider{{Name: "p", BaseURL: srv.URL + "/models/p/v1", KeyFile: key, Region: "cn"}},
		Tasks:     llm.Tasks{Classification: []llm.Choice{{Provider: "p", Model: "m"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ask := monitor(newPanel(c, llm.Classification, true, slog.New(slog.DiscardHandler)))
	var took []time.Duration
	answered := 0
	for i, text := range explanations(t) {
		words := explain.Words(text)
		if i%8 != 0 || len(words) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		began := time.Now()
		o, by, err := ask(ctx, words)
		took = append(took, time.Since(began))
		cancel()
		switch {
		case err == nil && o.Level >= 0 && o.Level <= 10 && by == "p/m":
			answered++
		case err == nil || !strings.Contains(err.Error(), "cites_unsent"): // it takes a word for the name of a fact
			t.Errorf("%q: %+v by %s, %v", text, o, by, err)
		}
	}
	if answered*2 < len(took) || answered == 0 {
		t.Fatalf("%d of %d were answered", answered, len(took))
	}
	slices.Sort(took)
	t.Logf("%d explanations asked about, %d answered in form; p50 %s, p95 %s", len(took), answered, took[len(took)/2], took[len(took)*95/100])
}

// explanations are the texts of the corpus that no phrase was written with in sight.
func explanations(t *testing.T) (texts []string) {
	t.Helper()
	f, err := os.Open("../rules/explain/testdata/corpus.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if c := strings.Split(lines.Text(), "\t"); len(c) == 5 && c[1] != "tune" && c[1] != "half" {
			texts = append(texts, c[4])
		}
	}
	return texts
}
