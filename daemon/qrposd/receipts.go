package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/money"
)

// columns are those of a statement as this program reads it, and whether each has to
// be there. They are named by the first line and may be in any order.
var columns = map[string]bool{"id": true, "at": true, "amount": true, "currency": true, "reference": false, "scheme": false, "source": false}

// maxStatement bounds what is read: a day of a busy till is a hundredth of it.
const maxStatement = 16 << 20

var (
	idForm    = regexp.MustCompile(`^[!-~]{1,64}$`)
	plainForm = regexp.MustCompile(`^[^\x00-\x1f\x7f]{0,64}$`)
)

// readReceipts reads a statement in CSV (RFC 4180), all of it or nothing: a line that is
// not understood may be money. Amounts stay the decimals that they are. source is the
// name of the statement where no column has it.
func readReceipts(in io.Reader, source string) ([]api.NewReceipt, error) {
	r := csv.NewReader(io.LimitReader(in, maxStatement))
	r.FieldsPerRecord = 0 // every line has as many as the first
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: the names of the columns: %w", err)
	}
	head = slices.Clone(head)
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	if err := checkHead(head); err != nil {
		return nil, err
	}
	var list []api.NewReceipt
	seen := make(map[string]int)
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			if r.InputOffset() >= maxStatement {
				return nil, fmt.Errorf("the statement is larger than %d bytes; cut it into parts", maxStatement)
			}
			return list, nil
		}
		if err != nil {
			return nil, err // names its line
		}
		line, _ := r.FieldPos(0)
		n, err := readReceipt(head, row, source)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if was := seen[n.ID]; was > 0 {
			return nil, fmt.Errorf("line %d: the id %q is that of line %d", line, n.ID, was)
		}
		seen[n.ID] = line
		list = append(list, n)
	}
}

func checkHead(head []string) error {
	for i, name := range head {
		if _, ok := columns[name]; !ok {
			return fmt.Errorf("line 1: there is no column %.40q; a statement has id, at, amount, currency and perhaps reference, scheme, source", name)
		}
		if slices.Contains(head[:i], name) {
			return fmt.Errorf("line 1: the column %s is there twice", name)
		}
	}
	for name, needed := range columns {
		if needed && !slices.Contains(head, name) {
			return fmt.Errorf("line 1: the column %s is missing", name)
		}
	}
	return nil
}

func readReceipt(head, row []string, source string) (n api.NewReceipt, err error) {
	n.Source = source
	for i, name := range head {
		v := row[i]
		switch name {
		case "id":
			n.ID = v
		case "at":
			if n.At, err = time.Parse(time.RFC3339, v); err != nil {
				return n, fmt.Errorf("at is %.40q; a time such as 2026-11-28T12:00:00+07:00", v)
			}
		case "amount":
			n.Amount = v
		case "currency":
			n.Currency = money.Currency(v)
		case "reference":
			n.Reference = v
		case "scheme":
			n.Scheme = v
		case "source":
			n.Source = v
		}
	}
	if !idForm.MatchString(n.ID) {
		return n, fmt.Errorf("id is %.70q; 1 to 64 visible ASCII characters", n.ID)
	}
	if !plainForm.MatchString(n.Reference) || !plainForm.MatchString(n.Source) || n.Source == "" || len(n.Scheme) > 16 {
		return n, errors.New("reference and source have at most 64 characters and no control characters, scheme has 16; source is not empty")
	}
	if _, err := money.Parse(n.Amount, n.Currency); err != nil {
		return n, fmt.Errorf("amount %.30q: %w", n.Amount, err)
	}
	return n, nil
}
