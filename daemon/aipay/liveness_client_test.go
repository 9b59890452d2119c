package aipay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// shelf is where the evidence of a test lies.
type shelf struct {
	audits map[string]string
	prints map[string]bool
	broken error
}

func (s *shelf) key() []byte { return bytes.Repeat([]byte{0x5a}, 32) } // a copy each time: who gets it wipes it

func (s *shelf) Epoch() (uint32, []byte, error) { return 7, s.key(), s.broken }

func (s *shelf) Told(print func([]byte) (string, error)) (bool, error) {
	p, err := print(s.key())
	return s.prints[p], errors.Join(err, s.broken)
}

func (s *shelf) Audit(id sale.ID, session string) (string, error) {
	return s.audits[string(id)+session], s.broken
}

// keeps does with an event what the store does.
func (s *shelf) keeps(was sale.Sale, ev sale.Event) {
	if ev.Audit != nil {
		s.prints[ev.Audit.Print] = true
		if ev.Kind == sale.LivenessPassed {
			s.audits[string(was.ID)+was.Liveness.Session] = ev.Audit.Digest
		}
	}
}

// checker is a stand whose till checks payers.
type checker struct {
	*stand
	shelf *shelf
	now   sale.Now
}

func newChecker(t *testing.T, settings string) *checker {
	c := &checker{newStand(t, settings), &shelf{audits: map[string]string{}, prints: map[string]bool{}}, sale.Now{At: sale.Instant(time.Hour)}}
	conf := DefaultLiveness()
	conf.Enabled, conf.Dim, conf.TwiceFrom = true, 128, 50_000
	c.c.opts.Checks = &Checks{Conf: conf, Evidence: c.shelf, Secret: c.secret, Clock: func() sale.Now { return c.now }}
	return c
}

// waiting is a sale that a rule wants checked.
func (c *checker) waiting(minor int64) sale.Sale {
	c.t.Helper()
	c.sold++
	s, err := sale.Begin(sale.New{Flow: sale.Merchant, Amount: money.Money{Minor: minor, Currency: "CNY"}, Description: "tea"},
		sale.ID(fmt.Sprintf("T01261125%013dX", c.sold)), "k", sale.Event{At: c.now.At, Wall: time.Now()})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.apply(s, sale.Event{Kind: sale.Assessed, Judgement: &sale.Judgement{Needs: []sale.Need{sale.NeedVerify}}})
}

func (c *checker) apply(s sale.Sale, ev sale.Event) sale.Sale {
	c.t.Helper()
	ev.At, ev.Wall = c.now.At, time.Now()
	after, err := s.Apply(ev)
	if err != nil {
		c.t.Fatal(err)
	}
	c.shelf.keeps(s, ev)
	return after
}

// step takes one step of the check, as the desk does.
func (c *checker) step(s sale.Sale) (sale.Event, sale.Sale) {
	c.t.Helper()
	step := sale.Step{Do: sale.Verify, OrderNo: s.NextOrderNo()}
	req, err := c.c.Prepare(step, s, sale.PayerCode{})
	if err != nil {
		c.t.Fatal(err)
	}
	ev := c.c.Do(c.t.Context(), step, s, req)
	return ev, c.apply(s, ev)
}

func code(ev sale.Event) string {
	if ev.Why == nil {
		return ""
	}
	return ev.Why.Code
}

// What the API says of a check, and what it comes down to.
func TestWhatChecksComeDownTo(t *testing.T) {
	for name, want := range map[string]struct {
		kind sale.Kind
		why  string
	}{
		"pass": {sale.LivenessPassed, ""}, "fail": {sale.LivenessFailed, "liveness_failed"}, "expired": {sale.LivenessFailed, "liveness_expired"},
		"low": {sale.LivenessFailed, "liveness_low"}, "wrong_nonce": {sale.LivenessFailed, "liveness_foreign"}, "phone": {sale.Waiting, ""},
	} {
		c := newChecker(t, `{"liveness":{"takes_ms":0,"outcome":"`+name+`"}}`)
		opened, s := c.step(c.waiting(1280))
		if opened.Kind != sale.LivenessOpened || opened.Liveness.URL == "" || opened.Liveness.Lasts <= 0 || opened.Liveness.Lasts > 3*time.Minute {
			t.Fatalf("%s: opened as %s, %+v", name, opened.Kind, opened.Liveness)
		}
		ev, after := c.step(s)
		if ev.Kind != want.kind || code(ev) != want.why {
			t.Errorf("%s: %s, %s, want %s, %s", name, ev.Kind, code(ev), want.kind, want.why)
		}
		if ev.Kind == sale.LivenessPassed && (ev.Audit == nil || ev.Audit.Epoch != 7 || !hashForm.MatchString(ev.Audit.Digest) || !hashForm.MatchString(ev.Audit.Print) || ev.Audit.Digest == ev.Audit.Print) {
			t.Errorf("%s: kept is %+v", name, ev.Audit)
		}
		if ev.Kind == sale.LivenessFailed && (ev.Audit != nil && ev.Audit.Digest != "" || after.State != sale.AwaitingLiveness) {
			t.Errorf("%s: kept is %+v, the sale is %s", name, ev.Audit, after.State)
		}
	}
}

// A vector counts for one check, in whatever sale it is told again.
func TestToldTwice(t *testing.T) {
	for _, first := range []string{"pass", "low"} {
		c := newChecker(t, `{"liveness":{"takes_ms":0,"outcome":"`+first+`"}}`)
		_, s := c.step(c.waiting(1280))
		c.step(s)
		if _, err := c.wx.SetAI(json.RawMessage(`{"liveness":{"outcome":"twice"}}`)); err != nil {
			t.Fatal(err)
		}
		_, s = c.step(c.waiting(1280))
		if ev, _ := c.step(s); ev.Kind != sale.LivenessFailed || code(ev) != "liveness_told" {
			t.Errorf("after %s it is told again: %s, %s", first, ev.Kind, code(ev))
		}
	}
}

// A check that was begun before the machine was started again begins anew; one that
// took too long does not count; a session that the API does not have is over.
func TestChecksThatEnded(t *testing.T) {
	c := newChecker(t, `{"liveness":{"takes_ms":0}}`)
	_, s := c.step(c.waiting(1280))
	booted := c.now
	c.now = sale.Now{At: booted.At.Add(time.Minute), Since: booted.At.Add(time.Second)}
	ev, again := c.step(s)
	if ev.Kind != sale.LivenessFailed || code(ev) != "liveness_cut" {
		t.Errorf("after a start: %s, %s", ev.Kind, code(ev))
	}
	if ev, next := c.step(again); ev.Kind != sale.LivenessOpened || next.Liveness.Session == s.Liveness.Session {
		t.Errorf("it begins again with %s, %+v", ev.Kind, next.Liveness)
	}
	c.now = sale.Now{At: booted.At.Add(181 * time.Second)}
	if ev, _ := c.step(s); ev.Kind != sale.LivenessFailed || code(ev) != "liveness_stale" {
		t.Errorf("late: %s, %s", ev.Kind, code(ev))
	}
	c.now = booted
	gone := s
	l := *s.Liveness
	l.Session = "LVnobodyhasthisone"
	gone.Liveness = &l
	if ev, _ := c.step(gone); ev.Kind != sale.LivenessFailed || code(ev) != "liveness_expired" {
		t.Errorf("unknown: %s, %s", ev.Kind, code(ev))
	}
	c.shelf.broken = errors.New("disk")
	if ev, _ := c.step(s); ev.Kind != sale.Unclear {
		t.Errorf("without its store it passes: %s", ev.Kind)
	}
	c.c.opts.Checks.Conf.Enabled = false
	if _, err := c.c.Prepare(sale.Step{Do: sale.Verify, OrderNo: s.NextOrderNo()}, s, sale.PayerCode{}); !errors.Is(err, errNoChecks) {
		t.Errorf("switched off it asks: %v", err)
	}
}

// From an amount on a second session is opened, and two faces have to be alike. What
// a restart takes from memory is asked for again and is nobody's failure.
func TestTwoVectors(t *testing.T) {
	settings := `{"liveness":{"takes_ms":0}}`
	c := newChecker(t, settings)
	_, s := c.step(c.waiting(60_000))
	url := s.Liveness.URL
	second, s2 := c.step(s)
	if second.Kind != sale.LivenessOpened || s2.Liveness.Session != s.Liveness.Session || s2.Liveness.URL == url || s2.Liveness.Failed != 0 {
		t.Fatalf("%s, %+v", second.Kind, s2.Liveness)
	}
	c.c.opts.Checks.firsts.drop(s.ID) // as a restart does
	if ev, again := c.step(s2); ev.Kind != sale.LivenessOpened || again.Liveness.URL != s2.Liveness.URL || again.Liveness.Failed != 0 {
		t.Errorf("after a restart: %s, %+v", ev.Kind, again.Liveness)
	}
	if ev, after := c.step(s2); ev.Kind != sale.LivenessPassed || after.State != sale.Judged {
		t.Errorf("alike: %s, %s", ev.Kind, code(ev))
	}
	if there, _ := c.c.opts.Checks.firsts.of(s.ID, s.Liveness.Session); there {
		t.Error("the first vector is kept after the check")
	}

	c = newChecker(t, settings)
	_, s = c.step(c.waiting(60_000))
	if _, err := c.wx.SetAI(json.RawMessage(`{"liveness":{"payer":"somebody else"}}`)); err != nil {
		t.Fatal(err)
	}
	_, s = c.step(s) // the second session has the setting of now, the first that of then
	if ev, _ := c.step(s); ev.Kind != sale.LivenessFailed || code(ev) != "liveness_unlike" {
		t.Errorf("unlike: %s, %s", ev.Kind, code(ev))
	}
}

// What is asked is the same after a crash, and another for every sale, try, session
// and till.
func TestNoncesAreDerived(t *testing.T) {
	a, b := &Checks{Secret: []byte("a")}, &Checks{Secret: []byte("b")}
	s := sale.Sale{ID: "T1"}
	other, second := sale.Sale{ID: "T2"}, sale.Sale{ID: "T1", Liveness: &sale.Liveness{Failed: 1}}
	seen := map[string]bool{}
	for _, n := range []string{a.nonce(s, "x"), b.nonce(s, "x"), a.nonce(other, "x"), a.nonce(second, "x"), a.nonce(s, "y"), a.session(s), b.session(s), a.session(other), a.session(second)} {
		if seen[n] || !idForm.MatchString(n) {
			t.Errorf("%q is not its own", n)
		}
		seen[n] = true
	}
	if again := (&Checks{Secret: []byte("a")}); again.nonce(s, "x") != a.nonce(s, "x") || again.session(s) != a.session(s) {
		t.Error("after a crash something else is asked")
	}
	if challenged := (sale.Sale{ID: "T1", Liveness: &sale.Liveness{Session: "LVtheirs"}}); a.session(challenged) != "LVtheirs" {
		t.Error("another session than the challenge's is opened")
	}
}

// The first vector is wiped when its second has not come in time.
func TestFirstVectorsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f firsts
		v := vectorOf(1, 2, 3)
		f.keep("T1", "LV1", v, time.Minute)
		time.Sleep(time.Minute - 1)
		if there, _ := f.of("T1", "LV1"); !there || v.Dim() != 3 {
			t.Error("it went before its time")
		}
		if there, _ := f.of("T1", "LV2"); there {
			t.Error("it is there for another session")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if there, _ := f.of("T1", "LV1"); there || v.Dim() != 0 {
			t.Error("it is still there")
		}
		f.keep("T1", "LV1", vectorOf(4), time.Minute)
		if got := f.take("T1", "LV2"); got.Dim() != 0 {
			t.Error("it is given for another session")
		}
		if got := f.take("T1", "LV1"); got.Dim() != 1 {
			t.Error("it is not given")
		}
	})
}

// A challenge is heeded once, where checks are set up; its digest goes with the
// payment and not into what is stored of it, and comes back for an order.
func TestChallengeAndProof(t *testing.T) {
	c := newChecker(t, `{"liveness":{"takes_ms":0,"from":1}}`)
	s := c.waiting(1280)
	step := sale.Step{Do: sale.Order, OrderNo: s.NextOrderNo()}
	challenge := Challenge{SessionID: "LVtheirs"}
	if ev := c.c.challenged(step, sale.Sale{}, challenge); ev.Kind != sale.OrderRefused || code(ev) != "liveness_wanted" || ev.Liveness == nil || ev.Liveness.Session != "LVtheirs" || ev.Reroute {
		t.Errorf("%s, %s, %+v", ev.Kind, code(ev), ev.Liveness)
	}
	if ev := c.c.challenged(step, sale.Sale{Liveness: &sale.Liveness{Passed: 1}}, challenge); code(ev) != "liveness_again" || ev.Liveness != nil {
		t.Errorf("again: %s, %+v", code(ev), ev.Liveness)
	}
	_, s = c.step(s)
	_, s = c.step(s)
	req, err := c.c.Prepare(step, s, sale.PayerCode{})
	if err != nil {
		t.Fatal(err)
	}
	digest := c.shelf.audits[string(s.ID)+s.Liveness.Session]
	body, err := req.Wire()
	if err != nil || !strings.Contains(string(body), digest) || strings.Contains(req.Body, digest) {
		t.Fatalf("sent %s\nstored %s, %v", body, req.Body, err)
	}
	var read sale.Request
	if b, err := json.Marshal(req); err != nil || json.Unmarshal(b, &read) != nil {
		t.Fatal(err)
	}
	if whole, err := c.c.whole(step, s, read).Wire(); err != nil || !bytes.Equal(whole, body) {
		t.Errorf("an order after a restart: %s, %v", whole, err)
	}
	if _, err := c.c.whole(sale.Step{Do: sale.Charge}, s, read).Wire(); !errors.Is(err, sale.ErrBlanked) {
		t.Errorf("a charge after a restart: %v", err)
	}
	clear(c.shelf.audits)
	if _, err := c.c.Prepare(step, s, sale.PayerCode{}); err == nil {
		t.Error("a payment is made without the check that it needs")
	}
	if _, err := c.c.whole(step, s, read).Wire(); !errors.Is(err, sale.ErrBlanked) {
		t.Errorf("without its digest it can be sent: %v", err)
	}
}

func TestLivenessConfig(t *testing.T) {
	good := DefaultLiveness()
	good.Enabled, good.TwiceFrom = true, 100
	if err := errors.Join(good.Validate(), LivenessConfig{}.Validate()); err != nil {
		t.Error(err)
	}
	for key, wrong := range map[string]func(*LivenessConfig){
		"least": func(c *LivenessConfig) { c.Least = 0 }, "within_s": func(c *LivenessConfig) { c.WithinS = 601 }, "dim": func(c *LivenessConfig) { c.Dim = -1 },
		"twice_from": func(c *LivenessConfig) { c.TwiceFrom = -1 }, "alike": func(c *LivenessConfig) { c.Alike = 0 },
		"keep_days": func(c *LivenessConfig) { c.KeepDays = 0; c.RotateHours = 0 }, "rotate_hours": func(c *LivenessConfig) { c.RotateHours = 24*c.KeepDays + 1 },
	} {
		c := good
		wrong(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "aipay.liveness."+key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
