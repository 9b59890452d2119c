package bill

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// summary holds the last two lines against the rows.
func (f *file) summary(head string) error {
	line, err := f.next()
	if err == io.EOF {
		return &Error{Code: CodeTruncated, Message: "its summary is missing", Hint: hintAgain}
	}
	if err != nil {
		return err
	}
	heads, values := strings.Split(head, ","), strings.Split(line, ",")
	if len(heads) != len(values) {
		return f.fault(CodeTruncated, hintAgain, fmt.Errorf("the summary has %d of %d fields", len(values), len(heads)))
	}
	checked := make(map[column]bool)
	for i, h := range heads {
		h = strings.TrimPrefix(strings.TrimSpace(h), "`")
		c, known := sums[h]
		if h != countName && (!known || f.layout.at[c] < 0) {
			continue
		}
		said, decimals, ok := parseDecimal(strings.TrimPrefix(values[i], "`"))
		if !ok {
			return f.fault(CodeSummary, hintAgain, fmt.Errorf("%s: %.32q is not a number", h, values[i]))
		}
		found := Decimal(f.rows) * 1e5
		if h != countName {
			found, checked[c] = f.total[c], true
		}
		if !agrees(said, found, decimals, c == colFee && h != countName) {
			return f.fault(CodeSummary, hintAgain, fmt.Errorf("%s is %s, the rows add up to %s", h, said, found))
		}
	}
	if !checked[colAmount] || !checked[colRefund] && !checked[colRefundAsked] {
		return f.fault(CodeSummary, hintLayout, errors.New("the summary has no sums of payments and refunds"))
	}
	if _, err = f.next(); err == io.EOF {
		return nil
	}
	return f.fault(CodeShape, hintLayout, errors.New("something follows the summary"))
}

// agrees says whether a sum is that of the rows. Fees have five decimals in rows and
// two in the summary, and how they are rounded is not written anywhere.
func agrees(said, found Decimal, decimals int, fee bool) bool {
	if fee && decimals <= 2 {
		return max(said-found, found-said) < 1000
	}
	return said == found
}
