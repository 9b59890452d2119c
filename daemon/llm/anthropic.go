package llm

import "encoding/json"

func anthropicBody(e *endpoint, model string, r Request) json.RawMessage {
	body := []member{
		{"model", text(model)},
		{e.MaxTokensField, number(e.limit())},
		{"system", text(e.system(r))},
		{"messages", array(object(member{"role", text("user")}, member{"content", text(string(r.input))}))},
	}
	if e.Structured == JSONSchema {
		format := object(member{"type", text("json_schema")}, member{"schema", r.schema})
		body = append(body, member{"output_config", object(member{"format", format})})
	} else {
		tool := object(member{"name", text(r.form.name)}, member{"description", text(r.form.about)}, member{"input_schema", r.schema})
		body = append(
			body,
			member{"tools", array(tool)},
			member{"tool_choice", object(member{"type", text("tool")}, member{"name", text(r.form.name)})},
		)
	}
	return object(append(body, e.params...)...)
}

type anthropicAnswer struct {
	Type    loose           `json:"type"`
	Error   json.RawMessage `json:"error"`
	Model   loose           `json:"model"`
	Stop    loose           `json:"stop_reason"`
	Content []struct {
		part
		Name  loose           `json:"name"`
		Input json.RawMessage `json:"input"`
	} `json:"content"`
	Usage struct {
		In  count `json:"input_tokens"`
		Out count `json:"output_tokens"`
	} `json:"usage"`
}

func anthropicReply(e *endpoint, r Request, body []byte) (reply, *Failure) {
	var a anthropicAnswer
	if err := lenient(body, &a); err != nil {
		return reply{}, failed(Transient, codeNotJSON)
	}
	out := reply{model: string(a.Model), in: a.Usage.In, out: a.Usage.Out}
	if present(a.Error) || a.Type == "error" || a.Stop == "" && len(a.Content) == 0 {
		return out, readFault(body).failure(0, e.key)
	}
	if f := ended(a.Stop); f != nil { // a refusal may have no content at all
		return out, f
	}
	var said []part
	calls := 0
	for _, c := range a.Content {
		said = append(said, c.part)
		if c.Type != "tool_use" {
			continue
		}
		var f *Failure
		if out.json, f = called(c.Name, c.Input, r); f != nil {
			return out, f
		}
		calls++
	}
	switch {
	case e.Structured != Tool:
		out.json = unfenced(joined(said))
	case calls > 1:
		return out, failed(Hallucination, codeSeveral)
	}
	return out, nil
}
