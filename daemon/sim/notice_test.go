package sim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// receiver is a shop's own reading of the notifications: nothing of the package under test verifies or decrypts here.
type receiver struct {
	s      *shop
	url    string
	mu     sync.Mutex
	got    []received
	answer int           // to what is well; 0 is 204
	hang   time.Duration // before an answer
}

type received struct {
	id, event, no, problem, state string
}

func newReceiver(s *shop) *receiver {
	r := &receiver{s: s}
	srv := httptest.NewServer(r)
	s.t.Cleanup(srv.Close)
	r.url = srv.URL + "/notify"
	return r
}

func (r *receiver) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	n := received{}
	if err == nil {
		n, err = r.read(req.Header, body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	status := r.answer
	if status == 0 {
		status = http.StatusNoContent
	}
	if err != nil {
		n.problem, status = err.Error(), http.StatusUnauthorized
	}
	r.got = append(r.got, n)
	time.Sleep(r.hang)
	rw.WriteHeader(status)
}

func (r *receiver) read(h http.Header, body []byte) (n received, err error) {
	pub := &r.s.k.PublicKey.PublicKey
	if h.Get("Wechatpay-Serial") == r.s.k.PlatformSerial {
		pub = &r.s.k.PlatformKey.PublicKey
	}
	var sec int64
	fmt.Sscan(h.Get("Wechatpay-Timestamp"), &sec)
	sig, err := base64.StdEncoding.DecodeString(h.Get("Wechatpay-Signature"))
	if err != nil {
		return n, err
	}
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte(h.Get("Wechatpay-Timestamp")), []byte(h.Get("Wechatpay-Nonce")), body, nil}, []byte("\n")))
	if rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], sig) != nil {
		return n, fmt.Errorf("forged")
	}
	var e struct {
		ID       string `json:"id"`
		Event    string `json:"event_type"`
		Resource struct{ Algorithm, Ciphertext, Associated_data, Nonce, Original_type string }
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return n, err
	}
	n.id, n.event = e.ID, e.Event
	if d := r.s.clock.now().Sub(time.Unix(sec, 0)).Abs(); d > 5*time.Minute {
		return n, fmt.Errorf("stale")
	}
	raw, err := base64.StdEncoding.DecodeString(e.Resource.Ciphertext)
	if err != nil {
		return n, err
	}
	block, err := aes.NewCipher([]byte(r.s.k.APIv3Key))
	if err != nil {
		return n, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(e.Resource.Nonce) != 12 || e.Resource.Algorithm != "AEAD_AES_256_GCM" {
		return n, fmt.Errorf("envelope %s", body)
	}
	plain, err := gcm.Open(nil, []byte(e.Resource.Nonce), raw, []byte(e.Resource.Associated_data))
	if err != nil {
		return n, err
	}
	var p struct {
		No     string `json:"out_trade_no"`
		State  string `json:"trade_state"`
		Refund string `json:"refund_status"`
		MchID  string `json:"mchid"`
	}
	err = json.Unmarshal(plain, &p)
	if err == nil && p.MchID != r.s.k.MchID {
		err = fmt.Errorf("of merchant %q", p.MchID)
	}
	n.no, n.state = p.No, p.State+p.Refund
	return n, err
}

// notify sets the notifications up; faults may be none.
func (s *shop) notify(url string, faults ...obj) {
	s.t.Helper()
	list := []obj{}
	list = append(list, faults...)
	s.control("POST", "/sim/notices", obj{"url": url, "faults": list}, 200)
}

// post lets time go by and the provider send.
func (r *receiver) post(after time.Duration) []received {
	r.s.t.Helper()
	r.s.clock.pass(after)
	r.s.control("POST", "/sim/notices/send", nil, 200)
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// sold is a QR order that the phone paid.
func (s *shop) sold() string {
	s.t.Helper()
	no := s.number()
	url := s.must(200, "POST", nativePath, s.nativeBody(no, 1200)).str("code_url")
	s.control("POST", "/sim/phone/scan", obj{"code_url": url, "action": "pay"}, 200)
	return no
}

func outline(list []received, own string) string {
	var b strings.Builder
	for _, n := range list {
		whose := "own"
		if n.no != own {
			whose = "other"
		}
		if n.problem != "" {
			whose = n.problem
		}
		b.WriteString(whose + " ")
	}
	return strings.TrimSpace(b.String())
}

func TestNoticesGoWrongOneByOne(t *testing.T) {
	type step struct {
		after time.Duration
		want  string
	}
	const second = time.Second
	for _, c := range []struct {
		name   string
		faults []obj
		steps  []step
		counts func(NoticeCounts) bool
	}{
		{"none", nil, []step{{0, ""}, {second, "own"}, {24 * time.Hour, ""}}, func(c NoticeCounts) bool { return c.Acknowledged == 1 && len(c.ByFault) == 0 }},
		{"duplicate", []obj{{"fault": "duplicate", "n": 3}}, []step{{second, "own own own own"}, {24 * time.Hour, ""}}, func(c NoticeCounts) bool { return c.ByFault["duplicate"] == 3 && c.Acknowledged == 4 }},
		{"stale", []obj{{"fault": "stale"}}, []step{{second, "stale"}, {14 * second, ""}, {second, "own"}}, func(c NoticeCounts) bool { return c.Refused == 1 && c.Statuses[401] == 1 && c.ByFault["stale"] == 1 }},
		{"a little stale", []obj{{"fault": "stale", "seconds": 200}}, []step{{second, "own"}}, func(c NoticeCounts) bool { return c.ByFault["stale"] == 1 }},
		{"late", []obj{{"fault": "late", "seconds": 90}}, []step{{90 * second, ""}, {second, "own"}}, func(c NoticeCounts) bool { return c.ByFault["late"] == 1 }},
		{"forged", []obj{{"fault": "bad_signature", "n": 2}}, []step{{second, "forged"}, {15 * second, "forged"}, {15 * second, "own"}}, func(c NoticeCounts) bool { return c.ByFault["bad_signature"] == 2 }},
		{"stranger", []obj{{"fault": "other_order"}}, []step{{second, "other own"}, {24 * time.Hour, ""}}, func(c NoticeCounts) bool { return c.ByFault["other_order"] == 1 && c.Acknowledged == 2 }},
		{"lost twice", []obj{{"fault": "lost", "n": 2}}, []step{{second, ""}, {15 * second, ""}, {15 * second, "own"}}, func(c NoticeCounts) bool { return c.Lost == 2 && c.Sent == 1 }},
		{"of another event", []obj{{"fault": "lost", "event": "REFUND.SUCCESS"}}, []step{{second, "own"}}, func(c NoticeCounts) bool { return c.Lost == 0 }},
		{"of another order", []obj{{"fault": "lost", "out_trade_no": "T1-999999"}}, []step{{second, "own"}}, func(c NoticeCounts) bool { return c.Lost == 0 }},
		{"waits no longer", []obj{{"fault": "out_of_order", "seconds": 30}}, []step{{30 * second, ""}, {second, "own"}}, func(c NoticeCounts) bool { return c.ByFault["out_of_order"] == 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			r := newReceiver(s)
			s.notify(r.url, c.faults...)
			no := s.sold()
			for i, step := range c.steps {
				if have := outline(r.post(step.after), no); have != step.want {
					t.Fatalf("step %d: have %q, want %q", i, have, step.want)
				}
			}
			if n := s.w.WeChat.Report().Notices; !c.counts(n) {
				t.Fatalf("counts %+v", n)
			}
		})
	}
}

func TestNoticesOvertakeEachOther(t *testing.T) {
	for _, faulty := range []bool{false, true} {
		s := newShop(t)
		r := newReceiver(s)
		s.notify(r.url)
		if faulty {
			s.notify(r.url, obj{"fault": "out_of_order", "times": 1})
		}
		no := s.sold()
		s.clock.pass(100 * time.Millisecond)
		s.must(200, "POST", refundPath, refundBody(no, "R1", 1200, 1200))
		got := r.post(4 * time.Second)
		events := ""
		for _, n := range got {
			events += n.event + " " + n.state + " "
		}
		want := "TRANSACTION.SUCCESS SUCCESS REFUND.SUCCESS SUCCESS "
		if faulty {
			want = "REFUND.SUCCESS SUCCESS TRANSACTION.SUCCESS SUCCESS "
		}
		equal(t, "order", events, want)
	}
}

func TestNoticesAreRetriedAsDocumented(t *testing.T) {
	s := newShop(t)
	r := newReceiver(s)
	r.answer = 500
	s.notify(r.url)
	no := s.sold()
	r.post(time.Second)
	tries := 1
	for _, pause := range []int{15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600} {
		equal(t, "too soon", len(r.post(time.Duration(pause-1)*time.Second)), 0)
		equal(t, "due", outline(r.post(time.Second), no), "own")
		tries++
	}
	n := s.w.WeChat.Report().Notices
	equal(t, "tries", tries, 16)
	equal(t, "refused", n.Refused, 16)
	equal(t, "given up", n.GivenUp, 1)
	equal(t, "waiting", n.Waiting, 0)

	r.answer, r.hang = 0, 300*time.Millisecond
	s.control("POST", "/sim/notices", obj{"timeout_ms": 50, "platform_key": true}, 200)
	no = s.sold()
	r.post(time.Second)
	equal(t, "no answer in time", s.w.WeChat.Report().Notices.Unanswered, 1)
	r.hang = 0
	s.control("POST", "/sim/notices", obj{"timeout_ms": 5000}, 200)
	got := r.post(15 * time.Second)
	equal(t, "again, by the platform's key", outline(got[max(0, len(got)-1):], no), "own")
}

// A running simulator sends by itself, and ends with its context.
func TestNoticesRunByThemselves(t *testing.T) {
	s := newShop(t)
	r := newReceiver(s)
	s.notify(r.url)
	s.sold()
	s.clock.pass(time.Second)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.w.WeChat.RunNotices(ctx); close(ended) }()
	for s.w.WeChat.Report().Notices.Acknowledged == 0 {
		time.Sleep(time.Millisecond) // the test's own deadline ends a vain wait
	}
	stop()
	<-ended
	equal(t, "received", len(r.got), 1)
}

// Whatever is posted as settings is refused with a reason, or means something.
func FuzzNoticeSettings(f *testing.F) {
	k, err := sharedKeys()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{}`, `{"url":"order","faults":[{"fault":"lost","n":3,"times":1}]}`, `{"retry_s":[1e-300]}`, `{"faults":null}`, `{"delay_s":1e999}`, `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, change []byte) {
		w := &WeChat{Credentials: k}
		r, err := w.SetNotices(change)
		if bad := r.NoticeSettings.check(); bad != nil {
			t.Fatalf("%q leaves %v", change, bad)
		}
		if err != nil && string(encodeJSON(r.NoticeSettings)) != string(encodeJSON(defaultNotices())) {
			t.Fatalf("%q was refused and changed something", change)
		}
	})
}

func TestNoticesAreOnlySentWhereTheyBelong(t *testing.T) {
	s := newAIShop(t)
	r := newReceiver(s)
	s.sold()
	equal(t, "nobody listens", len(r.post(time.Hour)), 0)
	s.notify(r.url)
	s.paid(1000)
	equal(t, "a code payment", len(r.post(time.Hour)), 0)
	no := s.number()
	g := s.aiPay(200, uuidKey, s.aiBody(no, 1200, ""))
	s.aiPay(200, uuidKey, s.aiBody(no, 1200, "")) // a shadow, of which nobody is told
	s.control("POST", "/sim/phone/scan", obj{"code_url": g.str("code_url"), "action": "pay"}, 200)
	equal(t, "charged twice", s.w.WeChat.AIReport().Counts.ShadowCharges, 1)
	equal(t, "an AI payment", outline(r.post(time.Second), no), "own")
	for _, bad := range []obj{
		{"url": "ftp://x"},
		{"url": "nowhere"},
		{"delay_s": -1},
		{"timeout_ms": 0},
		{"retry_s": []int{0}},
		{"retry_s": []float64{1e308}},
		{"delay_s": 1e300},
		{"faults": []obj{{"fault": "late", "seconds": 1e20}}},
		{"faults": []obj{{"fault": "no"}}},
		{"faults": []obj{{"fault": "lost", "probability": 2}}},
		{"unknown": 1},
	} {
		s.control("POST", "/sim/notices", bad, 400)
	}
	tls := httptest.NewUnstartedServer(r)
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	t.Cleanup(tls.Close)
	s.control("POST", "/sim/notices", obj{"url": "order"}, 200)
	no = s.number()
	b := s.nativeBody(no, 1200)
	b["notify_url"] = tls.URL
	s.control("POST", "/sim/phone/scan", obj{"code_url": s.must(200, "POST", nativePath, b).str("code_url"), "action": "pay"}, 200)
	r.post(time.Second)
	last := s.w.WeChat.Report().Notices.Last
	if said := last[len(last)-1].Said; !strings.Contains(said, "x509") {
		t.Fatalf("the order's own address was not met: %q", said)
	}
	s.control("DELETE", "/sim/notices", nil, 200)
	n := s.w.WeChat.NoticeReport()
	equal(t, "forgotten", n.Counts.Sent+n.Counts.Waiting+len(n.URL), 0)
}
