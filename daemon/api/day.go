package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"qrposd/rules/day"
	"qrposd/rules/money"
)

// Day is a day that was closed. Signature is the till's over Statement, which names
// the digest of Report to the byte, the head of the journal and the day before.
type Day struct {
	Number    int       `json:"number"`
	By        string    `json:"by" doc:"Who closed it"`
	Closed    time.Time `json:"closed"`
	Report    any       `json:"report" doc:"The Z report"`
	Statement string    `json:"statement" doc:"What is signed: lines of text"`
	Key       string    `json:"key" doc:"The till's public key (Ed25519), in hexadecimal"`
	Signature string    `json:"signature" doc:"In base64"`
}

// Days is a page of closed days, newest first.
type Days struct {
	Days []Day `json:"days"`
	Next int   `json:"next,omitempty" doc:"Ask with before= this for the page that follows"`
}

// NewDay asks to close the day.
type NewDay struct {
	Operator string `json:"operator" minLength:"1" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who closes it"`
}

// NewDrawerLine says what is in a drawer, or was put in or taken out.
type NewDrawerLine struct {
	Operator string         `json:"operator" minLength:"1" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who enters it"`
	Drawer   string         `json:"drawer,omitempty" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Whose drawer it is; empty is the operator's"`
	Kind     string         `json:"kind" enum:"float,paid_in,paid_out,counted" doc:"float: was in it at the beginning. counted: is in it now; entering anything else asks for another count"`
	Amount   string         `json:"amount" minLength:"1" maxLength:"24" example:"200.00"`
	Currency money.Currency `json:"currency,omitempty" minLength:"3" maxLength:"3" example:"CNY" doc:"Empty is the till's"`
	Note     string         `json:"note,omitempty" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters"`
}

// DrawerLine is one line about a drawer. Lines are never changed.
type DrawerLine struct {
	N        uint64    `json:"n"`
	At       time.Time `json:"at"`
	Operator string    `json:"operator"`
	Drawer   string    `json:"drawer"`
	Kind     string    `json:"kind"`
	Amount   Amount    `json:"amount"`
	Note     string    `json:"note,omitempty"`
}

// DrawerLines are the lines of the open day, oldest first.
type DrawerLines struct {
	Lines []DrawerLine `json:"lines"`
}

// DayReport is a look at the day so far.
func (c *Client) DayReport(ctx context.Context) (day.Report, error) {
	var r day.Report
	err := c.call(ctx, http.MethodGet, "/v1/day/x", nil, nil, &r)
	return r, err
}

// CloseDay closes the day under an idempotency key.
func (c *Client) CloseDay(ctx context.Context, operator, key string) (Day, error) {
	var d Day
	err := c.call(ctx, http.MethodPost, "/v1/day/z", http.Header{"Idempotency-Key": {QuoteKey(key)}}, NewDay{operator}, &d)
	return d, err
}

// ClosedDays lists closed days, newest first: limit of them before the number given, if
// one is.
func (c *Client) ClosedDays(ctx context.Context, limit, before int) (Days, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if before != 0 {
		q.Set("before", strconv.Itoa(before))
	}
	var list Days
	err := c.call(ctx, http.MethodGet, "/v1/days?"+q.Encode(), nil, nil, &list)
	return list, err
}

// DayText is a report as a text: of a closed day, or of the open one where number is
// nought. The form is csv or txt.
func (c *Client) DayText(ctx context.Context, number int, form, lang string) (string, error) {
	path := "/v1/day/x." + form
	if number > 0 {
		path = "/v1/days/" + strconv.Itoa(number) + "." + form
	}
	if lang != "" {
		path += "?lang=" + url.QueryEscape(lang)
	}
	res, err := c.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return string(b), err
}

// ClosedDay is a closed day by its number.
func (c *Client) ClosedDay(ctx context.Context, number int) (Day, error) {
	var d Day
	err := c.call(ctx, http.MethodGet, "/v1/days/"+strconv.Itoa(number), nil, nil, &d)
	return d, err
}

// EnterDrawer enters a line about a drawer under an idempotency key.
func (c *Client) EnterDrawer(ctx context.Context, n NewDrawerLine, key string) (DrawerLine, error) {
	var l DrawerLine
	err := c.call(ctx, http.MethodPost, "/v1/drawers", http.Header{"Idempotency-Key": {QuoteKey(key)}}, n, &l)
	return l, err
}

// DrawerLines are the lines about drawers of the open day.
func (c *Client) DrawerLines(ctx context.Context) (DrawerLines, error) {
	var list DrawerLines
	err := c.call(ctx, http.MethodGet, "/v1/drawers", nil, nil, &list)
	return list, err
}
