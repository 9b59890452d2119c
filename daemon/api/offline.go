package api

import (
	"context"
	"net/http"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// OwnCode is the code that the till made by itself for a sale of flow offline, and
// what is known of it. Nothing here says "paid": a receipt says that money came.
type OwnCode struct {
	Scheme    string        `json:"scheme" example:"pix" doc:"promptpay, promptpay_bill, pix, paynow, upi or static"`
	Label     string        `json:"label" doc:"The shop's account that it pays into, in the shop's words"`
	Price     *Amount       `json:"price,omitempty" doc:"What the shop wants, where the sale asks for a little less to be told from another open sale"`
	Reference string        `json:"reference,omitempty" doc:"Comes back with the payment; missing where the scheme carries none"`
	Shown     *time.Time    `json:"shown,omitempty" doc:"When the code was first shown; missing before that"`
	Age       int64         `json:"age_s" doc:"Seconds since then, by the till's own clock"`
	Attested  *Attestation  `json:"attested,omitempty"`
	Receipt   *FoundReceipt `json:"receipt,omitempty"`
	GivenUp   bool          `json:"given_up,omitempty" doc:"The receipt came for a sale that had been given up"`
}

// Attestation is what an operator saw on the customer's telephone.
type Attestation struct {
	Operator string    `json:"operator"`
	Shown    bool      `json:"shown" doc:"It showed a payment"`
	At       time.Time `json:"at"`
}

// FoundReceipt is the line of a statement that a sale was found in.
type FoundReceipt struct {
	ID        string    `json:"id"`
	Source    string    `json:"source"`
	Amount    Amount    `json:"amount"`
	At        time.Time `json:"at"`
	Reference string    `json:"reference,omitempty"`
	How       sale.How  `json:"how" enum:"by_reference,by_amount_time,by_hand"`
	Operator  string    `json:"operator,omitempty" doc:"Who says so, where it was found by hand"`
	Note      string    `json:"note,omitempty"`
	Digest    string    `json:"digest" doc:"SHA-256 of the receipt as it was handed in"`
}

// NewAttestation says what the customer's telephone showed.
type NewAttestation struct {
	Operator string `json:"operator" minLength:"1" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who looked"`
	Shown    bool   `json:"shown" doc:"true: a payment of this amount to this shop; the sale is unconfirmed then. false: none; the sale goes on waiting"`
}

// NewDispute says that no receipt will be found for a sale.
type NewDispute struct {
	Operator string `json:"operator" minLength:"1" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who says so"`
	Note     string `json:"note" minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Why"`
}

// NewReconciliation says by hand that the money of a sale came.
type NewReconciliation struct {
	Operator string `json:"operator" minLength:"1" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who says so"`
	Receipt  string `json:"receipt,omitempty" maxLength:"64" doc:"The id of a receipt that was handed in and belongs to no sale yet; what came is what is booked"`
	Note     string `json:"note,omitempty" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"What it rests on; needed where there is no receipt, and then the sale's amount is booked"`
}

// NewReceipt is a line of a statement of the shop's bank, as it came.
type NewReceipt struct {
	ID        string         `json:"id" minLength:"1" maxLength:"64" pattern:"^[!-~]*$" patternDescription:"visible ASCII characters" doc:"Of the line, at whoever made the statement; one id is one payment for ever"`
	At        time.Time      `json:"at" doc:"When the money came"`
	Amount    string         `json:"amount" minLength:"1" maxLength:"24" example:"12.80"`
	Currency  money.Currency `json:"currency" minLength:"3" maxLength:"3" example:"THB"`
	Reference string         `json:"reference,omitempty" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"As the bank gave it back; empty where it did not"`
	Scheme    string         `json:"scheme,omitempty" maxLength:"16" doc:"Of the code, where the statement knows; empty matches every scheme"`
	Source    string         `json:"source" minLength:"1" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Which statement"`
}

// NewReceipts is a statement, or a part of one.
type NewReceipts struct {
	Receipts []NewReceipt `json:"receipts" minItems:"1" maxItems:"100"`
}

// ReceiptResult is what became of one receipt. Handing it in again gives the same
// result, and changes nothing.
type ReceiptResult struct {
	ID         string    `json:"id"`
	Outcome    string    `json:"outcome" enum:"matched,ambiguous,unmatched" doc:"ambiguous: more than one sale fits; a person decides"`
	Why        string    `json:"why" doc:"matched: by_reference, by_amount_time or by_hand. ambiguous: several_fit. unmatched: no_sale, amount_differs (the sale of its reference has another amount), or used (the sale of its reference has its receipt already)"`
	Says       Text      `json:"says"`
	Sale       sale.ID   `json:"sale,omitempty" doc:"matched: the sale that the money is for; amount_differs and used: the sale of the reference"`
	Candidates []sale.ID `json:"candidates,omitempty" doc:"ambiguous: the sales that fit"`
	Replayed   bool      `json:"replayed,omitempty" doc:"The receipt had been handed in before"`
}

// ReceiptResults are those of a statement, in its order.
type ReceiptResults struct {
	Results   []ReceiptResult `json:"results"`
	Matched   int             `json:"matched"`
	Ambiguous int             `json:"ambiguous"`
	Unmatched int             `json:"unmatched"`
}

// OfflineSales are the sales of flow offline that are not over: those on the counter,
// unconfirmed and disputed ones, oldest first.
type OfflineSales struct {
	Sales []Sale `json:"sales"`
	More  bool   `json:"more,omitempty" doc:"There are more than are listed"`
}

// Scheme is an account of the shop that the till can make codes for by itself.
type Scheme struct {
	Scheme   string         `json:"scheme" example:"pix"`
	Label    string         `json:"label"`
	Currency money.Currency `json:"currency"`
	Carries  bool           `json:"carries" doc:"A payment comes back with a reference; where not, open sales of one amount are kept apart"`
}

// Link is the way to the provider and which kind of offline it is.
type Link struct {
	State    string     `json:"state" enum:"online,no_link,no_dns,provider_down,provider_slow,clock_untrusted" doc:"What stands between the till and the provider"`
	Evidence string     `json:"evidence,omitempty" doc:"What that rests on, for whoever repairs it"`
	Says     Text       `json:"says"`
	Since    *time.Time `json:"since,omitempty" doc:"Of the state"`
	Silence  *int64     `json:"silence_s,omitempty" doc:"Seconds since the provider last answered, over restarts too; missing where it never has"`
}

// Exposure is what the shop may lose by sales that nobody has confirmed. It is
// computed from the store at the moment of the answer.
type Exposure struct {
	Link     Link      `json:"link"`
	Offered  bool      `json:"offered" doc:"A sale of flow offline can be opened now, as far as the link and the configuration go; the rules judge each"`
	Schemes  []Scheme  `json:"schemes" doc:"What they can be opened for; empty where it is not configured"`
	Count    int       `json:"count" doc:"Sales whose code was shown and that have no receipt: presented_offline and unconfirmed"`
	Sums     []Amount  `json:"sums" doc:"Of those, one of a currency"`
	Oldest   int64     `json:"oldest_s" doc:"The age of the oldest of them in seconds, by the till's own clock; 0 where there is none"`
	Left     *int64    `json:"seconds_left,omitempty" doc:"Until the first of their windows ends and it becomes disputed"`
	Disputed int       `json:"disputed" doc:"Sales whose window is over without a receipt"`
	Worst    []Amount  `json:"worst" doc:"The worst loss: shown, unconfirmed and disputed together, one of a currency"`
	At       time.Time `json:"at" doc:"The wall clock at the answer"`
}

// Attest says what the customer's telephone showed. It needs no key: it is a fact.
func (c *Client) Attest(ctx context.Context, id sale.ID, n NewAttestation) (Sale, error) {
	return c.sale(ctx, http.MethodPost, of(id, "/attest"), nil, n)
}

// Dispute says that no receipt will be found. It needs no key: a second changes nothing.
func (c *Client) Dispute(ctx context.Context, id sale.ID, n NewDispute) (Sale, error) {
	return c.sale(ctx, http.MethodPost, of(id, "/dispute"), nil, n)
}

// Reconcile says by hand that the money of a sale came. A sale has one receipt.
func (c *Client) Reconcile(ctx context.Context, id sale.ID, n NewReconciliation) (Sale, error) {
	return c.sale(ctx, http.MethodPost, of(id, "/reconcile"), nil, n)
}

// Receipts hands in a statement. It needs no key: a receipt counts once by its id.
func (c *Client) Receipts(ctx context.Context, n NewReceipts) (ReceiptResults, error) {
	var r ReceiptResults
	err := c.call(ctx, http.MethodPost, "/v1/receipts", nil, n, &r)
	return r, err
}

// Exposure is what the shop may lose by sales that nobody has confirmed.
func (c *Client) Exposure(ctx context.Context) (Exposure, error) {
	var e Exposure
	err := c.call(ctx, http.MethodGet, "/v1/exposure", nil, nil, &e)
	return e, err
}

// Offline lists the sales of flow offline that are not over, oldest first.
func (c *Client) Offline(ctx context.Context) (OfflineSales, error) {
	var l OfflineSales
	err := c.call(ctx, http.MethodGet, "/v1/offline", nil, nil, &l)
	return l, err
}

// ownCode is what a cashier sees of it.
func ownCode(s *sale.Sale, now sale.Now) *OwnCode {
	o := s.Own
	if o == nil {
		return nil
	}
	v := &OwnCode{Scheme: o.Scheme, Label: o.Label, Reference: o.Reference, GivenUp: o.GivenUp}
	if o.Price != s.Amount {
		p := amount(o.Price)
		v.Price = &p
	}
	if o.Shown > 0 {
		at := o.ShownWall
		v.Shown, v.Age = &at, int64(max(0, now.At.Sub(o.Shown))/time.Second)
	}
	if a := o.Attested; a != nil {
		v.Attested = &Attestation{a.By, a.Shown, a.Wall}
	}
	if r := o.Receipt; r != nil {
		v.Receipt = &FoundReceipt{r.ID, r.Source, amount(r.Amount), r.At, r.Reference, r.How, r.By, r.Note, r.Digest}
	}
	return v
}

// ownStage is where a sale with a code of the till's own stands.
func ownStage(s *sale.Sale) string {
	o := s.Own
	switch {
	case s.State == sale.Settled && o != nil && o.GivenUp:
		return "receipt_given_up"
	case s.State == sale.Settled:
		return "reconciled"
	case o != nil && o.Attested != nil:
		return "offline_not_shown"
	}
	return "offline_shown"
}
