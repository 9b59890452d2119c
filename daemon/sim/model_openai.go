package sim

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// house is what one provider with OpenAI's interface insists on.
type house struct {
	name    string
	shape   string   // of its errors
	key     string   // header with the key; "" is none needed
	fields  []string // that it knows; nil: it overlooks the others
	unknown int      // status for one that it does not know
	checks  func(q *openAIRequest, b fields) *ModelError
}

// houses are found by the beginning of a name; the last one takes all others, as gateways do.
func houses() []house {
	const bearer = "Authorization"
	common := "model messages temperature top_p max_tokens stream stop n response_format tools tool_choice presence_penalty frequency_penalty parallel_tool_calls "
	list := func(more string) []string { return strings.Fields(common + more) }
	return []house{
		{"openai", "object", bearer, list("audio function_call functions logit_bias logprobs max_completion_tokens metadata modalities prediction " +
			"prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort safety_identifier seed service_tier store stream_options " +
			"top_logprobs user verbosity web_search_options"), 400, checkOpenAI},
		{"mistral", "flat", bearer, list("random_seed metadata prediction prompt_mode reasoning_effort guardrails safe_prompt prompt_cache_key service_tier"), 422, checkStrict},
		{"gemini", "array", bearer, list("max_completion_tokens stream_options reasoning_effort extra_body user seed logprobs top_logprobs modalities audio service_tier"), 400, nil},
		{"deepseek", "object", bearer, nil, 0, checkDeepSeek},
		{"qwen", "object", bearer, nil, 0, checkQwen},
		{"openrouter", "int_code", bearer, nil, 0, nil},
		{"portkey", "status", "X-Portkey-Api-Key", nil, 0, nil},
		{"ollama", "object", "", nil, 0, nil},
		{"llamacpp", "object", "", nil, 0, nil},
		{"", "object", bearer, nil, 0, nil},
	}
}

func houseOf(name string) house {
	list := houses()
	for _, h := range list {
		if strings.HasPrefix(name, h.name) {
			return h
		}
	}
	return list[len(list)-1]
}

type openAIRequest struct {
	model, prompt, form string // form is response_format.type
	schema              *jsonSchema
	strict              bool
}

// readOpenAI reads a chat completion.
func readOpenAI(c *modelCall, r *http.Request, b fields) (*question, *ModelError) {
	h := c.house
	if h.key != "" {
		key, bearer := strings.CutPrefix(r.Header.Get(h.key), "Bearer ")
		if (h.key == "Authorization") != bearer || strings.TrimSpace(key) == "" {
			if h.name == "gemini" { // which tells a missing key as a bad argument
				return nil, &ModelError{Status: http.StatusBadRequest, Message: "Missing or invalid Authorization header."}
			}
			return nil, &ModelError{Status: http.StatusUnauthorized, Message: "You didn't provide an API key."}
		}
	}
	if name := b.unknown(h.fields); h.fields != nil && name != "" {
		return nil, unknownField(h, name)
	}
	q, a := &question{model: b.text("model")}, &openAIRequest{}
	if q.model == "" {
		return nil, missing("model")
	}
	if e := openAIMessages(q, b); e != nil {
		return nil, e
	}
	var stream bool
	if b.into("stream", &stream) && stream {
		return nil, &ModelError{Status: http.StatusBadRequest, Message: "streaming is not simulated", param: "stream"}
	}
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		if _, there := b[name]; there && (!b.into(name, &q.cap) || q.cap < 1) {
			return nil, &ModelError{Status: http.StatusBadRequest, Message: name + " must be a positive integer", param: name}
		}
	}
	a.model, a.prompt = q.model, q.system+q.input
	if e := openAIForm(q, a, b); e != nil {
		return nil, e
	}
	if h.checks != nil {
		if e := h.checks(a, b); e != nil {
			return nil, e
		}
	}
	if q.schema == nil && a.form == "json_object" {
		q.schema = promptSchema(q.system)
	}
	var thinking struct {
		Type string `json:"type"`
	}
	q.thinks = h.name == "deepseek" && !(b.into("thinking", &thinking) && thinking.Type == "disabled")
	return q, nil
}

func unknownField(h house, name string) *ModelError {
	e := &ModelError{Status: h.unknown, param: name, Message: "Unrecognized request argument supplied: " + name}
	switch h.name {
	case "mistral":
		e.Message = "Extra inputs are not permitted"
	case "gemini":
		e.Message = `Invalid JSON payload received. Unknown name "` + name + `": Cannot find field.`
	}
	return e
}

func missing(name string) *ModelError {
	return &ModelError{Status: http.StatusBadRequest, Message: "Missing required parameter: '" + name + "'.", Code: "missing_required_parameter", param: name}
}

func openAIMessages(q *question, b fields) *ModelError {
	var list []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if !b.into("messages", &list) || len(list) == 0 {
		return missing("messages")
	}
	for _, m := range list {
		content, ok := textOf(m.Content)
		if !ok {
			return &ModelError{Status: http.StatusBadRequest, Message: "Invalid type for 'messages[].content'.", param: "messages"}
		}
		switch m.Role {
		case "system", "developer":
			q.system += content + "\n"
		case "user":
			q.input = content
		case "assistant":
		default:
			return &ModelError{Status: http.StatusBadRequest, Message: "Invalid value: '" + m.Role + "'. Supported values are: 'system', 'assistant', 'user'.", param: "messages"}
		}
	}
	if q.input == "" {
		return &ModelError{Status: http.StatusBadRequest, Message: "there is no message of the user", param: "messages"}
	}
	return nil
}

// openAIForm reads what form is asked for: response_format, or a tool that must be called.
func openAIForm(q *question, a *openAIRequest, b fields) *ModelError {
	bad := func(param, why string) *ModelError {
		return &ModelError{Status: http.StatusBadRequest, Message: why, param: param}
	}
	var format struct {
		Type   string `json:"type"`
		Schema struct {
			Name   string      `json:"name"`
			Strict bool        `json:"strict"`
			Schema *jsonSchema `json:"schema"`
		} `json:"json_schema"`
	}
	if _, there := b["response_format"]; there && !b.into("response_format", &format) {
		return bad("response_format", "Invalid type for 'response_format'.")
	}
	switch a.form = format.Type; a.form {
	case "", "text", "json_object":
	case "json_schema":
		if format.Schema.Name == "" || format.Schema.Schema == nil {
			return missing("response_format.json_schema")
		}
		q.schema, a.strict = format.Schema.Schema, format.Schema.Strict
	default:
		return bad("response_format", "Invalid value: '"+a.form+"'. Supported values are: 'json_object', 'json_schema', and 'text'.")
	}
	var tools []struct {
		Type     string `json:"type"`
		Function struct {
			Name       string      `json:"name"`
			Parameters *jsonSchema `json:"parameters"`
			Strict     bool        `json:"strict"`
		} `json:"function"`
	}
	var choice struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	hasTools, forced := b.into("tools", &tools), b.into("tool_choice", &choice)
	if forced && !hasTools {
		return bad("tool_choice", "'tool_choice' is only allowed when 'tools' are specified.")
	}
	for _, t := range tools {
		if t.Type != "function" || t.Function.Name == "" {
			return bad("tools", "Invalid value for 'tools'.")
		}
		if forced && t.Function.Name == choice.Function.Name {
			q.tool, q.schema, a.strict = t.Function.Name, t.Function.Parameters, t.Function.Strict
		}
	}
	if forced && q.tool == "" {
		return bad("tool_choice", "Tool choice '"+choice.Function.Name+"' not found in 'tools' parameter.")
	}
	a.schema = q.schema
	return nil
}

// packOpenAI puts an answer into a chat completion.
func packOpenAI(c *modelCall) any {
	choice := func(index int, text string) object {
		message := object{"role": "assistant", "content": text, "refusal": nil}
		finish := "stop"
		tool := c.ask.tool
		if c.said.tool != "" {
			tool = c.said.tool
		}
		switch c.said.end {
		case stopLength:
			finish = "length"
		case stopFilter:
			finish, message["content"] = "content_filter", nil
		case stopError:
			finish = "error"
		case stopRefusal: // with the finish reason of an answer
			message["content"], message["refusal"], tool = nil, "I'm sorry, but I can't help with that.", ""
		}
		if tool != "" && message["content"] != nil && text != "" {
			call := object{"id": "call_1", "type": "function", "function": object{"name": tool, "arguments": text}}
			message["content"], message["tool_calls"] = nil, []any{call}
		}
		if c.said.thoughts != "" {
			message["reasoning_content"] = c.said.thoughts
		}
		o := object{"index": index, "message": message, "logprobs": nil, "finish_reason": finish}
		if c.said.fault != nil {
			o["error"] = c.said.fault
		}
		return o
	}
	choices := []any{choice(0, c.said.text)}
	if c.said.twice {
		choices = append(choices, choice(1, lenientAnswer(c.ask, 0)))
	}
	if c.said.none {
		choices = nil
	}
	return object{
		"id": "chatcmpl-sim", "object": "chat.completion", "created": time.Now().Unix(), "model": c.ask.model, "choices": choices,
		"usage": object{"prompt_tokens": c.ask.tokensIn, "completion_tokens": c.said.tokens, "total_tokens": c.ask.tokensIn + c.said.tokens},
	}
}
