package doctor

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"qrposd/daemon/llm"
)

func TestDiversity(t *testing.T) {
	one, two := write(t, "key one\n"), write(t, "key two")
	provider := func(name, base, key, region string) llm.Provider {
		return llm.Provider{Name: name, BaseURL: base, KeyFile: key, Region: region}
	}
	a, b := provider("a", "https://api.a.example/v1", one, "cn"), provider("b", "https://api.b.test/v1", two, "cn")
	sameVendor, sameKey := provider("b", "https://eu.a.example/v1", two, "cn"), provider("b", "https://api.b.test/v1", write(t, "key one"), "cn")
	abroad, keyless := provider("b", "https://api.b.test/v1", two, "us"), provider("b", "https://api.b.test/v1", two+"x", "cn")
	for name, c := range map[string]struct {
		list     []llm.Provider
		region   string
		mainland bool
		v        Verdict
		word     string
	}{
		"two vendors":     {[]llm.Provider{a, b}, "cn", true, OK, "2 models of 2 vendors"},
		"presets":         {[]llm.Provider{{Name: "a", Preset: "mistral", KeyFile: one}, {Name: "b", Preset: "openai", KeyFile: two}}, "", false, OK, "2 vendors"},
		"one model":       {[]llm.Provider{a}, "cn", true, Warn, "all of one vendor"},
		"one vendor":      {[]llm.Provider{a, sameVendor}, "cn", true, Warn, "all of one vendor"},
		"none":            {nil, "cn", true, Warn, "rules judge alone"},
		"shared key":      {[]llm.Provider{a, sameKey}, "cn", true, Fail, "key of a"},
		"one abroad":      {[]llm.Provider{a, abroad}, "cn", true, Warn, "never asked"},
		"all abroad":      {[]llm.Provider{abroad}, "cn", true, Fail, "none of 1"},
		"no region":       {[]llm.Provider{a, b}, "", true, Fail, "none of 2"},
		"abroad, allowed": {[]llm.Provider{a, abroad}, "cn", false, OK, "2 vendors"},
		"key is missing":  {[]llm.Provider{a, keyless}, "cn", true, Fail, "no such file"},
	} {
		m := llm.Models{Region: c.region, Providers: c.list}
		for _, p := range c.list {
			m.Tasks.Reasoning = append(m.Tasks.Reasoning, llm.Choice{Provider: p.Name, Model: "m"})
		}
		want(t, name, verdict(t, Diversity(m, c.mainland)), c.v, c.word)
	}
}

func TestChain(t *testing.T) {
	chain := func(reasoning, validation string) llm.Models {
		return llm.Models{Tasks: llm.Tasks{Reasoning: []llm.Choice{{Provider: "a", Model: reasoning}}, Validation: []llm.Choice{{Provider: "a", Model: validation}}}}
	}
	for name, c := range map[string]struct {
		m    llm.Models
		ms   int
		v    Verdict
		word string
	}{
		"quick":        {chain("mistral-small-latest", "gpt-5-mini"), 400, OK, "cut off at 600ms"},
		"two thinkers": {chain("deepseek-reasoner", "o3-mini"), 400, Fail, "more than 2 s"},
		"one thinker":  {chain("deepseek/deepseek-r1", "gpt-5-mini"), 400, Warn, "thinks before"},
		"slow chain":   {chain("qwen-flash", "qwen-flash"), 700, Fail, "timeout_ms is 700"},
	} {
		want(t, name, verdict(t, Chain(c.m, c.ms, nil)), c.v, c.word)
	}
	for model, slow := range map[string]bool{"o1": true, "qwq-32b": true, "kimi-k2-thinking": true, "gpt-4o": false, "mistral-nemo1": false, "qwen3-30b": false} {
		if thinker.MatchString(model) != slow {
			t.Errorf("%s thinks: %t", model, !slow)
		}
	}
}

// opened is a client of one provider at an address.
func opened(t *testing.T, base string) (llm.Models, *llm.Client) {
	t.Helper()
	m := llm.Models{Providers: []llm.Provider{{Name: "a", BaseURL: base + "/v1", KeyFile: write(t, "key")}}}
	m.Tasks.Reasoning = []llm.Choice{{Provider: "a", Model: "m"}}
	c, err := llm.Open(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return m, c
}

func TestModelsOnTheWire(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	m, c := opened(t, s.URL)
	want(t, "warm", verdict(t, Chain(m, 400, c)), OK, "the next call")
	want(t, "refused key", verdict(t, Live(c, false)), Fail, "12 without a usable answer")
	s.Close()
	want(t, "nobody there", verdict(t, Chain(m, 400, c)), Warn, "cannot be reached")
}

func TestTimes(t *testing.T) {
	times := func(quick, slow int) (list []time.Duration) {
		for range quick {
			list = append(list, 300*time.Millisecond)
		}
		for range slow {
			list = append(list, 900*time.Millisecond)
		}
		return list
	}
	for name, c := range map[string]struct {
		took []time.Duration
		lost int
		v    Verdict
		word string
	}{
		"quick":      {times(12, 0), 0, OK, "p50 300.0 ms, p95 300.0 ms of 12"},
		"one slow":   {times(11, 1), 0, Warn, "p95 900.0 ms"},
		"mostly":     {times(3, 9), 0, Fail, "p50 900.0 ms"},
		"one lost":   {times(12, 0), 1, Warn, "1 without"},
		"all lost":   {times(12, 0), 12, Fail, "12 without"},
		"only round": {times(1, 0), 0, OK, "of 1"},
	} {
		want(t, name, judged(func(t *Tally) { judgeTimes(t, "a m", c.took, c.lost, errors.New("why")) }), c.v, c.word)
	}
}
