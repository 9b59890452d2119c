package scanner

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

func TestCodeNeverLeaks(t *testing.T) {
	type hidden struct{ c Code }
	type shown struct{ C Code }
	c := Classify(payer, "]Q1", DefaultWallets()).Code
	scan := Scan{Class: Classify(payer, "", DefaultWallets())}
	// Nanoseconds and addresses have any five digits, once in a while the code's.
	address := regexp.MustCompile(`0xc[0-9a-f]{9}\b`)
	timeless := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	var out []string
	for _, v := range []any{
		c, &c, scan, &scan, scan.Class,
		hidden{c},
		&hidden{c},
		shown{c},
		[]Code{c},
		[]hidden{{c}},
		map[string]Code{"k": c},
		map[Code]int{c: 1},
		[1]Code{c},
		any(c), fmt.Errorf("code %v", c),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%o", "%T", "%30v", "%-3s", "%.2v", "%!", "%p", "%w"} {
			out = append(out, fmt.Sprintf(verb, v))
		}
		out = append(out, fmt.Sprint(v), fmt.Sprintln(v))
		if _, ok := v.(map[Code]int); ok {
			continue // no JSON
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatalf("%T: %v", v, err)
		}
		out = append(out, string(b))
		var text, js bytes.Buffer
		slog.New(slog.NewTextHandler(&text, timeless)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&js, timeless)).Info("x", "v", v, slog.Group("g", "v", v))
		out = append(out, text.String(), js.String())
	}
	var g bytes.Buffer
	if err := gob.NewEncoder(&g).Encode(shown{c}); err == nil {
		out = append(out, g.String())
	}
	for _, s := range out {
		s = address.ReplaceAllString(s, "")
		for i := 0; i+5 <= len(payer); i++ {
			if strings.Contains(s, payer[i:i+5]) || strings.Contains(s, fmt.Sprintf("%x", payer[i:i+5])) {
				t.Fatalf("leak of %q in %s", payer[i:i+5], s)
			}
		}
	}
	if c.Reveal() != payer || !c.Secret() {
		t.Fatalf("Reveal = %q", c.Reveal())
	}
}

func TestCodeShown(t *testing.T) {
	for _, tt := range []struct{ payload, want string }{
		{payer, mask + "6789"},
		{"280123456789012345678901", mask + "8901"},
		{"6212345678901234567", mask + "4567"},
		{"5112345678901234567", mask + "4567"}, // perhaps a wallet that is not configured
		{payer[:9] + "x" + payer[9:], mask + "6789"},
		{payer + "\x1b[2J", mask},
		{"6901234567892", "6901234567892"},
		{"a\x1b[31m\x00\u202e\xffb\n", "a·[31m···b·"},
		{"付款", "付款"},
		{strings.Repeat("x", 65), strings.Repeat("x", 64) + "…"},
		{"", ""},
	} {
		c := Classify(tt.payload, "", DefaultWallets()).Code
		if got := c.String(); got != tt.want {
			t.Errorf("String of %q = %q, want %q", tt.payload, got, tt.want)
		}
		if got, want := fmt.Sprintf("%q %#v", c, c), fmt.Sprintf("%q %q", tt.want, tt.want); got != want {
			t.Errorf("%%q %%#v = %s, want %s", got, want)
		}
	}
	if s := fmt.Sprint(Code{}); s != "" || (Code{}).Reveal() != "" {
		t.Errorf("zero Code shows %q", s)
	}
	if s := newCode("123", true).String(); s != mask {
		t.Errorf("short secret shows %q", s)
	}
}

func TestCodeEqual(t *testing.T) {
	a, b := newCode(payer, true), newCode(payer, true)
	if !a.Equal(b) || a.Equal(Code{}) || !(Code{}).Equal(Code{}) {
		t.Fatal("Equal is wrong")
	}
}
