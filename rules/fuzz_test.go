package rules

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func FuzzLoad(f *testing.F) {
	f.Add(Default)
	f.Add([]byte(good()))
	f.Add([]byte(good() + "[limits]\nper_sale = { CNY = \"1.00\" }\noffline = \"4*hour\"\n[deny]\npayers = [\"0123456789abcdef\", [1]]\n"))
	f.Add([]byte("labels = [\"a\"]\nrule = [{ id = 1 }]\nlimits = { count = 1 }\nlimits.random = 2\n"))
	f.Add([]byte("[[rule]]\r\nwhen = \"\"\"\\\r\n  draw \\u003e 5\"\"\"\r\n[rule.reason]\n[[rule.reason]]\n"))
	f.Add([]byte("a.b.c = 1\n[x.y]\n\"\" = ''\n"))
	c := generate(11)
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Load("f.toml", text)
		if (s == nil) == (err == nil) {
			t.Fatal("neither rules nor faults, or both")
		}
		if err != nil {
			for _, fault := range err.(Faults) {
				if fault.Line < 1 || fault.Column < 1 || fault.Message == "" || fault.Hint == "" || fault.Line > strings.Count(string(text), "\n")+1 {
					t.Fatalf("%+v", fault)
				}
			}
			return
		}
		s.Record(s.Decide(&c))
		s.Lint()
	})
}

// A condition is refused or has a value, and its canonical form has the same.
func FuzzCondition(f *testing.F) {
	for _, src := range []string{
		`in(flow, "payer", "merchant") && !(amount > CNY(300.00) || payer.denied)`, "between(offline.count * 2, -1, 7 % 3) == (draw < limits.random)",
		"-(-9223372036854775807 - 1) > 1", "known(amount) && amount / CNY(3) > 1_0", "((((((((1))))))))", "`", `"\`, "9e9.9.9(", "!", "draw<<5",
	} {
		f.Add(src)
	}
	var known, empty facts
	c := generate(5)
	known.load(&c)
	f.Fuzz(func(t *testing.T, src string) {
		n, bad := compile(src)
		if bad != nil {
			if bad.at < 0 || bad.at > len(src) || bad.what == "" || bad.hint == "" {
				t.Fatalf("%+v", bad)
			}
			return
		}
		n.ways(false)
		n.ways(true)
		again, bad := compile(n.String())
		if bad != nil {
			if bad.code == TooMuch {
				return // the canonical form is longer
			}
			t.Fatalf("%s: %v", n.String(), bad)
		}
		for _, f := range []*facts{&known, &empty} {
			if a, b := n.truth(f), again.truth(f); a != b {
				t.Fatalf("%s is %d, %s is %d", src, a, n.String(), b)
			}
		}
	})
}

func FuzzCase(f *testing.F) {
	for seed := range uint64(20) {
		b, err := json.Marshal(generate(seed))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Case
		if json.Unmarshal(b, &c) != nil {
			return
		}
		once, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back Case
		if err := json.Unmarshal(once, &back); err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		twice, _ := json.Marshal(back)
		if string(once) != string(twice) {
			t.Fatalf("%s\n%s", once, twice)
		}
	})
}

func FuzzTrials(f *testing.F) {
	text, err := os.ReadFile("testdata/default.cases.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("[base]\namount = \"CNY(3)\"\n[[case]]\nname = \"x\"\neffect = \"allow\"\nfired = []\nfacts.flow = \"payer\"\n"))
	s, err := Load("f.toml", []byte(good()))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if trials, err := ParseTrials("t.toml", text); err == nil {
			s.Try(trials)
		}
	})
}
