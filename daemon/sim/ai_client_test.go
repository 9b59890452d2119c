package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"
)

const aiSecret = "the merchant's secret"

// newAIShop is a shop whose keys verify.
func newAIShop(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	s.w.WeChat.AISecret = []byte(aiSecret)
	return s
}

// sessionOf is the test's own reading of the canonical encoding.
func sessionOf(vectors ...[]float64) string {
	sum := make([]float64, len(vectors[0]))
	norm := 0.0
	for i := range sum {
		for _, v := range vectors {
			sum[i] += v[i]
		}
		norm += sum[i] * sum[i]
	}
	h := sha256.New()
	for _, x := range sum {
		x = math.Round(x/math.Sqrt(norm)*1e6) / 1e6
		if x == 0 {
			x = 0
		}
		_ = binary.Write(h, binary.LittleEndian, x)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func aiKey(session string, at int64) string {
	m := hmac.New(sha256.New, []byte(aiSecret))
	fmt.Fprintf(m, "%s.%d", session, at)
	return fmt.Sprintf("v1.%s.%d.%s", session, at, base64.RawURLEncoding.EncodeToString(m.Sum(nil)))
}

var aiVectors = [][]float64{{0.25, -0.5, 0, 1e-9}, {0.1, 0.2, -0.3, -0.4}}

func (s *shop) aiContext(label string) obj {
	at := s.clock.now().Format(time.RFC3339)
	var list []obj
	for i, kind := range []string{"keypad", "scan"} {
		list = append(list, obj{"kind": kind, "at": at, "embedding": obj{"model": "hash/1", "dim": 4, "values": aiVectors[i]}})
	}
	return obj{
		"session":      obj{"id": "S-1", "embedding_hash": sessionOf(aiVectors...), "started_at": at},
		"interactions": list,
		"device":       obj{"fingerprint_hash": sessionOf([]float64{1})},
		"intent":       obj{"classifier": "rules/1", "label": label, "confidence": 0.9},
	}
}

// aiBody is a complete request; code "" is the native scene.
func (s *shop) aiBody(no string, total int, code string) obj {
	b := obj{
		"appid": s.k.AppID, "mchid": s.k.MchID, "out_trade_no": no, "description": "Coffee", "scene": "native",
		"amount": obj{"total": total, "currency": "CNY"}, "context": s.aiContext("coffee"),
		"model_chain": obj{
			"pre_authorization":           obj{"model": "fast-1", "timeout_ms": 600},
			"post_payment_reconciliation": obj{"model": "slow-1"},
		},
	}
	if code != "" {
		b["scene"], b["payer"] = "codepay", obj{"auth_code": code}
	}
	return b
}

func (s *shop) aiTry(key string, body obj) (got, error) {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.request("POST", "/v3/ai/payments", string(b))
	r.Header.Set("Idempotency-Key", key)
	r.GetBody = nil // or net/http sends it again by itself, with the nonce that is spent, because of that header
	g, err := s.send(r)
	if err == nil && g.status/100 == 2 {
		err = s.check(g)
	}
	return g, err
}

func (s *shop) aiPay(status int, key string, body obj) got {
	s.t.Helper()
	g, err := s.aiTry(key, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if g.status != status {
		s.t.Fatalf("status %d, want %d: %s", g.status, status, g.raw)
	}
	return g
}

// key is a fresh one that verifies.
func (s *shop) key() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return aiKey(sessionOf(aiVectors...), int64(s.n))
}

func (s *shop) set(change obj) got {
	s.t.Helper()
	return s.control("POST", "/sim/ai", change, 200)
}

func (s *shop) aiCounts() AICounts { return s.w.WeChat.AIReport().Counts }

// ask asks behind the door: shares take many requests, and signatures most of their time.
func (s *shop) ask(body obj) got {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	w := &s.w.WeChat
	w.lock()
	defer w.mu.Unlock()
	c := &call{op: opAIPayment, no: body["out_trade_no"].(string), aiCall: aiCall{key: uuidKey}, body: b, now: s.clock.now()}
	a := w.encode(c, w.execute(c))
	g := got{status: a.status, raw: a.body}
	if err := json.Unmarshal(a.body, &g.body); err != nil || a.status != 200 {
		s.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return g
}
