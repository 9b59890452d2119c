package api

import (
	"context"
	"net/http"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Bill is how far the till has come with the provider's bill of a day.
type Bill struct {
	Date   string      `json:"date" format:"date" doc:"The provider's day, in Beijing"`
	State  string      `json:"state" enum:"compared,none,waiting,failed" doc:"none: nothing was sold and there is no bill; failed: it is tried again at next_try"`
	Tries  int         `json:"tries"`
	Code   string      `json:"code,omitempty" doc:"Why it is not compared, or not there"`
	Reason string      `json:"reason,omitempty" doc:"The same for a person"`
	Next   *time.Time  `json:"next_try,omitempty"`
	At     *time.Time  `json:"at,omitempty" doc:"Of the last try, by the provider's clock"`
	File   string      `json:"file,omitempty" doc:"Where the till keeps it"`
	SHA1   string      `json:"sha1,omitempty" doc:"Of the plain file, as the provider has signed it"`
	Opened int         `json:"opened" doc:"Cases that the last comparison opened"`
	Result *BillResult `json:"result,omitempty"`
}

// BillResult is how a bill compares.
type BillResult struct {
	Rows        int              `json:"rows"`
	Others      int              `json:"others" doc:"Rows of other tills of the merchant"`
	Agreed      int              `json:"agreed" doc:"Payments and refunds of this till"`
	Differences int              `json:"differences"`
	Listed      []BillDifference `json:"listed,omitempty" doc:"The first 100 of them; each is a case"`
	Sums        []BillSum        `json:"sums" doc:"By the rows of this till"`
	Fee         string           `json:"fee" doc:"Of them, with five decimals"`
}

// BillSum is the money of one currency in a bill.
type BillSum struct {
	Currency money.Currency `json:"currency"`
	Paid     string         `json:"paid"`
	Refunded string         `json:"refunded" doc:"And reversed"`
}

// BillDifference is something that bill and till do not agree about.
type BillDifference struct {
	Code    string  `json:"code" example:"payment_unknown_here"`
	Class   string  `json:"class" enum:"only_at_provider,only_here,differs"`
	Kind    string  `json:"kind" enum:"payment,refund"`
	No      string  `json:"no" doc:"Of the order or the refund"`
	OrderNo string  `json:"order_no"`
	Sale    sale.ID `json:"sale,omitempty"`
	Here    string  `json:"here"`
	There   string  `json:"there"`
	Next    string  `json:"next" example:"query_order"`
	Text    Text    `json:"says"`
	Hint    Text    `json:"hint"`
}

// Bills are the bills of the last days, newest first, those that are due among them.
type Bills struct {
	Bills   []Bill `json:"bills"`
	Waiting int    `json:"waiting" doc:"Days that are over and not compared"`
	Blind   bool   `json:"blind" doc:"No signed answer has confirmed the clock yet: bills wait for that"`
}

// Bills lists the provider's bills.
func (c *Client) Bills(ctx context.Context) (Bills, error) {
	var list Bills
	err := c.call(ctx, http.MethodGet, "/v1/bills", nil, nil, &list)
	return list, err
}

// Bill is the bill of a day (YYYY-MM-DD).
func (c *Client) Bill(ctx context.Context, date string) (Bill, error) {
	var one Bill
	err := c.call(ctx, http.MethodGet, "/v1/bills/"+date, nil, nil, &one)
	return one, err
}

// FetchBill has the till fetch and compare the bill of a day, now and anew. It answers
// before that is done: the bill's tries tell.
func (c *Client) FetchBill(ctx context.Context, date string) (Bill, error) {
	var one Bill
	err := c.call(ctx, http.MethodPost, "/v1/bills/"+date+"/fetch", nil, nil, &one)
	return one, err
}
