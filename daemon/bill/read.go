package bill

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha1" // what the provider signs of a bill is its SHA-1
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"qrposd/rules/money"
)

// Bounds of what is read from outside.
const (
	maxLine   = 16 << 10
	maxFields = 64
	maxBytes  = 1 << 30
	maxNumber = 64
)

// beijing is where the provider's day begins and ends.
var beijing = time.FixedZone("Asia/Shanghai", 8*3600)

// State is what a row says happened to an order.
type State string

// The states of rows.
const (
	Success State = "SUCCESS" // the payer paid
	Refund  State = "REFUND"  // a refund was asked for
	Revoked State = "REVOKED" // the payment was reversed
)

// FailedRefund is the one status of a refund in a bill that says more than that it
// was asked for.
const FailedRefund = "FAIL"

// Row is a line of the bill, without what it says about the payer. Its strings
// share the memory of the line: whoever keeps one copies it.
type Row struct {
	Time          time.Time
	Merchant      string
	SubMerchant   string
	TransactionID string
	OrderNo       string
	State         State
	Amount        money.Money // of the order; in the row of a refund it is nought
	RefundNo      string
	Refund        money.Money
	RefundState   string
	Fee           Decimal
}

// Summary is what the whole bill says.
type Summary struct {
	Rows int
	Fee  Decimal
}

// Error is a refused bill: nothing that was read from it counts.
type Error struct {
	Code    string
	Message string
	Hint    string
	Line    int // 0 where it is about the whole file
	Err     error
}

func (e *Error) Error() string {
	text := "bill: " + e.Message
	if e.Line > 0 {
		text = fmt.Sprintf("bill: line %d: %s", e.Line, e.Message)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Codes of refused bills.
const (
	CodeDigest    = "bill_digest"
	CodeTruncated = "bill_truncated"
	CodeShape     = "bill_shape"
	CodeSummary   = "bill_summary"
	CodeTooLarge  = "bill_too_large"
	CodeOtherDay  = "bill_other_day"
	CodeForeign   = "bill_foreign"
)

const (
	hintAgain  = "fetch the bill of that day again"
	hintLayout = "keep the file and report it: the provider has changed the layout"
)

// Read hands the rows of a bill, plain or in gzip, to each, and says whether it is
// whole: digest is the SHA-1 of the plain file in hexadecimal, as the provider signed
// it. An error of each ends the reading and is returned as it is.
func Read(r io.Reader, digest string, each func(Row) error) (Summary, error) {
	return readUpTo(maxBytes, r, digest, each)
}

func readUpTo(limit int64, r io.Reader, digest string, each func(Row) error) (Summary, error) {
	want, err := hex.DecodeString(digest)
	if err != nil || len(want) != sha1.Size {
		return Summary{}, &Error{Code: CodeDigest, Message: "there is no SHA-1 to hold the file against", Hint: hintAgain}
	}
	plain, err := unzip(r)
	if err != nil {
		return Summary{}, &Error{Code: CodeTruncated, Message: "the file is not gzip to its end", Hint: hintAgain, Err: err}
	}
	f := &file{sum: sha1.New(), each: each}
	f.lines = bufio.NewReaderSize(io.TeeReader(io.LimitReader(plain, limit+1), f.sum), maxLine)
	err = f.read()
	if f.stopped != nil {
		return Summary{}, f.stopped
	}
	// A row that cannot be read is most often half of one: the digest is the better
	// explanation, so the rest is read for its sake.
	if n, e := io.Copy(io.Discard, f.lines); e != nil || f.size+n > limit {
		if e == nil {
			return Summary{}, &Error{Code: CodeTooLarge, Message: fmt.Sprintf("it is larger than %d bytes", limit), Hint: hintLayout}
		}
		return Summary{}, &Error{Code: CodeTruncated, Message: "it ends in the middle", Hint: hintAgain, Err: e}
	}
	if got := f.sum.Sum(nil); !bytes.Equal(got, want) {
		message := fmt.Sprintf("its SHA-1 is %x, the provider signed %x", got, want)
		return Summary{}, &Error{Code: CodeDigest, Message: message, Hint: hintAgain, Err: err}
	}
	if err != nil {
		return Summary{}, err
	}
	return Summary{f.rows, f.total[colFee]}, nil
}

func unzip(r io.Reader) (io.Reader, error) {
	br := bufio.NewReaderSize(r, maxLine)
	if magic, _ := br.Peek(2); string(magic) != "\x1f\x8b" {
		return br, nil
	}
	return gzip.NewReader(br)
}

// file is a bill that is being read.
type file struct {
	lines   *bufio.Reader
	sum     hash.Hash
	each    func(Row) error
	stopped error // by each
	layout  layout
	fields  []string
	line    int
	size    int64
	rows    int
	total   [columns]Decimal
}

func (f *file) fault(code, hint string, err error) error {
	return &Error{Code: code, Message: "it cannot be read", Hint: hint, Line: f.line, Err: err}
}

// next is the next line that is not empty, io.EOF behind the last.
func (f *file) next() (string, error) {
	for {
		b, err := f.lines.ReadSlice('\n')
		f.size += int64(len(b))
		if len(b) > 0 {
			f.line++
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			return "", f.fault(CodeShape, hintLayout, fmt.Errorf("it is longer than %d bytes", maxLine))
		}
		if err != nil && err != io.EOF {
			return "", f.fault(CodeTruncated, hintAgain, err)
		}
		if f.line == 1 {
			b = bytes.TrimPrefix(b, []byte("\ufeff"))
		}
		b = bytes.TrimRight(b, "\r\n")
		if len(b) > 0 || err != nil {
			if !utf8.Valid(b) {
				return "", f.fault(CodeShape, hintLayout, errors.New("it is not UTF-8"))
			}
			if len(b) > 0 {
				err = nil
			}
			return string(b), err
		}
	}
}

func (f *file) read() error {
	line, err := f.next()
	if err == io.EOF {
		return &Error{Code: CodeTruncated, Message: "it is empty", Hint: hintAgain}
	}
	if err != nil {
		return err
	}
	if f.layout, err = readHeader(line); err != nil {
		return f.fault(CodeShape, hintLayout, err)
	}
	for {
		line, err = f.next()
		if err == io.EOF {
			return &Error{Code: CodeTruncated, Message: "it has no summary", Hint: hintAgain}
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, countName) {
			return f.summary(line)
		}
		row, err := f.row(line)
		if err != nil {
			return f.fault(CodeShape, hintLayout, err)
		}
		f.rows++
		if f.stopped = f.each(row); f.stopped != nil {
			return f.stopped
		}
	}
}

// row reads a row and adds its amounts up.
func (f *file) row(line string) (Row, error) {
	fields, err := f.layout.split(line, f.fields)
	if err != nil {
		return Row{}, err
	}
	f.fields = fields
	var read [columns]Decimal
	for _, c := range [...]column{colAmount, colSettled, colRefund, colRefundAsked, colVoucherBack, colFee} {
		if read[c], err = f.amount(c); err != nil {
			return Row{}, err
		}
	}
	get := func(c column) string { return f.layout.get(fields, c) }
	row := Row{
		Merchant: get(colMerchant), SubMerchant: get(colSubMerchant), TransactionID: get(colTransaction), OrderNo: get(colOrderNo),
		State: State(get(colState)), RefundNo: get(colRefundNo), RefundState: get(colRefundState), Fee: read[colFee],
	}
	if row.Time, err = time.ParseInLocation(time.DateTime, get(colTime), beijing); err != nil {
		return Row{}, fmt.Errorf("%.32q is not a time", get(colTime))
	}
	currency, back := money.Currency(get(colCurrency)), read[colRefundAsked]
	if f.layout.at[colRefundAsked] < 0 {
		back = read[colRefund]
	}
	var fine, fineBack bool
	row.Amount, fine = read[colAmount].money(currency)
	row.Refund, fineBack = back.money(currency)
	if !fine || !fineBack {
		return Row{}, fmt.Errorf("%s or %s is not an amount of %.8q", read[colAmount], back, currency)
	}
	return row, row.check()
}

// check says whether a row is about something that can be looked for.
func (r *Row) check() error {
	switch {
	case !isNumber(r.OrderNo):
		return fmt.Errorf("%.80q is not the number of an order", r.OrderNo)
	case r.State != Success && r.State != Refund && r.State != Revoked:
		return fmt.Errorf("%.32q is not a state that is known", r.State)
	case r.State == Refund && !isNumber(r.RefundNo):
		return fmt.Errorf("%.80q is not the number of a refund", r.RefundNo)
	}
	return nil
}

func isNumber(s string) bool {
	for i := range len(s) {
		b := s[i]
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && strings.IndexByte("_-|*@", b) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= maxNumber
}

// amount reads one column of the present row into its sum.
func (f *file) amount(c column) (Decimal, error) {
	if f.layout.at[c] < 0 {
		return 0, nil
	}
	text := f.layout.get(f.fields, c)
	d, _, ok := parseDecimal(text)
	if !ok || d < 0 && c != colFee {
		return 0, fmt.Errorf("%s: %.32q is not an amount", names[c][0], text)
	}
	if f.total[c], ok = f.total[c].plus(d); !ok {
		return 0, fmt.Errorf("%s: the sum is too large", names[c][0])
	}
	return d, nil
}
