package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// The model itself: properties over random parameters.
func TestDisputeModelFavoursNobody(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		m := AIDisputeModel{
			Floor: r.Float64() * 0.1, Tolerance: r.Float64() * 0.02, Scale: 0.001 + r.Float64()*0.1, GainWeight: r.Float64(), IgnoreConfirmation: r.IntN(2) == 0,
		}
		m.Most = m.Floor + r.Float64()*(1-m.Floor)
		x := crossing{Agreed: 5 + r.Float64(), mid: 5 + r.Float64(), sigma: 0.01}
		x.high = x.Agreed * (1 + r.Float64()*0.02)
		x.Statement = m.statement(&x, r.Float64())
		p := map[string]float64{}
		for _, basis := range []string{basisRange, basisRate, basisOwn, basisNone} {
			x.Basis = basis
			p[basis] = m.probability(&x)
			if !(p[basis] >= m.Floor-1e-12 && p[basis] <= m.Most+1e-12) {
				t.Fatalf("%s: %g is not from %g to %g", basis, p[basis], m.Floor, m.Most)
			}
		}
		if p[basisRate] != p[basisOwn] || p[basisRate] != p[basisNone] {
			t.Fatalf("one surprise, three answers: %v", p)
		}
		if m.IgnoreConfirmation && p[basisRange] != p[basisRate] || p[basisRange] > p[basisRate] {
			t.Fatalf("confirmed %g, not confirmed %g, ignored %v", p[basisRange], p[basisRate], m.IgnoreConfirmation)
		}
		more := x
		more.Statement *= 1 + r.Float64()*0.01
		if more.Statement > x.Agreed && x.Statement > x.Agreed && m.probability(&more) < m.probability(&x) {
			t.Fatalf("more surprise, fewer disputes: %+v", m)
		}
	}
}

// A calibrated projection holds its range as often as it claims.
func TestStatementsComeFromTheProjection(t *testing.T) {
	m, x := defaultDisputes(), crossing{mid: 7.1, sigma: implied(0.004, 0.92)}
	inside, n := 0, 20_000
	for i := range n {
		if s := m.statement(&x, (float64(i)+0.5)/float64(n)); math.Abs(s/7.1-1) <= 0.004 {
			inside++
		}
	}
	if share := float64(inside) / float64(n); math.Abs(share-0.92) > 0.002 {
		t.Fatalf("%g of the statements lie in a range of confidence 0.92", share)
	}
	m.Sigma, m.Bias = 1e-9, 0.05
	if s := m.statement(&x, 0.3); math.Abs(s-7.1*1.05) > 1e-6 {
		t.Fatalf("biased %g", s)
	}
}

// crossed is a payment of ten dollars' worth by the basis, of a payer who is as asked.
func (s *shop) crossed(basis string, rate string) string {
	s.t.Helper()
	no := s.number()
	code, err := s.w.WeChat.Mint(PayerCode{Payer: "payer-" + basis})
	if err != nil {
		s.t.Fatal(err)
	}
	b := s.aiBody(no, 7100, code.AuthCode)
	fx := obj{"base": "USD", "quote": "CNY", "agreed_rate": rate}
	switch basis {
	case basisNone:
		s.control("POST", "/sim/phone/account", obj{"payer": "payer-none", "currency": "USD", "opening": 50_000}, 200)
		fx = nil
	case basisRange, basisRate:
		p := s.project("USD", "CNY", 1000)
		for _, k := range []string{"projection_id", "low", "mid", "high"} {
			fx[k] = p.str(k)
		}
	}
	if basis == basisRange {
		fx["confirmed_at"] = s.clock.now().Format(time.RFC3339)
	}
	if fx != nil {
		b["fx"] = fx
	}
	if g := s.aiPay(200, s.key(), b); g.str("state") != success {
		s.t.Fatalf("%s: %s", basis, g.raw)
	}
	return no
}

func TestDisputesAreCountedPerOrder(t *testing.T) {
	for _, c := range []struct {
		name, basis, rate, bias string
		gone                    string // given back before the statement
		settled, disputed       int
		markup                  float64
	}{
		{"inside a confirmed range", basisRange, "7.1", "0.003", "", 1, 0, 0},
		{"beyond a confirmed range", basisRange, "7.1", "0.5", "", 1, 1, 0},
		{"the same surprise, not confirmed", basisRate, "7.1", "0.003", "", 1, 1, 0},
		{"no surprise, not confirmed", basisRate, "7.1", "0", "", 1, 0, 0},
		{"own rate, stale", basisOwn, "7.1", "0.003", "", 1, 1, 0},
		{"own rate, good", basisOwn, "7.1", "0", "", 1, 0, 0},
		{"own rate, dear", basisOwn, "14.2", "0.5", "", 1, 0, 1},
		{"no rate, bank takes more", basisNone, "", "0.003", "", 1, 1, 0},
		{"no rate, bank is fair", basisNone, "", "0", "", 1, 0, 0},
		{"reversed", basisOwn, "7.1", "0.5", "reverse", 0, 0, 0},
		{"refunded", basisOwn, "7.1", "0.5", "refund", 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newAIShop(t)
			s.set(obj{"fx": obj{"mids": obj{"USD/CNY": "7.1"}, "own_rates": true}, "disputes": obj{
				"sigma": 1e-9, "bias": jsonNumber(c.bias), "floor": 0, "most": 1, "tolerance": 0.001, "scale": 1e-9, "settles_after_s": 3600,
			}})
			no := s.crossed(c.basis, c.rate)
			s.clock.pass(time.Minute)
			switch c.gone {
			case "reverse":
				s.reverse(200, no)
			case "refund":
				s.refund(200, no, "R1", 7100, 7100)
			}
			s.clock.pass(58 * time.Minute)
			equal(t, "too soon", s.w.WeChat.Report().AI.Disputes.Settled, 0)
			s.clock.pass(time.Minute)
			d := s.w.WeChat.Report().AI.Disputes
			equal(t, "payments", d.Payments, 1)
			equal(t, "settled", d.Settled, c.settled)
			equal(t, "disputed", d.Disputed, c.disputed)
			equal(t, "of the order", d.Orders[no], c.disputed)
			equal(t, "of the basis", d.ByBasis[c.basis], DisputeRate{Settled: c.settled, Disputed: c.disputed, Markup: float64(c.settled) * c.markup})
			equal(t, "again", s.w.WeChat.Report().AI.Disputes.Disputed, c.disputed)
			w := s.w.WeChat.Wallet("payer-" + c.basis)
			equal(t, "in the wallet", w.Crossings[no].Disputed, c.disputed == 1)
		})
	}
}

func jsonNumber(text string) (f float64) {
	fmt.Sscan(text, &f)
	return f
}

func TestOwnRatesAreOnlyForComparison(t *testing.T) {
	s := newAIShop(t)
	b := s.aiBody(s.number(), 7100, s.code(behavePay))
	b["fx"] = obj{"base": "USD", "quote": "CNY", "agreed_rate": "7.1"}
	equal(t, "refused", s.aiPay(200, s.key(), b).str("error.explanation"), "The currency projection that the payment names does not exist.")
	s.set(obj{"fx": obj{"own_rates": true}})
	b["fx"] = obj{"base": "USD", "quote": "CNY", "agreed_rate": "0"}
	equal(t, "zero", s.aiPay(200, s.key(), b).str("error.explanation"), "The rate of the payment cannot be read.")
	for _, bad := range []obj{{"scale": 0}, {"most": 2}, {"floor": 0.9}, {"sigma": -1}, {"bias": -1}, {"gain_weight": 2}, {"settles_after_s": -1}} {
		s.control("POST", "/sim/ai", obj{"disputes": bad}, 400)
	}
	s.control("POST", "/sim/phone/account", obj{"currency": "dollars"}, 400)
	equal(t, "nobody", s.w.WeChat.Wallet("").Balances[cny], 500_000)
	s.paid(1000)
	equal(t, "moved", s.w.WeChat.Wallet("").Balances[cny], 499_000)
	s.control("POST", "/sim/phone/account", obj{"currency": "CNY", "opening": 5000}, 200)
	equal(t, "over HTTP", s.control("GET", "/sim/phone/account", nil, 200).str("balances.CNY"), "4000")
}
