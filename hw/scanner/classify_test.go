package scanner

import (
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	d := func(prefix string, n int) string { return prefix + strings.Repeat("7", n-len(prefix)) }
	const link = "https://id.gs1.org/01/09521234543213/10/ABC123?17=261231"
	for _, tt := range []struct {
		name, payload, symbology string
		kind                     Kind
		wallet, gtin             string
		reason                   Reason
	}{
		{"wechat low", d("10", 18), "", Payer, "wechat", "", ""},
		{"wechat QR", d("13", 18), "]Q1", Payer, "wechat", "", ""},
		{"wechat Code 128", d("13", 18), "]C0", Payer, "wechat", "", ""},
		{"wechat Hong Kong", d("15", 18), "", Payer, "wechat", "", ""},
		{"after wechat", d("16", 18), "", Other, "", "", ReasonUnknownWallet},
		{"wechat too short", d("13", 17), "", Other, "", "", ReasonUnknownWallet},
		{"wechat too long", d("13", 19), "", Other, "", "", ReasonUnknownWallet},
		{"before alipay", d("24", 16), "", Other, "", "", ReasonUnknownWallet},
		{"alipay shortest", d("25", 16), "", Payer, "alipay", "", ""},
		{"alipay 28", d("28", 18), "", Payer, "alipay", "", ""},
		{"alipay 30 longest", d("30", 24), "", Payer, "alipay", "", ""},
		{"after alipay", d("31", 18), "", Other, "", "", ReasonUnknownWallet},
		{"alipay too short", d("28", 15), "", Other, "", "", ""},
		{"alipay too long", d("28", 25), "", Other, "", "", ReasonUnknownWallet},
		{"unionpay", d("62", 19), "", Payer, "unionpay", "", ""},
		{"unionpay too short", d("62", 18), "", Other, "", "", ReasonUnknownWallet},
		{"unionpay too long", d("62", 20), "", Other, "", "", ReasonUnknownWallet},
		{"letter put in", payer[:5] + "A" + payer[5:], "", Other, "", "", ReasonDamaged},
		{"letter for digit", "1345678901234567O9", "", Other, "", "", ReasonDamaged},
		{"spaces", "1345 6789 0123 4567 89", "", Other, "", "", ReasonDamaged},
		{"leading space", " " + payer, "", Other, "", "", ReasonDamaged},
		{"control put in", payer + "\x1b", "", Other, "", "", ReasonDamaged},
		{"wide digits", strings.Replace(payer, "3", "３", 1), "", Other, "", "", ""},
		{"EAN-13", "6901234567892", "", GTIN, "", "06901234567892", ""},
		{"EAN-13 wrong", "6901234567893", "", Other, "", "", ReasonCheckDigit},
		{"EAN-8", "96385074", "]E4", GTIN, "", "00000096385074", ""},
		{"EAN-8 wrong", "96385075", "", Other, "", "", ReasonCheckDigit},
		{"UPC-A", "036000291452", "", GTIN, "", "00036000291452", ""},
		{"GTIN-14", "09521234543213", "", GTIN, "", "09521234543213", ""},
		{"EAN-13 of a payer prefix", "1345678901235", "", GTIN, "", "01345678901235", ""},
		{"GS1-128", "0109521234543213" + "10ABC", "]C1", GS1, "", "09521234543213", ""},
		{"GS1 with separator", "\x1d010952123454321310A\x1d17261231", "", GS1, "", "09521234543213", ""},
		{"GS1 Data Matrix, no GTIN", "00395212345678901236", "]d2", GS1, "", "", ""},
		{"GS1 QR, wrong check digit", "0109521234543214", "]Q3", GS1, "", "", ""},
		{"GS1 in the form of a payer code", "112612311012345678", "]C1", GS1, "", "", ""},
		{"Digital Link", link, "]Q1", GS1, "", "09521234543213", ""},
		{"Digital Link of a brand", "https://brand.example/p/01/09521234543213", "", GS1, "", "09521234543213", ""},
		{"Digital Link, wrong digit", "https://id.gs1.org/01/09521234543214", "", URL, "", "", ""},
		{"URL", "https://qr.alipay.com/fkx12345", "", URL, "", "", ""},
		{"URL in capitals", "HTTP://X.CN/A", "", URL, "", "", ""},
		{"native URL", "weixin://wxpay/bizpayurl?pr=abc", "", Other, "", "", ""},
		{"no host", "https:///x", "", Other, "", "", ""},
		{"script", "javascript:alert(1)", "", Other, "", "", ""},
		{"text", "staff 7", "", Other, "", "", ""},
		{"broken text", "a\xff", "", Other, "", "", ReasonUnprintable},
		{"control", "a\x07", "", Other, "", "", ReasonUnprintable},
		{"empty", "", "", Other, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Classify(tt.payload, tt.symbology, DefaultWallets())
			if c.Kind != tt.kind || c.Wallet != tt.wallet || c.GTIN != tt.gtin || c.Reason != tt.reason {
				t.Errorf("Classify(%q, %q) = %+v", tt.payload, tt.symbology, c)
			}
			mustHide := c.Kind == Payer || c.Reason == ReasonDamaged || c.Reason == ReasonUnknownWallet
			if c.Code.Reveal() != tt.payload || mustHide && !c.Code.Secret() {
				t.Errorf("payload changed to %q, or not masked", c.Code.Reveal())
			}
		})
	}
}

func TestClassifyConfiguredWallet(t *testing.T) {
	w := []Wallet{{Name: "jd", Prefixes: []string{"18"}, Lengths: []int{18}}}
	if c := Classify("18"+payer[2:], "", w); c.Kind != Payer || c.Wallet != "jd" {
		t.Errorf("own wallet: %+v", c)
	}
	if c := Classify(payer, "", w); c.Kind != Other || c.Reason != ReasonUnknownWallet || !c.Code.Secret() {
		t.Errorf("wallet that is not accepted: %+v", c)
	}
}

func BenchmarkClassify(b *testing.B) {
	w := DefaultWallets()
	for _, p := range []string{payer, "6901234567892", "https://id.gs1.org/01/09521234543213"} {
		b.Run(string(Classify(p, "", w).Kind), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = Classify(p, "]Q1", w)
			}
		})
	}
}
