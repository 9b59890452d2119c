package aipay

import (
	"errors"
	"testing"
)

func TestLivenessBody(t *testing.T) {
	b, err := LivenessBody(testOrder, "ls_1", "n-1")
	if want := `{"out_trade_no":"` + testOrder + `","session_id":"ls_1","nonce":"n-1"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	for _, c := range [][3]string{{"1", "ls_1", "n"}, {testOrder, "", "n"}, {testOrder, "ls_1", ""}, {testOrder, "ls_1", "a\"b"}} {
		var f *FaultError
		if b, err := LivenessBody(c[0], c[1], c[2]); !errors.As(err, &f) || len(f.Faults) != 1 {
			t.Errorf("%q asks %s, %v", c, b, err)
		}
	}
}

func TestReadLivenessSession(t *testing.T) {
	const good = `{"session_id":"ls_1","url":"https://pay.example/l/1","expires_at":"2026-11-25T03:05:05Z"}`
	c, err := ReadLivenessSession([]byte(good), "ls_1")
	if err != nil || c.SessionID != "ls_1" || c.URL != "https://pay.example/l/1" || !c.Expires.After(testStart()) {
		t.Errorf("%+v, %v", c, err)
	}
	for _, b := range wrong(t, good, [][2]string{
		{"ls_1", "ls_2"},
		{"https:", "http:"},
		{"2026-11-25T", "2026-11-25 "},
		{`"url"`, `"url":"https://other.example","url"`},
	}) {
		c, err := ReadLivenessSession([]byte(b), "ls_1")
		if mustUnknown(t, b, err); c != (Challenge{}) {
			t.Errorf("%s: unknown, and %+v", b, c)
		}
	}
}
