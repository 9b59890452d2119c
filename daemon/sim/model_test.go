package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	saleFacts = `{"amount":4200,"currency":"CNY","payer":{"first_seen":"yes","count1h":2},"rules":["split-sale"],"asks":["review"]}`
	saleForm  = `{"type":"object","properties":{"verdict":{"type":"string","enum":["allow","review","confirm","verify","approve","refuse"]},` +
		`"risk":{"type":"integer","enum":[0,1,2,3,4,5,6,7,8,9,10]},"cites":{"type":"array","items":{"type":"string","enum":["amount","currency","payer.first_seen","price.low"]}}},` +
		`"required":["verdict","risk","cites"],"additionalProperties":false}`
)

// modelClient is a shop that asks models, in its own words for each dialect.
type modelClient struct {
	t   *testing.T
	m   *Models
	url string
}

func newModels(t *testing.T) *modelClient {
	t.Helper()
	m := &Models{}
	srv := httptest.NewServer(m)
	t.Cleanup(srv.Close)
	return &modelClient{t, m, srv.URL}
}

func (c *modelClient) set(name string, s ModelSetting) {
	c.t.Helper()
	if _, err := c.m.Set(name, s); err != nil {
		c.t.Fatal(err)
	}
}

// post sends a body; at fails the request after that time, 0 is patient.
func (c *modelClient) post(path, body string, at time.Duration, headers ...string) (*http.Response, []byte, error) {
	c.t.Helper()
	ctx := c.t.Context()
	if at > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, at)
		defer stop()
	}
	r, err := http.NewRequestWithContext(ctx, "POST", c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, nil, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	return a, b, err
}

// way is one way to ask for a form.
type way struct {
	name, path, body string
	headers          []string
	said             func(t *testing.T, b []byte) string
}

func quoted(s string) string { return string(encodeJSON(s)) }

func ways() []way {
	bearer := []string{"Authorization", "Bearer k"}
	claude := []string{"X-Api-Key", "k", "Anthropic-Version", "2023-06-01"}
	google := []string{"X-Goog-Api-Key", "k"}
	chat := `{"model":"m","messages":[{"role":"system","content":` + quoted("Answer in JSON: "+saleForm) + `},{"role":"user","content":` + quoted(saleFacts) + `}],"max_tokens":40`
	message := `{"model":"m","max_tokens":40,"system":"Judge.","messages":[{"role":"user","content":` + quoted(saleFacts) + `}]`
	parts := `{"systemInstruction":{"parts":[{"text":"Judge."}]},"contents":[{"role":"user","parts":[{"text":` + quoted(saleFacts) + `}]}]`
	ownForm := strings.NewReplacer(`,"additionalProperties":false`, "", `"integer","enum":[0,1,2,3,4,5,6,7,8,9,10]`, `"INTEGER"`).Replace(saleForm)
	return []way{
		{"openai json_schema", "/v1/chat/completions", chat + `,"response_format":{"type":"json_schema","json_schema":{"name":"f","strict":true,"schema":` + saleForm + `}}}`, bearer, saidByOpenAI},
		{"openai json_object", "/chat/completions", chat + `,"response_format":{"type":"json_object"}}`, bearer, saidByOpenAI},
		{"openai tool", "/v1/chat/completions", chat + `,"tools":[{"type":"function","function":{"name":"f","parameters":` + saleForm + `}}],"tool_choice":{"type":"function","function":{"name":"f"}}}`, bearer, saidByOpenAI},
		{"anthropic tool", "/v1/messages", message + `,"tools":[{"name":"f","input_schema":` + saleForm + `}],"tool_choice":{"type":"tool","name":"f"}}`, claude, saidByAnthropic},
		{"anthropic json_schema", "/v1/messages", message + `,"output_config":{"format":{"type":"json_schema","schema":` + saleForm + `}}}`, claude, saidByAnthropic},
		{"gemini responseJsonSchema", "/v1beta/models/g:generateContent", parts + `,"generationConfig":{"maxOutputTokens":40,"responseMimeType":"application/json","responseJsonSchema":` + saleForm + `}}`, google, saidByGemini},
		{"gemini responseSchema", "/v1beta/models/g:generateContent", parts + `,"generationConfig":{"responseMimeType":"application/json","responseSchema":` + ownForm + `}}`, google, saidByGemini},
		{"gemini tool", "/v1beta/models/g:generateContent", parts + `,"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":` + saleForm + `}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}}`, google, saidByGemini},
	}
}

func (c *modelClient) ask(name string, w way) (*http.Response, []byte, error) {
	return c.post("/models/"+name+w.path, w.body, 5*time.Second, w.headers...)
}

// answer is a 200's body.
func (c *modelClient) answer(name string, w way) []byte {
	c.t.Helper()
	a, b, err := c.ask(name, w)
	if err != nil {
		c.t.Fatalf("%s %s: %v", name, w.name, err)
	}
	if a.StatusCode != 200 {
		c.t.Fatalf("%s %s: %d %s", name, w.name, a.StatusCode, b)
	}
	return b
}

func read[T any](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %q", err, b)
	}
	return v
}

func saidByOpenAI(t *testing.T, b []byte) string {
	a := read[struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
				Tools   []struct {
					Function struct{ Name, Arguments string } `json:"function"`
				} `json:"tool_calls"`
			} `json:"message"`
		} `json:"choices"`
	}](t, b)
	if len(a.Choices) == 0 {
		return ""
	}
	if m := a.Choices[0].Message; len(m.Tools) > 0 {
		return m.Tools[0].Function.Arguments
	}
	return a.Choices[0].Message.Content
}

func saidByAnthropic(t *testing.T, b []byte) string {
	a := read[struct {
		Content []struct {
			Type, Text string
			Input      json.RawMessage
		} `json:"content"`
	}](t, b)
	if len(a.Content) == 0 {
		return ""
	}
	return a.Content[0].Text + string(a.Content[0].Input)
}

func saidByGemini(t *testing.T, b []byte) string {
	a := read[struct {
		Candidates []struct {
			Content struct {
				Parts []struct {
					Text string                         `json:"text"`
					Call struct{ Args json.RawMessage } `json:"functionCall"`
				} `json:"parts"`
			} `json:"content"`
		} `json:"candidates"`
	}](t, b)
	if len(a.Candidates) == 0 || len(a.Candidates[0].Content.Parts) == 0 {
		return ""
	}
	p := a.Candidates[0].Content.Parts[0]
	return p.Text + string(p.Call.Args)
}

type saleVerdict struct {
	Verdict string   `json:"verdict"`
	Risk    int      `json:"risk"`
	Cites   []string `json:"cites"`
}

func TestASensibleModelAnswersInEveryForm(t *testing.T) {
	c := newModels(t)
	for _, w := range ways() {
		c.set("p", ModelSetting{})
		v := read[saleVerdict](t, []byte(w.said(t, c.answer("p", w))))
		if v.Verdict != "review" { // which the facts name
			t.Errorf("%s: %+v", w.name, v)
		}
		if v.Risk < 1 || v.Risk > 10 || len(v.Cites) == 0 || !slices.Contains([]string{"amount", "currency", "payer.first_seen"}, v.Cites[0]) {
			t.Errorf("%s: %+v", w.name, v)
		}
	}
	r := c.m.Report().Providers[0]
	if r.Calls != len(ways()) || r.Answered != r.Calls || r.Refused != 0 || r.InFlight != 0 || r.TokensIn == 0 || r.TokensOut == 0 {
		t.Errorf("counts: %+v", r.ModelCounts)
	}
	if len(r.Violations) != 0 || len(c.m.Requests("p")) != r.Calls || c.m.Requests("p")[0] != ways()[0].body {
		t.Errorf("requests: %d, violations %v", len(c.m.Requests("p")), r.Violations)
	}
}

func TestTheRiskGrowsWithTheSale(t *testing.T) {
	form := read[*jsonSchema](t, []byte(saleForm))
	judge := func(facts string) saleVerdict { return read[saleVerdict](t, []byte(consider(facts).answerText(form))) }
	small, large := judge(`{"amount":900}`), judge(`{"amount":90000000,"offline":true,"rules":["a","b"]}`)
	if small.Verdict != "allow" || large.Verdict != "refuse" && large.Verdict != "approve" || small.Risk >= large.Risk {
		t.Errorf("small %+v, large %+v", small, large)
	}
	old := read[*jsonSchema](t, []byte(`{"type":"object","properties":{"v":{"enum":["decline","review","approve"]},"r":{"type":["null","number"],"maximum":1},`+
		`"b":{"type":"boolean"},"s":{"type":"string"},"c":{"const":7},"n":{"anyOf":[{"type":"null"},{"type":"integer"}]}}}`))
	if got := consider(`{"amount":900}`).answerText(old); got != `{"b":true,"c":7,"n":0,"r":0,"s":"amount","v":"approve"}` {
		t.Errorf("any schema: %s", got)
	}
}

func TestACapOfTokensIsKept(t *testing.T) {
	c := newModels(t)
	c.set("p", ModelSetting{})
	want := map[string]string{dialectOpenAI: `"finish_reason":"length"`, dialectAnthropic: `"stop_reason":"max_tokens"`, dialectGemini: `"finishReason":"MAX_TOKENS"`}
	for _, w := range ways() {
		w.body = strings.NewReplacer(`"max_tokens":40`, `"max_tokens":3`, `"maxOutputTokens":40`, `"maxOutputTokens":3`).Replace(w.body)
		if dialect, _, _ := strings.Cut(w.name, " "); strings.Contains(w.body, ":3") {
			if b := c.answer("p", w); !bytes.Contains(b, []byte(want[dialect])) {
				t.Errorf("%s: %s", w.name, b)
			}
		}
	}
	deep := ways()[1] // thoughts fill the cap unless it is told not to think
	b := c.answer("deepseek", deep)
	if !bytes.Contains(b, []byte(`"finish_reason":"length"`)) || saidByOpenAI(t, b) != "" {
		t.Errorf("thinking: %s", b)
	}
	deep.body = strings.TrimSuffix(deep.body, "}") + `,"thinking":{"type":"disabled"}}`
	if v := read[saleVerdict](t, []byte(saidByOpenAI(t, c.answer("deepseek", deep)))); v.Verdict != "review" {
		t.Errorf("not thinking: %+v", v)
	}
}

func TestWhatATillMustNotTellIsNoticed(t *testing.T) {
	c := newModels(t)
	c.set("p", ModelSetting{})
	for _, secret := range []string{
		`"code":"134650789212345678"`, `"phone":"13800138000"`, `"mail":"a.b@example.com"`, `"device":"` + strings.Repeat("0a", 32) + `"`,
		`"vector":[0.1,-0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9]`,
	} {
		w := ways()[0]
		w.body = strings.Replace(w.body, `{\"amount\"`, strings.ReplaceAll("{"+secret+",", `"`, `\"`)+`\"amount\"`, 1)
		before := len(c.m.Report().Providers[0].Violations)
		c.answer("p", w)
		if n := len(c.m.Report().Providers[0].Violations); n != before+1 {
			t.Errorf("%s: %d violations", secret, n-before)
		}
	}
}

// The stub shares its cores with the till that is measured against it.
func BenchmarkModelAnswers(b *testing.B) {
	m, w := &Models{}, ways()[0]
	if _, err := m.Set("p", ModelSetting{}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		rw := httptest.NewRecorder()
		m.ServeHTTP(rw, newRequest(w.path, w.body))
		if rw.Code != http.StatusOK {
			b.Fatal(rw.Body)
		}
	}
}
