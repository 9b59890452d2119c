package bill

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
)

// present is the header of a bill of all transactions, 27 columns.
var present = []string{
	"交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号", "用户标识", "交易类型",
	"交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额", "微信退款单号", "商户退款单号", "退款金额", "充值券退款金额",
	"退款类型", "退款状态", "商品名称", "商户数据包", "手续费", "费率", "订单金额", "申请退款金额", "费率备注",
}

const merchant = "1900000001"

// line is what a test says of a row; what is empty is as in most rows.
type line struct {
	at, order, state, currency string
	fen                        int // paid, or refunded
	refund, status, name       string
	merchant, sub              string
	fee                        string
}

func yuan(fen int) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (l line) fields() map[string]string {
	f := map[string]string{
		"交易时间": or(l.at, "2026-03-05 12:00:00"), "公众账号ID": "wx0000000000000001", "商户号": or(l.merchant, merchant), "特约商户号": or(l.sub, "0"), "设备号": "T1",
		"微信订单号": "42000001" + l.order, "商户订单号": l.order, "用户标识": "oSecretPayer", "交易类型": "NATIVE", "交易状态": or(l.state, "SUCCESS"), "付款银行": "OTHERS",
		"货币种类": or(l.currency, "CNY"), "应结订单金额": yuan(l.fen), "代金券金额": "0.00", "微信退款单号": "0", "商户退款单号": "0", "退款金额": "0.00",
		"充值券退款金额": "0.00", "退款类型": "", "退款状态": "", "商品名称": or(l.name, "coffee"), "商户数据包": "", "手续费": or(l.fee, "0.00600"), "费率": "0.60%",
		"订单金额": yuan(l.fen), "申请退款金额": "0.00", "费率备注": "",
	}
	if l.refund != "" || l.state == "REVOKED" {
		f["订单金额"], f["应结订单金额"], f["退款金额"], f["申请退款金额"] = "0.00", "0.00", yuan(l.fen), yuan(l.fen)
		f["微信退款单号"], f["商户退款单号"], f["退款类型"], f["退款状态"] = "5000"+l.refund, or(l.refund, "0"), "ORIGINAL", or(l.status, "PROCESSING")
		f["交易状态"] = or(l.state, "REFUND")
	}
	return f
}

// write makes a bill of the lines with the columns in the order given.
func write(columns []string, lines ...line) string {
	var b strings.Builder
	b.WriteString("\ufeff" + strings.Join(columns, ",") + "\r\n")
	sums := map[string]Decimal{}
	for _, l := range lines {
		f := l.fields()
		for i, c := range columns {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("`" + f[c])
			d, _, _ := parseDecimal(f[c])
			sums[c] += d
		}
		b.WriteString("\r\n")
	}
	two := func(c string) string { return strings.TrimSuffix(sums[c].String(), "000") }
	b.WriteString("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n")
	fmt.Fprintf(&b, "`%d.0,`%s,`%s,`%s,`%s,`%s,`%s\r\n", len(lines), two("应结订单金额"), two("退款金额"), two("充值券退款金额"), sums["手续费"], two("订单金额"), two("申请退款金额"))
	return b.String()
}

func digest(plain string) string {
	sum := sha1.Sum([]byte(plain))
	return hex.EncodeToString(sum[:])
}

func zip(t testing.TB, plain string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// read is all rows of a bill, without an error only where it is whole.
func read(text, digest string) ([]Row, Summary, error) {
	var rows []Row
	s, err := Read(strings.NewReader(text), digest, func(r Row) error {
		rows = append(rows, r)
		return nil
	})
	return rows, s, err
}

// day is lines of every kind.
func day() []line {
	lines := []line{
		{order: "T1A1", fen: 1280, name: "tea, green"},
		{order: "T1B1", fen: 3, fee: "0.00002"},
		{order: "T1B1", state: "REVOKED", fen: 3, fee: "-0.00002"},
		{order: "T1A1", refund: "T1A1R1", fen: 280, fee: "-0.00168"},
		{order: "T1C1", fen: 100, at: "2026-03-05 23:59:59"},
	}
	for i := range 4 {
		lines = append(lines, line{order: "T1D" + strconv.Itoa(i), fen: 99 + i})
	}
	return lines
}
