package llm

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// shape is an answer and what it has to come down to.
type shape struct {
	name   string
	status int
	body   string
	class  Class // "" is an answer
	code   string
}

// errorShapes come from gateways and providers of every kind, and a gateway passes
// on what its provider sent: each dialect has to cope with all of them.
var errorShapes = []shape{
	{"openai 429", 429, `{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}`, Transient, "rate_limit_exceeded"},
	{"openai quota", 429, `{"error":{"message":"no credit","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, Config, "insufficient_quota"},
	{"openai key", 401, `{"error":{"message":"Incorrect API key provided: ` + testKey + `.","type":"invalid_request_error","code":"invalid_api_key"}}`, Config, "invalid_api_key"},
	{"openai model", 404, `{"error":{"message":"no such model","type":"invalid_request_error","param":null,"code":"model_not_found"}}`, Config, "model_not_found"},
	{"openai field", 400, `{"error":{"message":"Unknown parameter","type":"invalid_request_error","param":"x","code":null}}`, Caller, "invalid_request_error"},
	{"openai length", 400, `{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}`, Caller, "context_length_exceeded"},
	{"openai overload", 503, `{"error":{"message":"busy","type":"server_error","code":"server_is_overloaded"}}`, Transient, "server_is_overloaded"},
	{"azure filter", 400, `{"error":{"message":"filtered","type":null,"param":"prompt","code":"content_filter","status":400}}`, Policy, "content_filter"},
	{"openrouter wallet", 402, `{"error":{"code":402,"message":"Insufficient credits"}}`, Config, "http_402"},
	{"openrouter outage", 401, `{"error":{"code":401,"message":"User not found.","metadata":{"error_type":"authentication"}}}`, Config, "authentication"},
	{"openrouter moderation", 403, `{"error":{"code":403,"message":"flagged","metadata":{"reasons":["x"],"flagged_input":"…","provider_name":"p"}}}`, Policy, "guardrail"},
	{"openrouter guardrail", 403, `{"error":{"code":403,"message":"pattern","metadata":{"patterns":["x"]}}}`, Policy, "guardrail"},
	{"openrouter type", 502, `{"error":{"code":502,"message":"m","metadata":{"error_type":"content_policy_violation"}}}`, Policy, "content_policy_violation"},
	{"openrouter nobody", 404, `{"error":{"code":404,"message":"m","availability":{"code":"no_endpoints","retryable":false}}}`, Config, "no_endpoints"},
	{"anthropic overload", 529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}`, Transient, "overloaded_error"},
	{"anthropic key", 401, `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`, Config, "authentication_error"},
	{"anthropic request", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: field required"}}`, Caller, "invalid_request_error"},
	{"anthropic wallet", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API"}}`, Config, "invalid_request_error"},
	{"anthropic limit", 429, `{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}`, Config, "enforced_spend_limit_reached"},
	{"anthropic size", 413, `{"type":"error","error":{"type":"request_too_large","message":"m"}}`, Caller, "request_too_large"},
	{"gemini array", 429, `[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x","retryDelay":"12s"}]}}]`, Transient, "resource_exhausted"},
	{"gemini field", 400, `[{"error":{"code":400,"message":"Unknown name \"x\"","status":"INVALID_ARGUMENT"}}]`, Caller, "invalid_argument"},
	{"gemini key", 400, `{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}`, Config, "api_key_invalid"},
	{"gemini region", 400, `{"error":{"code":400,"message":"User location is not supported","status":"FAILED_PRECONDITION"}}`, Config, "failed_precondition"},
	{"mistral flat", 422, `{"object":"error","message":"Extra inputs are not permitted","type":"invalid_request_error","param":null,"code":null}`, Caller, "invalid_request_error"},
	{"mistral validation", 422, `{"detail":[{"loc":["body","x"],"msg":"extra fields not permitted","type":"value_error.extra"}]}`, Caller, "http_422"},
	{"mistral rate", 429, `{"message":"Requests rate limit exceeded"}`, Transient, "http_429"},
	{"ollama text", 404, `{"error":"model 'm' not found"}`, Config, "http_404"},
	{"ollama queue", 503, `{"error":"server busy, please try again.  maximum pending requests exceeded"}`, Transient, "http_503"},
	{"llama.cpp", 400, `{"error":{"code":400,"message":"bad grammar","type":"invalid_request_error"}}`, Caller, "invalid_request_error"},
	{"llama.cpp loading", 503, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, Transient, "unavailable_error"},
	{"qwen inspection", 400, `{"error":{"code":"data_inspection_failed","message":"inappropriate","type":"data_inspection_failed"}}`, Policy, "data_inspection_failed"},
	{"qwen thinking", 400, `{"error":{"code":"invalid_parameter_error","message":"parameter.enable_thinking must be set to false","type":"invalid_request_error"}}`, Caller, "invalid_parameter_error"},
	{"deepseek wallet", 402, `{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}`, Config, "invalid_request_error"},
	{"portkey itself", 500, `{"status":"failure","message":"Something went wrong"}`, Transient, "failure"},
	{"portkey timeout", 408, `{"error":{"message":"Request exceeded the timeout sent in the request: 600ms","type":"timeout_error","param":null,"code":null},"provider":"x"}`, Transient, "timeout_error"},
	{"portkey input guard", 446, `{"error":{"message":"hooks failed","type":"hooks_failed"},"hook_results":{"before_request_hooks":[{"verdict":false}],"after_request_hooks":[]}}`, Policy, "hooks_failed"},
	{"portkey output guard", 446, `{"error":{"message":"hooks failed","type":"hooks_failed"},"hook_results":{"before_request_hooks":[{"verdict":true}],"after_request_hooks":[{"verdict":false}]}}`, Hallucination, "hooks_failed"},
	{"portkey 246", 246, `{"choices":[],"hook_results":{"before_request_hooks":[],"after_request_hooks":[{"verdict":false}]}}`, Hallucination, "guardrail"},
	{"text in json", 500, `"upstream connect error"`, Transient, "http_500"},
	{"plain text", 502, `upstream connect error`, Transient, "http_502"},
	{"html", 502, `<html><head><title>502 Bad Gateway</title></head></html>`, Transient, "html"},
	{"html 403", 403, `<!DOCTYPE html><title>Attention Required</title>`, Config, "html"},
	{"empty", 503, ``, Transient, "http_503"},
	{"empty array", 500, `[]`, Transient, "http_500"},
	{"bad json", 500, `{"error":{"message":`, Transient, "http_500"},
	{"nulls", 500, `{"error":null,"message":null,"code":null}`, Transient, "http_500"},
	{"numbers", 400, `{"error":{"message":7,"type":["a"],"code":12.5}}`, Caller, "12.5"},
	{"byte order mark", 400, "\xef\xbb\xbf" + `{"error":{"code":"invalid_prompt"}}`, Caller, "invalid_prompt"},
	{"moved", 302, ``, Config, "http_302"},
	{"conflict", 409, `{}`, Transient, "http_409"},
	{"legal", 451, `{}`, Policy, "http_451"},
	{"created", 201, `{}`, Transient, "http_201"},

	{"200 html", 200, `<html>sign in to the network</html>`, Transient, "answer_not_json"},
	{"200 nothing", 200, ``, Transient, "answer_not_json"},
	{"200 cut", 200, `{"choices":[{"message":{"cont`, Transient, "answer_not_json"},
	{"200 blank lines", 200, strings.Repeat("\n", 100), Transient, "answer_not_json"},
	{"200 object", 200, `{}`, Transient, "no_answer"},
	{"200 null", 200, `null`, Transient, "no_answer"},
	{"200 array of error", 200, `[{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}]`, Transient, "unavailable"},
	{"200 error", 200, `{"error":{"code":502,"message":"provider died","metadata":{"error_type":"provider_unavailable"}},"user_id":"u"}`, Transient, "provider_unavailable"},
	{"200 error number", 200, `{"error":{"code":402,"message":"m"}}`, Config, "http_402"},
	{"200 error request", 200, `{"error":{"code":400,"message":"m"}}`, Caller, "http_400"},
	{"200 error text", 200, `{"error":"unexpected EOF"}`, Transient, "no_answer"},
	{"200 error anthropic", 200, `{"type":"error","error":{"type":"overloaded_error","message":"m"}}`, Transient, "overloaded_error"},
	{"200 error request type", 200, `{"error":{"type":"invalid_request_error","message":"m"}}`, Caller, "invalid_request_error"},
	{"200 flat", 200, `{"object":"error","message":"m","type":"rate_limit_exceeded","code":3}`, Transient, "rate_limit_exceeded"},
	{"200 lists null", 200, `{"choices":null,"candidates":null,"content":null}`, Transient, "no_answer"},
	{"200 lists wrong", 200, `{"choices":"x","candidates":{},"content":7}`, Transient, "no_answer"},
	{"200 too large", 200, `{"x":"` + strings.Repeat("x", maxAnswer) + `"}`, Transient, "answer_too_large"},
}

// providers are all dialects in all ways of structured output.
func providers(c *Client) []string { return slices.Sorted(maps.Keys(c.endpoints)) }

func TestErrorShapes(t *testing.T) {
	var now shape
	c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(now.status)
		io.WriteString(w, now.body)
	}))
	for _, s := range errorShapes {
		now = s
		for _, provider := range providers(c) {
			_, f := ask(t, c, provider)
			check(t, s, provider, f)
		}
	}
}

func check(t *testing.T, s shape, provider string, f *Failure) {
	t.Helper()
	switch {
	case s.class == "" && f == nil:
	case f == nil:
		t.Errorf("%s: %s takes it for an answer", s.name, provider)
	case f.Class != s.class || f.Code != s.code || f.Status != s.status || f.Provider != provider:
		t.Errorf("%s: %s says %q %q %d of %s, want %q %q %d", s.name, provider, f.Class, f.Code, f.Status, f.Provider, s.class, s.code, s.status)
	case strings.Contains(fmt.Sprintf("%v %+v %#v", f, *f, f), testKey[8:]):
		t.Errorf("%s: %s shows the key: %+v", s.name, provider, *f)
	case len(f.Said) > maxSaid || strings.ContainsAny(f.Error(), "\n\r\x1b"):
		t.Errorf("%s: %s says too much: %q", s.name, provider, f.Said)
	}
}

// The provider's wish to be left alone is read from wherever it says so.
func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		name, value, body string
		want              time.Duration
	}{
		{"Retry-After", "7", `{}`, 7 * time.Second},
		{"Retry-After", "1.5", `{}`, 1500 * time.Millisecond},
		{"Retry-After", "Wed, 25 Nov 2026 03:00:30 GMT", `{}`, 30 * time.Second},
		{"Retry-After", "Wed, 25 Nov 2026 02:00:30 GMT", `{}`, 0},
		{"Retry-After", "86400", `{}`, time.Hour},
		{"Retry-After", "-1", `{}`, 0},
		{"Retry-After", "NaN", `{}`, 0},
		{"Retry-After", "soon", `{}`, 0},
		{"Retry-After-Ms", "250", `{}`, 250 * time.Millisecond},
		{"X", "", `[{"error":{"details":[{"retryDelay":"12.5s"}]}}]`, 12500 * time.Millisecond},
		{"X", "", `{"error":{"message":"m","availability":{"code":"capacity_exhausted","retry_after":3}}}`, 3 * time.Second},
		{"Retry-After", "9", `{"error":{"availability":{"retry_after":3}}}`, 9 * time.Second},
	} {
		c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", "Wed, 25 Nov 2026 03:00:00 GMT")
			w.Header().Set(tt.name, tt.value)
			w.WriteHeader(429)
			io.WriteString(w, tt.body)
		}))
		if _, f := ask(t, c, "openai-schema"); f == nil || f.RetryAfter != tt.want {
			t.Errorf("%s %q %s: %v, want %v", tt.name, tt.value, tt.body, f.RetryAfter, tt.want)
		}
	}
}
