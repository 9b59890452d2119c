package sim

import (
	"fmt"
	"testing"
	"time"
)

func (s *shop) paid(total int) string {
	s.t.Helper()
	no := s.number()
	s.must(200, "POST", codepayPath, s.codepayBody(no, total, s.code(behavePay)))
	return no
}

func refundBody(no, refundNo string, part, total int) obj {
	return obj{
		"out_trade_no": no, "out_refund_no": refundNo, "reason": "returned",
		"amount": obj{"refund": part, "total": total, "currency": "CNY"},
	}
}

func (s *shop) refund(status int, no, refundNo string, part, total int) got {
	s.t.Helper()
	return s.must(status, "POST", refundPath, refundBody(no, refundNo, part, total))
}

func TestRefundIsIdempotentPacedAndBounded(t *testing.T) {
	s := newShop(t)
	no := s.paid(1000)
	g := s.refund(200, no, "R1", 400, 1000)
	equal(t, "status", g.str("status"), refundProcessing)
	equal(t, "repeat", s.refund(200, no, "R1", 400, 1000).str("refund_id"), g.str("refund_id"))
	equal(t, "changed", s.refund(403, no, "R1", 500, 1000).str("code"), "OUT_REFUND_NO_USED")
	equal(t, "order", s.state(no), refunded)
	equal(t, "pending", s.counts(no).PendingRefunds, 1)
	s.clock.pass(2 * time.Second)
	q := s.must(200, "GET", refundPath+"/R1", nil)
	equal(t, "then", q.str("status"), refundSuccess)
	equal(t, "amount", q.str("amount.refund"), "400")
	equal(t, "too fast", s.refund(429, no, "R2", 100, 1000).str("code"), "FREQUENCY_LIMITED")
	s.clock.pass(time.Minute)
	equal(t, "too much", s.refund(400, no, "R2", 601, 1000).str("code"), "INVALID_REQUEST")
	equal(t, "other total", s.refund(400, no, "R2", 600, 1001).str("code"), "INVALID_REQUEST")
	s.refund(200, no, "R2", 600, 1000)
	s.clock.pass(time.Hour)
	c := s.counts(no)
	equal(t, "refunds", c.Refunds, 2)
	equal(t, "refunded", c.Refunded, 1000)
	equal(t, "net", c.Net, 0)
	equal(t, "pending", c.PendingRefunds, 0)
	equal(t, "violations", len(c.Violations), 3)
	s.must(404, "GET", refundPath+"/R3", nil)
	s.refund(404, "T1-nothing", "R9", 1, 1)
	equal(t, "reverse", s.reverse(400, no).str("code"), "INVALID_REQUEST")
}

func TestRefundByTransactionAndItsLimits(t *testing.T) {
	s := newShop(t)
	no := s.paid(1000)
	id := s.must(200, "GET", s.queryPath(no), nil).str("transaction_id")
	for i := range 50 {
		b := refundBody(no, fmt.Sprintf("P%d", i), 1, 1000)
		delete(b, "out_trade_no")
		b["transaction_id"] = id
		s.must(200, "POST", refundPath, b)
		s.clock.pass(time.Minute)
	}
	s.refund(400, no, "P50", 1, 1000)
	equal(t, "sum", s.counts(no).Refunded, 50)

	unpaid := s.number()
	s.must(200, "POST", nativePath, s.nativeBody(unpaid, 1000))
	s.refund(400, unpaid, "U1", 1, 1000)
	old := s.paid(1000)
	s.clock.pass(366 * 24 * time.Hour)
	s.refund(400, old, "O1", 1, 1000)
}
