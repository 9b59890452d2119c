package sim

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"
)

// serve answers under /sim/bank.
func (b *Bank) serve(rw http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, "/sim/bank") {
	case "GET ":
		reply(rw, b.Report(), nil)
	case "GET /counter":
		list, err := b.counter(r.Context())
		reply(rw, list, err)
	case "POST /read":
		serve(rw, r, b.Read)
	case "POST /pay":
		serve(rw, r, b.Pay)
	case "POST /transfer":
		serve(rw, r, b.Transfer)
	case "GET /statement.csv":
		h := rw.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="statement.csv"`)
		_ = b.writeStatement(rw, r.URL.Query().Get("account")) // the client is gone: nobody to tell
	case "GET /statement.json":
		reply(rw, b.Statement(r.URL.Query().Get("account")), nil)
	default:
		reply(rw, nil, &controlError{http.StatusMethodNotAllowed, "METHOD", r.Method + " is not for this path"})
	}
}

// BankLine is a line of a statement: what the shop's bank tells, and nothing of what
// only this world knows.
type BankLine struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	Amount    string    `json:"amount"`
	Currency  string    `json:"currency"`
	Reference string    `json:"reference,omitempty"`
	Scheme    string    `json:"scheme,omitempty"`
	Source    string    `json:"source"`
}

// Statement is what has come to an account, or to all of them.
func (b *Bank) Statement(account string) []BankLine {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := []BankLine{}
	for _, p := range b.arrived() {
		if account == "" || account == p.Account {
			lines = append(lines, BankLine{p.ID, p.At.UTC().Truncate(time.Second), p.Amount, p.Currency, p.Reference, p.Scheme, "sim-bank"})
		}
	}
	return lines
}

func (b *Bank) writeStatement(rw http.ResponseWriter, account string) error {
	w := csv.NewWriter(rw)
	rows := [][]string{{"id", "at", "amount", "currency", "reference", "scheme", "source"}}
	for _, l := range b.Statement(account) {
		rows = append(rows, []string{l.ID, l.At.Format(time.RFC3339), l.Amount, l.Currency, l.Reference, l.Scheme, l.Source})
	}
	return w.WriteAll(rows)
}
