package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"qrposd/daemon/advisor"
	"qrposd/daemon/llm"
	"qrposd/daemon/sim"
	"qrposd/rules/sale"
	"qrposd/store/storetest"
)

// mix is how a chain of models is.
type mix struct {
	name       string
	reasoning  sim.ModelSetting
	validation *sim.ModelSetting // nil: there is none, and a verdict is due after 600 ms and not after a second
	// warm is one advisor for all sales, as in a shop: its breakers open on what is
	// slow, and its validations are remembered. Without it each sale has a new one
	// and meets the models again.
	warm  bool
	heavy bool // nothing that its reasoning model says can come in time
}

func mixes() []mix {
	around := func(ms, sigma float64) sim.ModelSetting {
		return sim.ModelSetting{Latency: sim.Latency{Kind: "lognormal", MS: ms, Sigma: sigma, Seed: 5}}
	}
	after := func(ms float64) sim.ModelSetting {
		return sim.ModelSetting{Latency: sim.Latency{Kind: "fixed", MS: ms}}
	}
	script := func(name string) sim.ModelSetting { return sim.ModelSetting{Script: name} }
	ptr := func(s sim.ModelSetting) *sim.ModelSetting { return &s }
	return []mix{
		{"chain 1500 + 900 ms (median)", around(1500, 0.25), ptr(around(900, 0.25)), false, false},
		{"the same, breakers kept", around(1500, 0.25), ptr(around(900, 0.25)), true, false},
		{"slow, 2500 ms", after(2500), nil, false, true},
		{"a byte every 20 ms", script("drip"), nil, false, true},
		{"hanging", script("hang"), nil, false, true},
		{"fast, 400 ms (median)", around(400, 0.2), nil, true, false},
		{"fast 400 + validation 300 ms, cached", around(400, 0.2), ptr(after(300)), true, false},
		{"fast 400 + validation hanging", around(400, 0.2), ptr(script("hang")), false, false},
	}
}

// bench is a judge of the daemon's own before models of the simulator.
type bench struct {
	*judge
	reasoning, validation []advisor.Model
}

func newBench(t *testing.T, m mix) *bench {
	t.Helper()
	outside := &sim.Models{}
	srv := httptest.NewServer(outside)
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections)
	dir := t.TempDir()
	c := Config{Rules: Rules{File: filepath.Join(dir, "rules.toml")}}
	for name, text := range map[string]string{"rules.toml": anything, "key": "sk-0123456789"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings := map[string]*sim.ModelSetting{"reasoner": &m.reasoning, "validator": m.validation}
	for name, s := range settings {
		if s == nil {
			continue
		}
		if _, err := outside.Set(name, *s); err != nil {
			t.Fatal(err)
		}
		c.Models.Providers = append(c.Models.Providers, llm.Provider{Name: name, BaseURL: srv.URL + "/models/" + name + "/v1", KeyFile: filepath.Join(dir, "key")})
	}
	c.Models.Tasks.Reasoning = []llm.Choice{{Provider: "reasoner", Model: "m"}}
	if m.validation != nil {
		c.Models.Tasks.Validation = []llm.Choice{{Provider: "validator", Model: "m"}}
	}
	j, err := openJudge(c, storetest.MustOpen(t), &vitals{}, defaultIntents(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Advisor.Close(); j.models.Close() })
	if err := j.models.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	models := func(task llm.Task, list []llm.Choice) (models []advisor.Model) {
		for _, choice := range list {
			models = append(models, &model{j.models, choice, task, false})
		}
		return models
	}
	return &bench{j, models(llm.Reasoning, c.Models.Tasks.Reasoning), models(llm.Validation, c.Models.Tasks.Validation)}
}

// anew is the same judge with an advisor that has seen nothing.
func (b *bench) anew() *judge {
	a := advisor.New(b.Rules(), b.reasoning, b.validation, advisor.Limits{}, b.log)
	return &judge{Advisor: a, store: b.store, vitals: b.vitals, models: b.models, intent: b.intent, log: b.log, paths: map[advisor.Path]int{}}
}

// plain asks one model after the other and waits for what they say.
func (b *bench) plain(ctx context.Context) {
	c := bigSale()
	v := b.Rules().Record(b.Rules().Decide(&c))
	for _, m := range slices.Concat(b.reasoning, b.validation) {
		if _, err := m.Ask(ctx, &c, v); err != nil {
			return
		}
	}
}

// deadlineSeeds is R6: when a sale has its verdict, and from whom, for models of
// every kind; and when it would have it from a client that waits for them.
func deadlineSeeds(t *testing.T, n int) []seed {
	patience := 5 * time.Second
	if n < 100 {
		patience = 1500 * time.Millisecond
	}
	var lines []seed
	for _, m := range mixes() {
		b := newBench(t, m)
		took, by := b.judged(t, m, n)
		waited := b.awaited(t, min(n, 50), patience)
		limit := 600 * time.Millisecond
		if m.validation != nil {
			limit = time.Second
		}
		models, within := by[string(advisor.ByModel)], func(all []time.Duration, d time.Duration) string {
			k := 0
			for _, x := range all {
				if x <= d {
					k++
				}
			}
			return percent(k, len(all))
		}
		if m.heavy && (models != 0 || quantile(took, 0.5) >= quantile(waited, 0)) {
			t.Errorf("%s: %d of %d were judged by a model, the median after %s; who waits has an answer after %s", m.name, models, n, quantile(took, 0.5), quantile(waited, 0))
		}
		if strings.HasPrefix(m.name, "fast") && models == 0 {
			t.Errorf("%s: no sale was judged by a model: %v", m.name, by)
		}
		var paths []string
		for _, p := range slices.Sorted(maps.Keys(by)) {
			paths = append(paths, fmt.Sprintf("%s %s", p, percent(by[p], n)))
		}
		spread := func(all []time.Duration) string {
			return fmt.Sprintf("in 600 ms %s, in 1 s %s; p50 %s, p99 %s, max %s ms", within(all, 600*time.Millisecond), within(all, time.Second),
				millis(quantile(all, 0.5)), millis(quantile(all, 0.99)), millis(quantile(all, 1)))
		}
		late := ""
		if d := quantile(took, 1) - limit; d > 0 {
			late = fmt.Sprintf(" (at most %s over %d)", millis(d), limit.Milliseconds())
		}
		lines = append(lines, seed{
			"4", "5",
			figure{"verdict: " + m.name, n, spread(took) + late + "; " + strings.Join(paths, ", ")},
			figure{fmt.Sprintf("waiting for the models, %s at most", patience), len(waited), spread(waited)},
		})
	}
	return lines
}

// judged has n sales judged, as the desk has it done, and says how long each took and
// who decided.
func (b *bench) judged(t *testing.T, m mix, n int) (took []time.Duration, by map[string]int) {
	sales := make([]sale.Sale, min(n, 20))
	for i := range sales {
		sales[i] = newSale(t, b.judge, 1280)
	}
	by = map[string]int{}
	var mu sync.Mutex
	abreast(t, n, len(sales), func(i int) error {
		j := b.judge
		if !m.warm {
			j = b.anew()
			defer j.Advisor.Close()
		}
		began := time.Now()
		ev := j.Judge(t.Context(), sales[i%len(sales)])
		d := time.Since(began)
		mu.Lock()
		defer mu.Unlock()
		took = append(took, d)
		by[ev.Judgement.By]++
		return nil
	})
	return took, by
}

// awaited is how long a client waits that has no deadline but its patience.
func (b *bench) awaited(t *testing.T, n int, patience time.Duration) (took []time.Duration) {
	var mu sync.Mutex
	abreast(t, n, n, func(int) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		began := time.Now()
		b.plain(ctx)
		d := time.Since(began)
		mu.Lock()
		defer mu.Unlock()
		took = append(took, d)
		return nil
	})
	return took
}
