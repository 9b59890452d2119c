package sim

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"
)

const uuidKey = "5f0c6a1e-0b52-4a44-9d57-3e4f7d1f2a10"

// netOf is what everybody at the phone paid, shadows included.
func (s *shop) netOf(payer string) Money { return s.w.WeChat.Report().Payers[payer] }

func TestAIPaymentByCodeOnceUnderItsKey(t *testing.T) {
	s := newAIShop(t)
	no, key := s.number(), s.key()
	body := s.aiBody(no, 1200, s.code(behavePay))
	first := s.aiPay(200, key, body)
	equal(t, "state", first.str("state"), success)
	equal(t, "replays", first.str("replays"), "0")
	equal(t, "threshold", first.str("risk.threshold"), "0.85")
	again := s.aiPay(200, key, body)
	equal(t, "payment", again.str("payment_id"), first.str("payment_id"))
	equal(t, "replays", again.str("replays"), "1")
	if first.str("intent_token") == again.str("intent_token") || again.str("intent_token") == "" {
		t.Fatal("the token was not reset")
	}
	body["description"] = "Tea"
	equal(t, "changed", s.aiPay(422, key, body).str("code"), "IDEMPOTENCY_KEY_REUSED")
	equal(t, "other key", s.aiPay(403, s.key(), body).str("code"), "OUT_TRADE_NO_USED")
	body["description"] = "Coffee"
	equal(t, "other key, same payment", s.aiPay(400, s.key(), body).str("code"), "ORDER_PAID")

	q := s.must(200, "GET", s.queryPath(no), nil)
	equal(t, "query", q.str("trade_state"), success)
	equal(t, "type", q.str("trade_type"), "MICROPAY")
	c := s.counts(no)
	equal(t, "charges", c.Charges, 1)
	equal(t, "bodies", len(c.Bodies[opAIPayment]), 2)
	equal(t, "violations", len(c.Violations), 2)
	equal(t, "net", s.netOf(defaultPayer).Net, 1200)
	s.clock.pass(time.Minute)
	s.must(200, "POST", orderPath(no, "/reverse"), s.end())
	equal(t, "reversed", s.aiPay(200, key, body).str("state"), revoked)
	equal(t, "after all", s.netOf(defaultPayer).Net, 0)
}

func TestAIPaymentByPhone(t *testing.T) {
	s := newAIShop(t)
	no, key := s.number(), s.key()
	g := s.aiPay(200, key, s.aiBody(no, 1200, ""))
	equal(t, "state", g.str("state"), notPay)
	equal(t, "same code", s.aiPay(200, key, s.aiBody(no, 1200, "")).str("code_url"), g.str("code_url"))
	equal(t, "no reconciliation yet", s.must(200, "GET", s.queryPath(no), nil).str("reconciliation.verdict"), "")
	s.control("POST", "/sim/phone/scan", obj{"code_url": g.str("code_url"), "action": "pay", "payer": "ann"}, 200)
	paid := s.aiPay(200, key, s.aiBody(no, 1200, ""))
	equal(t, "state", paid.str("state"), success)
	equal(t, "no code", paid.str("code_url"), "")
	equal(t, "net", s.netOf("ann").Net, 1200)
	equal(t, "replays", s.aiCounts().Replays, 2)
	equal(t, "payments", s.aiCounts().Payments, 1)
}

func TestAIPayersBehave(t *testing.T) {
	s := newAIShop(t)
	no, key := s.number(), s.key()
	body := s.aiBody(no, 1200, s.code(behavePassword))
	equal(t, "asks", s.aiPay(202, key, body).str("state"), userPaying)
	s.clock.pass(8 * time.Second)
	equal(t, "paid", s.aiPay(200, key, body).str("state"), success)
	poor := s.aiBody(s.number(), 1200, s.code(behaveNotEnough))
	key = s.key()
	equal(t, "poor", s.aiPay(403, key, poor).str("code"), "NOT_ENOUGH")
	equal(t, "the same payment", s.aiPay(200, key, poor).str("state"), payError)
	equal(t, "another key", s.aiPay(400, s.key(), poor).str("code"), "ORDER_CLOSED")
	equal(t, "no code", s.aiPay(403, s.key(), s.aiBody(s.number(), 1200, "131111111111111111")).str("code"), "AUTH_CODE_INVALID")
	equal(t, "charges", s.w.WeChat.Report().Totals.Charges, 1)
	for name, change := range map[string]func(obj){
		"scene":    func(b obj) { b["scene"] = "face" },
		"no code":  func(b obj) { b["scene"] = "codepay" },
		"currency": func(b obj) { b["amount"] = obj{"total": 1, "currency": "USD"} },
		"mchid":    func(b obj) { b["mchid"] = "1" },
	} {
		b := s.aiBody(s.number(), 1200, "")
		change(b)
		equal(t, name, s.aiPay(400, s.key(), b).str("code"), "PARAM_ERROR")
	}
}

// The control of the double charge: a slow server replays by itself. A key that is only a UUID then buys three coffees.
func TestAISlowServerChargesOpaqueKeysAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		verify  bool
		delay   int
		charges int
	}{
		{"uuid, quick", false, 0, 1},
		{"uuid, slow", false, 250, 3},
		{"uuid, in between", false, 150, 2},
		{"signed, slow", true, 250, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newAIShop(t)
			s.set(obj{"replay_after_ms": 100})
			s.control("POST", "/sim/rules", obj{"op": "ai_payment", "delay_ms": c.delay}, 200)
			no, key, code := s.number(), uuidKey, s.code(behavePay)
			if c.verify {
				key = s.key()
			}
			g := s.aiPay(200, key, s.aiBody(no, 900, code))
			r := s.w.WeChat.Report()
			equal(t, "charges", r.Totals.Charges, c.charges)
			equal(t, "payer", s.netOf(defaultPayer).Net, int64(900*c.charges))
			equal(t, "code", r.Codes[code], c.charges)
			equal(t, "order", s.counts(no).Charges, 1)
			equal(t, "shadow charges", r.AI.ShadowCharges, c.charges-1)
			if c.delay > 200 {
				equal(t, "server's replays", r.AI.ServerReplays, 2)
				equal(t, "told", g.str("replays"), "2")
			}
			shadows := 0
			for _, o := range r.Orders {
				if o.ShadowOf == no {
					shadows++
					equal(t, "shadow", o.Charges, 1)
				}
			}
			equal(t, "shadows", shadows, c.charges-1)
		})
	}
}

func TestAIOpaqueKeysProtectNothing(t *testing.T) {
	s := newAIShop(t)
	for name, key := range map[string]string{
		"uuid": uuidKey, "none": "", "other secret": aiKey(sessionOf(aiVectors...), 1)[:90] + "AAAA",
	} {
		no := s.number()
		body := s.aiBody(no, 900, s.code(behavePay))
		before := s.netOf(defaultPayer).Charges
		s.aiPay(200, key, body)
		s.clock.pass(time.Minute)
		s.aiPay(200, key, body)
		equal(t, name, s.netOf(defaultPayer).Charges-before, 2)
	}
	equal(t, "opaque", s.aiCounts().Opaque, 6)
	equal(t, "verified", s.aiCounts().Verified, 0)

	no := s.number() // a payer who needs time, and a phone, are charged as often, but when they pay
	body := s.aiBody(no, 900, s.code(behavePassword))
	s.aiPay(202, uuidKey, body)
	s.aiPay(202, uuidKey, body)
	before := s.netOf(defaultPayer).Charges
	s.clock.pass(50 * time.Second)
	equal(t, "password", s.netOf(defaultPayer).Charges-before, 2)
	no = s.number()
	s.aiPay(200, uuidKey, s.aiBody(no, 900, ""))
	g := s.aiPay(200, uuidKey, s.aiBody(no, 900, ""))
	equal(t, "screen", len(s.w.WeChat.Screen()), 1)
	s.control("POST", "/sim/phone/scan", obj{"code_url": g.str("code_url"), "action": "pay", "payer": "bob"}, 200)
	equal(t, "phone", s.netOf("bob").Charges, 2)
}

func TestAIFaultsOfTransport(t *testing.T) {
	for _, c := range []struct {
		fault   string
		charges int
		seen    func(got, error) bool
	}{
		{"reset_before", 0, func(_ got, err error) bool { return isReset(err) }},
		{"reset_after", 1, func(_ got, err error) bool { return isReset(err) }},
		{"hang_before", 0, func(_ got, err error) bool { return isTimeout(err) }},
		{"hang_after", 1, func(_ got, err error) bool { return isTimeout(err) }},
		{"slow_drip", 1, func(_ got, err error) bool { return isTimeout(err) }},
		{"bad_signature", 1, func(_ got, err error) bool { return says("verification error")(err) }},
		{"clock_skew", 1, func(_ got, err error) bool { return says("answer is 10m0s off")(err) }},
		{"garbage", 1, func(g got, _ error) bool { return g.status == 200 && g.str("payment_id") == "" }},
		{"truncated", 1, func(g got, _ error) bool { return g.status == 200 && g.body == nil }},
		{"bad_gateway", 1, func(g got, _ error) bool { return g.status == 502 }},
		{"system_error_before", 0, func(g got, _ error) bool { return g.status == 500 }},
		{"paid_though_400", 1, func(g got, _ error) bool { return g.str("code") == "PARAM_ERROR" }},
		{"lagging_query", 1, func(g got, _ error) bool { return g.status == 500 }},
		{"late_success", 0, func(g got, _ error) bool { return g.status == 500 }},
		{"userpaying", 0, func(g got, _ error) bool { return g.status == 202 }},
	} {
		for _, way := range []string{"rule", "amount"} {
			t.Run(c.fault+" by "+way, func(t *testing.T) {
				s := newAIShop(t)
				s.http.Timeout = 150 * time.Millisecond
				total := 1200
				if way == "amount" {
					total += faultNamed(c.fault).Tail
				} else {
					s.control("POST", "/sim/rules", obj{"op": "ai_payment", "fault": c.fault, "times": 1}, 200)
				}
				no, key := s.number(), s.key()
				body := s.aiBody(no, total, s.code(behavePay))
				if g, err := s.aiTry(key, body); !c.seen(g, err) {
					t.Fatalf("status %d, %s, error %v", g.status, g.raw, err)
				}
				equal(t, "charges", s.counts(no).Charges, c.charges)
				equal(t, "fault", strings.Join(s.counts(no).Faults, " "), "ai_payment:"+c.fault)
				s.http.Timeout = 10 * time.Second
				g, err := s.aiTry(key, body)
				if err != nil || g.status/100 != 2 || g.str("payment_id") == "" {
					t.Fatalf("the same again: %d, %s, error %v", g.status, g.raw, err)
				}
				s.clock.pass(2 * time.Minute)
				equal(t, "in the end", s.w.WeChat.Report().Totals.Charges, 1)
			})
		}
	}
	s := newAIShop(t)
	s.control("POST", "/sim/rules", obj{"op": "ai_projection", "fault": "not_enough"}, 400)
	s.control("POST", "/sim/rules", obj{"op": "ai_payment", "fault": "refund_closed"}, 400)
}

func TestAIReconciliation(t *testing.T) {
	s := newAIShop(t)
	no := s.number()
	s.aiPay(200, s.key(), s.aiBody(no, 1200, s.code(behavePay)))
	equal(t, "model", s.must(200, "GET", s.queryPath(no), nil).str("reconciliation.model"), "slow-1")
	verdict := func() string { return s.must(200, "GET", s.queryPath(no), nil).str("reconciliation.verdict") }
	equal(t, "verdict", verdict(), "consistent")
	s.set(obj{"reconciliation": obj{"verdict": "mismatch", "pending_ms": 5000, "model": "m-2", "explanation": "Twelve is not eleven."}})
	equal(t, "at first", verdict(), "pending")
	s.clock.pass(5 * time.Second)
	equal(t, "then", verdict(), "mismatch")
	g := s.must(200, "GET", s.queryPath(no), nil)
	equal(t, "words", g.str("reconciliation.explanation"), "Twelve is not eleven.")
	equal(t, "model set", g.str("reconciliation.model"), "m-2")
	plain := s.paid(1000)
	equal(t, "not of the AI API", s.must(200, "GET", s.queryPath(plain), nil).str("reconciliation.verdict"), "")
}

func TestAIIntentToken(t *testing.T) {
	s := newAIShop(t)
	no, key := s.number(), s.key()
	body := s.aiBody(no, 1200, "")
	old := s.aiPay(200, key, body).str("intent_token")
	fresh := s.aiPay(200, key, body).str("intent_token")
	body["intent_token"] = old
	if g := s.aiPay(200, s.key(), body); !strings.Contains(g.str("error.explanation"), "no longer valid") {
		t.Fatalf("an old token: %s", g.raw)
	}
	body["intent_token"] = fresh
	equal(t, "fresh", s.aiPay(200, s.key(), body).str("state"), notPay)
	equal(t, "payments", s.aiCounts().Payments, 1)
}

func TestAIOneKeyFromManySidesChargesOnce(t *testing.T) {
	s := newAIShop(t)
	s.http.Timeout = 0
	s.control("POST", "/sim/rules", obj{"op": "ai_payment", "fault": "reset_after", "times": 8}, 200)
	no, key := s.number(), s.key()
	body := s.aiBody(no, 900, s.code(behavePay))
	tokens := make(chan string, 32)
	var wg sync.WaitGroup
	for range cap(tokens) {
		wg.Go(func() {
			g, err := s.aiTry(key, body)
			if err == nil {
				tokens <- g.str("intent_token")
			} else if !isReset(err) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(tokens)
	seen := map[string]bool{}
	for token := range tokens {
		if token == "" || seen[token] {
			t.Errorf("token %q", token)
		}
		seen[token] = true
	}
	equal(t, "answers", len(seen), 24)
	equal(t, "charges", s.w.WeChat.Report().Totals.Charges, 1)
	equal(t, "replays", s.aiCounts().Replays, 31)
}

func FuzzAIRequests(f *testing.F) {
	k := &Credentials{MchID: "1900000109", AppID: "wxd678efh567hg6787"} // nothing is signed behind the door
	s := &shop{k: k, clock: &clock{}}
	good, err := json.Marshal(s.aiBody("F-000001", 900, ""))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, aiKey(sessionOf(aiVectors...), 1), 0)
	f.Add([]byte(`{"base":"USD","quote":"CNY","amount":{"total":1,"currency":"USD"}}`), uuidKey, 1)
	f.Add([]byte(`{"out_trade_no":"F-000001","session_id":"LV0000001","nonce":"n"}`), "v1..1.", 2)
	f.Add([]byte(`{"context":{"interactions":[{}]},"fx":{},"liveness":{}}`), "", 3)
	f.Fuzz(func(t *testing.T, body []byte, key string, op int) {
		w := &WeChat{Credentials: k, AISecret: []byte(aiSecret)}
		w.lock()
		defer w.mu.Unlock()
		for range 2 {
			c := &call{op: aiOps[uint(op)%uint(len(aiOps))], aiCall: aiCall{key: key, session: key}, body: body, now: time.Unix(1_800_000_000, 0)}
			a := w.encode(c, w.execute(c))
			if !json.Valid(a.body) || a.status/100 != 2 && a.status/100 != 4 {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		if n := len(w.tally.payers); n != 0 {
			t.Fatalf("%d payers charged, and nobody held up a phone", n)
		}
	})
}
