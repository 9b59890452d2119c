package sim

import (
	"bytes"
	"context"
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
	aborted, cut := func(n ModelCounts) int { return n.Aborted }, func(n ModelCounts) int { return n.Cut }
	for _, s := range []struct {
		script string
		end    error // of the call
		header bool  // there is a status
		some   bool  // and a part of a body
		count  func(ModelCounts) int
	}{
		{"hang", context.Canceled, false, false, aborted},
		{"hang_headers", context.Canceled, true, false, aborted},
		{"stall", context.Canceled, true, true, aborted},
		{"drip", context.Canceled, true, true, aborted},
		{"blanks_forever", context.Canceled, true, true, aborted},
		{"reset", syscall.ECONNRESET, false, false, cut},
		{"reset_headers", syscall.ECONNRESET, true, false, cut},
		{"reset_body", syscall.ECONNRESET, true, true, cut},
	} {
		c.set(s.script, ModelSetting{Script: s.script})
		counts := func() ModelCounts {
			list := c.m.Report().Providers
			return list[slices.IndexFunc(list, func(r ModelReport) bool { return r.Name == s.script })].ModelCounts
		}
		if header, some, err := c.leave(s.script, w, s.some, s.end == context.Canceled, func() {
			eventually(t, s.script+" has begun", func() bool { return counts().InFlight == 1 })
		}); !errors.Is(err, s.end) || header != s.header || some != s.some {
			t.Errorf("%s: status %v, body %v, ended with %v", s.script, header, some, err)
		}
		eventually(t, s.script+" is over", func() bool { return counts().InFlight == 0 })
		if n := counts(); s.count(n) != 1 || n.Answered != 0 || n.Scripts[s.script] != 1 {
			t.Errorf("%s: %+v", s.script, n)
		}
	}
}

// leave asks and gives up, if it is to, as soon as it has seen the status, or the first byte of the body if that is to
// come, or has begun when there is nothing to see. No time is involved, so that a busy machine changes nothing.
func (c *modelClient) leave(name string, w way, some, leaves bool, begun func()) (header, byteSeen bool, err error) {
	ctx, stop := context.WithCancel(c.t.Context())
	defer stop()
	r, err := http.NewRequestWithContext(ctx, "POST", c.url+"/models/"+name+w.path, strings.NewReader(w.body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(w.headers[0], w.headers[1])
	if name == "hang" {
		go func() {
			begun()
			stop()
		}()
	}
	a, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return false, false, err
	}
	defer a.Body.Close()
	n := 0
	if some {
		n, err = a.Body.Read(make([]byte, 1))
	}
	if leaves {
		stop()
	}
	if err == nil {
		_, err = io.ReadAll(a.Body)
	}
	return true, n > 0, err
}

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
	if !bytes.HasPrefix(b, []byte("\n")) || time.Since(start) < 120*time.Millisecond {
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
