package llm

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Models is the configuration of everything that is asked of models. The zero
// Models asks nobody: the rules decide alone.
type Models struct {
	// Region is where data of mainland sales may go: only to providers with the
	// same region. Empty is nowhere.
	Region string `toml:"region"`
	// CAFile pins the certificate authorities of all providers, in PEM. Empty is the
	// system's, which cost 4 MB of memory.
	CAFile    string     `toml:"ca_file"`
	Providers []Provider `toml:"providers"`
	Tasks     Tasks      `toml:"tasks"`
}

// Task is what a model is asked for.
type Task string

// The tasks.
const (
	Reasoning      Task = "reasoning"      // what a sale must go through
	Pricing        Task = "pricing"        // where in a projected range to price it
	Intent         Task = "intent"         // what it is bought for
	Validation     Task = "validation"     // whether a decision should stand
	Classification Task = "classification" // whose fault an error of the payment API is
	Embedding      Task = "embedding"      // how a sale was rung up, as a vector
)

// Tasks name who is asked, in the order of preference.
type Tasks struct {
	Reasoning      []Choice `toml:"reasoning"`
	Pricing        []Choice `toml:"pricing"`
	Intent         []Choice `toml:"intent"`
	Validation     []Choice `toml:"validation"`
	Classification []Choice `toml:"classification"`
	Embedding      []Choice `toml:"embedding"`
}

// Choice is one model at one provider.
type Choice struct {
	Provider string `toml:"provider"`
	Model    string `toml:"model"`
}

// For is who is asked for a task.
func (t Tasks) For(task Task) []Choice {
	switch task {
	case Reasoning:
		return t.Reasoning
	case Pricing:
		return t.Pricing
	case Intent:
		return t.Intent
	case Validation:
		return t.Validation
	case Classification:
		return t.Classification
	case Embedding:
		return t.Embedding
	}
	return nil
}

// Dialect is what a provider speaks.
type Dialect string

// The dialects.
const (
	OpenAI    Dialect = "openai"    // chat completions, and whatever is compatible with them
	Anthropic Dialect = "anthropic" // Messages
	Gemini    Dialect = "gemini"    // generateContent
)

// Structured is how an answer of a given form is asked for.
type Structured string

// The ways. Whichever it is, the answer is checked here.
const (
	JSONSchema Structured = "json_schema" // the provider holds the model to the schema
	JSONObject Structured = "json_object" // the model is held to JSON and reads the schema in the prompt
	Tool       Structured = "tool"        // the model must call a function of that form
)

// Provider is an endpoint and its quirks. What is empty comes from the preset.
type Provider struct {
	// Name is what tasks and records call it.
	Name string `toml:"name"`
	// Preset fills in the rest for a well-known provider.
	Preset  string  `toml:"preset"`
	Dialect Dialect `toml:"dialect"`
	// BaseURL is https, or http on this machine: a model elsewhere in the shop is
	// reached through TLS or a tunnel.
	BaseURL string `toml:"base_url"`
	// Path of the call below BaseURL; {model} stands for the model.
	Path string `toml:"path"`
	// KeyFile holds the API key. Only an endpoint on this machine may have none.
	KeyFile string `toml:"key_file"`
	// KeyHeader carries the key: "Authorization" (as a bearer token) or another
	// header (as it is).
	KeyHeader string `toml:"key_header"`
	// Headers that are sent besides. Keys do not belong here.
	Headers map[string]string `toml:"headers"`
	// Structured is how an answer of a given form is asked for.
	Structured Structured `toml:"structured"`
	// ThinkingOff is a JSON object that switches thinking off, such as
	// {"enable_thinking":false}; {} for a model that does not think.
	ThinkingOff string `toml:"thinking_off"`
	// Extra is a JSON object of further parameters, such as {"temperature":0}. Both
	// are put into the body, in the dialect gemini into its generationConfig.
	Extra string `toml:"extra"`
	// MaxTokensField is what the dialect openai calls the limit of the answer.
	MaxTokensField string `toml:"max_tokens_field"`
	// MaxTokens replaces that limit, for a model that thinks whatever it is told.
	MaxTokens int `toml:"max_tokens"`
	// Region is where the provider keeps and processes what it is sent, in the
	// owner's words, such as "cn". No preset has one: it is the owner who answers for it.
	Region string `toml:"region"`
}

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)
	modelForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._:/@+-]{0,127}$`)
	tokenForm = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)
	fieldForm = regexp.MustCompile(`^[a-z_]{1,32}$`)
	pathForm  = regexp.MustCompile(`^/[0-9A-Za-z._~:{}/-]{0,127}$`)
)

// secretHeaders may carry a key and are set from key_file alone; the others are
// for the transport to set.
var secretHeaders = []string{
	"authorization", "proxy-authorization", "cookie", "api-key", "x-api-key", "x-goog-api-key", "x-portkey-api-key", "x-portkey-virtual-key",
	"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade",
}

// Validate names everything that is wrong. It reads no file; Open does.
func (m Models) Validate() error {
	var errs []error
	fault := faults(&errs, "models")
	fault(m.Region != "" && !nameForm.MatchString(m.Region), "region %.40q is not 1 to 32 of a-z, 0-9, - and _", m.Region)
	known := make(map[string]bool)
	for i, p := range m.Providers {
		fault(known[p.Name], "providers[%d] has the name %.40q a second time", i, p.Name)
		known[p.Name] = true
		errs = append(errs, p.Validate())
	}
	for _, task := range []Task{Reasoning, Pricing, Intent, Validation, Classification, Embedding} {
		for i, c := range m.Tasks.For(task) {
			fault(!known[c.Provider], "tasks.%s[%d] names the provider %.40q, which is not configured", task, i, c.Provider)
			fault(!modelForm.MatchString(c.Model), "tasks.%s[%d]: %.80q is not the name of a model", task, i, c.Model)
		}
	}
	return errors.Join(errs...)
}

// Validate names everything that is wrong with one provider.
func (p Provider) Validate() error {
	var errs []error
	fault := faults(&errs, fmt.Sprintf("models: provider %.40q", p.Name))
	fault(!nameForm.MatchString(p.Name), "the name is not 1 to 32 of a-z, 0-9, - and _")
	full, ok := p.complete()
	if !ok {
		fault(true, "there is no preset %.40q; they are %s", p.Preset, strings.Join(PresetNames(), ", "))
		return errors.Join(errs...)
	}
	p = full
	fault(!slices.Contains([]Dialect{OpenAI, Anthropic, Gemini}, p.Dialect), "dialect %.40q is not openai, anthropic or gemini", string(p.Dialect))
	fault(!slices.Contains([]Structured{JSONSchema, JSONObject, Tool}, p.Structured), "structured %.40q is not json_schema, json_object or tool", string(p.Structured))
	fault(p.Dialect == Anthropic && p.Structured == JSONObject, "the dialect anthropic has no json_object; use tool or json_schema")
	local, err := checkBaseURL(p.BaseURL)
	fault(err != nil, "base_url: %v", err)
	fault(p.KeyFile == "" && !local, "key_file is missing; only an endpoint on this machine needs no key")
	fault(!pathForm.MatchString(p.Path), "path %.80q is not a path such as /chat/completions", p.Path)
	fault(p.Dialect == Gemini && !strings.Contains(p.Path, "{model}"), "path %.80q has no {model} in it", p.Path)
	fault(!tokenForm.MatchString(p.KeyHeader), "key_header %.80q is not the name of a header", p.KeyHeader)
	fault(!fieldForm.MatchString(p.MaxTokensField), "max_tokens_field %.40q is not the name of a field", p.MaxTokensField)
	fault(p.MaxTokens < 0 || p.MaxTokens > 4096, "max_tokens is %d; 0 to 4096", p.MaxTokens)
	fault(p.Region != "" && !nameForm.MatchString(p.Region), "region %.40q is not 1 to 32 of a-z, 0-9, - and _", p.Region)
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		fault(!tokenForm.MatchString(name), "headers: %.80q is not the name of a header", name)
		fault(slices.Contains(secretHeaders, strings.ToLower(name)), "headers: %s is not set here; a key belongs into key_file", name)
		fault(clean(p.Headers[name], 1024) != p.Headers[name], "headers: the value of %s has characters that do not print, or more than 1024", name)
	}
	if _, err := p.parameters(); err != nil {
		fault(true, "%v", err)
	}
	return errors.Join(errs...)
}

func faults(errs *[]error, where string) func(wrong bool, format string, args ...any) {
	return func(wrong bool, format string, args ...any) {
		if wrong {
			*errs = append(*errs, fmt.Errorf(where+": "+format, args...))
		}
	}
}

// checkBaseURL says whether s is on this machine. "localhost" is taken to be this
// machine and is dialled as such, whatever a resolver says.
func checkBaseURL(s string) (local bool, err error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return false, fmt.Errorf("%.80q is not an address such as https://api.example.com/v1", s)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false, errors.New("it may hold no password, query or fragment")
	}
	local = loopback(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return false, fmt.Errorf("%.80q must be https; only this machine may be spoken to in the clear", s)
	}
	return local, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// reserved are the members of a body that are written here and nowhere else.
var reserved = map[Dialect][]string{
	OpenAI:    {"model", "messages", "n", "stream", "response_format", "tools", "tool_choice", "max_tokens", "max_completion_tokens"},
	Anthropic: {"model", "messages", "system", "max_tokens", "stream", "tools", "tool_choice", "output_config"},
	Gemini:    {"candidateCount", "maxOutputTokens", "responseMimeType", "responseSchema", "responseJsonSchema"},
}

// parameters are what thinking_off and extra add to a body.
func (p Provider) parameters() ([]member, error) {
	var all []member
	for _, part := range []struct{ key, text string }{{"thinking_off", p.ThinkingOff}, {"extra", p.Extra}} {
		if part.text == "" {
			continue
		}
		list, err := members([]byte(part.text))
		if err != nil {
			return nil, fmt.Errorf("%s is not a JSON object: %w", part.key, err)
		}
		for _, m := range list {
			if slices.Contains(reserved[p.Dialect], m.name) || p.Dialect == OpenAI && m.name == p.MaxTokensField {
				return nil, fmt.Errorf("%s: %.40q is not set here", part.key, m.name)
			}
			if slices.ContainsFunc(all, func(o member) bool { return o.name == m.name }) {
				return nil, fmt.Errorf("thinking_off and extra both set %.40q", m.name)
			}
			all = append(all, m)
		}
	}
	return all, nil
}
