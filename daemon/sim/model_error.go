package sim

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// ModelError is an error of a provider of models, before any dialect puts it into words.
type ModelError struct {
	Status     int    `json:"status"`      // 0 is 500
	Shape      string `json:"shape"`       // "" is the provider's own
	Code       string `json:"code"`        // "" is the usual one for the status
	Message    string `json:"message"`     // "" is the usual one
	RetryAfter string `json:"retry_after"` // the header; "" is none

	param string
}

// errorWords is how the dialects name one status.
type errorWords struct {
	status     int
	kind, code string // OpenAI's type and code
	anthropic  string
	google     string
	router     string // OpenRouter's error_type
	message    string
}

var errorTable = []errorWords{
	{400, "invalid_request_error", "invalid_request", "invalid_request_error", "INVALID_ARGUMENT", "invalid_request", "The request is invalid."},
	{401, "authentication_error", "invalid_api_key", "authentication_error", "UNAUTHENTICATED", "authentication", "Incorrect API key provided."},
	{402, "insufficient_quota", "insufficient_balance", "billing_error", "FAILED_PRECONDITION", "payment_required", "Insufficient credits."},
	{403, "permission_error", "moderation", "permission_error", "PERMISSION_DENIED", "content_policy_violation", "Your input was flagged."},
	{404, "invalid_request_error", "model_not_found", "not_found_error", "NOT_FOUND", "not_found", "The model does not exist or you do not have access to it."},
	{408, "timeout_error", "timeout", "timeout_error", "DEADLINE_EXCEEDED", "timeout", "The request timed out."},
	{409, "conflict_error", "conflict", "conflict_error", "ABORTED", "server", "Conflict."},
	{413, "invalid_request_error", "context_length_exceeded", "request_too_large", "INVALID_ARGUMENT", "payload_too_large", "The request is too large."},
	{422, "invalid_request_error", "unprocessable_entity", "invalid_request_error", "INVALID_ARGUMENT", "unprocessable", "Input should be valid."},
	{429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED", "rate_limit_exceeded", "Rate limit reached."},
	{446, "hooks_failed", "hooks_failed", "invalid_request_error", "FAILED_PRECONDITION", "content_policy_violation", "The guardrail checks defined in the config failed."},
	{500, "server_error", "server_error", "api_error", "INTERNAL", "server", "The server had an error while processing your request."},
	{502, "server_error", "bad_gateway", "api_error", "UNAVAILABLE", "provider_unavailable", "Provider returned an error."},
	{503, "server_error", "server_is_overloaded", "overloaded_error", "UNAVAILABLE", "provider_overloaded", "The server is overloaded."},
	{504, "timeout_error", "gateway_timeout", "timeout_error", "DEADLINE_EXCEEDED", "timeout", "The upstream timed out."},
	{529, "server_error", "overloaded", "overloaded_error", "UNAVAILABLE", "provider_overloaded", "Overloaded"},
}

// words are those of the status, with what was said in their place.
func (e ModelError) words() errorWords {
	i := slices.IndexFunc(errorTable, func(w errorWords) bool { return w.status == e.Status })
	w := errorWords{e.Status, "server_error", "unknown", "api_error", "UNKNOWN", "unmapped", http.StatusText(e.Status)}
	if i >= 0 {
		w = errorTable[i]
	}
	if e.Code != "" {
		w.code = e.Code
	}
	if e.Message != "" {
		w.message = e.Message
	}
	return w
}

func (e ModelError) check() error {
	switch {
	case e.Status != 0 && (e.Status < 300 || e.Status > 599):
		return badSetting("error.status is 300 to 599")
	case e.Shape != "" && errorShapes[e.Shape] == nil:
		return badSetting("error.shape is one of " + fmt.Sprint(ErrorShapes()))
	}
	return nil
}

// ErrorShapes are the shapes in which providers and gateways tell an error.
func ErrorShapes() []string {
	list := make([]string, 0, len(errorShapes))
	for name := range errorShapes {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

type object = map[string]any

// errorShapes make the body; nil is no body at all.
var errorShapes = map[string]func(e ModelError, w errorWords) any{
	"object": func(e ModelError, w errorWords) any { // OpenAI
		var param any
		if e.param != "" {
			param = e.param
		}
		return object{"error": object{"message": w.message, "type": w.kind, "param": param, "code": w.code}}
	},
	"int_code": func(e ModelError, w errorWords) any { // OpenRouter: the number is the status, the word is in metadata
		kind := w.router
		if e.Code != "" {
			kind = e.Code
		}
		return object{"error": object{"code": w.status, "message": w.message, "metadata": object{"error_type": kind, "provider_name": "Stub"}}, "user_id": "org_1"}
	},
	"google": func(e ModelError, w errorWords) any { return googleError(e, w) },
	"array": func(e ModelError, w errorWords) any { // Gemini behind OpenAI's interface
		return []any{googleError(e, w)}
	},
	"anthropic": func(_ ModelError, w errorWords) any {
		return object{"type": "error", "error": object{"type": w.anthropic, "message": w.message}, "request_id": "req_011sim"}
	},
	"flat": func(e ModelError, w errorWords) any { // Mistral
		if e.Status == http.StatusUnprocessableEntity && e.param != "" {
			detail := object{"type": "extra_forbidden", "loc": []string{"body", e.param}, "msg": w.message, "input": nil}
			return object{"object": "error", "message": object{"detail": []any{detail}}, "type": w.kind, "param": nil, "code": nil}
		}
		return object{"object": "error", "message": w.message, "type": w.kind, "param": nil, "code": w.code}
	},
	"detail": func(_ ModelError, w errorWords) any { // FastAPI's HTTPValidationError
		return object{"detail": []any{object{"type": "value_error", "loc": []any{"body", "messages", 0}, "msg": w.message}}}
	},
	"status": func(_ ModelError, w errorWords) any { // Portkey's own
		return object{"status": "failure", "message": w.message}
	},
	"string": func(_ ModelError, w errorWords) any { return object{"error": w.message} }, // Ollama's own
	"html": func(_ ModelError, w errorWords) any {
		return fmt.Appendf(nil, "<html>\r\n<head><title>%d %s</title></head>\r\n<body><center><h1>%[2]s</h1></center><hr>nginx</body>\r\n</html>", w.status, http.StatusText(w.status))
	},
	"text":  func(_ ModelError, w errorWords) any { return []byte("upstream connect error: " + w.message) },
	"empty": func(ModelError, errorWords) any { return []byte{} },
}

func googleError(e ModelError, w errorWords) object {
	status := w.google
	if e.Code != "" {
		status = e.Code
	}
	inner := object{"code": w.status, "message": w.message, "status": status}
	if e.param != "" {
		violation := object{"field": e.param, "description": w.message}
		inner["details"] = []any{object{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []any{violation}}}
	}
	return object{"error": inner}
}

// tell puts an error into its shape, or into the one of whoever tells it.
func (e ModelError) tell(own string) answer {
	if e.Status == 0 {
		e.Status = http.StatusInternalServerError
	}
	if e.Shape == "" {
		e.Shape = own
	}
	body := errorShapes[e.Shape](e, e.words())
	a := answer{status: e.Status, kind: "application/json"}
	b, raw := body.([]byte)
	switch {
	case !raw:
		a.body = encodeJSON(body)
	case bytes.HasPrefix(b, []byte("<")):
		a.body, a.kind = b, "text/html"
	default:
		a.body, a.kind = b, "text/plain"
	}
	return a
}

// errorOnTop is the error as the whole of an answer.
func errorOnTop(own string, e ModelError) said { return said{whole: e.tell(own).body} }

// errorInChoice is an error where the answer should be. Only OpenAI's dialect has such a place; the others tell it on top.
func errorInChoice(own string, e ModelError) said {
	if own == "anthropic" || own == "google" {
		return errorOnTop(own, e)
	}
	if e.Status == 0 {
		e.Status = http.StatusBadGateway
	}
	w := e.words()
	inner := object{"code": w.status, "message": w.message, "metadata": object{"error_type": w.router}}
	return said{text: `{"ver`, end: stopError, fault: inner}
}

func badSetting(why string) error { return &controlError{http.StatusBadRequest, "BAD_SETTING", why} }

func retryAfter(h http.Header, v string) {
	if v == "" {
		return
	}
	h.Set("Retry-After", v)
	if _, err := strconv.Atoi(v); err == nil {
		h.Set("X-Ratelimit-Remaining-Requests", "0")
	}
}
