package day

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"qrposd/rules/money"
)

// columns of the table, in which every line says what day it is of.
var columns = []string{
	"kind", "till", "number", "began", "ended", "head_seq", "head", "record", "operator", "method", "state", "currency",
	"sales", "payments", "paid", "refunds", "refunded", "opening", "closing", "owed", "banked", "expected", "counted", "over", "sale", "order_no", "code", "amount", "message",
}

// WriteCSV writes the report as a table of rows, totals, drawers, exposed sales and missing items,
// which the column "record" tells apart. Amounts are decimals of their currency.
func (r Report) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	cells := make([]string, len(columns))
	line := func(record string, values map[string]string) {
		day := map[string]string{
			"kind": string(r.Kind), "till": text(r.Till), "number": strconv.Itoa(r.Number), "began": r.Began.Format(time.RFC3339), "ended": r.Ended.Format(time.RFC3339),
			"head_seq": strconv.FormatUint(r.Head.Seq, 10), "head": text(r.Head.Link), "record": record,
		}
		for i, c := range columns {
			cells[i] = day[c] + values[c]
		}
		_ = out.Write(cells) // Error has it
	}
	_ = out.Write(columns)
	for _, w := range r.Rows {
		line("row", map[string]string{
			"operator": text(w.Operator), "method": text(string(w.Method)), "state": w.State, "currency": string(w.Currency), "sales": strconv.Itoa(w.Sales),
			"payments": strconv.Itoa(w.Payments), "paid": decimal(w.Paid, w.Currency), "refunds": strconv.Itoa(w.Refunds), "refunded": decimal(w.Refunded, w.Currency),
		})
	}
	for _, t := range r.Totals {
		line("total", map[string]string{
			"currency": string(t.Currency), "paid": decimal(t.Paid, t.Currency), "refunded": decimal(t.Refunded, t.Currency), "opening": decimal(t.Opening, t.Currency),
			"closing": decimal(t.Closing, t.Currency), "owed": decimal(t.Owed, t.Currency), "banked": decimal(t.Banked, t.Currency),
		})
	}
	for _, c := range r.Drawers {
		line("drawer", c.cells())
	}
	for _, e := range r.Exposed {
		line("exposed", map[string]string{
			"method": string(Own), "state": e.State, "currency": string(e.Currency), "sales": strconv.Itoa(e.Sales), "amount": decimal(e.Sum, e.Currency),
		})
	}
	for _, m := range r.Missing {
		line("missing", map[string]string{
			"operator": text(m.Operator), "state": text(m.Detail), "currency": string(m.Amount.Currency), "sale": text(string(m.Sale)), "order_no": text(m.OrderNo),
			"code": string(m.Why), "amount": m.Amount.Decimal(), "message": text(m.Message),
		})
	}
	out.Flush()
	return out.Error()
}

func (c *Count) cells() map[string]string {
	m := map[string]string{
		"operator": text(c.Operator), "method": string(Cash), "currency": string(c.Currency), "sales": strconv.Itoa(c.Sales), "paid": decimal(c.Taken, c.Currency),
		"refunds": strconv.Itoa(c.Returns), "refunded": decimal(c.Returned, c.Currency), "opening": decimal(c.Float, c.Currency), "expected": decimal(c.Expected, c.Currency),
	}
	if c.Counted != nil {
		m["counted"], m["over"] = decimal(*c.Counted, c.Currency), decimal(*c.Over, c.Currency)
	}
	return m
}

func decimal(minor int64, c money.Currency) string {
	return money.Money{Minor: minor, Currency: c}.Decimal()
}

// text keeps a name from being read as a formula by the program that opens the table.
func text(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
