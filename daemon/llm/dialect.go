package llm

import (
	"bytes"
	"encoding/json"
	"strings"
)

// reply is what a provider answered, before anything in it is believed.
type reply struct {
	json    []byte
	model   string
	in, out count
}

// dialect is how a question is put and how an answer is read.
type dialect struct {
	body func(e *endpoint, model string, r Request) json.RawMessage
	read func(e *endpoint, r Request, body []byte) (reply, *Failure)
}

var spoken = map[Dialect]dialect{
	OpenAI:    {openAIBody, openAIReply},
	Anthropic: {anthropicBody, anthropicReply},
	Gemini:    {geminiBody, geminiReply},
}

// ends are the reasons for which models stop, of all dialects. One that is not
// here, as OTHER is not, is taken for trouble at the provider.
var ends = []blame{
	{"", []string{"", "stop", "eos", "end_turn", "stop_sequence", "tool_use", "tool_calls", "function_call"}},
	{Truncation, []string{"length", "max_tokens", "model_length", "model_context_window_exceeded"}},
	{Policy, []string{
		"content_filter", "refusal", "safety", "recitation", "blocklist", "prohibited_content", "spii", "sensitive", "model_armor", "jailbreak",
	}},
	{Hallucination, []string{"malformed_function_call", "unexpected_tool_call", "too_many_tool_calls"}},
}

// ended is the failure that a reason to stop amounts to, if it is one.
func ended(reason loose) *Failure {
	word := cleanCode(string(reason))
	class, known := blamed(ends, word)
	switch {
	case !known:
		class = Transient
	case class == "":
		return nil
	}
	return failed(class, "finish_"+word)
}

// system is the unchanging part of a question. Where a provider takes no schema,
// the model reads it, and the word JSON with it, which some of them demand.
func (e *endpoint) system(r Request) string {
	if e.Structured != JSONObject {
		return r.form.system
	}
	return r.form.system + "\nAnswer with one JSON object and nothing else. Its JSON schema: " + string(r.schema)
}

func (e *endpoint) limit() int {
	if e.MaxTokens > 0 {
		return e.MaxTokens
	}
	return maxTokens
}

// unfenced is an answer without the Markdown fence that models like to put around
// JSON. Any other wrapping is a fault.
func unfenced(s string) []byte {
	b := bytes.TrimSpace([]byte(s))
	inner, ok := bytes.CutPrefix(b, []byte("```"))
	if !ok {
		return b
	}
	if inner, ok = bytes.CutSuffix(inner, []byte("```")); !ok {
		return b
	}
	if rest, ok := bytes.CutPrefix(inner, []byte("json")); ok {
		inner = rest
	}
	return bytes.TrimSpace(inner)
}

// called is the answer in a function call: its arguments, which some send as an
// object and some as a text that holds one.
func called(name loose, args json.RawMessage, r Request) ([]byte, *Failure) {
	if string(name) != r.form.name {
		f := failed(Hallucination, codeWrongTool)
		f.Said = clean(string(name), maxSaid)
		return nil, f
	}
	var s string
	if json.Unmarshal(args, &s) == nil {
		args = json.RawMessage(s)
	}
	return bytes.TrimSpace(args), nil
}

// part is a piece of a message. Thoughts are no part of the answer.
type part struct {
	Type    loose `json:"type"`
	Text    loose `json:"text"`
	Thought bool  `json:"thought"`
}

func joined(parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		if (p.Type == "" || p.Type == "text") && !p.Thought {
			b.WriteString(string(p.Text))
		}
	}
	return b.String()
}
