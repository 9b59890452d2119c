package sim

import (
	"encoding/csv"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The codes are banks' and specifications' own, not the till's.
func TestTelephoneReadsCodes(t *testing.T) {
	for text, want := range map[string]BankCode{
		"00020101021129370016A000000677010111011300668012345675802TH530376463046197":                                                                                                                                                      {Scheme: "promptpay", Account: "0066801234567", Currency: "THB"},
		"00020101021229370016A000000677010111011300660000000005802TH530376454044.226304E469":                                                                                                                                              {Scheme: "promptpay", Account: "0066000000000", Currency: "THB", Amount: "4.22"},
		"00020101021230640016A0000006770101120115010553509091205020720661140310W22932935553037645406200.005802TH62070703PRF63040C86":                                                                                                      {Scheme: "promptpay_bill", Account: "010553509091205", Reference: "2066114", Currency: "THB", Amount: "200.00"},
		"00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D":                                                                                       {Scheme: "pix", Account: "123e4567-e12b-12d1-a456-426655440000", Name: "Fulano de Tal", Currency: "BRL"},
		"00020126580014br.gov.bcb.pix01365a5ea8c2-cbb5-4c25-a7be-2a778871fc5f52040000530398654040.155802BR5911Arrumadinho6008Brasilia62260522e433v1524u155f31mDvx0163045B1E":                                                              {Scheme: "pix", Account: "5a5ea8c2-cbb5-4c25-a7be-2a778871fc5f", Name: "Arrumadinho", Currency: "BRL", Amount: "0.15", Reference: "e433v1524u155f31mDvx01"},
		"00020101021226470009SG.PAYNOW010120208123456780301004082026030452040000530370254040.995802SG5911testcompany6009Singapore62270123testordernumber1234567863040047":                                                                 {Scheme: "paynow", Account: "12345678", Name: "testcompany", Currency: "SGD", Amount: "0.99", Reference: "testordernumber12345678", Until: "20260304"},
		"00020101021126650013ID.CO.BCA.WWW011893600014000124857402150008850012485740303UKE51440014ID.CO.QRIS.WWW0215ID20210753479750303UKE5204839853033605802ID5922YAYASAN PEMBINAAN ANAK6015JAKARTA SELATAN61051212062070703A016304E58B": {Account: "ID.CO.BCA.WWW 936000140001248574", Name: "YAYASAN PEMBINAAN ANAK", Currency: "IDR"},
		"upi://pay?pa=shop@bank&pn=Tea%20%26%20Co&tr=S1-7&am=10.00&cu=INR":                                                                                                                                                                {Scheme: "upi", Account: "shop@bank", Name: "Tea & Co", Currency: "INR", Amount: "10.00", Reference: "S1-7"},
	} {
		got, err := readCode(text)
		if err != nil {
			t.Errorf("%.40q: %v", text, err)
		}
		equal(t, text, got, want)
	}
	good := "00020101021229370016A000000677010111011300660000000005802TH530376454044.226304E469"
	for _, text := range []string{
		"", "6304", good[:len(good)-1], strings.Replace(good, "4.22", "4.23", 1), strings.ToLower(good), "upi://pay?pa=shop@bank", "upi://collect?pa=a@b&pn=x&cu=INR",
		"00020101021126370009SG.PAYNOW010120210201207337D03010520400005303702540510.005802SG5916Nerdherd Pte Ltd6009Singapore6304F832",
		"00020126360014BR.GOV.BCB.PIX0114+5511943214321520400005303986540566.665802BR5907EMPRESA6008BRASILIA62080503***6304170E",
		"upi://pay?pa=shop@bank&pn=T&cu=INR&am=1.001",
	} {
		if c, err := readCode(text); err == nil {
			t.Errorf("%q is read as %+v", text, c)
		}
	}
}

func TestBankBooksWhatArrives(t *testing.T) {
	s := newShop(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.w.Bank.Now = func() time.Time { return now }
	const code = "00020126580014br.gov.bcb.pix01365a5ea8c2-cbb5-4c25-a7be-2a778871fc5f52040000530398654040.155802BR5911Arrumadinho6008Brasilia62260522e433v1524u155f31mDvx0163045B1E"
	pay := func(q BankOrder) BankPayment {
		t.Helper()
		q.Text = code
		p, err := s.w.Bank.Pay(q)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	honest, forged, dropped := pay(BankOrder{}), pay(BankOrder{Forge: true}), pay(BankOrder{DropReference: true})
	forged.ID, dropped.ID = honest.ID, honest.ID
	if forged != honest || dropped != honest {
		t.Fatalf("a telephone gives the liar away: %+v, %+v, %+v", honest, forged, dropped)
	}
	pay(BankOrder{Amount: "0.10", Times: 2})
	pay(BankOrder{Amount: "7.00", LateMS: 60_000})
	if _, err := s.w.Bank.Transfer(BankTransfer{Scheme: "pix", Account: "other", Currency: "BRL", Amount: "3.00", Reference: "X"}); err != nil {
		t.Fatal(err)
	}
	r := s.w.Bank.Report()
	equal(t, "coming", r.Coming, 1)
	equal(t, "forged", len(r.Forged), 1)
	equal(t, "accounts", len(r.Accounts), 2)
	equal(t, "the shop's", r.Accounts[0], BankAccount{"5a5ea8c2-cbb5-4c25-a7be-2a778871fc5f", "BRL", 4, "0.50", 50})
	now = now.Add(time.Minute)
	equal(t, "when it came", s.w.Bank.Report().Accounts[0].Sum, "7.50")

	for _, q := range []BankOrder{{Text: "x"}, {Text: code, Amount: "0"}, {Text: code, Amount: "1.234"}, {Text: code, LateMS: -1}, {Text: code, Times: 11}} {
		if p, err := s.w.Bank.Pay(q); err == nil {
			t.Errorf("%+v is paid: %+v", q, p)
		}
	}
	res, err := http.Get(s.url + "/sim/bank/statement.csv?account=5a5ea8c2-cbb5-4c25-a7be-2a778871fc5f")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	rows, err := csv.NewReader(res.Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", len(rows), 6)
	equal(t, "header", strings.Join(rows[0], ","), "id,at,amount,currency,reference,scheme,source")
	equal(t, "first", strings.Join(rows[1], ","), "P00000001,2026-03-01T12:00:00Z,0.15,BRL,e433v1524u155f31mDvx01,pix,sim-bank")
	equal(t, "dropped", strings.Join(rows[2], ","), "P00000002,2026-03-01T12:00:00Z,0.15,BRL,,pix,sim-bank")
}

func FuzzReadCode(f *testing.F) {
	b, err := os.ReadFile("../emvqr/testdata/good.txt")
	if err != nil {
		f.Fatal(err)
	}
	for text := range strings.Lines(string(b)) {
		f.Add(strings.TrimSpace(text))
	}
	f.Add("upi://pay?pa=shop@bank&pn=T&cu=INR&am=1.00")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := readCode(text)
		if err != nil {
			return
		}
		if c.Account == "" || c.Currency == "" {
			t.Errorf("%q is read as %+v", text, c)
		}
		if c.Amount != "" {
			n, err := minor(c.Amount, c.Currency)
			if again, _ := minor(written(n, c.Currency), c.Currency); err != nil || n < 1 || again != n {
				t.Errorf("%q is %d and again %d, %v", c.Amount, n, again, err)
			}
		}
	})
}
