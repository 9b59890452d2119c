package llm

import (
	"cmp"
	"maps"
	"slices"
)

// presets are what is known about providers. Retries of gateways are off, because
// one of theirs (half a second and more) is all the time there is. A temperature is
// set only where every model takes one.
var presets = map[string]Provider{
	"tokenmix": {BaseURL: "https://api.tokenmix.ai/v1"},
	// Routes by measured latency. A provider behind it that ignores a parameter
	// would ignore the schema, and none may keep what it is sent.
	"openrouter": {
		BaseURL: "https://openrouter.ai/api/v1",
		Headers: map[string]string{"X-OpenRouter-Title": "qrposd"},
		Extra:   `{"provider":{"sort":{"by":"latency","partition":"none"},"require_parameters":true,"zdr":true}}`,
	},
	"litellm": {
		BaseURL: "http://127.0.0.1:4000/v1",
		Headers: map[string]string{"X-Litellm-Timeout": "0.6", "X-Litellm-Num-Retries": "0"},
		Extra:   `{"disable_fallbacks":true}`,
	},
	// It does not cancel upstream when the client leaves; its timeout, though it ends
	// with the headers, at least frees most of those calls. It is for each provider of
	// a chain and stronger than a timeout of the chain's own: who has a chain there sets
	// it to a part of the time that a sale has.
	"portkey": {
		BaseURL: "https://api.portkey.ai/v1", KeyHeader: "X-Portkey-Api-Key",
		Headers: map[string]string{"X-Portkey-Retry-Count": "0", "X-Portkey-Request-Timeout": "600"},
	},
	"openai": {BaseURL: "https://api.openai.com/v1", MaxTokensField: "max_completion_tokens", ThinkingOff: `{"reasoning_effort":"none"}`},
	// Thinks unless it is told not to, and takes no schema.
	"deepseek": {
		BaseURL: "https://api.deepseek.com", Structured: JSONObject,
		ThinkingOff: `{"thinking":{"type":"disabled"}}`, Extra: `{"temperature":0}`,
	},
	// Only some of its models take a schema; those that think refuse a call without
	// streaming unless thinking is off. The mainland has an address of its own.
	"qwen": {
		BaseURL: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", Structured: JSONObject,
		ThinkingOff: `{"enable_thinking":false}`, Extra: `{"temperature":0}`,
	},
	"mistral": {BaseURL: "https://api.mistral.ai/v1", Extra: `{"temperature":0}`},
	// Gemini behind OpenAI's interface turns the schema into its own, where only texts
	// may be enumerated; the native one has no such limit.
	"gemini-openai": {
		BaseURL: "https://generativelanguage.googleapis.com/v1beta/openai", Structured: JSONObject,
		ThinkingOff: `{"reasoning_effort":"none"}`, Extra: `{"temperature":0}`,
	},
	"ollama":    {BaseURL: "http://127.0.0.1:11434/v1", ThinkingOff: `{"reasoning_effort":"none"}`, Extra: `{"temperature":0}`},
	"llamacpp":  {BaseURL: "http://127.0.0.1:8080/v1", ThinkingOff: `{"chat_template_kwargs":{"enable_thinking":false}}`, Extra: `{"temperature":0}`},
	"vllm":      {BaseURL: "http://127.0.0.1:8000/v1", ThinkingOff: `{"chat_template_kwargs":{"enable_thinking":false}}`, Extra: `{"temperature":0}`},
	"anthropic": {Dialect: Anthropic, BaseURL: "https://api.anthropic.com"},
	"gemini": {
		Dialect: Gemini, BaseURL: "https://generativelanguage.googleapis.com/v1beta",
		ThinkingOff: `{"thinkingConfig":{"thinkingBudget":0}}`, Extra: `{"temperature":0}`,
	},
}

// dialects are what each dialect has unless something else is said.
var dialects = map[Dialect]Provider{
	OpenAI: {Path: "/chat/completions", KeyHeader: "Authorization", Structured: JSONSchema, MaxTokensField: "max_tokens"},
	// A forced tool works with every model that speaks the dialect.
	Anthropic: {
		Path: "/v1/messages", KeyHeader: "X-Api-Key", Structured: Tool, MaxTokensField: "max_tokens",
		Headers: map[string]string{"Anthropic-Version": "2023-06-01"},
	},
	Gemini: {Path: "/models/{model}:generateContent", KeyHeader: "X-Goog-Api-Key", Structured: JSONSchema, MaxTokensField: "max_tokens"},
}

// PresetNames are the providers that need little more than a key.
func PresetNames() []string { return slices.Sorted(maps.Keys(presets)) }

// complete fills in what is empty from the preset and the dialect. ok is false if
// there is no such preset.
func (p Provider) complete() (full Provider, ok bool) {
	preset, ok := presets[p.Preset]
	if !ok && p.Preset != "" {
		return p, false
	}
	p = p.over(preset)
	p.Dialect = cmp.Or(p.Dialect, OpenAI)
	return p.over(dialects[p.Dialect]), true
}

// over is p with what is empty taken from below.
func (p Provider) over(below Provider) Provider {
	p.Dialect = cmp.Or(p.Dialect, below.Dialect)
	p.BaseURL = cmp.Or(p.BaseURL, below.BaseURL)
	p.Path = cmp.Or(p.Path, below.Path)
	p.KeyHeader = cmp.Or(p.KeyHeader, below.KeyHeader)
	p.Structured = cmp.Or(p.Structured, below.Structured)
	p.ThinkingOff = cmp.Or(p.ThinkingOff, below.ThinkingOff)
	p.Extra = cmp.Or(p.Extra, below.Extra)
	p.MaxTokensField = cmp.Or(p.MaxTokensField, below.MaxTokensField)
	p.MaxTokens = cmp.Or(p.MaxTokens, below.MaxTokens)
	headers := maps.Clone(below.Headers)
	if headers == nil {
		headers = make(map[string]string)
	}
	maps.Copy(headers, p.Headers)
	p.Headers = headers
	return p
}
