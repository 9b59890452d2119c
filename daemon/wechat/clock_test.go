package wechat

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrposd/rules/sale"
)

var stampField = regexp.MustCompile(`timestamp="([0-9]+)"`)

// clockedProvider refuses signatures like the real one: more than five minutes
// off, and an answer is dated.
func clockedProvider(t testing.TB, body string, truth func() time.Time, date func() string) *fakeProvider {
	return newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", date())
		sec, err := strconv.ParseInt(stampField.FindStringSubmatch(r.Header.Get("Authorization"))[1], 10, 64)
		if err != nil {
			t.Error(err)
		}
		if truth().Sub(time.Unix(sec, 0)).Abs() >= freshness {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, errJSON("SIGN_ERROR"))
			return
		}
		seal(w.Header(), providerKey(), testKeyID, truth(), []byte(body))
		fmt.Fprint(w, body)
	})
}

func TestClockIsLearnt(t *testing.T) {
	for _, off := range []time.Duration{-2 * time.Hour, -10 * time.Minute, 10 * time.Minute, 20 * time.Hour} {
		truth := func() time.Time { return time.Now().Add(off) }
		p := clockedProvider(t, tx("NOTPAY"), truth, func() string { return truth().UTC().Format(http.TimeFormat) })
		c, _ := testClient(t, testConfig(t, p.URL), time.Now)
		if d, known := c.Skew(); d != 0 || known {
			t.Errorf("skew %s, %t before anything was heard", d, known)
		}
		if ev := take(t, c, sale.Query); ev.Kind != sale.Waiting || len(p.requests()) != 2 {
			t.Errorf("%s off: %s %v after %d requests", off, ev.Kind, ev.Why, len(p.requests()))
		}
		if d, known := c.Skew(); !known || (d-off).Abs() > 3*time.Second {
			t.Errorf("%s off: skew %s, %t", off, d, known)
		}
		if ev := take(t, c, sale.Query); ev.Kind != sale.Waiting || len(p.requests()) != 3 {
			t.Errorf("%s off, again: %s %v after %d requests", off, ev.Kind, ev.Why, len(p.requests()))
		}
	}
}

// Probing a provider puts the clock right before the first payer comes.
func TestProbe(t *testing.T) {
	truth := func() time.Time { return time.Now().Add(time.Hour) }
	p := clockedProvider(t, errJSON("ORDER_NOT_EXIST"), truth, func() string { return truth().UTC().Format(http.TimeFormat) })
	c, _ := testClient(t, testConfig(t, p.URL), time.Now)
	if err := c.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if d, known := c.Skew(); !known || (d-time.Hour).Abs() > 3*time.Second {
		t.Errorf("skew %s, %t", d, known)
	}
	for want, s := range map[string]script{
		"could not be verified": {status: 404, body: errJSON("ORDER_NOT_EXIST"), mangle: signedBy(true, testKeyID, 0)},
		"merchant key is wrong": {status: 401, body: errJSON("SIGN_ERROR"), mangle: unsignedAnswer},
		"a problem of its own":  {status: 502, body: "<html>", mangle: unsignedAnswer},
	} {
		p.say(s)
		c, _ := testClient(t, testConfig(t, p.URL), time.Now)
		if err := c.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	c, _ = testClient(t, testConfig(t, closedPort(t)), time.Now)
	if err := c.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "no connection") {
		t.Error(err)
	}
}

// A charge whose signature is refused is not sent again; the next call is right.
func TestChargeIsNotRetriedForTheClock(t *testing.T) {
	truth := func() time.Time { return time.Now().Add(time.Hour) }
	p := clockedProvider(t, tx("SUCCESS"), truth, func() string { return truth().UTC().Format(http.TimeFormat) })
	c, _ := testClient(t, testConfig(t, p.URL), time.Now)
	for _, do := range []sale.Action{sale.Charge, sale.Query} {
		ev := take(t, c, do)
		if want := map[sale.Action]sale.Kind{sale.Charge: sale.Unclear, sale.Query: sale.Received}[do]; ev.Kind != want {
			t.Errorf("%s: %s %v", do, ev.Kind, ev.Why)
		}
	}
	if n := len(p.requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// A Date that nobody signed is believed within the limit only, and only if the
// clock can be what was wrong.
func TestHintIsBounded(t *testing.T) {
	for name, date := range map[string]time.Duration{"two days": 48 * time.Hour, "past": -48 * time.Hour, "no difference": 10 * time.Second} {
		truth := func() time.Time { return time.Now().Add(72 * time.Hour) } // whatever is sent is refused
		p := clockedProvider(t, tx("NOTPAY"), truth, func() string { return time.Now().Add(date).UTC().Format(http.TimeFormat) })
		c, _ := testClient(t, testConfig(t, p.URL), time.Now)
		if ev := take(t, c, sale.Query); ev.Kind != sale.Unclear || whyOf(ev) != "request_unaccepted" || len(p.requests()) != 1 {
			t.Errorf("%s: %s %v after %d requests", name, ev.Kind, ev.Why, len(p.requests()))
		}
		if d, known := c.Skew(); d.Abs() > time.Second || known {
			t.Errorf("%s: skew %s, %t", name, d, known)
		}
	}
	c := &clock{wall: time.Now, limit: time.Hour}
	for _, date := range []string{"", "yesterday", "Mon, 99 Jan 2026 00:00:00 GMT"} {
		if c.hint(date) {
			t.Errorf("%q was believed", date)
		}
	}
}

// Once the provider's time is known, setting the machine's clock changes nothing.
func TestClockOutlivesTheWall(t *testing.T) {
	start := time.Now()
	wall := start
	c := &clock{wall: func() time.Time { return wall }, limit: time.Hour}
	c.learn(start.Add(2 * time.Minute))
	// Add keeps the monotonic reading in step; a clock set by somebody does not.
	wall = start.Add(10 * time.Second)
	if got := c.now().Sub(start); got != 2*time.Minute+10*time.Second {
		t.Errorf("10 s later it is %s later", got)
	}
	if d, known := c.skew(); d != 2*time.Minute || !known {
		t.Errorf("skew %s, %t", d, known)
	}
	c.learn(c.now().Add(time.Second).Truncate(time.Second)) // within the jitter: not moved
	if got := c.now().Sub(start); got != 2*time.Minute+10*time.Second {
		t.Errorf("moved to %s", got)
	}
	c.learn(c.now().Add(-30 * time.Second))
	if got := c.now().Sub(start); got != time.Minute+40*time.Second {
		t.Errorf("not corrected: %s", got)
	}
}

func TestRequestsUseTheLearntClock(t *testing.T) {
	c, _ := testClient(t, testConfig(t, "http://127.0.0.1:1"), time.Now)
	c.clock.learn(time.Now().Add(3 * time.Minute))
	req, err := c.Prepare(testStep(sale.Order), testSale(sale.Merchant), sale.PayerCode{})
	if err != nil {
		t.Fatal(err)
	}
	want := time.Now().Add(8 * time.Minute)
	m := regexp.MustCompile(`"time_expire":"([^"]+\+08:00)"`).FindStringSubmatch(req.Body)
	if m == nil {
		t.Fatalf("no time_expire in %s", req.Body)
	}
	if got, err := time.Parse(time.RFC3339, m[1]); err != nil || got.Sub(want).Abs() > 3*time.Second || strings.Contains(m[1], ".") {
		t.Errorf("time_expire %s, want about %s, %v", m[1], want, err)
	}
}
