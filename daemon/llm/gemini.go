package llm

import "encoding/json"

// geminiBody asks with responseJsonSchema: responseSchema is another language, in
// which only texts can be enumerated and additionalProperties is an error.
func geminiBody(e *endpoint, _ string, r Request) json.RawMessage {
	say := func(s string) json.RawMessage { return array(object(member{"text", text(s)})) }
	body := []member{
		{"systemInstruction", object(member{"parts", say(e.system(r))})},
		{"contents", array(object(member{"role", text("user")}, member{"parts", say(string(r.input))}))},
	}
	config := []member{{"maxOutputTokens", number(e.limit())}}
	switch e.Structured {
	case JSONSchema:
		config = append(config, member{"responseMimeType", text("application/json")}, member{"responseJsonSchema", r.schema})
	case JSONObject:
		config = append(config, member{"responseMimeType", text("application/json")})
	case Tool:
		function := object(member{"name", text(r.form.name)}, member{"description", text(r.form.about)}, member{"parametersJsonSchema", r.schema})
		calling := object(member{"mode", text("ANY")}, member{"allowedFunctionNames", texts([]string{r.form.name})})
		body = append(
			body,
			member{"tools", array(object(member{"functionDeclarations", array(function)}))},
			member{"toolConfig", object(member{"functionCallingConfig", calling})},
		)
	}
	return object(append(body, member{"generationConfig", object(append(config, e.params...)...)})...)
}

type geminiAnswer struct {
	Error      json.RawMessage `json:"error"`
	Model      loose           `json:"modelVersion"`
	Candidates []struct {
		Finish  loose `json:"finishReason"`
		Content struct {
			Parts []struct {
				part
				Call *struct {
					Name loose           `json:"name"`
					Args json.RawMessage `json:"args"`
				} `json:"functionCall"`
			} `json:"parts"`
		} `json:"content"`
	} `json:"candidates"`
	Feedback struct {
		Block loose `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage struct {
		In  count `json:"promptTokenCount"`
		Out count `json:"candidatesTokenCount"`
	} `json:"usageMetadata"`
}

func geminiReply(e *endpoint, r Request, body []byte) (reply, *Failure) {
	var a geminiAnswer
	if err := lenient(body, &a); err != nil {
		return reply{}, failed(Transient, codeNotJSON)
	}
	out := reply{model: string(a.Model), in: a.Usage.In, out: a.Usage.Out}
	switch {
	case present(a.Error):
		return out, readFault(body).failure(0, e.key)
	case a.Feedback.Block != "": // whatever the reason, it is about what was asked
		return out, failed(Policy, "block_"+cleanCode(string(a.Feedback.Block)))
	case len(a.Candidates) == 0:
		return out, readFault(body).failure(0, e.key)
	case len(a.Candidates) > 1:
		return out, failed(Hallucination, codeSeveral)
	}
	c := a.Candidates[0]
	if f := ended(c.Finish); f != nil {
		return out, f
	}
	var said []part
	calls := 0
	for _, p := range c.Content.Parts {
		said = append(said, p.part)
		if p.Call == nil {
			continue
		}
		var f *Failure
		if out.json, f = called(p.Call.Name, p.Call.Args, r); f != nil {
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
