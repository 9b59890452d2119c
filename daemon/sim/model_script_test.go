package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestScriptsOfTheWire(t *testing.T) {
	c := newModels(t)
	w := ways()[0]
	for _, s := range []struct {
		script string
		end    error // of the call
		header bool  // there was a status
		some   bool  // and a part of a body
		count  func(ModelCounts) int
	}{
		{"hang", errTimeout, false, false, func(n ModelCounts) int { return n.Aborted }},
		{"hang_headers", errTimeout, true, false, func(n ModelCounts) int { return n.Aborted }},
		{"stall", errTimeout, true, true, func(n ModelCounts) int { return n.Aborted }},
		{"drip", errTimeout, true, true, func(n ModelCounts) int { return n.Aborted }},
		{"blanks_forever", errTimeout, true, true, func(n ModelCounts) int { return n.Aborted }},
		{"reset", syscall.ECONNRESET, false, false, func(n ModelCounts) int { return n.Cut }},
		{"reset_headers", syscall.ECONNRESET, true, false, func(n ModelCounts) int { return n.Cut }},
		{"reset_body", syscall.ECONNRESET, true, true, func(n ModelCounts) int { return n.Cut }},
	} {
		c.set(s.script, ModelSetting{Script: s.script})
		a, b, err := c.post("/models/"+s.script+w.path, w.body, 250*time.Millisecond, w.headers...)
		var late interface{ Timeout() bool }
		if s.end == errTimeout && !(errors.As(err, &late) && late.Timeout()) || s.end != errTimeout && !errors.Is(err, s.end) {
			t.Errorf("%s ended with %v", s.script, err)
		}
		if (a != nil) != s.header || (len(b) > 0) != s.some {
			t.Errorf("%s: answer %v, body %q", s.script, a, b)
		}
		eventually(t, s.script+" is over", func() bool {
			i := slices.IndexFunc(c.m.Report().Providers, func(r ModelReport) bool { return r.Name == s.script })
			n := c.m.Report().Providers[i].ModelCounts
			return n.InFlight == 0 && s.count(n) == 1 && n.Answered == 0 && n.Scripts[s.script] == 1
		})
	}
}

var errTimeout = errors.New("timeout")

// eventually waits for what another goroutine does; only a test that fails waits long.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("not in time: %s", what)
			return
		}
	}
}

func TestSlowAnswersArriveWholeAndNeverEarly(t *testing.T) {
	c := newModels(t)
	w := ways()[0]
	c.set("p", ModelSetting{Script: "blanks", Latency: Latency{Kind: "fixed", MS: 120}})
	start := time.Now()
	b := c.answer("p", w)
	if !bytes.HasPrefix(b, []byte("\n\n")) || time.Since(start) < 120*time.Millisecond {
		t.Errorf("blanks after %v: %q", time.Since(start), b)
	}
	read[saleVerdict](t, []byte(w.said(t, b)))
	c.set("p", ModelSetting{Script: "error", Error: ModelError{Status: 503}, Latency: Latency{Kind: "fixed", MS: 60}})
	start = time.Now()
	if a, _, err := c.ask("p", w); err != nil || a.StatusCode != 503 || time.Since(start) < 60*time.Millisecond {
		t.Errorf("error after %v: %v %v", time.Since(start), a, err)
	}
}

func TestScriptsInsideA200(t *testing.T) {
	c := newModels(t)
	for _, s := range []struct{ script, openai, anthropic, gemini string }{
		{"error_200", `{"error":{`, `"type":"error"`, `"status":"RESOURCE_EXHAUSTED"`},
		{"error_choice", `"finish_reason":"error"`, `"type":"error"`, `{"error":{`},
		{"refusal", `"refusal":"I'm sorry`, `"stop_reason":"refusal"`, `"blockReason":"PROHIBITED_CONTENT"`},
		{"content_filter", `"finish_reason":"content_filter"`, `"stop_reason":"refusal"`, `"finishReason":"SAFETY"`},
		{"truncation", `"finish_reason":"length"`, `"stop_reason":"max_tokens"`, `"finishReason":"MAX_TOKENS"`},
		{"stop_error", `"finish_reason":"error"`, `"stop_reason":"pause_turn"`, `"finishReason":"OTHER"`},
		{"empty", `"content":""`, `"content":[]`, `"content":{"role":"model"}`},
		{"no_choices", `"choices":null`, `"content":[]`, `"responseId"`},
		{"wrong_tool", `"finish_reason":"stop"`, `"name":"transfer_money"`, `"name":"transfer_money"`},
		{"two_answers", `"index":1`, `},{"id":"toolu_sim"`, `"index":1`},
		{"thinking", `"reasoning_content":"The shop`, `"type":"thinking"`, `"thought":true`},
		{"fenced", "```json", "```json", "```json"},
		{"chatty", "Sure!", "Sure!", "Sure!"},
		{"garbage", "\xff", "\xff", "\xff"},
		{"html", "<!DOCTYPE html>", "<h1>", "<h1>"},
	} {
		c.set("p", ModelSetting{Script: s.script, Error: ModelError{Status: 429}})
		for i, want := range map[int]string{0: s.openai, 3: s.anthropic, 5: s.gemini} {
			w := ways()[i]
			if b := c.answer("p", w); !bytes.Contains(b, []byte(want)) {
				t.Errorf("%s, %s: no %s in %s", s.script, w.name, want, b)
			}
		}
	}
	c.set("p", ModelSetting{Script: "cut_json"})
	if b := c.answer("p", ways()[0]); json.Valid(b) || !bytes.HasPrefix(b, []byte("{")) {
		t.Errorf("cut_json: %s", b)
	}
}

func TestErrorsHaveEveryShapeInEveryDialect(t *testing.T) {
	c := newModels(t)
	prefix := map[string]string{
		"object": `{"error":{"code":"rate_limit_exceeded"`, "int_code": `{"error":{"code":429`, "array": `[{"error":{"code":429`,
		"google": `{"error":{"code":429`, "anthropic": `{"error":{"message":"Rate limit reached.","type":"rate_limit_error"}`, "flat": `{"code":"rate_limit_exceeded"`,
		"detail": `{"detail":[{`, "status": `{"message":"Rate limit reached.","status":"failure"}`, "string": `{"error":"Rate limit reached."}`,
		"html": "<html>", "text": "upstream", "empty": "",
	}
	for _, shape := range ErrorShapes() {
		c.set("p", ModelSetting{Script: "error", Error: ModelError{Status: 429, Shape: shape, RetryAfter: "7"}})
		for _, i := range []int{0, 3, 5} {
			a, b, err := c.ask("p", ways()[i])
			if err != nil || a.StatusCode != 429 || a.Header.Get("Retry-After") != "7" || !strings.HasPrefix(string(b), prefix[shape]) || (prefix[shape] == "") != (len(b) == 0) {
				t.Errorf("%s, %s: %v %v %s", shape, ways()[i].name, err, a, b)
			}
		}
	}
	own := map[string]string{
		"p": `{"error":{"code":`, "mistral": `{"code":`, "gemini-2": `[{"error":`, "openrouter": `{"error":{"code":4`, "portkey": `{"message":`,
	}
	for _, status := range []int{400, 401, 402, 404, 408, 409, 429, 446, 500, 502, 503, 529} {
		for name, want := range own {
			c.set(name, ModelSetting{Script: "error", Error: ModelError{Status: status}})
			a, b, err := c.ask(name, ways()[0])
			if err != nil || a.StatusCode != status || !strings.HasPrefix(string(b), strings.Replace(want, "4", fmt.Sprint(status)[:1], 1)) {
				t.Errorf("%s %d: %v %s", name, status, err, b)
			}
		}
		c.set("a", ModelSetting{Script: "error", Error: ModelError{Status: status}})
		if _, b, err := c.ask("a", ways()[3]); err != nil || !bytes.Contains(b, []byte(`"type":"error"`)) {
			t.Errorf("anthropic %d: %v %s", status, err, b)
		}
	}
}

func TestAScriptIsMetSoManyTimesThenAllIsWell(t *testing.T) {
	c := newModels(t)
	c.set("p", ModelSetting{Script: "error", Times: 2, Error: ModelError{Status: 529}})
	var got []int
	for range 4 {
		a, _, err := c.ask("p", ways()[0])
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, a.StatusCode)
	}
	if !slices.Equal(got, []int{529, 529, 200, 200}) {
		t.Errorf("statuses %v", got)
	}
	if n := c.m.Report().Providers[0].Scripts; n["error"] != 2 || n[scriptSensible] != 2 {
		t.Errorf("scripts %v", n)
	}
}

func TestTheCutLineCutsModelsToo(t *testing.T) {
	s := newShop(t)
	if _, err := s.w.Models.Set("p", ModelSetting{Script: "hang"}); err != nil {
		t.Fatal(err)
	}
	c := &modelClient{t, &s.w.Models, s.url}
	gone := make(chan error, 1)
	go func() {
		_, _, err := c.ask("p", ways()[0])
		gone <- err
	}()
	eventually(t, "the call hangs", func() bool { return s.w.Models.Report().Providers[0].InFlight == 1 })
	s.w.WeChat.SetLink(false)
	if err := <-gone; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a call in flight ended with %v", err)
	}
	c.set("p", ModelSetting{})
	if _, _, err := c.ask("p", ways()[0]); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("a new call ended with %v", err)
	}
	s.w.WeChat.SetLink(true)
	c.answer("p", ways()[0])
	var r *http.Response
	if r, _, _ = c.post("/sim/models", `{"mode":"fast"}`, 0); r.StatusCode != 400 {
		t.Errorf("an unknown mode: %d", r.StatusCode)
	}
}
