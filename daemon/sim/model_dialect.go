package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The dialects.
const (
	dialectOpenAI    = "openai"
	dialectAnthropic = "anthropic"
	dialectGemini    = "gemini"
)

// dialect is how a provider reads a request and how it says an answer.
type dialect struct {
	name  string
	shape string // of errors; "" is the house's
	read  func(c *modelCall, r *http.Request, b fields) (*question, *ModelError)
	pack  func(c *modelCall) any
}

// question is a request as the provider understood it.
type question struct {
	model    string
	system   string
	input    string // the last message of the user
	schema   *jsonSchema
	tool     string // the one that must be called
	cap      int    // output tokens; 0 is none
	thinks   bool   // nobody told it not to
	tokensIn int
}

func (q *question) mind() *mind { return consider(q.input) }

func (q *question) sensible() string { return q.mind().answerText(q.schema) }

// The reasons to stop, which each dialect says in its own way.
const (
	stopLength  = "length"
	stopRefusal = "refusal"
	stopFilter  = "filter"
	stopError   = "error"
)

// said is an answer before its dialect packs it.
type said struct {
	text     string
	end      string // "" is of itself
	tool     string // called in place of the one that was asked for
	thoughts string
	fault    any    // an error beside the answer
	none     bool   // there is no answer at all
	twice    bool   // there are two
	whole    []byte // sent in place of everything
	tokens   int
}

// tokensOf is the usual estimate.
func tokensOf(s string) int { return (len(s) + 3) / 4 }

// recognise finds the dialect by the path and reads the request as strictly as the provider does.
func (c *modelCall) recognise(r *http.Request, path string, body []byte) {
	model := ""
	switch {
	case strings.HasSuffix(path, "v1/messages"):
		c.dialect = &dialect{dialectAnthropic, "anthropic", readAnthropic, packAnthropic}
	case strings.HasSuffix(path, ":generateContent"):
		c.dialect = &dialect{dialectGemini, "google", readGemini, packGemini}
		model = strings.TrimSuffix(path[strings.LastIndex(path, "/")+1:], ":generateContent")
	case strings.HasSuffix(path, "chat/completions"):
		if strings.HasSuffix(path, "v1beta/openai/chat/completions") {
			c.house = houseOf("gemini")
		}
		c.dialect = &dialect{dialectOpenAI, c.house.shape, readOpenAI, packOpenAI}
	default:
		c.dialect = &dialect{dialectOpenAI, c.house.shape, nil, nil}
		c.refused = &ModelError{Status: http.StatusNotFound, Code: "not_found", Message: "no such path: " + path}
		return
	}
	b, err := readFields(body)
	switch {
	case r.Method != http.MethodPost:
		c.refused = &ModelError{Status: http.StatusMethodNotAllowed, Message: "POST only"}
	case err != nil:
		c.refused = &ModelError{Status: http.StatusBadRequest, Message: "We could not parse the JSON body of your request: " + err.Error()}
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		c.refused = &ModelError{Status: http.StatusBadRequest, Message: "Content-Type must be application/json"}
	default:
		c.ask, c.refused = c.dialect.read(c, r, b)
	}
	if c.ask == nil {
		return
	}
	c.ask.tokensIn = tokensOf(string(body))
	if model != "" {
		c.ask.model = model
	}
}

// fields are the members of a JSON object, in no order.
type fields map[string]json.RawMessage

// readFields reads one object. Readers differ on a member that is there twice, so none may be.
func readFields(body []byte) (fields, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("not an object (%v)", err)
	}
	f := fields{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := text(t)
		if _, twice := f[name]; twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		f[name] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("bytes after the object")
	}
	return f, nil
}

// unknown is a member that is not among names, the first in the alphabet so that it is always the same one.
func (f fields) unknown(names []string) string {
	first := ""
	for name := range f {
		if !slices.Contains(names, name) && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

// into reads one member, and tells whether it is there and of the right type.
func (f fields) into(name string, v any) bool {
	raw, ok := f[name]
	return ok && string(raw) != "null" && json.Unmarshal(raw, v) == nil
}

func (f fields) text(name string) string {
	var s string
	f.into(name, &s)
	return s
}

// textOf is the text of a message, which comes as one or in parts.
func textOf(raw json.RawMessage) (string, bool) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, true
	}
	var parts []struct {
		Text *string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return "", false
	}
	for _, p := range parts {
		if p.Text == nil {
			return "", false
		}
		s += *p.Text
	}
	return s, true
}

// promptSchema finds the schema that a prompt shows to a model whose provider takes none.
func promptSchema(prompt string) *jsonSchema {
	for i := strings.IndexByte(prompt, '{'); i >= 0; {
		var s jsonSchema
		if json.NewDecoder(strings.NewReader(prompt[i:])).Decode(&s) == nil && len(s.Properties) > 0 {
			return &s
		}
		next := strings.IndexByte(prompt[i+1:], '{')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return nil
}

// loose finds the object in a schema that is not closed, which strict providers do not take.
func (s *jsonSchema) loose(at string) string {
	if s == nil {
		return ""
	}
	if s.kind() == "object" {
		if string(s.Additional) != "false" {
			return at + ": 'additionalProperties' is required to be supplied and to be false"
		}
		for name := range s.Properties {
			if !slices.Contains(s.Required, name) {
				return at + ": 'required' is required to be supplied and to be an array including every key in properties. Missing '" + name + "'"
			}
		}
	}
	for name, p := range s.Properties {
		if why := p.loose(at + "." + name); why != "" {
			return why
		}
	}
	return s.Items.loose(at + ".items")
}
