package e2e

import (
	"strings"
	"testing"

	"qrposd/rules/sale"
)

// A test that cannot fail proves nothing. The same people, the same power cut
// and the same comparison find the double charge of a till that sends first
// and writes down later, and find nothing at a till that does not.
func TestTheKillTestsCanFail(t *testing.T) {
	st := newStreet(t)
	cut := func(t *testing.T, w wish, env ...string) []string {
		s := st.shift(t, built(t).faulty)
		s.start(append(env, "QRPOSD_KILL=charge:after-send")...)
		s.serve(one(newBasket(sale.Payer, 1250, w)))
		if !s.died() {
			t.Fatalf("no charge was sent:\n%s", s.d.log)
		}
		s.start(env...)
		finds := s.audit()
		t.Logf("%s: %s", w, strings.Join(finds, "\n"))
		return finds
	}
	const forget = "QRPOSD_FORGET=intents"
	if finds := cut(t, toRing, forget); !strings.Contains(strings.Join(finds, "\n"), "charged twice") {
		t.Errorf("a till without intents cancels what was paid and charges again; found only %q", finds)
	}
	if finds := cut(t, toPay, forget); len(finds) == 0 {
		t.Error("a till without intents sends a second charge under one order number; found nothing")
	}
	for _, w := range []wish{toRing, toPay} {
		if finds := cut(t, w); len(finds) > 0 {
			t.Errorf("with intents, to %s: %q", w, finds)
		}
	}
}
