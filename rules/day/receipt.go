package day

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"qrposd/rules/money"
)

// width is that of the narrowest receipt printers, in columns.
const width = 32

// Signed is who closed a day and the till's word for it.
type Signed struct {
	By        string
	Key       string // of the till, public
	Signature string
}

// labels are the words of a printed report, in English and in Chinese.
var labels = map[string][2]string{
	"x": {"DAY SO FAR (X)", "当前汇总 (X)"}, "z": {"END OF DAY (Z)", "日结 (Z)"}, "till": {"Till", "收银机"}, "number": {"Number", "编号"},
	"from": {"From", "自"}, "to": {"To", "至"}, "by": {"Closed by", "经手人"}, "opening": {"Opening", "期初"}, "paid": {"Paid", "收款"}, "refunded": {"Refunded", "退款"},
	"closing": {"Closing", "期末"}, "owed": {"Owed to payers", "待退款"}, "banked": {"Own account", "自有账户"}, "sales": {"sales", "笔"},
	"drawer": {"Drawer", "钱箱"}, "float": {"Float", "备用金"}, "paid_in": {"Paid in", "存入"}, "paid_out": {"Paid out", "取出"}, "expected": {"Expected", "应有"}, "counted": {"Counted", "实点"},
	"over": {"Over/short", "长短款"}, "exposed": {"NOT MONEY OF THE DAY", "未计入当日款项"}, "missing": {"KEEPS THE DAY OPEN", "未能日结的原因"}, "journal": {"Journal", "流水"}, "key": {"Key", "公钥"},
	"signature": {"Signature", "签名"}, string(QR): {"merchant code", "商户码"}, string(Code): {"payer code", "付款码"}, string(Own): {"own code", "自制码"}, string(Cash): {"Cash", "现金"},
}

// receipt is a printed report in the making.
type receipt struct {
	strings.Builder
	zh bool
}

// Receipt is the report as a receipt printer prints it, in English or in Chinese, with
// the head of the journal and the signature: whoever has the paper can hold the file
// against it.
func (r Report) Receipt(s Signed, zh bool) string {
	p := &receipt{zh: zh}
	title := "x"
	if r.Kind == Z {
		title = "z"
	}
	p.line(p.word(title))
	p.pair(p.word("till"), r.Till)
	p.pair(p.word("number"), strconv.Itoa(r.Number))
	p.pair(p.word("from"), r.Began.Format(time.DateTime))
	p.pair(p.word("to"), r.Ended.Format(time.DateTime+" MST"))
	if s.By != "" {
		p.pair(p.word("by"), s.By)
	}
	for _, t := range r.Totals {
		p.total(t)
	}
	for _, w := range r.Rows {
		p.row(w)
	}
	for _, c := range r.Drawers {
		p.drawer(c)
	}
	if len(r.Exposed) > 0 {
		p.rule()
		p.line(p.word("exposed"))
	}
	for _, e := range r.Exposed {
		p.pair(fmt.Sprintf("%s, %d %s", e.State, e.Sales, p.word("sales")), amount(e.Sum, e.Currency))
	}
	if len(r.Missing) > 0 {
		p.rule()
		p.line(p.word("missing"))
	}
	for _, m := range r.Missing {
		p.missing(m)
	}
	p.rule()
	p.pair(p.word("journal"), strconv.FormatUint(r.Head.Seq, 10))
	p.line(r.Head.Link)
	if s.Signature != "" {
		p.line(p.word("key"))
		p.line(s.Key)
		p.line(p.word("signature"))
		p.line(s.Signature)
	}
	return p.String()
}

func amount(minor int64, c money.Currency) string {
	return money.Money{Minor: minor, Currency: c}.String()
}

func (p *receipt) word(name string) string {
	w, ok := labels[name]
	switch {
	case !ok:
		return name
	case p.zh:
		return w[1]
	}
	return w[0]
}

func (p *receipt) rule() { p.line(strings.Repeat("-", width)) }

func (p *receipt) total(t Total) {
	p.rule()
	for _, l := range []struct {
		name   string
		minor  int64
		always bool
	}{{"opening", t.Opening, true}, {"paid", t.Paid, true}, {"refunded", -t.Refunded, true}, {"closing", t.Closing, true}, {"owed", t.Owed, false}, {"cash", t.Cash, false}, {"banked", t.Banked, false}} {
		if l.always || l.minor != 0 {
			p.pair(p.word(l.name), amount(l.minor, t.Currency))
		}
	}
}

func (p *receipt) row(w Row) {
	p.rule()
	p.line(strings.TrimSpace(w.Operator + " " + p.word(string(w.Method)) + " " + w.State))
	p.pair(fmt.Sprintf("%d %s", w.Sales, p.word("sales")), string(w.Currency))
	if w.Payments > 0 {
		p.pair(fmt.Sprintf("%s %d", p.word("paid"), w.Payments), amount(w.Paid, w.Currency))
	}
	if w.Refunds > 0 {
		p.pair(fmt.Sprintf("%s %d", p.word("refunded"), w.Refunds), amount(-w.Refunded, w.Currency))
	}
}

func (p *receipt) drawer(c Count) {
	p.rule()
	p.pair(p.word("drawer"), c.Operator)
	p.pair(p.word("float"), amount(c.Float, c.Currency))
	p.pair(p.word("paid_in"), amount(c.PaidIn, c.Currency))
	p.pair(p.word("paid_out"), amount(-c.PaidOut, c.Currency))
	p.pair(p.word("expected"), amount(c.Expected, c.Currency))
	if c.Counted != nil {
		p.pair(p.word("counted"), amount(*c.Counted, c.Currency))
		p.pair(p.word("over"), amount(*c.Over, c.Currency))
	}
}

func (p *receipt) missing(m Missing) {
	text, hint := m.Message, m.Hint
	if p.zh {
		text, hint = m.Chinese, m.ZhHint
	}
	p.line(strings.TrimSpace(strings.Join([]string{string(m.Sale), m.OrderNo, m.Operator}, " ")))
	if m.Amount.Currency != "" {
		p.pair("", m.Amount.String())
	}
	p.line(text)
	p.line("> " + hint)
}

// pair prints a label at the left and a value at the right, on two lines where they do
// not fit on one.
func (p *receipt) pair(label, value string) {
	if gap := width - columnsOf(label) - columnsOf(value); gap > 0 {
		p.line(label + strings.Repeat(" ", gap) + value)
		return
	}
	p.line(label)
	p.line(strings.Repeat(" ", max(0, width-columnsOf(value))) + value)
}

// line prints text over as many lines as it takes.
func (p *receipt) line(text string) {
	used := 0
	for _, r := range text {
		n := columnsOf(string(r))
		if used+n > width {
			p.WriteByte('\n')
			used = 0
		}
		p.WriteRune(r)
		used += n
	}
	p.WriteByte('\n')
}

// columnsOf is how many columns text takes: letters outside of the Latin ones are as
// wide as two.
func columnsOf(text string) (n int) {
	for _, r := range text {
		if n++; r >= 0x1100 {
			n++
		}
	}
	return n
}
