package world

import (
	"strings"
	"time"

	"qrposd/rules/sale"
)

// face is the truth about one check that somebody alive holds the telephone.
type face struct {
	opened time.Time
	until  time.Time // when it is over, one way or the other
	state  string
	told   bool   // a till heard that it was passed
	spent  string // the order that went out with it
}

// session is the number of a sale's check: the provider's, or this till's own.
func session(step sale.Step, s sale.Sale) (no string, opened bool) {
	l := s.Liveness
	switch {
	case l == nil:
		return "V" + step.OrderNo + "-0", false
	case l.Session == "":
		return "V" + step.OrderNo + "-" + string(rune('0'+l.Failed)), false
	}
	return l.Session, l.Opened > 0
}

// check opens a check or tells how it went. w.mu is held.
func (p *provider) check(m message) reply {
	f := p.faces[m.Proof]
	if f == nil {
		f = &face{}
		p.faces[m.Proof] = f
	}
	if m.Op == "open" {
		if f.opened.IsZero() {
			r := p.w.roll("face", nickname(m.Name, m.Order), m.Proof[strings.LastIndexByte(m.Proof, '-'):])
			f.opened, f.until, f.state = time.Now(), time.Now().Add(between(r, 3*time.Second, 40*time.Second)), "PASSED"
			switch n := r.IntN(10); {
			case n < 1: // nobody looks at the telephone
				f.until = f.opened.Add(time.Hour)
			case n < 3:
				f.state = "FAILED"
			}
		}
		return reply{code: "OPENED", url: m.Proof}
	}
	switch {
	case f.opened.IsZero():
		return reply{code: "ORDER_NOT_EXIST"}
	case time.Now().Before(f.until):
		return reply{code: "NOTPAY"}
	}
	f.told = f.told || f.state == "PASSED"
	return reply{code: f.state}
}

// challenge is the provider's wish to see a face first, once a sale. w.mu is held.
func (p *provider) challenge(m message) (reply, bool) {
	if m.Proof != "" || p.w.roll("challenge", m.Name).IntN(20) > 0 {
		return reply{}, false
	}
	no := "C" + m.Order + "-0"
	if p.faces[no] == nil {
		p.faces[no] = &face{}
	}
	t := p.w.terms(m.Name)
	t.verify, t.challenged = true, m.Order
	return reply{code: "CHALLENGE", url: no}, true
}

// refusal is the provider's signed no, sometimes with another way out. w.mu is held.
func (p *provider) refusal(m message) reply {
	if m.Way {
		return reply{code: "REFUSED"}
	}
	t := p.w.terms(m.Name)
	switch p.w.roll("refusal", nickname(m.Name, m.Order)).IntN(4) {
	case 0:
		t.offered = true
		return reply{code: "REROUTE"}
	case 1:
		t.appealed = true
		return reply{code: "APPEAL"}
	}
	return reply{code: "REFUSED"}
}
