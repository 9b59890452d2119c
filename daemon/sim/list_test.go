package sim

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// seen is what one payment through the AI API looked like from the shop.
type seen struct {
	no   string
	g    got
	err  error
	took time.Duration
}

func (s *shop) once(key string) seen { return s.sent(key, s.number(), s.code(behavePay)) }

// sent pays twelve yuan; the shop's clock is the provider's.
func (s *shop) sent(key, no, code string) seen {
	s.t.Helper()
	start := time.Now()
	g, err := s.aiTry(key, s.aiBody(no, 1200, code))
	return seen{no, g, err, time.Since(start)}
}

func (s *shop) nested(class string) bool {
	s.t.Helper()
	return s.once(s.key()).g.str("error.explanation") != "" && s.aiCounts().ByClass[class] == 1
}

func (s *shop) projected(is func(low, mid, high, confidence, until string) bool) bool {
	s.t.Helper()
	g := s.project("USD", "CNY", 500)
	return is(g.str("low"), g.str("mid"), g.str("high"), g.str("confidence"), g.str("valid_until"))
}

// checked is how a liveness check ended that was opened, and how long it took.
func (s *shop) checked() (g got, took time.Duration) {
	s.t.Helper()
	no := s.number()
	s.set(obj{"liveness": obj{"from": 50_000}})
	session := s.challenged(no)
	for took = 0; took < 4*time.Minute; took += time.Second {
		if g = s.poll(session); g.str("state") != livePending {
			return g, took
		}
		s.clock.pass(time.Second)
	}
	return g, took
}

// listed is one thing that the simulator must be able to do.
type listed struct {
	name   string
	ai     obj // settings that plant it
	rule   obj // or a rule that does
	happen func(s *shop) bool
}

func charged(s *shop, no string) bool { return s.counts(no).Charges == 1 }

func listedLatencies() []listed {
	const late = 60 * time.Millisecond
	slow := func(s *shop) bool { return s.once(s.key()).took >= late }
	return []listed{
		{"latency of payments, fixed", obj{"latency": obj{"ai_payment": obj{"kind": "fixed", "ms": 60}}}, nil, func(s *shop) bool {
			d := s.w.WeChat.ai.draws[opAIPayment]
			return d != nil && d.Kind == "fixed" && slow(s)
		}},
		{"latency of payments, distributed", obj{"latency": obj{"ai_payment": obj{"kind": "lognormal", "ms": 5, "sigma": 1}}}, nil, func(s *shop) bool {
			d := s.w.WeChat.ai.draws[opAIPayment]
			if d == nil {
				return false
			}
			a, _ := d.next()
			b, _ := d.next()
			return a != b && s.once(s.key()).err == nil
		}},
		{"latency of projections", obj{"latency": obj{"ai_projection": obj{"kind": "fixed", "ms": 60}}}, nil, func(s *shop) bool {
			start := time.Now()
			s.project("USD", "CNY", 500)
			return s.w.WeChat.ai.draws[opAIProjection] != nil && time.Since(start) >= late
		}},
		{"hang", nil, obj{"op": "ai_payment", "fault": "hang_after"}, func(s *shop) bool {
			s.http.Timeout = 200 * time.Millisecond
			r := s.once(s.key())
			s.http.Timeout = 10 * time.Second
			return r.err != nil && len(s.counts(r.no).Faults) == 1 && charged(s, r.no)
		}},
		{"hang now and then", obj{"latency": obj{"ai_liveness_poll": obj{"kind": "mix", "ms": 0.01, "sigma": 0.1, "seed": 1}}}, nil, func(s *shop) bool {
			d, hung := s.w.WeChat.ai.draws[opAILivenessPoll], 0
			for range 2000 {
				if d != nil {
					if _, hang := d.next(); hang {
						hung++
					}
				}
			}
			return hung > 5 && hung < 60
		}},
		{"a byte at a time", nil, obj{"op": "ai_payment", "fault": "slow_drip", "drip_ms": 1}, func(s *shop) bool {
			r := s.once(s.key())
			return r.err == nil && len(s.counts(r.no).Faults) == 1 && r.took >= time.Duration(len(r.g.raw)-1)*time.Millisecond
		}},
	}
}

func listedReplays() []listed {
	slow := obj{"replay_after_ms": 40, "latency": obj{"ai_payment": obj{"kind": "fixed", "ms": 100}}}
	return []listed{
		{"replay of a slow answer resets the token", slow, nil, func(s *shop) bool {
			r := s.once(s.key())
			return r.g.str("replays") == "2" && s.aiCounts().ServerReplays == 2 && charged(s, r.no)
		}},
		{"double charge for keys that do not verify", slow, nil, func(s *shop) bool {
			s.once(uuidKey)
			return s.netOf(defaultPayer).Charges == 3 && s.aiCounts().ShadowCharges == 2
		}},
		{"an older token confirms nothing", slow, nil, func(s *shop) bool {
			no, key, code := s.number(), s.key(), s.code(behavePay)
			first := s.sent(key, no, code).g.str("intent_token")
			s.sent(key, no, code)
			b := s.aiBody(no, 1200, code)
			b["intent_token"] = first
			return strings.Contains(s.aiPay(200, s.key(), b).str("error.explanation"), "intent token") && s.aiCounts().ServerReplays > 0
		}},
	}
}

func listedErrors() []listed {
	class := func(name string) listed {
		return listed{"error of class " + name, obj{"errors": []obj{{"class": name, "times": 1}}}, nil, func(s *shop) bool { return s.nested(name) }}
	}
	return []listed{
		class("user"), class("policy"), class("hallucination"), class("unknown"),
		{"varied wording", obj{"errors": []obj{{"class": "user"}}}, nil, func(s *shop) bool {
			words := map[string]bool{}
			for range 40 {
				words[s.once(s.key()).g.str("error.explanation")] = true
			}
			return len(words) >= 6
		}},
		{"contradiction", obj{"errors": []obj{{"class": "hallucination"}}, "language": "en"}, nil, func(s *shop) bool {
			for range 40 { // 1200 fen was asked for, and no rule, refund or passenger
				if e := s.once(s.key()).g.str("error.explanation"); strings.Contains(e, "127.77") || strings.Contains(e, "EUR") || strings.Contains(e, "R-4") {
					return true
				}
			}
			return false
		}},
		{"error although executed", obj{"errors": []obj{{"class": "unknown", "executed": true}}}, nil, func(s *shop) bool {
			r := s.once(s.key())
			return r.g.str("error.explanation") != "" && charged(s, r.no)
		}},
		{"misconfigured classifier, p = 0.05", obj{"errors": []obj{{"class": "intent", "label": "coffee", "probability": 0.05}}}, nil, func(s *shop) bool {
			const n = 2000
			for range n {
				s.ask(s.aiBody(s.number(), 1200, ""))
			}
			rejected := s.aiCounts().ByLabel["coffee"]
			return rejected > n*3/100 && rejected < n*7/100
		}},
		{"aggressive without context", obj{"aggressive_rejects": 1}, nil, func(s *shop) bool {
			b := s.aiBody(s.number(), 1200, s.code(behavePay))
			delete(b, "context")
			return s.aiPay(200, s.key(), b).str("error.explanation") != "" && s.aiCounts().Incomplete == 1
		}},
		{"context that does not arrive", obj{"ignore_context": true, "aggressive_rejects": 1}, nil, func(s *shop) bool { return s.nested("policy") }},
	}
}

func listedAnswers() []listed {
	fault := func(name string, happen func(s *shop, r seen) bool) listed {
		return listed{name, nil, obj{"op": "ai_payment", "fault": name}, func(s *shop) bool { return happen(s, s.once(s.key())) }}
	}
	return []listed{
		fault("garbage", func(s *shop, r seen) bool {
			return r.err == nil && r.g.status == 200 && r.g.str("payment_id") == "" && charged(s, r.no)
		}),
		fault("truncated", func(s *shop, r seen) bool {
			return r.err == nil && r.g.status == 200 && !json.Valid(r.g.raw) && charged(s, r.no)
		}),
		fault("reset_before", func(s *shop, r seen) bool { return isReset(r.err) && s.counts(r.no).Charges == 0 }),
		fault("reset_after", func(s *shop, r seen) bool { return isReset(r.err) && charged(s, r.no) }),
		fault("paid_though_400", func(s *shop, r seen) bool { return r.g.status == http.StatusBadRequest && charged(s, r.no) }),
		fault("bad_signature", func(s *shop, r seen) bool {
			return r.g.status == 200 && r.err != nil && r.g.str("state") == success && charged(s, r.no)
		}),
		{"202 USERPAYING", nil, obj{"op": "ai_payment", "fault": "userpaying", "takes_ms": 2500}, func(s *shop) bool {
			r := s.once(s.key())
			asks := r.g.status == 202 && r.g.str("state") == userPaying
			s.clock.pass(2400 * time.Millisecond)
			still := s.state(r.no) == userPaying
			s.clock.pass(100 * time.Millisecond)
			return asks && still && s.state(r.no) == success
		}},
		{"clock skew", nil, obj{"op": "ai_payment", "fault": "clock_skew", "skew_s": -400}, func(s *shop) bool {
			r := s.once(s.key())
			return r.err != nil && strings.Contains(r.err.Error(), "6m40s off") && charged(s, r.no)
		}},
	}
}

func listedMoney() []listed {
	wrong := func(name string, is func(low, mid, high, confidence, until string) bool) listed {
		return listed{"projection " + name, obj{"fx": obj{"wrong": name}}, nil, func(s *shop) bool { return s.projected(is) }}
	}
	check := func(name, outcome string, is func(s *shop, g got, took time.Duration) bool) listed {
		return listed{"liveness " + name, obj{"liveness": obj{"outcome": outcome}}, nil, func(s *shop) bool {
			g, took := s.checked()
			return is(s, g, took)
		}}
	}
	return []listed{
		wrong("inverted", func(low, mid, high, _, _ string) bool { return low > mid && mid > high }),
		wrong("expired", func(_, _, _, _, until string) bool { return until < "2026-11-25T18:00:00" }),
		wrong("malformed", func(low, _, _, _, _ string) bool { _, ok := decimal(low); return !ok }),
		wrong("non_positive", func(_, mid, _, _, _ string) bool { return mid == "0" }),
		wrong("confidence", func(_, _, _, confidence, _ string) bool { return confidence == "1.7" }),
		{"projection moves", obj{"fx": obj{"mids": obj{"USD/CNY": "9.9"}, "volatility": 0.3}}, nil, func(s *shop) bool {
			g := s.project("USD", "CNY", 500)
			return g.str("mid") == "9.900000" && g.str("volatility") == "0.3"
		}},
		check("late", "late", func(_ *shop, g got, took time.Duration) bool {
			return g.str("state") == liveDone && took == 30*time.Second
		}),
		check("low", "low", func(_ *shop, g got, _ time.Duration) bool { return g.str("liveness") == "0.41" }),
		check("wrong nonce", "wrong_nonce", func(_ *shop, g got, _ time.Duration) bool { return g.str("nonce") != "N-1" }),
		check("fail", "fail", func(_ *shop, g got, _ time.Duration) bool { return g.str("state") == liveFailed }),
		check("expired", "expired", func(_ *shop, g got, _ time.Duration) bool { return g.str("state") == liveExpired }),
		check("twice", "twice", func(s *shop, g got, _ time.Duration) bool {
			again, _ := s.checked()
			return cosine(vector(s.t, g), vector(s.t, again)) > 1-1e-12
		}),
		check("by the phone", "phone", func(_ *shop, g got, took time.Duration) bool {
			return g.str("state") == livePending && took == 4*time.Minute
		}),
		{"reconciliation disagrees", obj{"reconciliation": obj{"verdict": "mismatch"}}, nil, func(s *shop) bool {
			return s.must(200, "GET", s.queryPath(s.once(s.key()).no), nil).str("reconciliation.verdict") == "mismatch"
		}},
	}
}

// Everything of the contract's list is planted over HTTP and seen over HTTP, and is not there when it is not planted.
// Notifications have tests of their own.
func TestEverythingListedHappensOnlyWhenPlanted(t *testing.T) {
	for _, list := range [][]listed{listedLatencies(), listedReplays(), listedErrors(), listedAnswers(), listedMoney()} {
		for _, l := range list {
			t.Run(l.name, func(t *testing.T) {
				for _, planted := range []bool{false, true} {
					s := newAIShop(t)
					if planted && l.ai != nil {
						s.set(l.ai)
					}
					if planted && l.rule != nil {
						s.control("POST", "/sim/rules", l.rule, 200)
					}
					if have := l.happen(s); have != planted {
						t.Fatalf("planted %v, happened %v", planted, have)
					}
				}
			})
		}
	}
}
