package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"qrposd/rules/sale"
)

const (
	pathTradeBill = "/v3/bill/tradebill"
	pathBillFile  = "/v3/billdownload/"
	// fetchTime bounds the download of a bill. A day of a large merchant is megabytes
	// on a shop's line, and nobody waits for it.
	fetchTime = 5 * time.Minute
)

// The provider's codes of a bill that is not there.
const (
	codeNoBill   = "NOSTATEMENTEXIST"
	codeCreating = "STATEMENTCREATING"
)

// Bill is where the bill of a day can be had, for some minutes, and the digest that
// the provider has signed: nobody signs the file.
type Bill struct {
	SHA1 string // of the plain file, in hexadecimal
	file string // path and query at the provider
}

// BillError is why there is no bill.
type BillError struct {
	Code    string
	Message string
	Hint    string
	// Absent says that the provider was asked and has no bill of that day, which is
	// in order where nothing was sold.
	Absent bool
	Err    error
}

func (e *BillError) Error() string {
	if e.Err == nil {
		return "wechat: bill: " + e.Message
	}
	return "wechat: bill: " + e.Message + ": " + e.Err.Error()
}

func (e *BillError) Unwrap() error { return e.Err }

const hintLater = "the till tries again by itself"

var digestForm = regexp.MustCompile(`^[0-9A-Fa-f]{40}$`)

// Now is the provider's time, and whether an answer that it has signed told so.
func (c *Client) Now() (time.Time, bool) {
	_, learnt := c.clock.skew()
	return c.clock.now(), learnt
}

// TradeBill asks for the bill of a day (YYYY-MM-DD, Beijing).
func (c *Client) TradeBill(ctx context.Context, date string) (Bill, error) {
	q := url.Values{"bill_date": {date}, "bill_type": {"ALL"}, "tar_type": {"GZIP"}}
	a := c.Call(ctx, sale.NewRequest(http.MethodGet, pathTradeBill+"?"+q.Encode(), nil, sale.PayerCode{}))
	switch {
	case a.Lost != nil:
		return Bill{}, &BillError{Code: "bill_no_answer", Message: "the provider did not answer", Hint: hintLater, Err: a.Lost}
	case a.Status >= 300:
		return Bill{}, billRefused(a)
	case !a.Good():
		return Bill{}, &BillError{Code: "bill_unverified", Message: "the answer was not signed by the provider", Hint: "compare the platform keys with the merchant platform", Err: a.Unverified}
	}
	var v struct {
		HashType    string `json:"hash_type"`
		HashValue   string `json:"hash_value"`
		DownloadURL string `json:"download_url"`
	}
	unknown := &BillError{Code: "bill_answer", Message: "the answer is none that is known", Hint: "report it: the provider has changed the interface"}
	if err := json.Unmarshal(a.Body, &v); err != nil {
		unknown.Err = err
		return Bill{}, unknown
	}
	u, err := url.Parse(v.DownloadURL)
	if err != nil || v.HashType != "SHA1" || !digestForm.MatchString(v.HashValue) || !strings.HasPrefix(u.Path, pathBillFile) {
		unknown.Err = err
		return Bill{}, unknown
	}
	// The file is asked for at the domains of the configuration, whatever host the
	// answer names: nobody else is shown a signature.
	return Bill{SHA1: strings.ToLower(v.HashValue), file: u.RequestURI()}, nil
}

func billRefused(a Answer) error {
	r := readRefusal(a.Header, a.Body)
	e := &BillError{Code: "bill_refused", Message: fmt.Sprintf("the provider refused it: %d %s", a.Status, r.said), Hint: hintLater}
	switch {
	case r.code == codeCreating:
		e.Code, e.Message = "bill_creating", "the provider is still writing the bill"
	case a.Status == http.StatusUnauthorized:
		e.Hint = "look at the till's clock, and at key and serial number of the merchant"
	case a.Status == http.StatusForbidden:
		e.Hint = "see on the merchant platform whether bills may be downloaded through the API"
	case r.code == codeNoBill || r.code == codeNoResource && a.Status == http.StatusNotFound:
		e.Code, e.Message, e.Absent = "bill_absent", "the provider has no bill of that day", true
	}
	return e
}

// FetchBill writes the file of a bill to a writer, as it comes: whoever reads it holds
// it against the digest. It goes past the breakers, which count for payments, and
// neither opens nor closes them.
func (c *Client) FetchBill(ctx context.Context, b Bill, to io.Writer, limit int64) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	err := c.wire.fetch(ctx, b.file, func(r *http.Request) error { return c.dress(r, nil, "") }, to, limit)
	var told *BillError
	if err != nil && !errors.As(err, &told) {
		return &BillError{Code: "bill_broke_off", Message: "the file could not be had", Hint: hintLater, Err: err}
	}
	return err
}

// fetch streams the body of one GET. Another domain is asked only where the one
// before it could not be reached: a file that broke off is asked for anew, address
// and all.
func (w *wire) fetch(ctx context.Context, target string, prepare func(*http.Request) error, to io.Writer, limit int64) error {
	var gone error
	for _, d := range w.domains {
		req, err := newHTTPRequest(ctx, http.MethodGet, d.base, target, nil)
		if err == nil {
			err = prepare(req)
		}
		if err != nil {
			return err
		}
		req, sent := traced(req)
		res, err := w.rt.RoundTrip(req)
		if err != nil {
			if gone = err; sent.Load() || ctx.Err() != nil {
				return err
			}
			continue
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return &BillError{Code: "bill_refused", Message: fmt.Sprintf("the provider refused the file: %d", res.StatusCode), Hint: hintLater}
		}
		n, err := io.Copy(to, io.LimitReader(res.Body, limit+1))
		if err == nil && n > limit {
			return &BillError{Code: "bill_too_large", Message: fmt.Sprintf("the file is larger than %d bytes", limit), Hint: "fetch it from the merchant platform, and report its size"}
		}
		return err
	}
	return gone
}
