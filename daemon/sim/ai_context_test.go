package sim

import (
	"fmt"
	"strings"
	"testing"
)

// at walks to a member of a nested body.
func at(b obj, path ...string) obj {
	for _, k := range path {
		b = b[k].(obj)
	}
	return b
}

func TestAIContextIsCompleteOrNot(t *testing.T) {
	interaction := func(b obj) obj { return at(b, "context")["interactions"].([]obj)[1] }
	for name, c := range map[string]struct {
		change   func(obj)
		complete bool
	}{
		"complete":      {func(obj) {}, true},
		"unknown field": {func(b obj) { at(b, "context")["weather"] = "rain" }, true},
		"absent":        {func(b obj) { delete(b, "context") }, false},
		"null":          {func(b obj) { b["context"] = nil }, false},
		"session id":    {func(b obj) { delete(at(b, "context", "session"), "id") }, false},
		"short hash":    {func(b obj) { at(b, "context", "session")["embedding_hash"] = "ab" }, false},
		"upper case":    {func(b obj) { at(b, "context", "device")["fingerprint_hash"] = strings.Repeat("AB", 32) }, false},
		"started":       {func(b obj) { at(b, "context", "session")["started_at"] = "noon" }, false},
		"fingerprint":   {func(b obj) { delete(at(b, "context"), "device") }, false},
		"classifier":    {func(b obj) { at(b, "context", "intent")["classifier"] = "rules" }, false},
		"label":         {func(b obj) { at(b, "context", "intent")["label"] = "" }, false},
		"confidence":    {func(b obj) { at(b, "context", "intent")["confidence"] = 1.01 }, false},
		"no confidence": {func(b obj) { delete(at(b, "context", "intent"), "confidence") }, false},
		"none":          {func(b obj) { at(b, "context")["interactions"] = []obj{} }, false},
		"33":            {func(b obj) { at(b, "context")["interactions"] = make([]obj, 33) }, false},
		"kind":          {func(b obj) { interaction(b)["kind"] = "dance" }, false},
		"at":            {func(b obj) { interaction(b)["at"] = "10:00" }, false},
		"dim":           {func(b obj) { at(interaction(b), "embedding")["dim"] = 5 }, false},
		"other dim":     {func(b obj) { interaction(b)["embedding"] = obj{"model": "hash/1", "dim": 1, "values": []float64{1}} }, false},
		"model":         {func(b obj) { at(interaction(b), "embedding")["model"] = "hash/2" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newAIShop(t)
			s.set(obj{"aggressive_rejects": 1})
			b := s.aiBody(s.number(), 900, "")
			c.change(b)
			g := s.aiPay(200, s.key(), b)
			n := s.aiCounts()
			equal(t, "complete", n.Complete, map[bool]int{true: 1}[c.complete])
			equal(t, "incomplete", n.Incomplete, map[bool]int{false: 1}[c.complete])
			equal(t, "refused", g.str("error.explanation") != "", !c.complete)
			equal(t, "violations", len(s.w.WeChat.Report().Violations), 0)
		})
	}
}

func TestAIHashOfTheSessionIsRecomputed(t *testing.T) {
	s := newAIShop(t)
	b := s.aiBody(s.number(), 900, "")
	at(b, "context", "session")["embedding_hash"] = sessionOf(aiVectors[0])
	s.aiPay(200, s.key(), b)
	v := s.w.WeChat.Report().Violations
	if len(v) != 1 || !strings.Contains(v[0].What, "embedding_hash") {
		t.Fatalf("violations %v", v)
	}
	equal(t, "incomplete", s.aiCounts().Incomplete, 1)
	no := s.number()
	s.aiPay(200, aiKey(sessionOf(aiVectors[1]), 7), s.aiBody(no, 900, ""))
	equal(t, "key of another session", s.counts(no).Violations[0].What, "the idempotency key is of another session")
	equal(t, "complete", s.aiCounts().Complete, 1)
}

// The known vector was computed by hand: (3,4) has length 5.
func TestAISessionHashKnownVector(t *testing.T) {
	x := &aiContext{Interactions: make([]aiInteraction, 2)}
	x.Interactions[0].Embedding.Dim = 2
	x.Interactions[0].Embedding.Values = []float64{1, 4}
	x.Interactions[1].Embedding.Values = []float64{2, 0}
	// echo 333333333333e33f9a9999999999e93f | xxd -r -p | sha256sum
	equal(t, "hash", x.sessionHash(), "5a535ebfd6a5483cbf5c1f707b2b270df08f402cbb46c719c17fd16f19fa7f54")
	for i := range x.Interactions { // nothing at all is not a division by zero
		x.Interactions[i].Embedding.Values = []float64{0, 0}
	}
	// head -c 16 /dev/zero | sha256sum
	equal(t, "zeros", x.sessionHash(), "374708fff7719dd5979ec875d56cd2286f6d3cf7ec317a3b25632aab28ec37bb")
}

func TestAIAggressiveModeRejectsItsShare(t *testing.T) {
	s := newAIShop(t)
	const all = 1500
	refused := map[string]bool{}
	ask := func(no string, context bool) string {
		b := s.aiBody(no, 900, "")
		if !context {
			delete(b, "context")
		}
		return s.ask(b).str("error.explanation")
	}
	for i := range all {
		no := fmt.Sprintf("A-%06d", i)
		if ask(no, false) != "" {
			refused[no] = true
		}
	}
	if n := len(refused); n < all*9/100 || n > all*15/100 {
		t.Fatalf("%d of %d refused, want 12 %%", n, all)
	}
	equal(t, "counted", s.aiCounts().Errors, len(refused))
	equal(t, "as policy", s.aiCounts().ByClass["policy"], len(refused))
	for no := range refused { // the draw is the order's, and a complete context spares it
		if ask(no, false) == "" {
			t.Fatalf("%s passes now", no)
		}
		equal(t, "complete", ask(no, true), "")
		break
	}
}
