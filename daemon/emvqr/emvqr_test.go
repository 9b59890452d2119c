package emvqr

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qrposd/rules/money"
)

func lines(t testing.TB, name string) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// The codes in testdata are of banks, specifications and the tests of others.
func TestCodesOfOthers(t *testing.T) {
	good := lines(t, "good.txt")
	if len(good) < 18 {
		t.Fatalf("%d codes", len(good))
	}
	for _, text := range good {
		c, err := Parse(text)
		if err != nil {
			t.Errorf("%.60q: %v", text, err)
		} else if c.String() != text {
			t.Errorf("%q is written as %q", text, c)
		}
	}
	for _, text := range lines(t, "bad.txt") {
		if c, err := Parse(text); err == nil {
			t.Errorf("%q is read as %v", text, c)
		}
	}
	if got := checksum("123456789"); got != "29B1" {
		t.Errorf("the checksum's own test gives %s, not 29B1", got)
	}
}

// Every byte of a code counts.
func TestEveryChangeIsNoticed(t *testing.T) {
	text := lines(t, "good.txt")[0]
	for i := range text {
		for _, b := range []byte{'0', '9', 'A', 0x80} {
			changed := text[:i] + string([]byte{b}) + text[i+1:]
			if _, err := Parse(changed); err == nil && changed != text {
				t.Errorf("byte %d as %q is not noticed", i, b)
			}
		}
		if _, err := Parse(text[:i]); err == nil {
			t.Errorf("cut off at %d it is read", i)
		}
	}
}

func amount(t testing.TB, s string, c money.Currency) money.Money {
	t.Helper()
	m, err := money.Parse(s, c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What is made for each scheme is what the schemes' own tests and manuals have.
func TestSchemes(t *testing.T) {
	acme := Shop{Name: "ACME Pte Ltd.", City: "Singapore"}
	for _, c := range []struct {
		account Account
		shop    Shop
		charge  Charge
		want    string
	}{
		{PromptPay{Mobile: "0801234567"}, Shop{}, Charge{}, "thai 0066801234567"},
		{PromptPay{Mobile: "+66891234567"}, Shop{}, Charge{}, "thai 0066891234567"},
		{PromptPay{Identity: "1111111111111"}, Shop{}, Charge{}, "thai 1111111111111"},
		{PromptPay{Wallet: "012345678901234"}, Shop{}, Charge{}, "thai 012345678901234"},
		{PIX{Key: "123e4567-e12b-12d1-a456-426655440000"}, Shop{Name: "Fulano de Tal", City: "BRASILIA"}, Charge{}, "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D"},
		{
			PIX{Key: "5a5ea8c2-cbb5-4c25-a7be-2a778871fc5f"},
			Shop{Name: "Arrumadinho", City: "Brasilia"},
			Charge{amount(t, "0.15", "BRL"), "e433v1524u155f31mDvx01"},
			"00020126580014br.gov.bcb.pix01365a5ea8c2-cbb5-4c25-a7be-2a778871fc5f52040000530398654040.155802BR5911Arrumadinho6008Brasilia62260522e433v1524u155f31mDvx0163045B1E",
		},
		{PayNow{Company: "201403121W", Expires: time.Date(2030, 12, 31, 0, 0, 0, 0, time.UTC)}, acme, Charge{}, "00020101021126490009SG.PAYNOW010120210201403121W030110408203012315204000053037025802SG5913ACME Pte Ltd.6009Singapore6304B69E"},
		{PayNow{Mobile: "+6591234567"}, Shop{Name: "NA", City: "Singapore"}, Charge{}, "00020101021126380009SG.PAYNOW010100211+6591234567030115204000053037025802SG5902NA6009Singapore6304B5DB"},
		{
			PayNow{Company: "123456780", Expires: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)},
			Shop{Name: "testcompany", City: "Singapore"},
			Charge{amount(t, "0.99", "SGD"), "testordernumber12345678"},
			"sg 0.99",
		},
		{UPI{"shop@bank"}, Shop{Name: "Tea & Co"}, Charge{amount(t, "10.00", "INR"), "S1-7"}, "upi://pay?pa=shop@bank&pn=Tea%20%26%20Co&tr=S1-7&am=10.00&cu=INR"},
	} {
		got, err := c.account.Payload(c.shop, c.charge)
		if err != nil {
			t.Errorf("%T: %v", c.account, err)
			continue
		}
		switch {
		case strings.HasPrefix(c.want, "thai "), strings.HasPrefix(c.want, "sg "):
			_, part, _ := strings.Cut(c.want, " ")
			if _, err := Parse(got); err != nil || !strings.Contains(got, part) {
				t.Errorf("%T: %q, %v", c.account, got, err)
			}
		case got != c.want:
			t.Errorf("%T:\n%q, want\n%q", c.account, got, c.want)
		}
	}
}

// PromptPay's objects stand in another order in the codes of others, and mean the same.
func TestPromptPayMeansTheSame(t *testing.T) {
	for text, a := range map[string]PromptPay{
		"00020101021129370016A000000677010111011300668012345675802TH530376463046197":   {Mobile: "0801234567"},
		"00020101021129370016A000000677010111021301234567890125802TH530376463040CBD":   {Identity: "0123456789012"},
		"00020101021129390016A00000067701011103150123456789012345802TH530376463049781": {Wallet: "012345678901234"},
	} {
		got, err := a.Payload(Shop{}, Charge{})
		if err != nil {
			t.Fatal(err)
		}
		ours, err1 := Parse(got)
		theirs, err2 := Parse(text)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		for _, o := range theirs {
			if v, ok := ours.Get(o.ID); !ok || v != o.Value || len(ours) != len(theirs) {
				t.Errorf("object %02d is %q, theirs %q", o.ID, v, o.Value)
			}
		}
	}
}

func TestChargesThatNoCodeCarries(t *testing.T) {
	s := Shop{Name: "Tea", City: "X"}
	for name, c := range map[string]struct {
		a Account
		s Shop
		c Charge
	}{
		"two of one":            {PromptPay{Mobile: "0801234567", Wallet: "012345678901234"}, s, Charge{}},
		"none":                  {PromptPay{}, s, Charge{}},
		"another currency":      {PromptPay{Mobile: "0801234567"}, s, Charge{Amount: money.Money{Minor: 1, Currency: "CNY"}}},
		"a negative amount":     {PromptPay{Mobile: "0801234567"}, s, Charge{Amount: money.Money{Minor: -1, Currency: "THB"}}},
		"a bill without number": {Bill{Biller: "010553509091205"}, s, Charge{}},
		"a name too long":       {PIX{Key: "k"}, Shop{Name: strings.Repeat("x", 26), City: "X"}, Charge{}},
		"a reference too long":  {PIX{Key: "k"}, s, Charge{Reference: strings.Repeat("x", 26)}},
		"a reference with ***":  {PIX{Key: "k"}, s, Charge{Reference: "***"}},
		"no company":            {PayNow{Company: "x"}, s, Charge{}},
		"an address":            {UPI{"shop"}, s, Charge{}},
		"a link in an address":  {UPI{"shop@bank&am=1"}, s, Charge{}},
		"an amount unreferred":  {UPI{"shop@bank"}, s, Charge{Amount: money.Money{Minor: 1, Currency: "INR"}}},
	} {
		if got, err := c.a.Payload(c.s, c.c); !errors.Is(err, ErrCharge) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A shop's own code gets an amount and keeps everything else where it was.
func TestStaticCodes(t *testing.T) {
	read := 0
	for _, text := range lines(t, "good.txt") {
		s, err := ReadStatic(text)
		if err != nil {
			continue
		}
		read++
		c := s.Currency()
		m := money.Money{Minor: 4200, Currency: c}
		got, err := s.Payload(Shop{}, Charge{Amount: m})
		code, err2 := Parse(got)
		if err := errors.Join(err, err2); err != nil {
			t.Errorf("%.60q: %v", text, err)
			continue
		}
		if v, _ := code.Get(idAmount); v != m.Decimal() {
			t.Errorf("%.60q asks for %q", text, v)
		}
		before, _ := Parse(text)
		for _, o := range before {
			if v, _ := code.Get(o.ID); v != o.Value && o.ID != idInitiation {
				t.Errorf("%.60q: object %02d was %q and is %q", text, o.ID, o.Value, v)
			}
		}
		if again, err := s.Payload(Shop{}, Charge{}); err != nil || again != text {
			t.Errorf("without an amount it is another code: %q, %v", again, err)
		}
	}
	if read < 8 {
		t.Errorf("only %d shops' codes were read", read)
	}
}

// Whatever is made is read back, and is read by nobody else's rules than Parse's.
func TestMadeCodesAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Shop{rapid.StringN(1, 25, -1).Draw(t, "name"), rapid.StringN(1, 15, -1).Draw(t, "city"), ""}
		c := Charge{Reference: rapid.StringMatching(`[0-9A-Za-z]{1,25}`).Draw(t, "reference")}
		c.Amount = money.Money{Minor: rapid.Int64Range(1, 1e11).Draw(t, "minor"), Currency: "BRL"}
		text, err := PIX{Key: "a@b.c"}.Payload(s, c)
		if err != nil {
			t.Fatal(err)
		}
		code, err := Parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		more, err := code.Inner(idAdditional)
		ref, _ := more.Get(idReference)
		paid, _ := code.Get(idAmount)
		if err != nil || ref != c.Reference || paid != c.Amount.Decimal() {
			t.Fatalf("%q, %q, %v", ref, paid, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"good.txt", "bad.txt"} {
		for _, text := range lines(f, name) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		if c.String() != text {
			t.Fatalf("%q is written as %q", text, c)
		}
		if s, err := ReadStatic(text); err == nil {
			_, _ = s.Payload(Shop{}, Charge{Amount: money.Money{Minor: 1, Currency: s.Currency()}})
		}
	})
}
