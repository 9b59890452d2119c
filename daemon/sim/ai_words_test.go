package sim

import (
	"fmt"
	"strings"
	"testing"
)

// words asks for one nested error of a class under each of many numbers.
func (s *shop) words(class string, n int) map[string]int {
	s.t.Helper()
	s.set(obj{"errors": []obj{{"class": class}}, "replay_after_ms": 0})
	seen := map[string]int{}
	for i := range n {
		g := s.ask(s.aiBody(fmt.Sprintf("W-%s-%03d", class[:4], i), 1250, ""))
		equal(s.t, "stage", g.str("error.stage"), "pre_authorization")
		equal(s.t, "model", g.str("error.model"), "fast-1")
		equal(s.t, "score", g.str("error.score") != "", class == "policy" || class == "intent")
		text := g.str("error.explanation")
		if text == "" || strings.ContainsAny(text, "{}") {
			s.t.Fatalf("explanation %q", text)
		}
		seen[text]++
	}
	return seen
}

func TestAINestedErrorsVary(t *testing.T) {
	for class, w := range aiWords {
		s := newAIShop(t)
		const n = 120
		if seen := s.words(class, n); len(seen) < len(w.en)+len(w.zh) {
			t.Errorf("%s: %d wordings of %d", class, len(seen), len(w.en)+len(w.zh))
		}
		counted := class
		if class == "intent" {
			counted = "policy"
		}
		c := s.aiCounts()
		equal(t, class, c.ByClass[counted], n)
		equal(t, "label", c.ByLabel["coffee"], n)
		equal(t, "payments", c.Payments, 0)
		equal(t, "charges", s.w.WeChat.Report().Totals.Charges, 0)
		s.set(obj{"language": "en"})
		for text := range s.words(class, 20) {
			if strings.IndexFunc(text, func(r rune) bool { return r > 0x2E80 }) >= 0 {
				t.Errorf("not English: %q", text)
			}
		}
	}
}

// A hallucination cites an amount, a currency or a rule that the request does not have; no other class does.
func TestAIHallucinationsCiteWhatWasNotSent(t *testing.T) {
	s := newAIShop(t)
	unsent := func(text string) bool {
		return strings.Contains(text, "132.77") || strings.Contains(text, "EUR") || strings.Contains(text, "R-4")
	}
	for class := range aiWords {
		for text := range s.words(class, 60) {
			if unsent(text) != (class == "hallucination") {
				t.Errorf("%s: %q", class, text)
			}
		}
	}
}

func TestAIErrorsRepeatWithTheSeed(t *testing.T) {
	var before map[string]int
	for seed, same := range []bool{true, true, false} {
		s := newAIShop(t)
		s.set(obj{"seed": seed / 2})
		now := s.words("policy", 30)
		if before != nil {
			equal(t, "the same words", fmt.Sprint(now) == fmt.Sprint(before), same)
		}
		before = now
	}
}

func TestAIMisconfiguredClassifierRejectsSilently(t *testing.T) {
	s := newAIShop(t)
	s.set(obj{"errors": []obj{{"class": "intent", "label": "coffee", "probability": 0.05}}})
	const all = 1200
	tea := 0
	for i := range all {
		b := s.aiBody(fmt.Sprintf("I-%06d", i), 900, "")
		if i%4 == 0 {
			b["context"] = s.aiContext("tea")
			tea++
		}
		s.ask(b)
	}
	c := s.aiCounts()
	if n := c.ByLabel["coffee"]; n < (all-tea)*3/100 || n > (all-tea)*7/100 {
		t.Fatalf("%d of %d refused, want 5 %%", n, all-tea)
	}
	equal(t, "tea", c.ByLabel["tea"], 0)
	equal(t, "labels", c.Labels["coffee"], all-tea)
}

func TestAIErrorRules(t *testing.T) {
	s := newAIShop(t)
	no := s.number()
	s.set(obj{"errors": []obj{
		{"class": "unknown", "out_trade_no": no, "times": 1, "stage": "payment", "model": "m-9", "explanation": "Because of {amount}."},
		{"class": "user", "out_trade_no": no, "executed": true},
	}})
	key, body := s.key(), s.aiBody(no, 900, s.code(behavePay))
	g := s.aiPay(200, key, body)
	equal(t, "words", g.str("error.explanation"), "Because of 9.00.")
	equal(t, "stage", g.str("error.stage"), "payment")
	equal(t, "model", g.str("error.model"), "m-9")
	equal(t, "nothing yet", s.w.WeChat.Report().Totals.Charges, 0)
	if g := s.aiPay(200, key, body); g.str("error.explanation") == "" {
		t.Fatalf("not an error: %s", g.raw)
	}
	equal(t, "charged all the same", s.state(no), success)
	equal(t, "the same again", s.aiPay(200, key, body).str("state"), success)
	equal(t, "others pass", s.aiPay(200, s.key(), s.aiBody(s.number(), 900, "")).str("state"), notPay)
	equal(t, "classes", fmt.Sprint(s.aiCounts().ByClass), "map[unknown:1 user:1]")
	equal(t, "charges", s.w.WeChat.Report().Totals.Charges, 1)
}

func TestAISettings(t *testing.T) {
	s := newShop(t)
	g := s.set(obj{"secret": aiSecret, "fx": obj{"width": 0.01}})
	equal(t, "width", g.str("fx.width"), "0.01")
	equal(t, "left alone", g.str("fx.confidence"), "0.92")
	equal(t, "rejects", g.str("aggressive_rejects"), "0.12")
	s.aiPay(200, s.key(), s.aiBody(s.number(), 900, ""))
	equal(t, "secret by setting", s.aiCounts().Verified, 1)
	s.set(obj{"errors": []obj{{"class": "user", "label": "tea"}}})
	s.set(obj{"errors": []obj{{"class": "policy"}}})
	equal(t, "replaced", s.w.WeChat.AIReport().Errors[0].Label, "")
	for _, bad := range []obj{
		{"aggressive_rejects": 2},
		{"threshold": -1},
		{"language": "fr"},
		{"colour": 1},
		{"errors": []obj{{"class": "sad"}}},
		{"errors": []obj{{"class": "user", "stage": "lunch"}}},
		{"fx": obj{"wrong": "blue"}},
		{"fx": obj{"mids": obj{"USD/CNY": "x"}}},
		{"liveness": obj{"outcome": "maybe"}},
		{"latency": obj{"query": obj{"kind": "fixed"}}},
		{"latency": obj{"ai_payment": obj{"kind": "odd"}}},
		{"replay_after_ms": -1},
		{"fx": obj{"width": 1}},
	} {
		s.control("POST", "/sim/ai", bad, 400)
	}
	equal(t, "kept", s.w.WeChat.AIReport().Errors[0].Class, "policy")
	s.control("PUT", "/sim/ai", nil, 405)
	d := s.control("DELETE", "/sim/ai", nil, 200)
	equal(t, "width", d.str("fx.width"), "0.004")
	equal(t, "counts", d.str("counts.keys_verified"), "0")
	s.aiPay(200, s.key(), s.aiBody(s.number(), 900, ""))
	equal(t, "no secret, no key", s.control("GET", "/sim/counts", nil, 200).str("ai.keys_opaque"), "1")
}
