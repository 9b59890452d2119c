package sale

import (
	"encoding/json"
	"strings"
	"testing"
)

// A secret is on disk in no request, and an order that needs it again gets it back;
// a charge does not, and neither does whoever has another secret.
func TestRequestRestores(t *testing.T) {
	secret, code := strings.Repeat("0af3", 16), NewPayerCode("134567890123456789")
	read := func(r Request) Request {
		t.Helper()
		b, err := json.Marshal(r)
		if err != nil || strings.Contains(string(b), secret) || strings.Contains(string(b), code.Reveal()) {
			t.Fatalf("stored as %s, %v", b, err)
		}
		var back Request
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		return back
	}
	body := `{"note":"***","audit":"` + secret + `"}`
	order := read(NewRequest("POST", "/x", []byte(body), PayerCode{}, secret))
	if _, err := order.Wire(); err != ErrBlanked {
		t.Errorf("it can be sent without the secret: %v", err)
	}
	back, err := order.Restore(secret)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := back.Wire(); err != nil || string(b) != body {
		t.Errorf("restored to %s, %v", b, err)
	}
	charge := read(NewRequest("POST", "/x", []byte(`{"code":"`+code.Reveal()+`","audit":"`+secret+`"}`), code, secret))
	for name, c := range map[string]struct {
		r      Request
		secret string
	}{"another secret": {order, strings.Repeat("1", 64)}, "none": {order, ""}, "a charge": {charge, secret}} {
		got, err := c.r.Restore(c.secret)
		if err != ErrBlanked {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := got.Wire(); err != ErrBlanked {
			t.Errorf("%s: it can be sent", name)
		}
	}
}
