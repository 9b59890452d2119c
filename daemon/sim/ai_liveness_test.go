package sim

import (
	"math"
	"strings"
	"testing"
	"time"
)

const livenessPath = "/v3/ai/liveness-sessions"

// challenged asks for a payment that is answered with a challenge, and opens its session.
func (s *shop) challenged(no string) (session string) {
	s.t.Helper()
	g := s.aiPay(200, s.key(), s.aiBody(no, 50_000, ""))
	equal(s.t, "kind", g.str("challenge.kind"), "liveness")
	session = g.str("challenge.session_id")
	o := s.must(200, "POST", livenessPath, obj{"out_trade_no": no, "session_id": session, "nonce": "N-1"})
	equal(s.t, "session", o.str("session_id"), session)
	if !isTime(o.str("expires_at")) || !strings.HasPrefix(o.str("url"), "https://") {
		s.t.Fatalf("session %s", o.raw)
	}
	return session
}

func (s *shop) poll(session string) got {
	s.t.Helper()
	return s.must(200, "GET", livenessPath+"/"+session, nil)
}

// withLiveness pays with a session, under a new key as a new request needs.
func (s *shop) withLiveness(no, session string) got {
	s.t.Helper()
	b := s.aiBody(no, 50_000, "")
	b["liveness"] = obj{"session_id": session, "audit_hash": strings.Repeat("ab", 32)}
	return s.aiPay(200, s.key(), b)
}

func vector(t *testing.T, g got) []float64 {
	t.Helper()
	list, _ := g.body["embedding"].([]any)
	v := make([]float64, len(list))
	for i := range list {
		v[i] = list[i].(float64)
	}
	if len(v) != 128 || math.Abs(cosine(v, v)-1) > 1e-9 {
		t.Fatalf("a vector of %d", len(v))
	}
	return v
}

func cosine(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func TestAILivenessIsDemandedOnce(t *testing.T) {
	s := newAIShop(t)
	s.set(obj{"liveness": obj{"from": 50_000}})
	equal(t, "below", s.aiPay(200, s.key(), s.aiBody(s.number(), 49_999, "")).str("state"), notPay)
	no := s.number()
	session := s.challenged(no)
	equal(t, "pending", s.poll(session).str("state"), "PENDING")
	if g := s.withLiveness(no, session); !strings.Contains(g.str("error.explanation"), "PENDING") {
		t.Fatalf("too soon: %s", g.raw)
	}
	s.clock.pass(3 * time.Second)
	g := s.poll(session)
	equal(t, "done", g.str("state"), "DONE")
	equal(t, "nonce", g.str("nonce"), "N-1")
	equal(t, "paid", s.withLiveness(no, session).str("state"), notPay)
	if g := s.withLiveness(s.number(), session); !strings.Contains(g.str("error.explanation"), "already used") {
		t.Fatalf("used twice: %s", g.raw)
	}
	if g := s.withLiveness(s.number(), "LVnobody1"); !strings.Contains(g.str("error.explanation"), "not known") {
		t.Fatalf("invented: %s", g.raw)
	}
	equal(t, "policy", s.aiCounts().ByClass["policy"], 3)
	equal(t, "challenges", s.aiCounts().Challenges, 1)
	s.must(404, "GET", livenessPath+"/LVnobody1", nil)
	s.must(403, "POST", livenessPath, obj{"out_trade_no": no, "session_id": session, "nonce": "N-2"})
	s.must(200, "POST", livenessPath, obj{"out_trade_no": no, "session_id": session, "nonce": "N-1"})
	s.must(400, "POST", livenessPath, obj{"out_trade_no": no, "session_id": session})
	equal(t, "polls", s.counts(no).Requests[opAILivenessPoll], 2)
}

func TestAILivenessOutcomes(t *testing.T) {
	for _, c := range []struct {
		outcome, after3s, after30s string
		pays                       bool
	}{
		{"pass", "DONE", "DONE", true},
		{"fail", "FAILED", "FAILED", false},
		{"low", "DONE", "DONE", true},
		{"wrong_nonce", "DONE", "DONE", true},
		{"late", "PENDING", "DONE", true},
		{"twice", "DONE", "DONE", true},
		{"expired", "EXPIRED", "EXPIRED", false},
	} {
		t.Run(c.outcome, func(t *testing.T) {
			s := newAIShop(t)
			s.set(obj{"liveness": obj{"from": 50_000, "outcome": c.outcome}})
			no := s.number()
			session := s.challenged(no)
			s.clock.pass(3 * time.Second)
			equal(t, "3 s", s.poll(session).str("state"), c.after3s)
			s.clock.pass(27 * time.Second)
			g := s.poll(session)
			equal(t, "30 s", g.str("state"), c.after30s)
			equal(t, "nonce", g.str("nonce") == "N-1", c.pays && c.outcome != "wrong_nonce" || c.outcome == "fail")
			if score, _ := g.body["liveness"].(float64); score > 0.9 != (c.pays && c.outcome != "low") {
				t.Errorf("liveness %v", score)
			}
			equal(t, "pays", s.withLiveness(no, session).str("payment_id") != "", c.pays)
		})
	}
	s := newAIShop(t)
	s.set(obj{"liveness": obj{"from": 1}})
	session := s.aiPay(200, s.key(), s.aiBody(s.number(), 1, "")).str("challenge.session_id")
	s.clock.pass(5 * time.Minute)
	equal(t, "never opened", s.poll(session).str("state"), "EXPIRED")
}

func TestAIFacesAreFresh(t *testing.T) {
	s := newAIShop(t)
	face := func(payer, outcome string) []float64 {
		s.set(obj{"liveness": obj{"from": 50_000, "payer": payer, "outcome": outcome}})
		session := s.challenged(s.number())
		s.clock.pass(3 * time.Second)
		return vector(t, s.poll(session))
	}
	ann, again, bob := face("ann", "pass"), face("ann", "pass"), face("bob", "pass")
	if c := cosine(ann, again); c == 1 || c < 0.99 {
		t.Errorf("one face, cosine %v", c)
	}
	if c := cosine(ann, bob); math.Abs(c) > 0.4 {
		t.Errorf("two faces, cosine %v", c)
	}
	replayed := face("ann", "twice")
	for i := range again {
		if replayed[i] != again[i] {
			t.Fatal("twice is not the same vector")
		}
	}
}

func TestAILatency(t *testing.T) {
	s := newAIShop(t)
	s.set(obj{"latency": obj{"ai_projection": obj{"kind": "fixed", "ms": 120}}})
	began := time.Now()
	s.project("USD", "CNY", 1)
	if d := time.Since(began); d < 120*time.Millisecond {
		t.Errorf("answered after %s", d)
	}
	s.set(obj{"replay_after_ms": 40, "most_replays": 9, "latency": obj{"ai_payment": obj{"kind": "fixed", "ms": 130}}})
	no := s.number()
	s.aiPay(200, uuidKey, s.aiBody(no, 900, s.code(behavePay)))
	equal(t, "a latency makes the server replay", s.w.WeChat.Report().Totals.Charges, 4)
	s.control("POST", "/sim/rules", obj{"op": "ai_projection", "fault": "reset_after", "times": 1}, 200)
	if _, err := s.try("POST", "/v3/ai/currency-projections", obj{
		"base": "USD", "quote": "CNY", "amount": obj{"total": 1, "currency": "USD"},
	}); !isReset(err) {
		t.Errorf("error %v", err)
	}
}
