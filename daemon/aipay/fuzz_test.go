package aipay

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"
)

// Whatever comes, an answer is one thing or unknown, and what it says stands in it.
func FuzzReadPayment(f *testing.F) {
	for _, s := range []string{goodPayment, goodRefusal, goodChange, `{"state":"SUCCESS"}`, `{"a":{"b":[1,"]}"]}}`, `{"error":{},"challenge":{}}`, "{", `{"a\u0022":null}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ReadPayment(body, testOrder)
		n := 0
		for _, there := range []bool{a.Payment != nil, a.Refusal != nil, a.Challenge != nil} {
			if there {
				n++
			}
		}
		if err != nil && (n != 0 || !errors.Is(err, ErrUnknown)) || err == nil && n != 1 {
			t.Fatalf("%d answers and %v", n, err)
		}
		if err != nil {
			return
		}
		// encoding/json is the second opinion on what is there.
		var m map[string]any
		if json.Unmarshal(body, &m) != nil {
			t.Fatal("read from broken JSON")
		}
		if p := a.Payment; p != nil && (m["state"] != p.State || m["out_trade_no"] != testOrder || m["error"] != nil || m["challenge"] != nil) {
			t.Errorf("%+v from %s", p, body)
		}
		if a.Payment == nil && (m["state"] != nil || m["payment_id"] != nil) {
			t.Errorf("a payment was overlooked in %s", body)
		}
	})
}

// members finds what encoding/json finds.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":"x\"]","c":[{},[]],"d":{"e":null}}`, ` { } `, `{"a" : -1e5 , "b":true}`, `{"":""}`, `[1]`, `{"a":{},"b":[]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := open(body)
		if err != nil {
			return
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		for name, raw := range m {
			if string(raw) == "null" {
				continue
			}
			if !bytes.Equal(bytes.TrimSpace(raw), d.values[name]) {
				t.Errorf("%q is %q, not %q", name, d.values[name], raw)
			}
			delete(d.values, name)
		}
		if len(d.values) != 0 {
			t.Errorf("%q are not in %s", d.values, body)
		}
	})
}

// Whatever comes, a verdict is one of three, of this order, by somebody, or there is none.
func FuzzReadReconciliation(f *testing.F) {
	for _, s := range []string{
		`{"out_trade_no":"` + testOrder + `","reconciliation":{"model":"m","verdict":"mismatch","explanation":"no"}}`,
		`{"out_trade_no":"` + testOrder + `","reconciliation":{"model":"m","verdict":"paid"}}`,
		`{"out_trade_no":"` + testOrder + `"}`, `{"reconciliation":{}}`, `{"reconciliation":[1]}`, "{",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ReadReconciliation(body, testOrder)
		if err != nil {
			if r != nil || !errors.Is(err, ErrUnknown) {
				t.Fatalf("%+v and %v", r, err)
			}
			return
		}
		var m struct {
			Order          string `json:"out_trade_no"`
			Reconciliation *struct{ Model, Verdict string }
		}
		if json.Unmarshal(body, &m) != nil || m.Order != testOrder || (r == nil) != (m.Reconciliation == nil) {
			t.Fatalf("%+v from %s", r, body)
		}
		if r != nil && (r.Model == "" || string(r.Verdict) != m.Reconciliation.Verdict || r.Verdict != Consistent && r.Verdict != Mismatch && r.Verdict != Pending) {
			t.Errorf("%+v from %s", r, body)
		}
	})
}

func FuzzReadProjection(f *testing.F) {
	f.Add([]byte(goodProjection))
	f.Add([]byte(`{"low":"1","mid":"1","high":"1"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := ReadProjection(body, testAsk(), testStart())
		if err != nil && (p != (Projection{}) || !errors.Is(err, ErrUnknown)) {
			t.Fatalf("%+v, %v", p, err)
		}
		if err == nil && (p.Low.Cmp(p.Mid) > 0 || p.Mid.Cmp(p.High) > 0 || !(p.Confidence >= 0 && p.Confidence <= 1) || !p.ValidUntil.After(testStart())) {
			t.Errorf("%+v", p)
		}
	})
}

// The bytes are wiped whatever was in them, and the numbers are those of encoding/json.
func FuzzReadLiveness(f *testing.F) {
	f.Add([]byte(goodLiveness))
	f.Add([]byte(`{"state":"PENDING"}`))
	f.Add([]byte(`{"state":"DONE","liveness":1,"nonce":"n","embedding":[1e5, -0.5 ,"x"]}`))
	f.Add([]byte(`{"state":"DONE","liveness":1,"nonce":"n","embedding":[[1],2]}`))
	f.Fuzz(func(t *testing.T, kept []byte) {
		var want struct {
			Embedding []float64 `json:"embedding"`
		}
		body := bytes.Clone(kept) // what is wiped may not be the fuzzer's
		l, err := ReadLiveness(body)
		if len(bytes.Trim(body, "\x00")) != 0 {
			t.Fatal("the answer was not wiped")
		}
		if err != nil || l.State != Done {
			if l.Vector.Dim() != 0 {
				t.Fatalf("a vector and %v", err)
			}
			return
		}
		if json.Unmarshal(kept, &want) != nil || len(want.Embedding) != l.Vector.Dim() {
			t.Fatalf("%d numbers from %s", l.Vector.Dim(), kept)
		}
		for i, n := range l.Vector.values() {
			if n != want.Embedding[i] {
				t.Fatalf("number %d of %s is %g", i, kept, n)
			}
		}
		_ = Verify(Check{Liveness: l, Nonce: "n", Least: 0.5, Asked: testStart(), Now: testStart(), Within: time.Minute, Token: []byte("t"), Epoch: testEpoch(t)})
	})
}
