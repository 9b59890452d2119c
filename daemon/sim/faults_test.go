package sim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A probe drives one fault by its amount and tells what it saw.
type probe func(t *testing.T, s *shop, total int)

// codepayProbe sends one code payment and compares answer, truth at once, and charges.
func codepayProbe(status int, code string, charges int) probe {
	return func(t *testing.T, s *shop, total int) {
		no := s.number()
		g := s.must(status, "POST", codepayPath, s.codepayBody(no, total, s.code(behavePay)))
		if code != "" {
			equal(t, "code", g.str("code"), code)
		}
		equal(t, "charges", s.counts(no).Charges, charges)
		if charges == 1 {
			equal(t, "query", s.state(no), success)
		}
	}
}

// payerProbe follows a payer who needs time.
func payerProbe(after8s, after35s string, charges int) probe {
	return func(t *testing.T, s *shop, total int) {
		no := s.number()
		equal(t, "answer", s.must(202, "POST", codepayPath, s.codepayBody(no, total, s.code(behavePay))).str("trade_state"), userPaying)
		s.clock.pass(8 * time.Second)
		equal(t, "8 s", s.state(no), after8s)
		s.clock.pass(27 * time.Second)
		equal(t, "35 s", s.state(no), after35s)
		equal(t, "charges", s.counts(no).Charges, charges)
	}
}

// brokenProbe expects an error from a careful client, at a code payment and at a native order, and a good second
// native try.
func brokenProbe(charges int, is func(error) bool) probe {
	return func(t *testing.T, s *shop, total int) {
		s.http.Timeout = 150 * time.Millisecond
		no := s.number()
		_, err := s.try("POST", codepayPath, s.codepayBody(no, total, s.code(behavePay)))
		if !is(err) {
			t.Fatalf("error %v", err)
		}
		equal(t, "charges", s.counts(no).Charges, charges)
		equal(t, "requests", s.counts(no).Requests[opCodepay], 1)
		s.http.Timeout = 10 * time.Second
		want := success
		if charges == 0 {
			want = "ORDER_NOT_EXIST"
		}
		equal(t, "query", s.state(no), want)

		s.http.Timeout = 150 * time.Millisecond
		no = s.number()
		if _, err := s.try("POST", nativePath, s.nativeBody(no, total)); !is(err) {
			t.Fatalf("native: error %v", err)
		}
		s.http.Timeout = 10 * time.Second
		s.must(200, "POST", nativePath, s.nativeBody(no, total))
	}
}

// statusProbe expects a plain HTTP answer to the first try and a good second one.
func statusProbe(status int, charges int) probe {
	return func(t *testing.T, s *shop, total int) {
		no := s.number()
		g, err := s.try("POST", codepayPath, s.codepayBody(no, total, s.code(behavePay)))
		if err != nil || g.status != status {
			t.Fatalf("status %d, error %v", g.status, err)
		}
		if g.header.Get("Wechatpay-Signature") != "" {
			t.Error("an error answer is signed")
		}
		equal(t, "charges", s.counts(no).Charges, charges)
		no = s.number()
		s.must(status, "POST", nativePath, s.nativeBody(no, total))
		s.must(200, "POST", nativePath, s.nativeBody(no, total))
		equal(t, "faults", strings.Join(s.counts(no).Faults, " "), opNative+":"+faultByTail(total).Name)
	}
}

// refundProbe pays, refunds, and looks at the refund at two times.
func refundProbe(soon, late string) probe {
	return func(t *testing.T, s *shop, total int) {
		no := s.paid(total)
		s.refund(200, no, "R1", total, total)
		s.clock.pass(2 * time.Second)
		equal(t, "2 s", s.must(200, "GET", refundPath+"/R1", nil).str("status"), soon)
		s.clock.pass(2 * time.Minute)
		equal(t, "2 min", s.must(200, "GET", refundPath+"/R1", nil).str("status"), late)
		equal(t, "refunds", s.counts(no).Refunds == 1, late == refundSuccess)
	}
}

func faultByTail(total int) Fault {
	for _, f := range Faults() {
		if f.Tail == total%100 {
			return f
		}
	}
	return Fault{}
}

func isReset(err error) bool   { return errors.Is(err, syscall.ECONNRESET) }
func isTimeout(err error) bool { return errors.Is(err, context.DeadlineExceeded) || isNetTimeout(err) }

func isNetTimeout(err error) bool {
	var n interface{ Timeout() bool }
	return errors.As(err, &n) && n.Timeout()
}

func says(text string) func(error) bool {
	return func(err error) bool { return err != nil && strings.Contains(err.Error(), text) }
}

func TestEveryFaultByAmount(t *testing.T) {
	probes := map[string]probe{
		"userpaying":          payerProbe(success, success, 1),
		"password_late":       payerProbe(userPaying, success, 1),
		"password_wrong":      payerProbe(payError, payError, 0),
		"payer_cancels":       payerProbe(notPay, notPay, 0),
		"not_enough":          codepayProbe(403, "NOT_ENOUGH", 0),
		"auth_code_expired":   codepayProbe(403, "AUTH_CODE_EXPIRED", 0),
		"paid_though_400":     codepayProbe(400, "PARAM_ERROR", 1),
		"reset_before":        brokenProbe(0, isReset),
		"reset_after":         brokenProbe(1, isReset),
		"hang_before":         brokenProbe(0, isTimeout),
		"hang_after":          brokenProbe(1, isTimeout),
		"slow_drip":           brokenProbe(1, isTimeout),
		"bad_signature":       brokenProbe(1, says("verification error")),
		"wrong_serial":        brokenProbe(1, says("unknown serial")),
		"clock_skew":          brokenProbe(1, says("answer is 10m0s off")),
		"clock_refused":       statusProbe(401, 0),
		"rate_limited":        statusProbe(429, 0),
		"system_error_before": statusProbe(500, 0),
		"system_error_after":  statusProbe(500, 1),
		"bad_gateway":         statusProbe(502, 1),
		"garbage":             probeGarbage,
		"truncated":           probeTruncated,
		"order_paid_on_close": probePaidOnClose,
		"reverse_userpaying":  probeReverseUserpaying,
		"lagging_query":       probeLaggingQuery,
		"late_success":        probeLateSuccess,
		"refund_processing":   refundProbe(refundProcessing, refundSuccess),
		"refund_abnormal":     refundProbe(refundAbnormal, refundAbnormal),
		"refund_closed":       refundProbe(refundClosed, refundClosed),
		"refund_no_balance":   probeNoBalance,
	}
	for _, f := range Faults() {
		t.Run(f.Name, func(t *testing.T) {
			p := probes[f.Name]
			if p == nil {
				t.Fatal("no probe for this fault")
			}
			s := newShop(t)
			p(t, s, 1200+f.Tail)
			if r := s.w.WeChat.Report(); len(r.Violations) != 0 {
				t.Fatalf("violations: %v", r.Violations)
			}
		})
	}
	if len(probes) != len(Faults()) {
		t.Fatalf("%d probes, %d faults", len(probes), len(Faults()))
	}
}

func probeGarbage(t *testing.T, s *shop, total int) {
	no := s.number()
	g := s.must(200, "POST", codepayPath, s.codepayBody(no, total, s.code(behavePay)))
	if _, isText := g.body["trade_state"].(string); isText || g.body == nil {
		t.Fatalf("not the right kind of garbage: %s", g.raw)
	}
	equal(t, "truth", s.state(no), success)
}

func probeTruncated(t *testing.T, s *shop, total int) {
	no := s.number()
	g := s.must(200, "POST", codepayPath, s.codepayBody(no, total, s.code(behavePay)))
	if g.body != nil || len(g.raw) == 0 {
		t.Fatalf("not truncated: %s", g.raw)
	}
	equal(t, "truth", s.state(no), success)
}

func probePaidOnClose(t *testing.T, s *shop, total int) {
	no := s.number()
	s.must(200, "POST", nativePath, s.nativeBody(no, total))
	equal(t, "close", s.must(400, "POST", orderPath(no, "/close"), obj{"mchid": s.k.MchID}).str("code"), "ORDER_PAID")
	equal(t, "truth", s.state(no), success)
}

func probeReverseUserpaying(t *testing.T, s *shop, total int) {
	no := s.number()
	s.must(202, "POST", codepayPath, s.codepayBody(no, total, s.code(behavePay)))
	s.clock.pass(46 * time.Second)
	equal(t, "46 s", s.state(no), userPaying)
	for range 2 {
		equal(t, "reverse", s.reverse(400, no).str("code"), "USERPAYING")
	}
	s.reverse(200, no)
	s.clock.pass(3 * time.Minute)
	equal(t, "truth", s.state(no), revoked)

	left := s.number() // whoever does not reverse lets the payer be charged
	s.must(202, "POST", codepayPath, s.codepayBody(left, total, s.code(behavePay)))
	s.clock.pass(2 * time.Minute)
	equal(t, "left alone", s.counts(left).Charges, 1)
}

func probeLaggingQuery(t *testing.T, s *shop, total int) {
	no := s.number()
	s.must(500, "POST", codepayPath, s.codepayBody(no, total, s.code(behavePay)))
	equal(t, "charges", s.counts(no).Charges, 1)
	equal(t, "0 s", s.state(no), "ORDER_NOT_EXIST")
	s.clock.pass(10 * time.Second)
	equal(t, "10 s", s.state(no), notPay)
	s.clock.pass(10 * time.Second)
	equal(t, "20 s", s.state(no), success)

	no = s.number()
	url := s.must(200, "POST", nativePath, s.nativeBody(no, total)).str("code_url")
	s.control("POST", "/sim/phone/scan", obj{"code_url": url, "action": "pay"}, 200)
	equal(t, "native", s.state(no), notPay)
	s.clock.pass(15 * time.Second)
	equal(t, "native 15 s", s.state(no), success)
}

func probeLateSuccess(t *testing.T, s *shop, total int) {
	no := s.number()
	s.must(500, "POST", codepayPath, s.codepayBody(no, total, s.code(behavePay)))
	s.clock.pass(50 * time.Second)
	equal(t, "50 s", s.state(no), notPay)
	s.reverse(200, no)
	s.clock.pass(10 * time.Second)
	equal(t, "reversed", s.counts(no).Charges, 0)

	no = s.number()
	s.must(500, "POST", codepayPath, s.codepayBody(no, total, s.code(behavePay)))
	s.clock.pass(55 * time.Second)
	equal(t, "left alone", s.state(no), success)

	no = s.number()
	s.must(200, "POST", nativePath, s.nativeBody(no, total))
	s.must(204, "POST", orderPath(no, "/close"), obj{"mchid": s.k.MchID})
	equal(t, "closed", s.state(no), closed)
	s.clock.pass(5 * time.Second)
	equal(t, "after all", s.state(no), success)
	s.refund(200, no, "L1", total, total)
	s.clock.pass(5 * time.Second)
	equal(t, "net", s.counts(no).Net, 0)
}

func probeNoBalance(t *testing.T, s *shop, total int) {
	no := s.paid(total)
	equal(t, "first", s.refund(403, no, "R1", total, total).str("code"), "NOT_ENOUGH")
	s.refund(200, no, "R1", total, total)
}

func TestRules(t *testing.T) {
	s := newShop(t)
	no := s.paid(1000)
	r := s.control("POST", "/sim/rules", obj{"op": "query", "fault": "lagging_query", "times": 1, "out_trade_no": no}, 200)
	equal(t, "id", r.str("id"), "1")
	equal(t, "lags", s.state(no), notPay)
	equal(t, "used up", s.state(no), success)
	s.control("POST", "/sim/rules", obj{"fault": "none", "tail": 7}, 200)
	s.must(200, "POST", codepayPath, s.codepayBody(s.number(), 1207, s.code(behavePay)))
	s.control("POST", "/sim/rules", obj{"op": "query", "delay_ms": 120}, 200)
	began := time.Now()
	equal(t, "slow", s.state(no), success)
	if d := time.Since(began); d < 120*time.Millisecond {
		t.Fatalf("answered after %s", d)
	}
	equal(t, "list", len(s.w.WeChat.Rules()), 3)
	s.control("DELETE", "/sim/rules", nil, 200)
	equal(t, "cleared", len(s.w.WeChat.Rules()), 0)
	s.must(400, "POST", codepayPath, s.codepayBody(s.number(), 1207, s.code(behavePay)))
	for _, bad := range []obj{{"op": "dance"}, {"fault": "flood"}, {"op": "query", "fault": "not_enough"}, {"color": 1}} {
		s.control("POST", "/sim/rules", bad, 400)
	}
}

func TestLinkResetsEverything(t *testing.T) {
	s := newShop(t)
	no := s.paid(1000)
	s.control("POST", "/sim/rules", obj{"op": "query", "fault": "hang_after", "times": 1}, 200)
	waiting := make(chan error)
	go func() {
		_, err := s.try("GET", s.queryPath(no), nil)
		waiting <- err
	}()
	for s.w.WeChat.Rules()[0].Used == 0 {
		time.Sleep(time.Millisecond)
	}
	equal(t, "down", s.control("POST", "/sim/link", obj{"up": false}, 200).str("up"), "false")
	if err := <-waiting; !isReset(err) && !errors.Is(err, io.EOF) {
		t.Fatalf("the waiting one: %v", err)
	}
	code := s.code(behavePay) // a phone has its own network
	if _, err := s.try("POST", codepayPath, s.codepayBody(s.number(), 900, code)); !isReset(err) {
		t.Fatalf("a new one: %v", err)
	}
	equal(t, "charges", s.w.WeChat.Report().Totals.Charges, 1)
	if cut := s.w.WeChat.Report().Cut; cut < 1 {
		t.Fatalf("cut %d", cut)
	}
	s.control("POST", "/sim/link", obj{"up": true}, 200)
	equal(t, "up again", s.state(no), success)
	equal(t, "get", s.control("GET", "/sim/link", nil, 200).status, http.StatusOK)
}
