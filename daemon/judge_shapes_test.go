package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qrposd/daemon/advisor"
	"qrposd/daemon/llm"
	"qrposd/daemon/sim"
)

// twoModels are models of the daemon's own at two providers of the simulator, which
// knows nothing of how the daemon reads what it says. All requests are asked of
// both in one dialect.
func twoModels(t testing.TB, outside *sim.Models, d llm.Dialect) []advisor.Model {
	t.Helper()
	srv := httptest.NewServer(outside)
	t.Cleanup(srv.Close)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("sk-0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var cfg llm.Models
	for _, name := range []string{"first", "second"} {
		below := map[llm.Dialect]string{llm.OpenAI: "/v1", llm.Gemini: "/v1beta"}[d]
		cfg.Providers = append(cfg.Providers, llm.Provider{Name: name, Dialect: d, BaseURL: srv.URL + "/models/" + name + below, KeyFile: key})
	}
	c, err := llm.OpenOver(cfg, noNames{}, (&net.Dialer{}).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var list []advisor.Model
	for _, p := range cfg.Providers {
		list = append(list, &model{client: c, choice: llm.Choice{Provider: p.Name, Model: "m"}, task: llm.Reasoning})
	}
	return list
}

// step is what follows from a class: who decides, and what is thought of the first
// provider when it has happened five times.
type step struct {
	path  advisor.Path
	by    string
	state string
}

var steps = map[advisor.Class]step{
	"":                    {advisor.ByModel, "first", "well"},
	advisor.Caller:        {advisor.RulesFailed, "", "well"},
	advisor.Truncation:    {advisor.RulesFailed, "", "well"},
	advisor.Policy:        {advisor.RulesPolicy, "", "well"},
	advisor.Config:        {advisor.ByModel, "second", "rests"},
	advisor.Hallucination: {advisor.ByModel, "second", "sense open"},
	advisor.Transient:     {advisor.ByModel, "second", "answers open"},
}

func stateOf(h advisor.Health) string {
	switch {
	case h.Answers != "closed":
		return "answers " + h.Answers
	case h.Sense != "closed":
		return "sense " + h.Sense
	case h.Rests > 0:
		return "rests"
	}
	return "well"
}

// meets puts five sales before a first provider that does as it is told.
func meets(t *testing.T, outside *sim.Models, models []advisor.Model, what string, s sim.ModelSetting, want advisor.Class) {
	t.Helper()
	for name, setting := range map[string]sim.ModelSetting{"first": s, "second": {}} {
		if _, err := outside.Set(name, setting); err != nil {
			t.Fatal(err)
		}
	}
	set, sale := softRules(t), bigSale()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := models[0].Ask(ctx, &sale, set.Record(set.Decide(&sale)))
	var f advisor.Failure
	class := advisor.Class("")
	if errors.As(err, &f) {
		class = advisor.Class(f.FailureClass())
	} else if err != nil {
		t.Errorf("%s: not a failure: %v", what, err)
	}
	if class != want {
		t.Errorf("%s: class %q, want %q (%v)", what, class, want, err)
		return
	}
	// Nobody else is asked because the first is slow, on a machine that has much to do.
	judge := advisor.New(set, models, nil, advisor.Limits{Hedge: time.Minute}, slog.New(slog.DiscardHandler))
	defer judge.Close()
	next := steps[class]
	for i := range 5 {
		adv := judge.Advise(t.Context(), sale)
		if i == 0 && (adv.Path != next.path || adv.Provider != next.by) {
			t.Errorf("%s (%s): decided by %s %q, want %s %q", what, class, adv.Path, adv.Provider, next.path, next.by)
		}
	}
	if got := stateOf(judge.Health()[0]); got != next.state {
		t.Errorf("%s (%s): the provider is thought to be %q, want %q", what, class, got, next.state)
	}
}

var dialects = []llm.Dialect{llm.OpenAI, llm.Anthropic, llm.Gemini}

// Answers of every kind, in every dialect, down to what is done about them.
func TestAnswersHaveConsequences(t *testing.T) {
	for script, class := range map[string]advisor.Class{
		"sensible": "", "lenient": "", "thinking": "",
		"reset": advisor.Transient, "reset_headers": advisor.Transient, "reset_body": advisor.Transient,
		"garbage": advisor.Transient, "html": advisor.Transient, "cut_json": advisor.Transient,
		"no_choices": advisor.Transient, "stop_error": advisor.Transient,
		"error_200": advisor.Transient, "error_choice": advisor.Transient,
		"refusal": advisor.Policy, "content_filter": advisor.Policy,
		"truncation": advisor.Truncation,
		"empty":      advisor.Hallucination, "off_schema": advisor.Hallucination, "forbidden": advisor.Hallucination,
		"cites_unsent": advisor.Hallucination, "chatty": advisor.Hallucination,
		"wrong_tool": advisor.Hallucination, "two_answers": advisor.Hallucination,
		"fenced": "", // a fence around the whole of a text is no part of it
	} {
		for _, d := range dialects {
			class := class
			switch { // where a dialect says it differently
			case script == "fenced" && d == llm.Anthropic: // the input of a tool is no text
				class = advisor.Hallucination
			case script == "no_choices" && d == llm.Anthropic: // nothing was said, in due form
				class = advisor.Hallucination
			}
			t.Run(script+"/"+string(d), func(t *testing.T) {
				outside := &sim.Models{}
				meets(t, outside, twoModels(t, outside, d), script, sim.ModelSetting{Script: script}, class)
			})
		}
	}
}

// Errors of every status in every shape, in every dialect: gateways pass on what
// their providers say, in whatever words.
func TestErrorsHaveConsequences(t *testing.T) {
	classes := map[int]advisor.Class{
		400: advisor.Caller, 413: advisor.Caller, 422: advisor.Caller,
		401: advisor.Config, 402: advisor.Config, 403: advisor.Config, 404: advisor.Config,
		408: advisor.Transient, 409: advisor.Transient, 429: advisor.Transient, 500: advisor.Transient,
		502: advisor.Transient, 503: advisor.Transient, 504: advisor.Transient, 529: advisor.Transient,
		446: advisor.Policy,
	}
	worded := map[string]advisor.Class{ // where the words are more exact than the status
		"403 int_code": advisor.Policy, // a moderation's
		"446 google":   advisor.Config, // a precondition that failed
		"446 array":    advisor.Config,
	}
	for _, d := range dialects {
		t.Run(string(d), func(t *testing.T) {
			outside := &sim.Models{}
			models := twoModels(t, outside, d)
			for status, class := range classes {
				for _, shape := range sim.ErrorShapes() {
					what := fmt.Sprintf("%d %s", status, shape)
					if c, ok := worded[what]; ok {
						class = c
					} else {
						class = classes[status]
					}
					meets(t, outside, models, what, sim.ModelSetting{Script: "error", Error: sim.ModelError{Status: status, Shape: shape}}, class)
				}
			}
		})
	}
}

// A provider that says how long it wants to be left alone is, for a minute at most.
func TestRetryAfterHasConsequences(t *testing.T) {
	for after, want := range map[string]time.Duration{"7": 7 * time.Second, "3600": time.Minute} {
		outside := &sim.Models{}
		models := twoModels(t, outside, llm.OpenAI)
		if _, err := outside.Set("first", sim.ModelSetting{Script: "error", Error: sim.ModelError{Status: 429, RetryAfter: after}}); err != nil {
			t.Fatal(err)
		}
		judge := advisor.New(softRules(t), models, nil, advisor.Limits{}, slog.New(slog.DiscardHandler))
		for range 3 {
			if adv := judge.Advise(t.Context(), bigSale()); adv.Provider != "second" {
				t.Errorf("decided by %s %q", adv.Path, adv.Provider)
			}
		}
		if h := judge.Health()[0]; h.Rests > want || h.Rests < want-5*time.Second {
			t.Errorf("it asked for %s s and rests %s, want %s", after, h.Rests, want)
		}
		if calls := outside.Report().Providers[0].Calls; calls != 1 {
			t.Errorf("it was asked %d times while it rests", calls)
		}
		judge.Close()
	}
}
