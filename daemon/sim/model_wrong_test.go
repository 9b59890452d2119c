package sim

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func newRequest(path, body string) *http.Request {
	r := httptest.NewRequest("POST", "/models/p", strings.NewReader(body))
	r.URL.Path = "/models/p/" + strings.TrimPrefix(path, "/")
	for _, h := range []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key"} {
		r.Header.Set(h, "Bearer k")
	}
	r.Header.Set("Anthropic-Version", "2023-06-01")
	r.Header.Set("Content-Type", "application/json")
	return r
}

// asked is a question of one sale.
func asked(t *testing.T) *question {
	t.Helper()
	return &question{input: saleFacts, schema: read[*jsonSchema](t, []byte(saleForm))}
}

// inForm tells whether an answer is in the form of the schema, read by nothing that wrote it.
func inForm(answer string) (saleVerdict, bool) {
	d := json.NewDecoder(strings.NewReader(answer))
	d.DisallowUnknownFields()
	var v struct {
		Verdict *string
		Risk    *int
		Cites   *[]*string
	}
	if d.Decode(&v) != nil || v.Verdict == nil || v.Risk == nil || v.Cites == nil || slices.Contains(*v.Cites, nil) {
		return saleVerdict{}, false
	}
	if _, err := d.Token(); err != io.EOF || strings.Count(answer, `"verdict"`) != 1 {
		return saleVerdict{}, false
	}
	out := saleVerdict{Verdict: *v.Verdict, Risk: *v.Risk}
	for _, c := range *v.Cites {
		out.Cites = append(out.Cites, *c)
	}
	known := slices.Contains([]string{"allow", "review", "confirm", "verify", "approve", "refuse"}, out.Verdict) && out.Risk >= 0 && out.Risk <= 10
	return out, known && !slices.ContainsFunc(out.Cites, func(c string) bool {
		return !slices.Contains([]string{"amount", "currency", "payer.first_seen", "price.low"}, c)
	})
}

func TestSchemaValidNonsense(t *testing.T) {
	q := asked(t)
	if v, ok := inForm(q.sensible()); !ok || v.Verdict != "review" {
		t.Fatalf("a sensible answer: %s", q.sensible())
	}
	for n, want := range []saleVerdict{{Verdict: "allow", Risk: 10}, {Verdict: "refuse", Risk: 0}} {
		if v, ok := inForm(contradiction(q, n)); !ok || v.Verdict != want.Verdict || v.Risk != want.Risk {
			t.Errorf("contradicts %d: %+v", n, v)
		}
	}
	if v, ok := inForm(citesUnsent(q, 0)); !ok || !slices.Equal(v.Cites, []string{"price.low"}) {
		t.Errorf("cites_unsent: %+v", v)
	}
	if v, ok := inForm(lenientAnswer(q, 0)); !ok || v.Verdict != "allow" || v.Risk != 0 {
		t.Errorf("lenient: %+v", v)
	}
}

func TestWrongAnswersDiffer(t *testing.T) {
	q := asked(t)
	for _, s := range []struct {
		name  string
		say   func(*question, int) string
		least int
	}{{"off_schema", offSchema, 18}, {"forbidden", forbiddenVerdict, 10}} {
		seen := map[string]bool{}
		for n := range 100 {
			a := s.say(q, n)
			if _, ok := inForm(a); ok {
				t.Errorf("%s %d is in the schema: %s", s.name, n, a)
			}
			seen[a] = true
		}
		if len(seen) < s.least {
			t.Errorf("%s: only %d answers differ", s.name, len(seen))
		}
	}
	list := Injections()
	if len(list) < 30 {
		t.Errorf("%d injected texts", len(list))
	}
	seen := map[string]bool{}
	for n := range list {
		a := injected(q, n)
		if v, ok := inForm(a); ok && v.Verdict != "review" && v.Verdict != "allow" {
			t.Errorf("injected %d: %s", n, a)
		}
		seen[a] = true
	}
	if len(seen) != len(list) {
		t.Errorf("%d of %d injected answers differ", len(seen), len(list))
	}
	kinds := map[string]bool{}
	for n := range 60 {
		kinds[anyWrong(q, n)] = true
	}
	if len(kinds) < 25 {
		t.Errorf("the script wrong says only %d things", len(kinds))
	}
	for _, w := range []string{`{"unexpected":true}`} { // without a schema there is still something wrong
		if got := offSchema(&question{}, 3); got != w {
			t.Errorf("without a schema: %s", got)
		}
	}
}

// Quantiles of the mix are those that hedging was measured with, and a seed repeats them.
func TestLatenciesAreDrawnAsSaid(t *testing.T) {
	for _, c := range []struct {
		l           Latency
		median, p90 float64
		hang        float64
	}{
		{Latency{Kind: "mix_a", Seed: 7}, 380, 380 * math.Exp(0.5*1.2816), 0.01},
		{Latency{Kind: "mix_b", Seed: 7}, 300, 300 * math.Exp(0.45*1.2816), 0.01},
		{Latency{Kind: "lognormal", MS: 120, Sigma: 0.3, Seed: 7}, 120, 120 * math.Exp(0.3*1.2816), 0},
		{Latency{Kind: "fixed", MS: 599}, 599, 599, 0},
		{Latency{}, 0, 0, 0},
	} {
		const n = 20000
		a, again, other := newLatencies(c.l, "a"), newLatencies(c.l, "a"), newLatencies(c.l, "b")
		var ms []float64
		hangs, differ := 0, false
		for range n {
			d, hang := a.next()
			d2, hang2 := again.next()
			if d != d2 || hang != hang2 {
				t.Fatal("a seed does not repeat")
			}
			if d3, _ := other.next(); d3 != d {
				differ = true
			}
			if hang {
				hangs++
			}
			ms = append(ms, float64(d)/float64(time.Millisecond))
		}
		slices.Sort(ms)
		near := func(got, want, off float64) bool { return math.Abs(got-want) <= off*want }
		if !near(ms[n/2], c.median, 0.02) || !near(ms[n*9/10], c.p90, 0.03) || !near(float64(hangs)/n, c.hang, 0.3) {
			t.Errorf("%+v: median %.0f, p90 %.0f, %d hang", c.l, ms[n/2], ms[n*9/10], hangs)
		}
		if random := c.l.Kind != "" && c.l.Kind != "fixed"; differ != random {
			t.Errorf("%+v: two names with one seed differ: %v", c.l, differ)
		}
	}
}

func TestModelsAreControlledOverHTTP(t *testing.T) {
	s := newShop(t)
	c := &modelClient{t, &s.w.Models, s.url}
	control := func(method, path, body string, want int) []byte {
		t.Helper()
		r, err := http.NewRequest(method, s.url+"/sim/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		a, err := s.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != want {
			t.Fatalf("%s %s %s: %v %d %s", method, path, body, err, a.StatusCode, b)
		}
		return b
	}
	for _, bad := range []string{
		`{"script":"nap"}`, `{"times":-1}`, `{"latency":{"kind":"zipf"}}`, `{"latency":{"kind":"fixed","ms":-1}}`, `{"error":{"status":200}}`, `{"error":{"shape":"oval"}}`, `{"unknown":1}`,
	} {
		control("POST", "models/p", bad, 400)
	}
	control("POST", "models", `{"mode":"quick and slow"}`, 400)
	control("POST", "models/a/b", `{}`, 404)
	control("PUT", "models/p", `{}`, 405)
	if b := control("POST", "models/p", `{}`, 200); strings.Contains(string(b), "null") || string(control("GET", "models/p", "", 200)) != "[]\n" {
		t.Errorf("a list is null: %s", b)
	}
	control("POST", "models/p", `{"script":"error","times":1,"error":{"status":402},"latency":{"kind":"fixed","ms":1}}`, 200)
	if a, _, err := c.ask("p", ways()[0]); err != nil || a.StatusCode != 402 {
		t.Errorf("as set: %v %v", a, err)
	}
	r := read[ModelsReport](t, control("GET", "models", "", 200))
	if p := r.Providers[0]; r.Mode != "" || p.Name != "p" || p.Calls != 1 || p.Left != 0 || p.Setting.Error.Status != 402 {
		t.Errorf("report: %+v", r)
	}
	if bodies := read[[]string](t, control("GET", "models/p", "", 200)); len(bodies) != 1 || bodies[0] != ways()[0].body {
		t.Errorf("bodies: %q", bodies)
	}
	if list := read[[]Script](t, control("GET", "scripts", "", 200)); len(list) != len(Scripts()) {
		t.Errorf("scripts: %d", len(list))
	}
	for _, mode := range modes {
		control("POST", "models", `{"mode":"`+mode+`"}`, 200)
		control("GET", "models", "", 200)
		r := s.w.Models.Report()
		if want := modeSetting(mode); r.Mode != mode || r.Providers[0].Setting != want {
			t.Errorf("mode %s: %+v", mode, r)
		}
	}
	if _, _, err := c.ask("new", ways()[0]); err == nil {
		t.Error("a provider that came later is not off")
	}
	if r = read[ModelsReport](t, control("DELETE", "models", "", 200)); r.Mode != modeQuick || r.Providers[0].Calls != 0 {
		t.Errorf("after the reset: %+v", r)
	}
}
