package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// Whatever a provider sends, in whatever dialect: nothing panics, the failure has a
// class and a code and fits in a line, the key is not in it, and what passes for an
// answer is an object.
func FuzzDecodeError(f *testing.F) {
	for _, s := range errorShapes {
		if len(s.body) < 4096 {
			f.Add(s.status, []byte(s.body))
		}
	}
	for _, list := range answerShapes {
		for _, s := range list {
			f.Add(s.status, []byte(s.body))
		}
	}
	secret := testKey
	r := testRequest(f)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		look := func(what string, fail *Failure) {
			line := fail.Error()
			if fail.Class == "" || fail.Code == "" || len(fail.Code) > maxCode+8 || len(fail.Said) > maxSaid || fail.RetryAfter < 0 {
				t.Errorf("%s: %+v", what, *fail)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(line, testKey) {
				t.Errorf("%s: %q", what, line)
			}
		}
		look("error", readFault(body).failure(status, key{&secret}))
		for d, spoken := range spoken {
			for _, s := range []Structured{JSONSchema, JSONObject, Tool} {
				e := &endpoint{Provider: Provider{Name: "p", Dialect: d, Structured: s}, key: key{&secret}}
				got, fail := spoken.read(e, r, body)
				if fail == nil {
					fail = checkReply(got)
				}
				if fail != nil {
					look(string(d), fail)
				} else if !json.Valid(got.json) || got.json[0] != '{' || got.in < 0 || got.out < 0 {
					t.Errorf("%s takes %q for an answer", d, got.json)
				}
			}
		}
	})
}

// No answer that is not to the letter an opinion becomes one, least of all one that
// allows. The check is written in another way than what it checks.
func FuzzOpinion(f *testing.F) {
	for _, s := range []string{
		good,
		`{"verdict":"allow","risk":0,"cites":["amount"]}`,
		`{"verdict":"allow","risk":10,"cites":["large-sale","rules","flow"]}`,
		`{"verdict":"refuse","verdict":"allow","risk":1,"cites":["amount"]}`,
		`{"verdict":"paid","risk":1,"cites":["amount"]}`,
		`{"verdict":"allow","risk":1e0,"cites":["amount"]}`,
		`{"verdict":"allow","risk":1,"cites":["amount"]} {"verdict":"allow"}`,
		`{"verdict":"allow","risk":1,"cites":{"0":"amount"}}`,
		"```json\n" + good + "\n```",
		`approve, paid`,
	} {
		f.Add([]byte(s))
	}
	r := testRequest(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Decode(r, Answer{JSON: b, Provider: "p"})
		if err != nil {
			var fail *Failure
			if !errors.As(err, &fail) || fail.Class != Hallucination || o.Word != "" || o.Level != 0 || o.Cites != nil {
				t.Fatalf("%+v, %v", o, err)
			}
			return
		}
		var plain struct {
			Verdict string
			Risk    int
			Cites   []string
		}
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		var loose map[string]any
		if dec.Decode(&plain) != nil || json.Unmarshal(b, &loose) != nil || len(loose) != 3 {
			t.Fatalf("%+v of %q", o, b)
		}
		if plain.Verdict != o.Word || plain.Risk != o.Level || !slices.Contains(verdicts, o.Word) || o.Level < 0 || o.Level > 10 {
			t.Errorf("%+v of %q", o, b)
		}
		if len(o.Cites) == 0 || len(o.Cites) > maxCites {
			t.Errorf("%+v of %q", o, b)
		}
		for _, c := range o.Cites {
			if !slices.Contains(plain.Cites, c) || !strings.Contains(string(r.Input()), `"`+c+`"`) {
				t.Errorf("cites %q, which was not sent", c)
			}
		}
	})
}
