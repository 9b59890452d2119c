package sim

import (
	"strings"
	"testing"
	"time"
)

func (s *shop) reverse(status int, no string) got {
	s.t.Helper()
	return s.must(status, "POST", orderPath(no, "/reverse"), s.end())
}

func TestCodepayChargesOnceAndSpendsTheCode(t *testing.T) {
	s := newShop(t)
	no, code := s.number(), s.code(behavePay)
	g := s.must(200, "POST", codepayPath, s.codepayBody(no, 900, code))
	equal(t, "state", g.str("trade_state"), success)
	equal(t, "type", g.str("trade_type"), "MICROPAY")
	equal(t, "device", s.must(200, "GET", s.queryPath(no), nil).str("scene_info.device_id"), "till-1")
	equal(t, "again", s.must(400, "POST", codepayPath, s.codepayBody(no, 900, code)).str("code"), "ORDER_PAID")
	other := s.number()
	equal(t, "spent", s.must(403, "POST", codepayPath, s.codepayBody(other, 900, code)).str("code"), "AUTH_CODE_INVALID")
	equal(t, "close", s.must(400, "POST", orderPath(no, "/close"), obj{"mchid": s.k.MchID}).header.Get("Request-ID")[23:], "268449641")
	c := s.counts(no)
	equal(t, "charges", c.Charges, 1)
	equal(t, "by code", c.Codes[code], 1)
	equal(t, "violation", c.Violations[0].What, "second codepay POST for the same order")
	equal(t, "other charges", s.counts(other).Charges, 0)
	r := s.w.WeChat.Report()
	equal(t, "code total", r.Codes[code], 1)
	equal(t, "net", r.Totals.Net, 900)
}

func TestCodepayCodes(t *testing.T) {
	s := newShop(t)
	old := s.code(behavePay)
	s.clock.pass(time.Minute)
	equal(t, "expired", s.must(403, "POST", codepayPath, s.codepayBody(s.number(), 900, old)).str("code"), "AUTH_CODE_EXPIRED")
	equal(t, "invented", s.must(403, "POST", codepayPath, s.codepayBody(s.number(), 900, "131111111111111111")).str("code"), "AUTH_CODE_INVALID")
	equal(t, "alipay", s.must(400, "POST", codepayPath, s.codepayBody(s.number(), 900, "281111111111111111")).str("code"), "PARAM_ERROR")
	b := s.codepayBody(s.number(), 900, s.code(behavePay))
	delete(b, "scene_info")
	equal(t, "no scene", s.must(400, "POST", codepayPath, b).str("code"), "PARAM_ERROR")
	b = s.codepayBody(s.number(), 900, s.code(behavePay))
	b["notify_url"] = "https://shop.example/n"
	equal(t, "notify_url", s.must(400, "POST", codepayPath, b).str("code"), "PARAM_ERROR")
	equal(t, "charges", s.w.WeChat.Report().Totals.Charges, 0)
}

func TestCodepayBehaviours(t *testing.T) {
	for _, c := range []struct {
		behaviour  string
		total      int
		status     int
		after8s    string
		after35s   string
		after45s   string
		charges    int
		reversedTo string
	}{
		{behavePay, 900, 200, success, success, success, 1, revoked},
		{behavePay, 100_100, 202, success, success, success, 1, revoked},
		{behavePassword, 900, 202, success, success, success, 1, revoked},
		{behavePasswordLate, 900, 202, userPaying, success, success, 1, revoked},
		{behaveCancel, 900, 202, notPay, notPay, revoked, 0, revoked},
		{behaveWrongPassword, 900, 202, payError, payError, payError, 0, revoked},
		{behaveNotEnough, 900, 403, payError, payError, payError, 0, revoked},
	} {
		t.Run(c.behaviour, func(t *testing.T) {
			s := newShop(t)
			no := s.number()
			s.must(c.status, "POST", codepayPath, s.codepayBody(no, c.total, s.code(c.behaviour)))
			s.clock.pass(8 * time.Second)
			equal(t, "8 s", s.state(no), c.after8s)
			s.clock.pass(27 * time.Second)
			equal(t, "35 s", s.state(no), c.after35s)
			s.clock.pass(10 * time.Second)
			equal(t, "45 s", s.state(no), c.after45s)
			equal(t, "charges", s.counts(no).Charges, c.charges)
			s.reverse(200, no)
			equal(t, "reversed", s.state(no), c.reversedTo)
			got := s.counts(no)
			equal(t, "net", got.Net, 0)
			equal(t, "reversals", got.Reversals, c.charges)
			equal(t, "violations", len(got.Violations), 0)
		})
	}
}

func TestReverseKeepsItsTimes(t *testing.T) {
	s := newShop(t)
	no := s.number()
	s.must(200, "POST", codepayPath, s.codepayBody(no, 900, s.code(behavePay)))
	s.clock.pass(3100 * time.Millisecond)
	equal(t, "early", s.reverse(400, no).str("code"), "INVALID_REQUEST")
	equal(t, "violation", s.counts(no).Violations[0].What, "reverse 3.1s after pay (not before 15 s)")
	equal(t, "untouched", s.state(no), success)
	s.clock.pass(12 * time.Second)
	s.reverse(200, no)
	s.reverse(200, no)
	c := s.counts(no)
	equal(t, "reversals", c.Reversals, 1)
	equal(t, "net", c.Net, 0)

	old := s.number()
	s.must(200, "POST", codepayPath, s.codepayBody(old, 900, s.code(behavePay)))
	s.clock.pass(8 * 24 * time.Hour)
	if id := s.reverse(400, old).header.Get("Request-ID"); !strings.HasSuffix(id, "-268449386") {
		t.Fatalf("Request-ID %q", id)
	}
	native := s.number()
	s.must(200, "POST", nativePath, s.nativeBody(native, 900))
	s.reverse(400, native)
	s.reverse(404, "T1-nothing")
}

func TestReverseEndsAPaymentUnderWay(t *testing.T) {
	s := newShop(t)
	no := s.number()
	s.must(202, "POST", codepayPath, s.codepayBody(no, 900, s.code(behavePasswordLate)))
	s.clock.pass(20 * time.Second)
	s.reverse(200, no)
	s.clock.pass(time.Minute)
	equal(t, "state", s.state(no), revoked)
	equal(t, "charges", s.counts(no).Charges, 0)
}

func TestTimeScaleDividesTheProvidersLimits(t *testing.T) {
	s := newShop(t)
	s.w.WeChat.TimeScale = 100
	no := s.number()
	s.must(202, "POST", codepayPath, s.codepayBody(no, 900, s.code(behaveCancel)))
	s.clock.pass(140 * time.Millisecond)
	s.reverse(400, no)
	equal(t, "violation", s.counts(no).Violations[0].What, "reverse 14s after pay (not before 15 s)")
	s.clock.pass(310 * time.Millisecond)
	equal(t, "void", s.state(no), revoked)
}
