package sim

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// with is a way with its body and headers changed: pairs of old and new text, then a header to drop.
func (w way) with(drop string, pairs ...string) way {
	w.body = strings.NewReplacer(pairs...).Replace(w.body)
	var kept []string
	for i := 0; i < len(w.headers); i += 2 {
		if w.headers[i] != drop {
			kept = append(kept, w.headers[i:i+2]...)
		}
	}
	w.headers = kept
	return w
}

func TestProvidersAreStrict(t *testing.T) {
	all := ways()
	schema, object, tool, claude, claudeForm, gemini, own := all[0], all[1], all[2], all[3], all[4], all[5], all[6]
	const model = `{"model":"m"`
	field := func(s string) []string { return []string{`,"max_tokens"`, `,` + s + `,"max_tokens"`} }
	for _, c := range []struct {
		what, name string
		way        way
		status     int
		said       string
	}{
		{"no key", "p", schema.with("Authorization"), 401, `{"error":{`},
		{"no key for gemini", "gemini", object.with("Authorization"), 400, `[{"error":{"code":400,"message":"Missing or invalid Authorization header."`},
		{"no key for claude", "p", claude.with("X-Api-Key"), 401, `authentication_error`},
		{"no key for google", "p", gemini.with("X-Goog-Api-Key"), 403, `PERMISSION_DENIED`},
		{"none needed", "ollama", schema.with("Authorization"), 200, `"choices"`},
		{"portkey's own header", "portkey", schema, 401, `"status":"failure"`},

		{"unknown field", "p", schema.with("", field(`"zdr":true`)...), 200, `"choices"`},
		{"unknown field", "openai", schema.with("", field(`"zdr":true`)...), 400, `"param":"zdr"`},
		{"unknown field", "mistral-eu", schema.with("", field(`"seed":1`)...), 422, `{"code":null,"message":{"detail":[{"input":null,"loc":["body","seed"],"msg":"Extra inputs are not permitted","type":"extra_forbidden"}]},"object":"error"`},
		{"known field", "mistral", schema.with("", field(`"random_seed":1`)...), 200, `"choices"`},
		{"unknown field", "gemini", object.with("", field(`"zdr":true`)...), 400, `[{"error":{"code":400`},
		{"unknown field", "p", claude.with("", field(`"seed":1`)...), 400, `seed: Extra inputs are not permitted`},
		{"unknown field", "p", gemini.with("", `,"generationConfig"`, `,"model":"m","generationConfig"`), 400, `Unknown name \"model\"`},
		{"unknown field", "p", gemini.with("", `"maxOutputTokens"`, `"max_tokens"`), 400, `Unknown name \"max_tokens\" at 'generation_config'`},

		{"no model", "p", schema.with("", `"model":"m",`, ""), 400, `'model'`},
		{"no cap for claude", "p", claude.with("", `"max_tokens":40,`, ""), 400, `max_tokens: Field required`},
		{"no version for claude", "p", claude.with("Anthropic-Version"), 400, `anthropic-version: header is required`},
		{"system among claude's messages", "p", claude.with("", `"role":"user"`, `"role":"system"`), 400, `Unexpected role`},
		{"a tool that is not there", "p", claude.with("", `"tool","name":"f"`, `"tool","name":"g"`), 400, `not found in provided tools`},
		{"a tool that is not there", "p", tool.with("", `"function":{"name":"f"}`, `"function":{"name":"g"}`), 400, `not found`},
		{"an open schema", "openai", schema.with("", `,"additionalProperties":false`, ""), 400, `additionalProperties`},
		{"an open schema", "p", claudeForm.with("", `,"additionalProperties":false`, ""), 400, `additionalProperties`},
		{"a member that is optional", "openai", schema.with("", `"required":["verdict",`, `"required":[`), 400, `Missing 'verdict'`},
		{"an old cap for a new model", "openai", schema.with("", model, `{"model":"gpt-5-mini"`), 400, `max_completion_tokens`},
		{"a new cap for a new model", "openai", schema.with("", model, `{"model":"gpt-5-mini"`, `"max_tokens"`, `"max_completion_tokens"`), 200, `"choices"`},

		{"no word json", "openai", object.with("", "Answer in JSON", "Answer"), 400, `must contain the word 'json'`},
		{"no word json", "deepseek", object.with("", "Answer in JSON", "Answer"), 400, `must contain the word 'json'`},
		{"no word json", "qwen", object.with("", "Answer in JSON", "Answer"), 400, `must contain the word 'json'`},
		{"a schema for deepseek", "deepseek", schema, 400, `This response_format type is unavailable now`},
		{"a value of thinking", "deepseek", object.with("", field(`"thinking":false`)...), 400, `thinking.type`},
		{"thinking qwen", "qwen", object.with("", model, `{"model":"qwen3-8b"`), 400, `parameter.enable_thinking must be set to false`},
		{"thinking qwen told not to", "qwen", object.with("", model, `{"model":"qwen3-8b","enable_thinking":false`), 200, `"choices"`},
		{"a schema for a small qwen", "qwen", schema, 400, `not supported by this model`},
		{"a schema for a large qwen", "qwen", schema.with("", model, `{"model":"qwen-plus"`), 200, `"choices"`},

		{"a schema of numbers", "p", own.with("", `"INTEGER"`, `"INTEGER","enum":[0,1]`), 400, `TYPE_STRING`},
		{"a closed own schema", "p", own.with("", `"required"`, `"additionalProperties":false,"required"`), 400, `Unknown name \"additionalProperties\"`},
		{"a schema for plain text", "p", gemini.with("", `"responseMimeType":"application/json",`, ""), 400, `INVALID_ARGUMENT`},

		{"a member twice", "p", schema.with("", model, `{"model":"m","model":"n"`), 400, `twice`},
		{"no JSON", "p", schema.with("", model, `{"model"`), 400, `parse`},
		{"another path", "p", way{path: "/v1/responses", body: "{}"}, 404, `no such path`},
		{"another path", "mistral", way{path: "/v2", body: "{}"}, 404, `"object":"error"`},
	} {
		m := newModels(t)
		m.set(c.name, ModelSetting{})
		a, b, err := m.ask(c.name, c.way)
		if err != nil || a.StatusCode != c.status || !bytes.Contains(b, []byte(c.said)) {
			t.Errorf("%s, %s%s: %v, want %d %s, got %v %s", c.what, c.name, c.way.path, err, c.status, c.said, a.StatusCode, b)
		}
		n := m.m.Report().Providers[0]
		if refused := c.status != 200; (n.Refused == 1) != refused || (n.LastRefusal != "") != refused || refused && n.TokensOut != 0 {
			t.Errorf("%s, %s: counts %+v", c.what, c.name, n.ModelCounts)
		}
	}
}

func FuzzProvidersOfModels(f *testing.F) {
	names, scripts := []string{"p", "openai", "mistral", "gemini", "deepseek", "qwen"}, Scripts()
	for i := range scripts {
		w := ways()[i%len(ways())]
		f.Add(w.path, w.body, byte(i), byte(i), i)
	}
	f.Add("/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":[{"text":"x"}]}],"model":"m","tools":[{"name":"f","input_schema":{"type":"object","items":{"items":{}}}}]}`, byte(0), byte(0), 0)
	f.Fuzz(func(t *testing.T, path, body string, name, script byte, n int) {
		c := &modelCall{house: houseOf(names[int(name)%len(names)]), script: scripts[int(script)%len(scripts)], n: n & 0xffff}
		c.recognise(newRequest(path, body), path, []byte(body))
		c.compose()
		c.distort()
		if c.refused != nil && c.answer.status < 400 {
			t.Fatalf("%s refused with %d: %s", c.house.name, c.answer.status, c.refused.Message)
		}
		if c.script.travel == travelPlain && c.answer.kind == "application/json" && !json.Valid(c.answer.body) {
			t.Fatalf("%s, %s: %q", c.house.name, c.script.Name, c.answer.body)
		}
	})
}
