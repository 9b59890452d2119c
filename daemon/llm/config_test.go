package llm

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What each well-known provider is sent, to the byte.
func TestPresetRequests(t *testing.T) {
	var out bytes.Buffer
	for _, name := range PresetNames() {
		p := Provider{Name: "p", Preset: name, KeyFile: keyFile(t)}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e, err := newEndpoint(p)
		if err != nil {
			t.Fatal(err)
		}
		path, question := e.question("vendor/model-1", testRequest(t))
		req, err := e.request(t.Context(), path, question)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(req.Body)
		if again := e.dialect.body(e, "vendor/model-1", testRequest(t)); !bytes.Equal(body, again) || !json.Valid(body) {
			t.Errorf("%s: the body changes or is no JSON: %s", name, body)
		}
		if strings.Contains(string(body), testKey) || strings.Contains(req.URL.String(), testKey) {
			t.Errorf("%s: the key is outside of the headers", name)
		}
		fmt.Fprintf(&out, "== %s\n%s %s\n", name, req.Method, req.URL)
		for _, h := range slices.Sorted(maps.Keys(req.Header)) {
			fmt.Fprintf(&out, "%s: %s\n", h, req.Header.Get(h))
		}
		fmt.Fprintf(&out, "%s\n", body)
	}
	const golden = "testdata/presets.txt"
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("not what %s says; look at the difference, then run with -update:\n%s", golden, out.Bytes())
	}
}

// All ways to ask for structure, in all dialects, write a body that is JSON and
// holds the parameters of the configuration.
func TestBodies(t *testing.T) {
	for d, members := range map[Dialect]map[Structured][]string{
		OpenAI:    {JSONSchema: {"response_format"}, JSONObject: {"response_format"}, Tool: {"tools", "tool_choice"}},
		Anthropic: {JSONSchema: {"output_config"}, Tool: {"tools", "tool_choice"}},
		Gemini:    {JSONSchema: {"generationConfig"}, JSONObject: {"generationConfig"}, Tool: {"tools", "toolConfig"}},
	} {
		for s, want := range members {
			p := Provider{Name: "p", Dialect: d, Structured: s, BaseURL: "http://127.0.0.1:1", Extra: `{"x-one": {"a": 1}}`, ThinkingOff: `{"y":null}`, MaxTokens: 77}
			e, err := newEndpoint(p)
			if err != nil || p.Validate() != nil {
				t.Fatal(err, p.Validate())
			}
			body := e.dialect.body(e, "m", testRequest(t))
			top, err := members2(body)
			if err != nil {
				t.Errorf("%s %s: %v", d, s, err)
			}
			for _, name := range want {
				if !slices.Contains(top, name) {
					t.Errorf("%s %s: no %s in %q", d, s, name, top)
				}
			}
			if !bytes.Contains(body, []byte(`"y":null,"x-one":{"a":1}`)) || !bytes.Contains(body, []byte(`:77`)) {
				t.Errorf("%s %s: the parameters are not in %s", d, s, body)
			}
			if asked := bytes.Contains(bytes.ToLower(body), []byte("json schema")); asked != (s == JSONObject) {
				t.Errorf("%s %s: schema in the prompt: %v", d, s, asked)
			}
		}
	}
}

func members2(b []byte) (names []string, err error) {
	list, err := members(b)
	for _, m := range list {
		names = append(names, m.name)
	}
	return names, err
}

func TestConfigFile(t *testing.T) {
	const file = `
region = "cn"
[[providers]]
name = "router"
preset = "openrouter"
key_file = "router.key"
headers = { "HTTP-Referer" = "https://shop.example" }
[[providers]]
name = "local"
preset = "llamacpp"
thinking_off = "{}"
max_tokens = 64
region = "cn"
[tasks]
reasoning = [{ provider = "router", model = "openai/gpt-5.4-mini" }, { provider = "local", model = "qwen3" }]
validation = [{ provider = "local", model = "qwen3" }]
`
	var m Models
	if err := toml.NewDecoder(strings.NewReader(file)).DisallowUnknownFields().Decode(&m); err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := m.Tasks.For(Reasoning); len(got) != 2 || got[1] != (Choice{"local", "qwen3"}) || m.Tasks.For(Pricing) != nil {
		t.Errorf("%+v", m.Tasks)
	}
	full, ok := m.Providers[0].complete()
	if !ok || full.Headers["HTTP-Referer"] == "" || full.Headers["X-OpenRouter-Title"] == "" || full.Structured != JSONSchema {
		t.Errorf("%+v", full)
	}
	if presets["openrouter"].Headers["HTTP-Referer"] != "" {
		t.Error("a shop's header has become part of the preset")
	}
	if err := (Models{}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"dialect = 'soap'", "dialect"},
		{"preset = 'skynet'", "anthropic, deepseek"},
		{"name = 'A b'", "name"},
		{"structured = 'xml'", "structured"},
		{"dialect = 'anthropic'\nstructured = 'json_object'", "json_object"},
		{"base_url = 'http://api.example.com'", "https"},
		{"base_url = 'http://192.168.1.9:8000/v1'", "https"},
		{"base_url = 'http://localhost.example.com'", "https"},
		{"base_url = 'https://u:p@api.example.com'", "password"},
		{"base_url = 'https://api.example.com/v1?key=1'", "query"},
		{"base_url = 'file:///etc/passwd'", "address"},
		{"base_url = 'ftp://127.0.0.1'", "https"},
		{"base_url = ''", "address"},
		{"base_url = 'https://api.example.com'", "key_file"},
		{"path = 'chat'", "path"},
		{"path = '/a?b'", "path"},
		{"dialect = 'gemini'\npath = '/x'", "{model}"},
		{"key_header = 'X Y'", "key_header"},
		{"headers = { authorization = 'Bearer x' }", "key_file"},
		{"headers = { 'X-Goog-Api-Key' = 'x' }", "key_file"},
		{"headers = { 'X: y' = 'x' }", "headers"},
		{`headers = { X = "a\nb" }`, "print"},
		{"extra = '[]'", "extra"},
		{"extra = '{'", "extra"},
		{`extra = '{"messages":[]}'`, "messages"},
		{`thinking_off = '{"model":"x"}'`, "model"},
		{`extra = '{"a":1,"a":2}'`, "twice"},
		{`extra = '{"a":1}'` + "\n" + `thinking_off = '{"a":2}'`, "both"},
		{"max_tokens_field = 'Max Tokens'", "max_tokens_field"},
		{`max_tokens_field = "limit"` + "\n" + `extra = '{"limit":2}'`, "limit"},
		{"max_tokens = 5000", "max_tokens"},
		{"max_tokens = -1", "max_tokens"},
		{"region = 'Mainland China'", "region"},
	} {
		p := Provider{Name: "p", BaseURL: "http://127.0.0.1:1"}
		if err := toml.Unmarshal([]byte(tt.name), &p); err != nil {
			t.Fatal(err)
		}
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	local := Provider{Name: "p", BaseURL: "http://localhost:1"}
	for want, m := range map[string]Models{
		"second time":    {Providers: []Provider{local, local}},
		"not configured": {Tasks: Tasks{Pricing: []Choice{{"p", "m"}}}},
		"of a model":     {Providers: []Provider{local}, Tasks: Tasks{Intent: []Choice{{"p", "a b"}}}},
		"region":         {Region: "?"},
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if _, err := Open(m); err == nil {
			t.Errorf("%s: opened", want)
		}
	}
}

// A key is in its header and in no error, log or text.
func TestKeys(t *testing.T) {
	var got http.Header
	c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) { got = r.Header }))
	for provider, header := range map[string]string{"openai-schema": "Authorization", "anthropic-tool": "X-Api-Key", "gemini-schema": "X-Goog-Api-Key"} {
		ask(t, c, provider)
		if want := strings.Repeat("Bearer ", map[bool]int{true: 1}[header == "Authorization"]) + testKey; got.Get(header) != want {
			t.Errorf("%s: %s is %q", provider, header, got.Get(header))
		}
	}
	var log bytes.Buffer
	secret := testKey
	k := key{&secret}
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "in", struct{ K key }{k})
	fmt.Fprintf(&log, "%v %+v %#v %s %q %v", k, struct{ K key }{k}, k, k, k, c.endpoints["openai-tool"])
	if strings.Contains(log.String(), testKey[4:]) {
		t.Error(log.String())
	}
	for said, want := range map[string]string{
		"Incorrect API key provided: " + testKey + ".": "Incorrect API key provided: [key]",
		"key sk-test-0***ghij is wrong":                "key [key] is wrong",
		"key " + strings.ToUpper(testKey):              "key [key]",
		"nothing of it":                                "nothing of it",
	} {
		if got := k.mask(said); got != want {
			t.Errorf("%q becomes %q", said, got)
		}
	}
	long := strings.Repeat("x ", 1020) + testKey + " more"
	if got := bounded(long); strings.Contains(got, "sk-") {
		t.Errorf("half a key is left: %q", got[len(got)-40:])
	}
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{
		"": "no API key", "\n": "no API key", "two words": "one word", "two\nlines": "one word", "schlüssel": "one word",
		strings.Repeat("x", maxKeyFile+1): "no API key",
	} {
		name := filepath.Join(dir, "key")
		os.WriteFile(name, []byte(content), 0o600)
		if _, err := readKey(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", content, err)
		}
	}
	name := filepath.Join(dir, "open")
	os.WriteFile(name, []byte(testKey), 0o640)
	if _, err := readKey(name); err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), testKey) {
		t.Errorf("others may read it: %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if k, err := readKey(name); err != nil || k.value() != testKey {
		t.Errorf("a credential: %v", err)
	}
	m := Models{Providers: []Provider{{Name: "p", Preset: "openai", KeyFile: filepath.Join(dir, "none")}}}
	if _, err := Open(m); err == nil || !strings.Contains(err.Error(), `"p"`) {
		t.Errorf("no file: %v", err)
	}
	m = Models{CAFile: name}
	if _, err := Open(m); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("no certificate: %v", err)
	}
}

// Texts are written as encoding/json reads them.
func TestText(t *testing.T) {
	all := make([]byte, 0, 300)
	for c := range 256 {
		all = append(all, byte(c))
	}
	for _, s := range []string{"", "a", `"\`, "\x00\x1f\x7f", "ä€😀\u2028", "<&>", string(all)} {
		var got string
		if err := json.Unmarshal(text(s), &got); err != nil || got != strings.ToValidUTF8(s, "\ufffd") && got != string([]rune(s)) {
			t.Errorf("%q becomes %s, %v", s, text(s), err)
		}
	}
}
