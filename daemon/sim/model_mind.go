package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// jsonSchema is as much of JSON Schema, and of Gemini's dialect of it, as providers enforce.
type jsonSchema struct {
	Type       json.RawMessage        `json:"type"` // a word, or a list of them
	Enum       []any                  `json:"enum"`
	Const      any                    `json:"const"`
	Properties map[string]*jsonSchema `json:"properties"`
	Required   []string               `json:"required"`
	Additional json.RawMessage        `json:"additionalProperties"`
	Items      *jsonSchema            `json:"items"`
	AnyOf      []*jsonSchema          `json:"anyOf"`
	Minimum    *float64               `json:"minimum"`
	Maximum    *float64               `json:"maximum"`
	MinItems   *int                   `json:"minItems"`
	MaxItems   *int                   `json:"maxItems"`
}

// kind is the type's first word that is not null, in JSON Schema's spelling.
func (s *jsonSchema) kind() string {
	var word string
	var list []string
	if json.Unmarshal(s.Type, &word) != nil {
		_ = json.Unmarshal(s.Type, &list) // neither is no type at all
		list = slices.DeleteFunc(list, func(w string) bool { return strings.EqualFold(w, "null") })
		if len(list) > 0 {
			word = list[0]
		}
	}
	switch word = strings.ToLower(word); {
	case word == "" && s.Properties != nil:
		return "object"
	case word == "" && s.Items != nil:
		return "array"
	}
	return word
}

// mind answers in the form of any schema. What it thinks of a sale is simple; a till must not depend on it.
type mind struct {
	risk   int      // 0 to 10
	wanted []string // texts among the facts: a verdict that is there already is one to agree with
	names  []string // of the facts
	listed []string // the ids that they list
	ground []string // the names of those that made the risk
	lean   int      // of the verdict: as the risk says, or always the mildest or the severest
	unsent bool     // cite what is not among the facts
}

const (
	leanNone = iota
	leanMild
	leanSevere
)

// consider reads the facts.
func consider(input string) *mind {
	m := &mind{}
	var facts any
	if json.Unmarshal([]byte(input), &facts) != nil {
		m.risk = 5
		return m
	}
	m.read("", "", facts)
	slices.Sort(m.names) // maps have no order
	slices.Sort(m.listed)
	slices.Sort(m.ground)
	m.risk = min(m.risk+min(2*len(m.listed), 4), 10)
	return m
}

func (m *mind) read(path, key string, v any) {
	if key != "" {
		m.names = append(m.names, path)
		if key != path {
			m.names = append(m.names, key)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			m.read(strings.TrimPrefix(path+"."+k, "."), k, e)
		}
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				m.listed = append(m.listed, s)
			}
			m.read(path, "", e)
		}
	case string:
		m.wanted = append(m.wanted, v)
		if v == "large" || v == "huge" || v == "offline" {
			m.risk += 2
		}
	case bool:
		if v {
			m.risk++
		}
	case float64:
		if strings.Contains(key, "amount") || strings.Contains(key, "total") || strings.Contains(key, "price") {
			m.ground = append(m.ground, path)
			m.risk = max(m.risk, min(int(math.Log10(max(v, 1)))-2, 7)) // 100.00 is 2, 100000.00 is 5
		}
	}
}

// fill answers in the form of a schema.
func (m *mind) fill(s *jsonSchema) any {
	switch {
	case s == nil:
		return nil
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return m.pick(s.Enum)
	case len(s.AnyOf) > 0:
		i := slices.IndexFunc(s.AnyOf, func(a *jsonSchema) bool { return a.kind() != "null" })
		return m.fill(s.AnyOf[max(i, 0)])
	}
	switch s.kind() {
	case "object":
		o := object{}
		for name, p := range s.Properties {
			o[name] = m.fill(p)
		}
		return o
	case "array":
		return m.cite(s)
	case "integer":
		return int(m.bounded(s))
	case "number":
		return m.bounded(s)
	case "boolean":
		return m.risk < 5
	case "string":
		return cmp.Or(slices.Concat(m.names, []string{"none"})...)
	}
	return nil
}

// bounded places the risk between the bounds, which are 0 and 10 when there are none.
func (m *mind) bounded(s *jsonSchema) float64 {
	low, high := 0.0, 10.0
	if s.Minimum != nil {
		low = *s.Minimum
	}
	if s.Maximum != nil {
		high = *s.Maximum
	}
	return low + (high-low)*float64(m.risk)/10
}

// pick chooses one of a list: of numbers by the risk; of words the severest that the facts name, or else by the risk.
func (m *mind) pick(enum []any) any {
	words := make([]string, 0, len(enum))
	for _, e := range enum {
		s, ok := e.(string)
		if !ok {
			return enum[m.risk*(len(enum)-1)/10]
		}
		words = append(words, s)
	}
	bySeverity(words)
	switch m.lean {
	case leanMild:
		return words[0]
	case leanSevere:
		return words[len(words)-1]
	}
	for _, w := range slices.Backward(words) {
		if slices.Contains(m.wanted, w) {
			return w
		}
	}
	return words[m.risk*(len(words)-1)/10]
}

// bySeverity puts the mildest first. Words that nobody knows stay between, in their order.
func bySeverity(words []string) {
	allows := slices.Contains(words, "allow") // then approving is what a manager does
	slices.SortStableFunc(words, func(a, b string) int { return cmp.Compare(severity(a, allows), severity(b, allows)) })
}

func severity(word string, allows bool) int {
	for _, s := range severities {
		if strings.Contains(strings.ToLower(word), s.stem) {
			if s.stem == "approve" && allows {
				return 7
			}
			return s.is
		}
	}
	return 5
}

var severities = []struct {
	stem string
	is   int
}{
	{"manager", 7},
	{"approval", 7},
	{"allow", 0},
	{"approve", 0},
	{"accept", 0},
	{"ok", 0},
	{"pass", 0},
	{"price", 1},
	{"review", 2},
	{"confirm", 3},
	{"verify", 6},
	{"escalate", 7},
	{"hold", 7},
	{"refuse", 9},
	{"reject", 9},
	{"decline", 9},
	{"deny", 9},
	{"block", 9},
}

// cite lists what the answer rests on: one to three of the facts, of the schema's list if it has one.
func (m *mind) cite(s *jsonSchema) []any {
	known := slices.Concat(m.ground, m.listed, m.names)
	from := known
	if s.Items != nil && len(s.Items.Enum) > 0 {
		from = nil
		for _, e := range s.Items.Enum {
			if w, ok := e.(string); ok && slices.Contains(known, w) != m.unsent {
				from = append(from, w)
			}
		}
		slices.SortStableFunc(from, func(a, b string) int { return cmp.Compare(slices.Index(known, a), slices.Index(known, b)) })
	} else if m.unsent {
		from = []string{"rule-that-was-never-sent", "r-9000"}
	}
	low, high := 1, 2
	if s.MinItems != nil {
		low = *s.MinItems
	}
	if s.MaxItems != nil {
		high = min(high, *s.MaxItems)
	}
	high = max(high, low, 0)
	list := []any{}
	for _, w := range from[:min(high, len(from))] {
		list = append(list, w)
	}
	return list
}

// answerText is what the model writes: an object in the schema's form, or a sentence when it was asked for none.
func (m *mind) answerText(s *jsonSchema) string {
	if s == nil {
		return fmt.Sprintf("The risk is %d of 10.", m.risk)
	}
	return string(encodeJSON(m.fill(s)))
}
