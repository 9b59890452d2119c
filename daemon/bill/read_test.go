package bill

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qrposd/rules/money"
)

func cny(minor int64) money.Money { return money.Money{Minor: minor, Currency: "CNY"} }

// The file is as the provider writes it: byte order mark, back quotes, CRLF, a name
// with commas, a count of 6.0 and fees of two decimals in the summary.
func TestRead(t *testing.T) {
	b, err := os.ReadFile("testdata/bill.csv")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, []byte("\ufeff")) || !bytes.Contains(b, []byte("\r\n")) {
		t.Fatal("the fixture has lost its byte order mark or its line ends")
	}
	at := func(clock string) time.Time {
		when, err := time.ParseInLocation(time.DateTime, "2026-03-05 "+clock, beijing)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	want := []Row{
		{at("08:31:07"), merchant, "0", "4200000001202603050000000001", "T1260305000011", Success, cny(1280), "0", cny(0), "", 768},
		{at("08:40:00"), merchant, "0", "4200000001202603050000000002", "T1260305000021", Success, cny(2550), "0", cny(0), "", 1530},
		{at("09:12:44"), merchant, "0", "4200000001202603050000000001", "T1260305000011", Refund, cny(0), "T1260305000011R1", cny(280), "PROCESSING", -168},
		{at("12:00:01"), merchant, "0", "4200000001202603050000000003", "T1260305000031", Success, cny(100), "0", cny(0), "", 60},
		{at("12:00:41"), merchant, "0", "4200000001202603050000000003", "T1260305000031", Revoked, cny(0), "0", cny(100), "SUCCESS", -60},
		{at("23:59:59"), merchant, "0", "4200000001202603050000000004", "T1260305000041", Success, cny(1), "0", cny(0), "", 1},
	}
	for name, text := range map[string]string{"plain": string(b), "gzip": zip(t, string(b))} {
		rows, s, err := read(text, digest(string(b)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(rows, want) {
			t.Errorf("%s: rows\n%+v\nwant\n%+v", name, rows, want)
		}
		if s != (Summary{6, 2131}) {
			t.Errorf("%s: summary %+v", name, s)
		}
	}
}

func TestReadByName(t *testing.T) {
	want, _, err := read(write(present, day()...), digest(write(present, day()...)))
	if err != nil {
		t.Fatal(err)
	}
	old := slices.Clone(present)
	for i, c := range old {
		switch c {
		case "订单金额":
			old[i] = "总金额"
		case "充值券退款金额":
			old[i] = "企业红包退款金额"
		}
	}
	text := strings.Replace(write(present, day()...), strings.Join(present, ","), strings.Join(old, ","), 1)
	if rows, _, err := read(text, digest(text)); err != nil || !slices.Equal(rows, want) {
		t.Errorf("names of the older layout: %v %+v", err, rows)
	}
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.Permutation(append(slices.Clone(present), "某个新列")).Draw(t, "columns")
		text := write(columns, day()...)
		rows, _, err := read(text, digest(text))
		if err != nil || !slices.Equal(rows, want) {
			t.Fatalf("%v: %v %+v", columns, err, rows)
		}
	})
}

// Free text may look like the end of a field; everything beside it stays what it is.
func TestReadHostileNames(t *testing.T) {
	lines := day()
	for _, name := range []string{"a,`b", ",`", "a,`0.01,`9.99", "`", "总交易单数", `"`, ",`,`,`"} {
		lines[0].name = name
		text := write(present, lines...)
		rows, _, err := read(text, digest(text))
		if err != nil || rows[0].Amount != cny(1280) || rows[0].OrderNo != "T1A1" {
			t.Errorf("a product %q: %v %+v", name, err, rows)
		}
	}
}

// Half a file is refused, by its digest and by its own summary.
func TestReadTruncated(t *testing.T) {
	whole := write(present, day()...)
	packed := zip(t, whole)
	for n := range len(packed) {
		if _, _, err := read(packed[:n], digest(whole)); err == nil {
			t.Fatalf("%d of %d packed bytes are taken for all", n, len(packed))
		}
	}
	cut := strings.TrimRight(whole, "\r\n")
	for n := range len(whole) {
		if _, _, err := read(whole[:n], digest(whole)); err == nil {
			t.Fatalf("%d of %d bytes are taken for all", n, len(whole))
		}
		if _, _, err := read(whole[:n], digest(whole[:n])); err == nil && n < len(cut) {
			t.Fatalf("with a digest of their own %d of %d bytes are taken for all", n, len(whole))
		}
	}
	lines := strings.SplitAfter(whole, "\r\n")
	for i := 1; i <= len(day()); i++ {
		for name, changed := range map[string][]string{
			"without": slices.Delete(slices.Clone(lines), i, i+1), "twice": slices.Insert(slices.Clone(lines), i, lines[i]),
		} {
			text := strings.Join(changed, "")
			var e *Error
			if _, _, err := read(text, digest(text)); !errors.As(err, &e) || e.Code != CodeSummary {
				t.Errorf("line %d %s: %v", i, name, err)
			}
		}
	}
}

// Every changed byte is found by the digest; every changed digit of an amount or of
// the count by the sums too.
func TestReadChanged(t *testing.T) {
	whole := write(present, day()...)
	for i := range len(whole) {
		b := []byte(whole)
		b[i] ^= 1
		var e *Error
		if _, _, err := read(string(b), digest(whole)); !errors.As(err, &e) || e.Code != CodeDigest {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	for _, old := range []string{"`12.80,`0.00,`", "`2.80,`0.00,`ORIGINAL", "`9.0,", "`0.00002,"} {
		text := strings.Replace(whole, old, strings.Replace(strings.Replace(old, "2", "3", 1), "9", "8", 1), 1)
		var e *Error
		if _, _, err := read(text, digest(text)); text == whole || !errors.As(err, &e) || e.Code != CodeSummary {
			t.Errorf("%s: %v", old, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	whole := write(present, day()...)
	for name, tt := range map[string]struct{ old, with, code string }{
		"empty":               {whole, "", CodeTruncated},
		"blank":               {whole, "\ufeff\r\n\r\n", CodeTruncated},
		"another file":        {whole, `{"code":"NO_STATEMENT_EXIST"}`, CodeShape},
		"no order numbers":    {"商户订单号", "订单号", CodeShape},
		"a column twice":      {"设备号", "商户号", CodeShape},
		"a time":              {"2026-03-05 12:00:00", "2026-03-05T12:00:00", CodeShape},
		"a comma for a point": {"`12.80", "`12,80", CodeShape},
		"an exponent":         {"`12.80", "`1e3", CodeShape},
		"less than a fen":     {"`CNY,`12.80,`0.00,`0,`0,`0.00,`0.00,`,`,`tea, green,`,`0.00600,`0.60%,`12.80", "`CNY,`12.80,`0.00,`0,`0,`0.00,`0.00,`,`,`tea, green,`,`0.00600,`0.60%,`12.805", CodeShape},
		"a negative amount":   {"`12.80", "`-12.80", CodeShape},
		"a huge amount":       {"`12.80", "`999999999999.00", CodeShape},
		"an unknown currency": {"`CNY", "`XXX", CodeShape},
		"an unknown state":    {"`SUCCESS", "`SUCCESSFUL", CodeShape},
		"an order's number":   {"`T1A1,`oSecret", "`T1<b>,`oSecret", CodeShape},
		"no order's number":   {"`T1A1,`oSecret", "`,`oSecret", CodeShape},
		"a refund's number":   {"`T1A1R1", "`", CodeShape},
		"no back quote":       {"\n`2026", "\n2026", CodeShape},
		"a field less":        {"`T1,`42", "`42", CodeShape},
		"many fields":         {"tea, green", strings.Repeat(",`", 40), CodeShape},
		"a long line":         {"tea, green", strings.Repeat("x", maxLine), CodeShape},
		"not UTF-8":           {"tea, green", "\xff", CodeShape},
		"a count":             {"`9.0,", "`9.5,", CodeSummary},
		"a word for a count":  {"`9.0,", "`nine,", CodeSummary},
		"no sums":             {"总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额", "总交易单数,a,b,c,d,e,f", CodeSummary},
		"a short summary":     {"总交易单数,应结订单总金额,", "总交易单数,", CodeTruncated},
		"two bills":           {whole, whole + whole, CodeShape},
	} {
		text := strings.Replace(whole, tt.old, tt.with, 1)
		if text == whole {
			t.Errorf("%s: nothing is changed", name)
			continue
		}
		var e *Error
		_, _, err := read(text, digest(text))
		if !errors.As(err, &e) || e.Code != tt.code || e.Message == "" || e.Hint == "" {
			t.Errorf("%s: %v, want %s", name, err, tt.code)
		}
	}
	for _, sum := range []string{"", "00", strings.Repeat("g", 40), digest("") + "00"} {
		var e *Error
		if _, _, err := read(whole, sum); !errors.As(err, &e) || e.Code != CodeDigest {
			t.Errorf("digest %q: %v", sum, err)
		}
	}
}

// A row that is cut in two is explained by the digest, if that differs.
func TestReadNamesTheCause(t *testing.T) {
	whole := write(present, day()...)
	var e *Error
	_, _, err := read(whole[:len(whole)/2], digest(whole))
	if !errors.As(err, &e) || e.Code != CodeDigest || !errors.As(e.Err, &e) || e.Code == CodeDigest {
		t.Errorf("%v", err)
	}
}

// What unpacks to more than a bill can be is not read to its end.
func TestReadTooLarge(t *testing.T) {
	whole := write(present, day()...)
	for _, text := range []string{whole, zip(t, whole)} {
		var e *Error
		_, err := readUpTo(int64(len(whole))-1, strings.NewReader(text), digest(whole), func(Row) error { return nil })
		if !errors.As(err, &e) || e.Code != CodeTooLarge {
			t.Errorf("%v", err)
		}
		if _, err := readUpTo(int64(len(whole)), strings.NewReader(text), digest(whole), func(Row) error { return nil }); err != nil {
			t.Errorf("as large as it may be: %v", err)
		}
	}
}

func TestReadStops(t *testing.T) {
	whole, enough, n := write(present, day()...), errors.New("enough"), 0
	_, err := Read(strings.NewReader(whole), digest(whole), func(Row) error { n++; return enough })
	if err != enough || n != 1 {
		t.Errorf("after %d rows: %v", n, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(write(present, day()...), false)
	f.Add(write(present), false)
	f.Add(write(present[5:], day()...), true)
	f.Add("\x1f\x8b", false)
	f.Fuzz(func(t *testing.T, plain string, packed bool) {
		text := plain
		if packed {
			text = zip(t, plain)
		}
		rows, s, err := read(text, digest(plain))
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("an error without a code: %v", err)
		}
		if err != nil {
			return
		}
		fee := Decimal(0)
		for _, r := range rows {
			fee += r.Fee
			if r.Amount.Minor < 0 || r.Refund.Minor < 0 || !isNumber(r.OrderNo) || r.State == Refund && !isNumber(r.RefundNo) {
				t.Fatalf("a row %+v", r)
			}
		}
		if s.Rows != len(rows) || s.Fee != fee {
			t.Fatalf("%+v of %d rows with fees of %s", s, len(rows), fee)
		}
	})
}

func TestDecimal(t *testing.T) {
	for text, want := range map[string]struct {
		d        Decimal
		decimals int
		ok       bool
	}{
		"0": {0, 0, true}, "12.80": {1280000, 2, true}, "0.00001": {1, 5, true}, "-0.00168": {-168, 5, true}, "45.0": {4500000, 1, true},
		"99999999999.99999": {9999999999999999, 5, true}, "": {}, "-": {}, ".5": {}, "5.": {}, "1.000000": {}, "+1": {}, "1e3": {}, "1,5": {},
		"--1": {}, "1.-5": {}, " 1": {}, "１": {}, "999999999999": {},
	} {
		d, decimals, ok := parseDecimal(text)
		if ok != want.ok || ok && (d != want.d || decimals != want.decimals) {
			t.Errorf("%q is %d with %d decimals, %t", text, d, decimals, ok)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Decimal(rapid.Int64Range(-9999999999999999, 9999999999999999).Draw(t, "decimal"))
		if back, decimals, ok := parseDecimal(d.String()); !ok || back != d || decimals != places {
			t.Fatalf("%d is %s is %d", d, d, back)
		}
	})
	for _, tt := range []struct {
		d     Decimal
		c     money.Currency
		minor int64
		ok    bool
	}{{100000, "JPY", 1, true}, {150000, "JPY", 0, false}, {1234500, "KWD", 12345, true}, {1234510, "KWD", 0, false}, {1000, "CNY", 1, true}, {999, "CNY", 0, false}, {1, "ABC", 0, false}, {-1000, "CNY", 0, false}} {
		if m, ok := tt.d.money(tt.c); ok != tt.ok || m.Minor != tt.minor {
			t.Errorf("%s of %s is %v, %t", tt.d, tt.c, m, ok)
		}
	}
}
