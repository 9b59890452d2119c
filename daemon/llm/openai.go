package llm

import (
	"bytes"
	"encoding/json"
)

func openAIBody(e *endpoint, model string, r Request) json.RawMessage {
	say := func(role, content string) json.RawMessage {
		return object(member{"role", text(role)}, member{"content", text(content)})
	}
	body := []member{
		{"model", text(model)},
		{"messages", array(say("system", e.system(r)), say("user", string(r.input)))},
		{e.MaxTokensField, number(e.limit())},
	}
	switch e.Structured {
	case JSONSchema:
		schema := object(member{"name", text(r.form.name)}, member{"strict", json.RawMessage("true")}, member{"schema", r.schema})
		body = append(body, member{"response_format", object(member{"type", text("json_schema")}, member{"json_schema", schema})})
	case JSONObject:
		body = append(body, member{"response_format", object(member{"type", text("json_object")})})
	case Tool:
		function := object(member{"name", text(r.form.name)}, member{"description", text(r.form.about)}, member{"parameters", r.schema})
		choice := object(member{"name", text(r.form.name)})
		body = append(
			body,
			member{"tools", array(object(member{"type", text("function")}, member{"function", function}))},
			member{"tool_choice", object(member{"type", text("function")}, member{"function", choice})},
		)
	}
	return object(append(body, e.params...)...)
}

type openAIAnswer struct {
	Error   json.RawMessage `json:"error"`
	Model   loose           `json:"model"`
	Choices []struct {
		Finish  loose           `json:"finish_reason"`
		Error   json.RawMessage `json:"error"`
		Message struct {
			Content json.RawMessage `json:"content"`
			Refusal loose           `json:"refusal"`
			Calls   []struct {
				Function struct {
					Name      loose           `json:"name"`
					Arguments json.RawMessage `json:"arguments"`
				} `json:"function"`
			} `json:"tool_calls"`
		} `json:"message"`
	} `json:"choices"`
	Usage struct {
		In  count `json:"prompt_tokens"`
		Out count `json:"completion_tokens"`
	} `json:"usage"`
}

// openAIReply reads a 200. The refusal is looked for before the content: it comes
// with the finish reason "stop".
func openAIReply(e *endpoint, r Request, body []byte) (reply, *Failure) {
	var a openAIAnswer
	if err := lenient(body, &a); err != nil {
		return reply{}, failed(Transient, codeNotJSON)
	}
	out := reply{model: string(a.Model), in: a.Usage.In, out: a.Usage.Out}
	switch {
	case present(a.Error), len(a.Choices) == 0: // flat ones have no error member
		return out, readFault(body).failure(0, e.key)
	case len(a.Choices) > 1: // one was asked for; to pick would be to decide
		return out, failed(Hallucination, codeSeveral)
	}
	c := a.Choices[0]
	if present(c.Error) {
		return out, readFault(c.Error).failure(0, e.key)
	}
	if c.Message.Refusal != "" {
		f := failed(Policy, codeRefusal)
		f.Said = clean(e.key.mask(bounded(string(c.Message.Refusal))), maxSaid)
		return out, f
	}
	if f := ended(c.Finish); f != nil {
		return out, f
	}
	if e.Structured != Tool {
		out.json = unfenced(content(c.Message.Content))
		return out, nil
	}
	switch len(c.Message.Calls) {
	case 0:
		return out, failed(Hallucination, codeEmpty)
	case 1:
		var f *Failure
		out.json, f = called(c.Message.Calls[0].Function.Name, c.Message.Calls[0].Function.Arguments, r)
		return out, f
	}
	return out, failed(Hallucination, codeSeveral)
}

// content is a message's text, which comes as one or in parts.
func content(r json.RawMessage) string {
	var s string
	var parts []part
	if bytes.HasPrefix(r, []byte("[")) && lenient(r, &parts) == nil {
		return joined(parts)
	}
	if json.Unmarshal(r, &s) != nil {
		return ""
	}
	return s
}
