package sim

import (
	"encoding/json"
	"net/http"
	"strings"
)

// readAnthropic reads a message of the Messages API.
func readAnthropic(c *modelCall, r *http.Request, b fields) (*question, *ModelError) {
	bad := func(why string) *ModelError { return &ModelError{Status: http.StatusBadRequest, Message: why} }
	known := strings.Fields("model messages max_tokens system temperature top_p top_k stop_sequences stream metadata tools tool_choice thinking " +
		"service_tier output_config container context_management mcp_servers cache_control")
	switch {
	case strings.TrimSpace(r.Header.Get("X-Api-Key")) == "":
		return nil, &ModelError{Status: http.StatusUnauthorized, Message: "x-api-key header is required"}
	case r.Header.Get("Anthropic-Version") == "":
		return nil, bad("anthropic-version: header is required")
	case r.Header.Get("Anthropic-Version") != "2023-06-01" && r.Header.Get("Anthropic-Version") != "2023-01-01":
		return nil, bad("anthropic-version: " + r.Header.Get("Anthropic-Version") + " is not a valid version")
	}
	if name := b.unknown(known); name != "" {
		return nil, bad(name + ": Extra inputs are not permitted")
	}
	q := &question{model: b.text("model")}
	if q.model == "" {
		return nil, bad("model: Field required")
	}
	if _, there := b["max_tokens"]; !there {
		return nil, bad("max_tokens: Field required")
	}
	if !b.into("max_tokens", &q.cap) || q.cap < 1 {
		return nil, bad("max_tokens: Input should be greater than or equal to 1")
	}
	if e := anthropicMessages(q, b); e != nil {
		return nil, e
	}
	return q, anthropicForm(q, b)
}

func anthropicMessages(q *question, b fields) *ModelError {
	bad := func(why string) *ModelError { return &ModelError{Status: http.StatusBadRequest, Message: why} }
	var list []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if !b.into("messages", &list) || len(list) == 0 {
		return bad("messages: at least one message is required")
	}
	for i, m := range list {
		content, ok := textOf(m.Content)
		switch {
		case m.Role != "user" && m.Role != "assistant":
			return bad(`messages: Unexpected role "` + m.Role + `". The Messages API accepts a top-level ` + "`system`" + ` parameter, not "system" as an input message role.`)
		case i == 0 && m.Role != "user":
			return bad("messages: first message must use the \"user\" role")
		case !ok || content == "":
			return bad("messages.0.content: text content blocks must be non-empty")
		case m.Role == "user":
			q.input = content
		}
	}
	var ok bool
	if raw, there := b["system"]; there {
		if q.system, ok = textOf(raw); !ok {
			return bad("system: Input should be a valid string or a list of text blocks")
		}
	}
	return nil
}

// anthropicForm reads the form that is asked for: a forced tool, or output_config.
func anthropicForm(q *question, b fields) *ModelError {
	bad := func(why string) *ModelError { return &ModelError{Status: http.StatusBadRequest, Message: why} }
	var tools []struct {
		Name   string      `json:"name"`
		Schema *jsonSchema `json:"input_schema"`
	}
	var choice struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}
	hasTools, chosen := b.into("tools", &tools), b.into("tool_choice", &choice)
	if chosen && !hasTools {
		return bad("tool_choice may only be specified while providing tools")
	}
	for _, t := range tools {
		if t.Name == "" || t.Schema == nil || t.Schema.kind() != "object" {
			return bad("tools.0.custom.input_schema: Field required")
		}
		if chosen && (choice.Type == "any" || choice.Type == "tool" && choice.Name == t.Name) {
			q.tool, q.schema = t.Name, t.Schema
		}
	}
	if choice.Type == "tool" && q.tool == "" {
		return bad("tool_choice.name: Tool '" + choice.Name + "' not found in provided tools")
	}
	var config struct {
		Format *struct {
			Type   string      `json:"type"`
			Schema *jsonSchema `json:"schema"`
		} `json:"format"`
	}
	if b.into("output_config", &config) && config.Format != nil {
		switch {
		case config.Format.Type != "json_schema" || config.Format.Schema == nil:
			return bad("output_config.format: Input should be a valid json_schema format")
		case config.Format.Schema.loose("schema") != "":
			return bad("output_config.format." + config.Format.Schema.loose("schema"))
		}
		q.schema = config.Format.Schema
	}
	return nil
}

// packAnthropic puts an answer into a message.
func packAnthropic(c *modelCall) any {
	stop, details := "end_turn", any(nil)
	var blocks []any
	if c.said.thoughts != "" {
		blocks = append(blocks, object{"type": "thinking", "thinking": c.said.thoughts, "signature": "sim"})
	}
	add := func(text string) {
		tool := c.ask.tool
		if c.said.tool != "" {
			tool = c.said.tool
		}
		var input map[string]json.RawMessage
		switch {
		case text == "":
		case tool != "" && c.said.end == stopLength: // an object cannot be half
			blocks = append(blocks, object{"type": "tool_use", "id": "toolu_sim", "name": tool, "input": object{}})
		case tool != "" && json.Unmarshal([]byte(text), &input) == nil:
			stop = "tool_use"
			blocks = append(blocks, object{"type": "tool_use", "id": "toolu_sim", "name": tool, "input": json.RawMessage(text)})
		default:
			blocks = append(blocks, object{"type": "text", "text": text})
		}
	}
	add(c.said.text)
	if c.said.twice {
		add(lenientAnswer(c.ask, 0))
	}
	switch c.said.end {
	case stopLength:
		stop = "max_tokens"
	case stopRefusal, stopFilter:
		stop, blocks, details = "refusal", nil, object{"type": "refusal", "category": nil}
	case stopError:
		stop = "pause_turn"
	}
	if blocks == nil || c.said.none {
		blocks = []any{}
	}
	o := object{
		"id": "msg_sim", "type": "message", "role": "assistant", "model": c.ask.model, "content": blocks, "stop_reason": stop, "stop_sequence": nil,
		"usage": object{"input_tokens": c.ask.tokensIn, "output_tokens": c.said.tokens, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0},
	}
	if details != nil {
		o["stop_details"] = details
	}
	return o
}
