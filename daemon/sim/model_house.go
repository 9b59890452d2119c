package sim

import (
	"net/http"
	"slices"
	"strings"
)

// checkOpenAI: newer models take max_completion_tokens only; a schema is closed or refused.
func checkOpenAI(q *openAIRequest, b fields) *ModelError {
	newer := slices.ContainsFunc([]string{"gpt-5", "gpt-6", "o1", "o3", "o4"}, func(p string) bool { return strings.HasPrefix(q.model, p) })
	if _, there := b["max_tokens"]; there && newer {
		return &ModelError{
			Status: http.StatusBadRequest, Code: "unsupported_parameter", param: "max_tokens",
			Message: "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
		}
	}
	if e := checkStrict(q, b); e != nil {
		return e
	}
	return needsJSONWord(q, "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.")
}

func checkStrict(q *openAIRequest, _ fields) *ModelError {
	if !q.strict {
		return nil
	}
	if why := q.schema.loose("()"); why != "" {
		return &ModelError{Status: http.StatusBadRequest, param: "response_format", Message: "Invalid schema for response_format: In context=" + why + "."}
	}
	return nil
}

func needsJSONWord(q *openAIRequest, why string) *ModelError {
	if q.form != "json_object" || strings.Contains(strings.ToLower(q.prompt), "json") {
		return nil
	}
	return &ModelError{Status: http.StatusBadRequest, param: "messages", Message: why}
}

// checkDeepSeek: no schemas, and thinking has two values.
func checkDeepSeek(q *openAIRequest, b fields) *ModelError {
	if q.form == "json_schema" {
		return &ModelError{Status: http.StatusBadRequest, Message: "This response_format type is unavailable now"}
	}
	var thinking struct {
		Type string `json:"type"`
	}
	if _, there := b["thinking"]; there && (!b.into("thinking", &thinking) || thinking.Type != "enabled" && thinking.Type != "disabled") {
		return &ModelError{Status: http.StatusBadRequest, Message: "thinking.type is enabled or disabled", param: "thinking"}
	}
	return needsJSONWord(q, "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.")
}

// checkQwen: some models think unless told not to, which needs streaming; few take a schema.
func checkQwen(q *openAIRequest, b fields) *ModelError {
	var thinking bool
	said := b.into("enable_thinking", &thinking)
	thinks := strings.HasPrefix(q.model, "qwen3-") &&
		!slices.ContainsFunc([]string{"max", "coder", "instruct"}, func(w string) bool { return strings.Contains(q.model, w) })
	if said && thinking || !said && thinks {
		return &ModelError{
			Status: http.StatusBadRequest, Code: "invalid_parameter_error", param: "enable_thinking",
			Message: "parameter.enable_thinking must be set to false for non-streaming calls",
		}
	}
	takesSchema := slices.ContainsFunc([]string{"qwen3-max", "qwen-plus", "qwen-flash", "deepseek-v3.2"}, func(p string) bool { return strings.HasPrefix(q.model, p) })
	if q.form == "json_schema" && !takesSchema {
		return &ModelError{
			Status: http.StatusBadRequest, Code: "invalid_parameter_error", param: "response_format",
			Message: "'response_format.type' specified as 'json_schema' is not supported by this model.",
		}
	}
	return needsJSONWord(q, "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.")
}
