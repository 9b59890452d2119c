package sim

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha1" // what the provider signs of a bill
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Operations of bills.
const (
	opTradeBill = "tradebill"
	opBillFile  = "billfile"
)

// billURLLife is how long a bill's address can be asked for.
const billURLLife = 5 * time.Minute

// PlantedRow is a row of a bill that nothing was booked for.
type PlantedRow struct {
	OutTradeNo string `json:"out_trade_no"`
	RefundNo   string `json:"refund_no,omitempty"` // the row is of this refund
	Total      int64  `json:"total"`
}

// Bills is what is wrong with the bills of this provider, and what was asked of it. Rows are planted in the bill of every
// day that is asked for.
type Bills struct {
	Plant     []PlantedRow     `json:"plant,omitempty"`
	Drop      []string         `json:"drop,omitempty"`       // order or refund numbers that are left out
	Amounts   map[string]int64 `json:"amounts,omitempty"`    // by order or refund number
	Twice     []string         `json:"twice,omitempty"`      // order or refund numbers
	Columns   string           `json:"columns,omitempty"`    // "turned": the other way round; "plain": not in gzip
	WrongHash int              `json:"wrong_hash,omitempty"` // so many times
	Cut       int              `json:"cut,omitempty"`        // so many files end in the middle, and say so to nobody
	Missing   int              `json:"missing,omitempty"`    // so many times there is none
	Served    map[string]int   `json:"served,omitempty"`     // files, by day
}

type billBook struct {
	Bills
	files map[string]billFile // by token
	ahead atomic.Int64        // of the clock, in nanoseconds
}

type billFile struct {
	date  string
	bytes []byte
	until time.Time
}

// billRow is one line before it is written.
type billRow struct {
	at              time.Time
	order, refund   string
	kind, state     string
	id, refundID    string
	total, currency string
	fee             string
	device, name    string
	back            bool
}

// SetAhead turns the provider's clock, as if so much time had passed, or had not.
func (w *WeChat) SetAhead(d time.Duration) {
	w.lock()
	defer w.mu.Unlock()
	w.book.bills.ahead.Store(int64(d))
}

// SetBills replaces what is wrong with bills.
func (w *WeChat) SetBills(b Bills) Bills {
	w.lock()
	defer w.mu.Unlock()
	b.Served = w.book.bills.Served
	w.book.bills.Bills = b
	return b
}

func (w *WeChat) serveBills(rw http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		w.lock()
		b := w.book.bills.Bills
		w.mu.Unlock()
		reply(rw, b, nil)
	case http.MethodDelete:
		reply(rw, w.SetBills(Bills{}), nil)
	default:
		serve(rw, r, func(b Bills) (Bills, error) { return w.SetBills(b), nil })
	}
}

// tradeBill says where the bill of a day is. There is one from nine o'clock of the next day on, if anything was traded.
func (w *WeChat) tradeBill(c *call) outcome {
	date := c.query.Get("bill_date")
	day, err := time.ParseInLocation(time.DateOnly, date, beijing)
	kind, tar := c.query.Get("bill_type"), c.query.Get("tar_type")
	switch {
	case err != nil || c.now.Sub(day) > 92*24*time.Hour:
		return outcome{refusal: badParam("bill_date", date, "a day of the last three months")}
	case kind != "" && kind != "ALL":
		return outcome{refusal: badParam("bill_type", kind, "this provider has ALL")}
	case tar != "" && tar != "GZIP":
		return outcome{refusal: badParam("tar_type", tar, "GZIP or nothing")}
	}
	rows := w.billRows(day)
	if w.book.bills.Missing > 0 || c.now.Before(day.Add(33*time.Hour)) || len(rows) == 0 {
		w.book.bills.Missing = max(0, w.book.bills.Missing-1)
		return refuse(http.StatusBadRequest, "NO_STATEMENT_EXIST", 268435461, "账单文件不存在")
	}
	plain := w.writeBill(rows)
	sum := sha1.Sum(plain)
	digest := hex.EncodeToString(sum[:])
	if w.book.bills.WrongHash > 0 {
		w.book.bills.WrongHash--
		digest = strings.Repeat("0", len(digest))
	}
	file := plain
	if tar == "GZIP" && w.book.bills.Columns != "plain" {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(plain) // into memory
		_ = z.Close()
		file = b.Bytes()
	}
	if w.book.bills.Cut > 0 {
		w.book.bills.Cut--
		file = file[:len(file)/2]
	}
	token := randomText(32)
	if w.book.bills.files == nil {
		w.book.bills.files = map[string]billFile{}
	}
	w.book.bills.files[token] = billFile{date, file, c.now.Add(w.scaled(billURLLife))}
	return outcome{bill: map[string]string{
		"hash_type": "SHA1", "hash_value": digest, "download_url": "https://api.mch.weixin.qq.com/v3/billdownload/file?" + url.Values{"token": {token}}.Encode(),
	}}
}

// billFile is the file itself, which nobody signs.
func (w *WeChat) billFile(c *call) outcome {
	f, ok := w.book.bills.files[c.query.Get("token")]
	if !ok || c.now.After(f.until) {
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", 268435461, "下载链接已失效")
	}
	if w.book.bills.Served == nil {
		w.book.bills.Served = map[string]int{}
	}
	w.book.bills.Served[f.date]++
	return outcome{file: f.bytes}
}

// billRows are what was booked on a day, and what is planted in it.
func (w *WeChat) billRows(day time.Time) []billRow {
	var rows []billRow
	within := func(t time.Time) bool { return !t.Before(day) && t.Before(day.Add(24*time.Hour)) }
	add := func(r billRow, no string, fen int64) {
		if slices.Contains(w.book.bills.Drop, no) || !within(r.at) {
			return
		}
		if planted, ok := w.book.bills.Amounts[no]; ok {
			fen = planted
		}
		r.total = yuan(fen)
		r.fee = billFee(fen, r.back)
		rows = append(rows, r)
		if slices.Contains(w.book.bills.Twice, no) {
			r.id += "0"
			rows = append(rows, r)
		}
	}
	for no := range w.book.orders {
		o := w.find(no, w.now())
		if o.pay.id == "" {
			continue
		}
		row := billRow{
			at: o.pay.at, order: no, kind: "NATIVE", state: success, id: o.pay.id, currency: o.terms.money(), device: o.terms.device, name: o.terms.description,
		}
		if o.kind == opCodepay {
			row.kind = "MICROPAY"
		}
		add(row, no, o.terms.total)
		if o.state == revoked {
			row.state, row.at, row.back = revoked, o.pay.undone, true
			add(row, no, o.terms.total)
		}
		for _, r := range o.refunds {
			row.at, row.refund, row.refundID, row.state, row.back = r.created, r.no, r.id, refunded, true
			add(row, r.no, r.amount)
		}
	}
	for i, p := range w.book.bills.Plant {
		row := billRow{at: day.Add(12 * time.Hour), order: p.OutTradeNo, kind: "NATIVE", state: success, id: fmt.Sprintf("4299%024d", i), currency: cny, name: "planted"}
		if p.RefundNo != "" {
			row.refund, row.refundID, row.state, row.back = p.RefundNo, fmt.Sprintf("5099%024d", i), refunded, true
		}
		add(row, "", p.Total)
	}
	slices.SortFunc(rows, func(a, b billRow) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.order, b.order), strings.Compare(a.refund, b.refund))
	})
	return rows
}

func yuan(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// billFee is 0.6 % with five decimals, given back with a refund.
func billFee(fen int64, back bool) string {
	sign := ""
	if back {
		sign = "-"
	}
	return fmt.Sprintf("%s%d.%05d", sign, fen*6/100_000, fen*6%100_000)
}

// billHeads are the columns of a bill of everything, in the provider's order.
const billHeads = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额," +
	"微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"

func (w *WeChat) writeBill(rows []billRow) []byte {
	var b bytes.Buffer
	heads := strings.Split(billHeads, ",")
	line := func(cells []string, tick string) {
		for i, c := range cells {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(tick + c)
		}
		b.WriteString("\r\n")
	}
	b.WriteString("\ufeff")
	turn := func(cells []string) []string {
		if w.book.bills.Columns == "turned" {
			cells = slices.Clone(cells)
			slices.Reverse(cells)
		}
		return cells
	}
	line(turn(heads), "")
	var paid, back, fees int64
	for _, r := range rows {
		ordered, returned, status, refundKind := r.total, "0.00", "", ""
		if n := billFen(r.total); r.back {
			ordered, returned, status, refundKind = "0.00", r.total, "PROCESSING", "ORIGINAL"
			back += n
			fees -= n * 6
		} else {
			paid += n
			fees += n * 6
		}
		line(turn([]string{
			r.at.In(beijing).Format(time.DateTime), w.Credentials.AppID, w.Credentials.MchID, "0", r.device, r.id, r.order, "oPayer0000000000000000000000", r.kind, r.state,
			"OTHERS", r.currency, ordered, "0.00", cmp.Or(r.refundID, "0"), cmp.Or(r.refund, "0"), returned, "0.00", refundKind, status, r.name, "", r.fee, "0.60%",
			ordered, returned, "",
		}), "`")
	}
	line(strings.Split("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额", ","), "")
	sign := ""
	if fees < 0 {
		sign, fees = "-", -fees
	}
	line([]string{
		fmt.Sprintf("%d.0", len(rows)), yuan(paid), yuan(back), "0.00", fmt.Sprintf("%s%d.%05d", sign, fees/100_000, fees%100_000), yuan(paid), yuan(back),
	}, "`")
	return b.Bytes()
}

func billFen(yuan string) (n int64) {
	for _, d := range yuan {
		if d != '.' {
			n = n*10 + int64(d-'0')
		}
	}
	return n
}
