package llm

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fault is an error of a provider, in whatever shape it came.
type fault struct {
	codes   []string // every word there is for it, the most exact first
	message string
	after   time.Duration
	// moderated: a guard of the gateway did not let the question through. unfit: one
	// did not let the answer through.
	moderated, unfit bool
}

// wireFault is the union of the shapes of errors: OpenAI's object, OpenRouter's
// with metadata and availability, Mistral's flat one, Gemini's with details,
// Portkey's status and hooks, FastAPI's detail.
type wireFault struct {
	Error   json.RawMessage `json:"error"`
	Code    loose           `json:"code"`
	Type    loose           `json:"type"`
	Status  loose           `json:"status"`
	Message loose           `json:"message"`
	Msg     loose           `json:"msg"`
	Detail  loose           `json:"detail"`
	Details json.RawMessage `json:"details"`

	Metadata struct {
		Type     loose           `json:"error_type"`
		Reasons  json.RawMessage `json:"reasons"`
		Patterns json.RawMessage `json:"patterns"`
	} `json:"metadata"`
	Availability struct {
		Code  loose `json:"code"`
		After loose `json:"retry_after"`
	} `json:"availability"`
	Hooks struct {
		Before []hook `json:"before_request_hooks"`
		After  []hook `json:"after_request_hooks"`
	} `json:"hook_results"`
}

// hook is what one of Portkey's guards said.
type hook struct {
	Verdict *bool `json:"verdict"`
}

// detail is one of Gemini's; Anthropic has a single one.
type detail struct {
	Reason loose `json:"reason"`
	Code   loose `json:"error_code"`
	Delay  loose `json:"retryDelay"`
}

// readFault never fails: what cannot be read has no codes.
func readFault(body []byte) fault {
	var f fault
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	const levels = 4 // an array, an envelope, an error in it, a text that is JSON
	f.read(body, levels)
	return f
}

func (f *fault) read(body []byte, levels int) {
	if len(body) == 0 || levels == 0 {
		return
	}
	switch body[0] {
	case '[': // Gemini behind OpenAI's interface
		var list []json.RawMessage
		if json.Unmarshal(body, &list) == nil && len(list) > 0 {
			f.read(list[0], levels-1)
		}
	case '{':
		var w wireFault
		if lenient(body, &w) == nil {
			f.take(w, levels)
		}
	case '"':
		var s string
		if json.Unmarshal(body, &s) == nil {
			f.message = s
		}
	case '<':
		f.codes = append(f.codes, "html")
	default:
		f.message = string(body)
	}
}

func (f *fault) take(w wireFault, levels int) {
	if present(w.Error) {
		f.read(w.Error, levels-1)
	}
	list := details(w.Details)
	words := []loose{w.Metadata.Type, w.Availability.Code}
	for _, d := range list {
		words = append(words, d.Reason, d.Code)
		f.after = max(f.after, seconds(strings.TrimSuffix(string(d.Delay), "s")))
	}
	for _, word := range append(words, w.Code, w.Type, w.Status) {
		if c := cleanCode(string(word)); c != "" {
			f.codes = append(f.codes, c)
		}
	}
	f.after = max(f.after, seconds(string(w.Availability.After)))
	for _, m := range []loose{w.Message, w.Msg, w.Detail} {
		if f.message == "" {
			f.message = string(m)
		}
	}
	f.moderated = f.moderated || present(w.Metadata.Reasons) || present(w.Metadata.Patterns) || refuses(w.Hooks.Before)
	f.unfit = f.unfit || refuses(w.Hooks.After)
}

func details(r json.RawMessage) []detail {
	var list []detail
	if lenient(r, &list) == nil && len(list) > 0 {
		return list
	}
	var one detail
	if lenient(r, &one) != nil {
		return nil
	}
	return []detail{one}
}

func refuses(hooks []hook) bool {
	for _, h := range hooks {
		if h.Verdict != nil && !*h.Verdict {
			return true
		}
	}
	return false
}

// seconds is a span that a provider asks for; more than an hour is an hour.
func seconds(s string) time.Duration {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0) {
		return 0
	}
	return time.Duration(min(n, 3600) * float64(time.Second))
}

// retryAfter reads the header. A date counts from the answer's own: the till's
// clock may be wrong.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 {
		return seconds(strconv.FormatFloat(ms/1000, 'f', -1, 64))
	}
	s := h.Get("Retry-After")
	if d := seconds(s); d > 0 {
		return d
	}
	until, err := http.ParseTime(s)
	now, err2 := http.ParseTime(h.Get("Date"))
	if err != nil || err2 != nil {
		return 0
	}
	return seconds(strconv.FormatFloat(until.Sub(now).Seconds(), 'f', -1, 64))
}

// blame says whose fault the codes are.
type blame struct {
	class Class
	codes []string
}

// exact are the codes that decide whatever the status is: gateways send a wrong
// model as 400, an empty wallet as 429 and an overload as 200.
var exact = []blame{
	{Caller, []string{
		"context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded", "string_too_long", "invalid_prompt", "payload_too_large",
		"request_too_large", "unprocessable", "precondition_failed",
	}},
	{Config, []string{
		"authentication", "authentication_error", "unauthenticated", "invalid_api_key", "api_key_invalid", "permission_denied", "permission_error",
		"payment_required", "billing_error", "insufficient_quota", "credit_balance_exhausted", "insufficient_balance", "arrearage",
		"enforced_spend_limit_reached", "not_found", "not_found_error", "model_not_found", "no_endpoints", "model_deprecated",
		"privacy_restricted", "constraint_filtered", "failed_precondition",
	}},
	{Policy, []string{"content_policy_violation", "content_filter", "refusal", "data_inspection_failed", "datainspectionfailed"}},
	{Transient, []string{
		"rate_limit_exceeded", "rate_limit_error", "slow_down", "resource_exhausted", "overloaded_error", "server_is_overloaded",
		"provider_overloaded", "provider_unavailable", "capacity_exhausted", "temporarily_unavailable", "unavailable", "timeout",
		"timeout_error", "deadline_exceeded",
	}},
}

// vague are codes that providers put on much else besides. They decide only
// where there is no status to go by.
var vague = []blame{
	{Caller, []string{"invalid_request", "invalid_request_error", "invalid_argument", "invalid_parameter", "invalidparameter"}},
}

func blamed(table []blame, code string) (Class, bool) {
	for _, b := range table {
		if slices.Contains(b.codes, code) {
			return b.class, true
		}
	}
	return "", false
}

// class of an error under a status, which is 0 where it came with a 200.
func (f fault) class(status int) Class {
	for _, c := range f.codes {
		if class, ok := blamed(exact, c); ok {
			return class
		}
	}
	switch {
	case f.moderated:
		return Policy
	case f.unfit:
		return Hallucination
	// The one case in which the words have to be read: a wallet that is empty comes
	// with the code of a bad request.
	case status == http.StatusBadRequest && strings.Contains(f.message, "credit balance is too low"):
		return Config
	case status != 0:
		return statusClass(status)
	}
	for _, c := range f.codes {
		if n, err := strconv.Atoi(c); err == nil && n >= 300 && n < 600 {
			return statusClass(n)
		}
		if class, ok := blamed(vague, c); ok {
			return class
		}
	}
	return Transient
}

// Portkey's statuses for what its guards said: of the question where it does not say.
const (
	statusGuardDenied = 446
	statusGuardPassed = 246
)

func statusClass(status int) Class {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return Caller
	case http.StatusUnavailableForLegalReasons, statusGuardDenied:
		return Policy
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusPreconditionFailed, http.StatusTooEarly, http.StatusTooManyRequests:
		return Transient
	case statusGuardPassed:
		return Hallucination
	}
	if status >= 300 && status < 500 { // an address that moved is one to be corrected
		return Config
	}
	return Transient
}

// bounded is as much of a text as is worth masking. A word that the cut goes
// through is left out, as it may be half a key.
func bounded(s string) string {
	const most = 2048
	if len(s) <= most {
		return s
	}
	s = s[:most]
	return s[:max(0, strings.LastIndexAny(s, " \t\r\n"))]
}

// failure is what an error comes down to. A provider's text is masked before it is
// cut, or half a key could be left at the cut.
func (f fault) failure(status int, k key) *Failure {
	out := failed(f.class(status), "")
	out.Status, out.RetryAfter = status, f.after
	out.Said = clean(k.mask(bounded(f.message)), maxSaid)
	for _, c := range f.codes {
		if _, err := strconv.Atoi(c); err != nil && k.mask(c) == c {
			out.Code = c
			return out
		}
	}
	switch {
	case f.moderated || f.unfit:
		out.Code = codeGuardrail
	case status != 0:
		out.Code = "http_" + strconv.Itoa(status)
	case len(f.codes) > 0 && k.mask(f.codes[0]) == f.codes[0]:
		out.Code = "http_" + f.codes[0]
	default:
		out.Code = codeNoAnswer
	}
	return out
}
