package sim

import (
	"encoding/json"
	"net/http"
	"strings"
)

// readGemini reads a generateContent request.
func readGemini(_ *modelCall, r *http.Request, b fields) (*question, *ModelError) {
	if r.Header.Get("X-Goog-Api-Key") == "" && r.URL.Query().Get("key") == "" {
		return nil, &ModelError{
			Status:  http.StatusForbidden,
			Message: "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
		}
	}
	if e := googleKnows(b, "", "contents systemInstruction system_instruction tools toolConfig tool_config safetySettings generationConfig generation_config cachedContent labels store serviceTier"); e != nil {
		return nil, e
	}
	q := &question{}
	type content struct {
		Role  string          `json:"role"`
		Parts json.RawMessage `json:"parts"`
	}
	var list []content
	var system content
	if !b.into("contents", &list) || len(list) == 0 {
		return nil, googleBad("contents", "* GenerateContentRequest.contents: contents is not specified")
	}
	for _, m := range list {
		said, ok := textOf(m.Parts)
		if !ok || said == "" {
			return nil, googleBad("contents", "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.")
		}
		switch m.Role {
		case "", "user":
			q.input = said
		case "model":
		default:
			return nil, googleBad("contents", "Please use a valid role: user, model.")
		}
	}
	if b.into("systemInstruction", &system) || b.into("system_instruction", &system) {
		q.system, _ = textOf(system.Parts)
	}
	if e := geminiConfig(q, b); e != nil {
		return nil, e
	}
	return q, geminiTool(q, b)
}

func googleBad(param, why string) *ModelError {
	return &ModelError{Status: http.StatusBadRequest, Message: why, param: param}
}

// googleKnows refuses a member that the message type does not have.
func googleKnows(b fields, at, names string) *ModelError {
	name := b.unknown(strings.Fields(names))
	if name == "" {
		return nil
	}
	where := ""
	if at != "" {
		where = " at '" + at + "'"
	}
	return googleBad(at, `Invalid JSON payload received. Unknown name "`+name+`"`+where+": Cannot find field.")
}

// geminiConfig reads generationConfig: the form that is asked for, and the cap.
func geminiConfig(q *question, b fields) *ModelError {
	const at = "generation_config"
	config := fields{}
	if !b.into("generationConfig", &config) && !b.into(at, &config) {
		return nil
	}
	if e := googleKnows(config, at, "stopSequences responseMimeType responseSchema responseJsonSchema _responseJsonSchema responseModalities candidateCount "+
		"maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs enableEnhancedCivicAnswers speechConfig "+
		"thinkingConfig imageConfig mediaResolution"); e != nil {
		return e
	}
	var thinking fields
	if config.into("thinkingConfig", &thinking) {
		if e := googleKnows(thinking, at+".thinking_config", "includeThoughts thinkingBudget thinkingLevel"); e != nil {
			return e
		}
	}
	if _, there := config["maxOutputTokens"]; there && (!config.into("maxOutputTokens", &q.cap) || q.cap < 1) {
		return googleBad(at, "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.")
	}
	raw, own := config["responseSchema"]
	_, standard := config["responseJsonSchema"]
	switch {
	case own && standard:
		return googleBad(at, "Only one of response_schema and response_json_schema can be set.")
	case (own || standard) && config.text("responseMimeType") != "application/json":
		return googleBad(at, "Function calling or a response schema with a response mime type: 'text/plain' is unsupported")
	case own:
		if e := ownSchema(raw, at+".response_schema"); e != nil {
			return e
		}
		config.into("responseSchema", &q.schema)
	case standard && !config.into("responseJsonSchema", &q.schema):
		return googleBad(at, "response_json_schema is not a schema")
	case config.text("responseMimeType") == "application/json":
		if q.schema == nil {
			q.schema = promptSchema(q.system)
		}
	}
	return nil
}

// ownSchema checks Gemini's own schema language: no additionalProperties, and only texts can be enumerated.
func ownSchema(raw json.RawMessage, at string) *ModelError {
	var s fields
	if json.Unmarshal(raw, &s) != nil {
		return googleBad(at, "Invalid value at '"+at+"'")
	}
	if e := googleKnows(s, at, "type format title description nullable enum maxItems minItems properties required minProperties maxProperties "+
		"minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum"); e != nil {
		return e
	}
	var words []string
	if _, there := s["enum"]; there && !s.into("enum", &words) {
		return googleBad(at, "Invalid value at '"+at+".enum[0]' (TYPE_STRING)")
	}
	var properties fields
	s.into("properties", &properties)
	for name, p := range properties {
		if e := ownSchema(p, at+".properties["+name+"]"); e != nil {
			return e
		}
	}
	if items, there := s["items"]; there {
		return ownSchema(items, at+".items")
	}
	return nil
}

// geminiTool reads the function that must be called.
func geminiTool(q *question, b fields) *ModelError {
	var tools []struct {
		Functions []struct {
			Name     string      `json:"name"`
			Standard *jsonSchema `json:"parametersJsonSchema"`
			Own      *jsonSchema `json:"parameters"`
		} `json:"functionDeclarations"`
	}
	var config struct {
		Calling struct {
			Mode  string   `json:"mode"`
			Names []string `json:"allowedFunctionNames"`
		} `json:"functionCallingConfig"`
	}
	hasTools := b.into("tools", &tools)
	if !b.into("toolConfig", &config) || config.Calling.Mode != "ANY" {
		return nil
	}
	if !hasTools {
		return googleBad("tool_config", "Function calling config is set without function_declarations.")
	}
	for _, t := range tools {
		for _, f := range t.Functions {
			if len(config.Calling.Names) == 0 || f.Name == config.Calling.Names[0] {
				q.tool, q.schema = f.Name, f.Standard
				if f.Standard == nil {
					q.schema = f.Own
				}
				return nil
			}
		}
	}
	return googleBad("tool_config", "allowed_function_names must be a subset of the declared functions")
}

// packGemini puts an answer into candidates.
func packGemini(c *modelCall) any {
	o := object{
		"modelVersion": c.ask.model, "responseId": "sim",
		"usageMetadata": object{"promptTokenCount": c.ask.tokensIn, "candidatesTokenCount": c.said.tokens, "totalTokenCount": c.ask.tokensIn + c.said.tokens},
	}
	if c.said.end == stopRefusal {
		o["promptFeedback"] = object{"blockReason": "PROHIBITED_CONTENT"}
		return o
	}
	if c.said.none {
		return o
	}
	candidate := func(index int, text string) object {
		var parts []any
		if c.said.thoughts != "" {
			parts = append(parts, object{"text": c.said.thoughts, "thought": true})
		}
		tool := c.ask.tool
		if c.said.tool != "" {
			tool = c.said.tool
		}
		var args map[string]json.RawMessage
		switch {
		case text == "":
		case tool != "" && json.Unmarshal([]byte(text), &args) == nil:
			parts = append(parts, object{"functionCall": object{"name": tool, "args": json.RawMessage(text)}})
		default:
			parts = append(parts, object{"text": text})
		}
		content := object{"role": "model"}
		if parts != nil { // an empty answer has none
			content["parts"] = parts
		}
		finish := "STOP"
		switch c.said.end {
		case stopLength:
			finish = "MAX_TOKENS"
		case stopFilter:
			return object{"index": index, "finishReason": "SAFETY"}
		case stopError:
			finish = "OTHER"
		}
		return object{"index": index, "content": content, "finishReason": finish}
	}
	list := []any{candidate(0, c.said.text)}
	if c.said.twice {
		list = append(list, candidate(1, lenientAnswer(c.ask, 0)))
	}
	o["candidates"] = list
	return o
}
