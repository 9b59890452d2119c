package llm

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestDecode(t *testing.T) {
	r := testRequest(t)
	for _, tt := range []struct{ name, json, want string }{
		{"good", good, "confirm 3 [amount payer.count_1h]"},
		{"another order", ` {"cites":["amount"], "risk":0, "verdict":"allow"} `, "allow 0 [amount]"},
		{"a rule that fired", `{"verdict":"refuse","risk":10,"cites":["large-sale","rules"]}`, "refuse 10 [large-sale rules]"},
		{"cited twice", `{"verdict":"allow","risk":1,"cites":["amount","amount"]}`, "allow 1 [amount]"},
		{"spelled in escapes", `{"verdict":"\u0061llow","risk":1,"cites":["amount"]}`, "allow 1 [amount]"},

		{"nothing", ``, codeForm},
		{"null", `null`, codeForm},
		{"a list", `["allow"]`, codeForm},
		{"paid", `{"verdict":"paid","risk":0,"cites":["amount"]}`, codeForm},
		{"another case", `{"verdict":"Allow","risk":0,"cites":["amount"]}`, codeForm},
		{"another case of a name", `{"Verdict":"allow","risk":0,"cites":["amount"]}`, codeForm},
		{"empty word", `{"verdict":"","risk":0,"cites":["amount"]}`, codeForm},
		{"null word", `{"verdict":null,"risk":0,"cites":["amount"]}`, codeForm},
		{"number for a word", `{"verdict":0,"risk":0,"cites":["amount"]}`, codeForm},
		{"more members", `{"verdict":"allow","risk":0,"cites":["amount"],"paid":true}`, codeForm},
		{"fewer members", `{"verdict":"allow","cites":["amount"]}`, codeForm},
		{"another member", `{"verdict":"allow","price":0,"cites":["amount"]}`, codeForm},
		{"two verdicts", `{"verdict":"refuse","verdict":"allow","risk":0,"cites":["amount"]}`, codeForm},
		{"two verdicts, three names", `{"verdict":"refuse","verdict":"allow","cites":["amount"]}`, codeForm},
		{"something after it", good + `{}`, codeForm},
		{"a brace after it", good + `}`, codeForm},
		{"cut", good[:len(good)-1], codeForm},
		{"risk too large", `{"verdict":"allow","risk":11,"cites":["amount"]}`, codeForm},
		{"risk below zero", `{"verdict":"allow","risk":-1,"cites":["amount"]}`, codeForm},
		{"risk minus zero", `{"verdict":"allow","risk":-0,"cites":["amount"]}`, codeForm},
		{"risk with a point", `{"verdict":"allow","risk":3.0,"cites":["amount"]}`, codeForm},
		{"risk out of this world", `{"verdict":"allow","risk":97e397537,"cites":["amount"]}`, codeForm},
		{"risk as text", `{"verdict":"allow","risk":"3","cites":["amount"]}`, codeForm},
		{"no risk", `{"verdict":"allow","risk":null,"cites":["amount"]}`, codeForm},
		{"cites nothing", `{"verdict":"allow","risk":0,"cites":[]}`, codeForm},
		{"cites null", `{"verdict":"allow","risk":0,"cites":null}`, codeForm},
		{"cites a text", `{"verdict":"allow","risk":0,"cites":"amount"}`, codeForm},
		{"cites too much", `{"verdict":"allow","risk":0,"cites":["amount","flow","rules","asks"]}`, codeForm},
		{"cites what was not sent", `{"verdict":"allow","risk":0,"cites":["till.sum_1d"]}`, codeUnsent},
		{"cites what there is not", `{"verdict":"allow","risk":0,"cites":["customer said so"]}`, codeUnsent},
		{"cites a rule that did not fire", `{"verdict":"allow","risk":0,"cites":["floor"]}`, codeUnsent},
		{"cites null inside", `{"verdict":"allow","risk":0,"cites":["amount",null]}`, codeUnsent},
	} {
		o, err := Decode(r, Answer{JSON: []byte(tt.json), Provider: "p"})
		got := fmt.Sprint(o.Word, " ", o.Level, " ", o.Cites)
		var f *Failure
		if err != nil {
			if !errors.As(err, &f) || f.Class != Hallucination || f.Provider != "p" || f.Said == "" || o.Word != "" || o.Cites != nil {
				t.Errorf("%s: %#v, %+v", tt.name, err, o)
				continue
			}
			got = f.Code
		}
		if got != tt.want {
			t.Errorf("%s: %s (%v), want %s", tt.name, got, err, tt.want)
		}
	}
}

// Each task has words and steps of its own.
func TestDecodeTasks(t *testing.T) {
	f := testFacts()
	f.Intent.Choices = []Label{"tea", "rice"}
	for task, answers := range map[Task]map[string]bool{
		Reasoning:      {`"verdict":"verify","risk":10`: true, `"verdict":"price","risk":1`: false},
		Validation:     {`"verdict":"approve","risk":0`: true, `"verdict":"uphold","risk":1`: false},
		Pricing:        {`"verdict":"price","step":20`: true, `"verdict":"confirm","step":0`: true, `"verdict":"price","step":21`: false, `"verdict":"allow","step":1`: false},
		Intent:         {`"label":"rice","confidence":10`: true, `"label":"gold","confidence":10`: false, `"label":"tea","confidence":11`: false},
		Classification: {`"cause":"user","confidence":5`: true, `"cause":"bank","confidence":5`: false},
	} {
		r, err := Prompt(task, f)
		if err != nil {
			t.Fatal(err)
		}
		for json, ok := range answers {
			if _, err := Decode(r, Answer{JSON: []byte("{" + json + `,"cites":["amount"]}`)}); (err == nil) != ok {
				t.Errorf("%s: %s: %v", task, json, err)
			}
		}
	}
}

// A question that nobody made takes no answer.
func TestDecodeZero(t *testing.T) {
	if o, err := Decode(Request{}, Answer{JSON: []byte(good)}); err == nil {
		t.Errorf("%+v", o)
	}
	if slices.Contains(verdicts, "paid") {
		t.Error("a verdict settles a sale")
	}
}
