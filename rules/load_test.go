package rules

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"qrposd/rules/money"
)

// good is one rule, with the lines a test changes.
func good(change ...string) string {
	text := `[[rule]]
id = "big"
when = 'amount > CNY(300.00)'
effect = "approve"
reason = { en = "Big", zh = "大额" }
`
	return strings.NewReplacer(change...).Replace(text)
}

// loadFaults are files, each with one thing wrong, and what is said about it.
var loadFaults = []struct{ name, text, want string }{
	{"unknown field", good("amount >", "amonut >"), `f.toml:3:9: there is no fact amonut; did you mean amount?`},
	{"wrong type", good("CNY(300.00)", "300"), `f.toml:3:16: an amount is compared with a number; an amount names its currency, such as CNY(300.00)`},
	{"not a condition", good("amount > CNY(300.00)", "draw"), `f.toml:3:9: a condition is true or false, and this is a number; compare it`},
	{"duplicate id", good() + good(), `f.toml:7:7: there are two rules big; rename one of them`},
	{"bad id", good(`"big"`, `"Big Sale"`), `f.toml:2:7: "Big Sale" is not an id; at most 40 of a-z, 0-9 and -, beginning with a letter`},
	{"empty id", good(`"big"`, `""`), `f.toml:2:6: id is empty; say it`},
	{"no id", good("id = \"big\"\n", ""), `f.toml:1:3: the rule has no id; id = "split-sale"`},
	{"no condition", good("when = 'amount > CNY(300.00)'\n", ""), `f.toml:1:3: the rule big has no when; when = 'amount`},
	{"no effect", good("effect = \"approve\"\n", ""), `f.toml:1:3: the rule big has no effect; effect = "approve", or one of allow`},
	{"missing translation", good(`, zh = "大额"`, ""), `f.toml:1:3: the rule big has no reason.zh; reason = { en`},
	{"no reason", good(`reason = { en = "Big", zh = "大额" }`, ""), `f.toml:1:3: the rule big has no reason.en`},
	{"empty translation", good(`"大额"`, `"  "`), `f.toml:5:30: reason.zh is empty; say it in a sentence`},
	{"one language", good(`{ en = "Big", zh = "大额" }`, `"Big"`), `f.toml:5:1: reason has two languages; reason = {`},
	{"endless reason", good(`"Big"`, `"`+strings.Repeat("大", 201)+`"`), `f.toml:5:18: reason.en is longer than 200 characters`},
	{"unknown effect", good(`"approve"`, `"aprove"`), `f.toml:4:11: there is no effect "aprove"; did you mean approve?`},
	{"paid", good(`"approve"`, `"paid"`), `f.toml:4:11: there is no effect "paid"; `},
	{"unknown key", good("effect =", "efect ="), `f.toml:4:1: there is no key efect; did you mean effect?`},
	{"unknown table", good() + "[limit]\ncount = 3\n", `f.toml:6:2: there is no table [limit]; did you mean limits?`},
	{"unknown top key", "label = [\"a\"]\n" + good(), `f.toml:1:1: there is no key label; did you mean labels?`},
	{"twice", good("effect =", "effect = \"allow\"\neffect ="), `f.toml:5:1: effect is there twice; keep one of them`},
	{"hard number", good() + "hard = 1\n", `f.toml:6:8: hard is true or false; hard = true, without quotes`},
	{"hard relaxed", good() + "hard = true\nmodel = \"relax\"\n", `f.toml:7:1: a hard rule is not relaxed by a model; take hard = true away`},
	{"unknown model", good() + "model = \"loosen\"\n", `f.toml:6:10: there is no model "loosen"; `},
	{"condition no text", good("'amount > CNY(300.00)'", "true"), `f.toml:3:8: when is a condition in quotes`},
	{"one rule", good("[[rule]]", "[rule]"), `f.toml:1:2: there can be several rules, and one of any other table`},
	{"rule after rules", good() + "[rule]\nhard = true\n", `f.toml:6:2: [rule] is one of several; write [[rule]]`},
	{"several limits", good() + "[[limits]]\ncount = 3\n", `f.toml:6:3: there can be several rules, and one of any other table; this is limits`},
	{"limits twice", good() + "[limits]\ncount = 3\n[limits]\nrandom = 3\n", `f.toml:8:2: [limits] is there twice; put its keys together`},
	{"no rule", "# nothing\n", `f.toml:1:1: there is no rule in this file; begin with [[rule]]`},
	{"empty", "", `f.toml:1:1: there is no rule in this file`},
	{"no TOML", good() + "what\n", `f.toml:6:5: this is not TOML: `},
	{"open string", good(`"big"`, `"big`), `f.toml:2:10: this is not TOML: `},
	{"Chinese before", good("when = ", `"reason.zh" = "大额大额"`+"\nwhen = ", "amount >", "金额 >"), `f.toml:4:9: a condition has no '金'`},
	{"column after Chinese", good(`reason = { en = "Big", zh = "大额" }`, `reason = { zh = "大额", en = 1 }`), `f.toml:5:28: reason.en is a text`},
	{"two lines", good("'amount > CNY(300.00)'", "'''\namount > CNY(300.00) &&\n  drw > 3'''"), `f.toml:5:3: there is no fact drw; did you mean draw?`},
	{"escaped", good("'amount > CNY(300.00)'", `"flow == \"payr\""`), `f.toml:3:16: flow is never "payr"; did you mean payer?`},
	{"limit not set", good("CNY(300.00)", "limits.per_sale"), `f.toml:3:18: this file does not set limits.per_sale; set it under [limits]`},
	{"unknown limit", good() + "[limits]\ncuont = 3\n", `f.toml:7:1: there is no key cuont; did you mean count?`},
	{"limit of no currency", good() + "[limits]\nper_sale = \"3.00\"\n", `f.toml:7:1: limits.per_sale is an amount for each currency; per_sale = { CNY`},
	{"limit of an unknown currency", good() + "[limits]\nper_sale = { RMB = \"3.00\" }\n", `f.toml:7:14: there is no currency "RMB"`},
	{"limit as a number", good() + "[limits]\nper_sale = { CNY = 3.00 }\n", `f.toml:7:20: limits.per_sale.CNY is a decimal number in quotes; CNY = "300.00"`},
	{"limit with decimals", good() + "[limits]\ncumulative = { JPY = \"3.00\" }\n", `f.toml:7:23: "3.00" has too many decimals; JPY has 0 decimals`},
	{"negative limit", good() + "[limits]\nper_sale = { CNY = \"-3.00\" }\n", `f.toml:7:21: the amount is negative`},
	{"time as a number", good() + "[limits]\noffline = 3\n", `f.toml:7:11: 3 is not a time span; write a time with its unit in quotes`},
	{"time without unit", good() + "[limits]\noffline = \"3\"\n", `f.toml:7:12: 3 is not a time span`},
	{"time misspelt", good() + "[limits]\noffline = \"3*hours\"\n", `f.toml:7:14: there is no fact hours; did you mean hour?`},
	{"too random", good() + "[limits]\nrandom = 10001\n", `f.toml:7:10: random is 10001; it is between 0 and 10000`},
	{"no list", good() + "[deny]\npayers = \"x\"\n", `f.toml:7:1: payers is a list`},
	{"list of numbers", good() + "[deny]\npayers = [1]\n", `f.toml:7:11: payers is a list of texts`},
	{"a name denied", good() + "[deny]\npayers = [\"Zhang San\"]\n", `f.toml:7:12: "Zhang San" is not the keyed hash of a payer`},
	{"denied twice", good() + "[deny]\npayers = [\"0123456789abcdef\", \"0123456789abcdef\"]\n", `f.toml:7:32: 0123456789abcdef... is denied twice`},
	{"bad label", "labels = [\"Top Up\"]\n" + good(), `f.toml:1:12: "Top Up" is not a label`},
	{"label not listed", "labels = [\"top_up\"]\n" + good("amount > CNY(300.00)", `intent.label == "topup"`), `f.toml:4:25: there is no label "topup"; did you mean top_up?`},
	{"no labels", good("amount > CNY(300.00)", `intent.label == "x"`), `list the classifier's labels at the top of the file`},
	{"huge condition", good("amount > CNY(300.00)", strings.Repeat("draw > 1 || ", 200)+"true"), `is longer than 2000; split it`},
	{"deep condition", good("amount > CNY(300.00)", strings.Repeat("(", 500)), `levels of parentheses; split it`},
	{"deep tables", good("{ en", "{ a = { b = { c = { d = { e = { f = 1 } } } } }, en"), `more than 4 tables inside each other`},
	{"many keys", good() + manyKeys(), `there are 233 more faults`},
	{"huge file", good() + strings.Repeat("#", 4<<20), `more than 4194304; keep rules`},
}

func TestLoadFaults(t *testing.T) {
	for _, x := range loadFaults {
		s, err := Load("f.toml", []byte(x.text))
		if s != nil || err == nil {
			t.Errorf("%s: no fault", x.name)
			continue
		}
		if !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s:\n%.300v\n\tdoes not contain\n%s", x.name, err, x.want)
		}
		var faults Faults
		if !errors.As(err, &faults) {
			t.Fatalf("%s: %T", x.name, err)
		}
		for _, f := range faults {
			if f.File != "f.toml" || f.Line < 1 || f.Column < 1 || f.Code == "" || f.Message == "" || f.Hint == "" {
				t.Errorf("%s: incomplete: %+v", x.name, f)
			}
		}
	}
}

func manyKeys() string {
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, "k%d = 1\n", i)
	}
	return b.String()
}

// All faults are named at once, in the order of the file, and not without end.
func TestLoadNamesAllFaults(t *testing.T) {
	_, err := Load("f.toml", []byte(good("amount", "amonut", `"approve"`, `"aprove"`, `, zh = "大额"`, "")))
	if faults := err.(Faults); len(faults) != 3 || faults[0].Line != 1 || faults[1].Line != 3 || faults[2].Line != 4 {
		t.Errorf("%v", err)
	}
	var text strings.Builder
	for i := range 100 {
		text.WriteString(good(`"big"`, fmt.Sprintf(`"r%d"`, i), "amount", "amonut"))
	}
	_, err = Load("f.toml", []byte(text.String()))
	if faults := err.(Faults); len(faults) != MaxFaults || !strings.Contains(faults[MaxFaults-1].Message, "81 more faults") {
		t.Errorf("%v", err)
	}
}

func manyRules(n int) []byte {
	var text strings.Builder
	for i := range n {
		text.WriteString(good(`"big"`, fmt.Sprintf(`"r%d"`, i)))
	}
	return []byte(text.String())
}

func TestLoadBounds(t *testing.T) {
	s, err := Load("f.toml", manyRules(MaxRules))
	if err != nil {
		t.Fatal(err)
	}
	c := Case{Amount: money.Money{Minor: 30_001, Currency: "CNY"}}
	if v := s.Decide(&c); v.Fired.Len() != MaxRules || v.Effect() != Approve || v.Fired.String() != strings.Repeat("f", 64) {
		t.Errorf("%d fired: %s", v.Fired.Len(), v.Fired)
	}
	for _, n := range []int{MaxRules + 1, 10_000} {
		begun := time.Now()
		_, err = Load("f.toml", manyRules(n))
		t.Logf("%d rules are refused in %v", n, time.Since(begun))
		if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("f.toml:%d:3: more than 256 rules; join conditions with ||", MaxRules*5+1)) {
			t.Errorf("%d rules: %v", n, err)
		}
	}
}

// Comments, spacing and the order of things say nothing; everything else does.
func TestSetHash(t *testing.T) {
	load := func(text string) Hash {
		t.Helper()
		s, err := Load("f.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return s.Hash()
	}
	other := good(`"big"`, `"other"`, "amount > CNY(300.00)", "draw < 5")
	base := load(good() + other)
	for _, same := range []string{
		other + good(), "# a comment\n" + good() + "\n" + other, good("amount >", "amount   >") + other, good("amount > CNY(300.00)", "(amount >= CNY(300.01))") + other,
		good(`reason = { en = "Big", zh = "大额" }`, "[rule.reason]\nzh = \"大额\"\nen = \"Big\"") + other,
		good("effect = \"approve\"", "hard = false\nmodel = \"tighten\"\neffect = 'approve'") + other,
	} {
		if load(same) != base {
			t.Errorf("another hash for\n%s", same)
		}
	}
	seen := map[Hash]string{base: "base"}
	for _, text := range []string{
		good(), good("300", "301") + other, good("approve", "refuse") + other, good("Big", "Large") + other, good("大额", "很大") + other, good() + "hard = true\n" + other,
		good() + "model = \"relax\"\n" + other, good() + other + "[limits]\ncount = 0\n", good() + other + "[limits]\ncount = 1\n", good() + other + "[limits]\nper_sale = { CNY = \"1.00\" }\n",
		good() + other + "[limits]\ncumulative = { CNY = \"1.00\" }\n", good() + other + "[deny]\npayers = [\"0123456789abcdef\"]\n",
	} {
		h := load(text)
		if before, twice := seen[h]; twice {
			t.Errorf("the same hash for\n%s\nand\n%s", before, text)
		}
		seen[h] = text
	}
}
