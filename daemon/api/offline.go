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
	Why        string    `json:"why" doc:"matched: by_reference, by_amount_time or by_hand. ambiguous: several_fit. unmatched: no_sale, amount_differs (the sale of its reference has another amount), used (the sale of its reference has its receipt already), or id_reused (the id was handed in with other contents; nothing was changed)"`
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

// linkSays are the kinds of offline in words: what is wrong, and what may be done.
var linkSays = map[string]Text{
	"online":          {"The payment service answers.", "支付服务正常。"},
	"no_link":         {"The till has no network: the cable or the radio is off. Check it.", "本机无网络连接，请检查网线或无线网络。"},
	"no_dns":          {"The till is connected and finds no way out. Check the router.", "本机已连接但无法访问外网，请检查路由器。"},
	"provider_down":   {"The payment service cannot be used; the fault is theirs or on the way.", "支付服务不可用，故障在对方或途中。"},
	"provider_slow":   {"The payment service does not answer in time.", "支付服务响应超时。"},
	"clock_untrusted": {"The till does not know what time it is, and the payment service does not believe it. Call support.", "本机时间不可信，支付服务不予接受，请联系技术支持。"},
}

// Worded is the link with what its state means.
func (l Link) Worded() Link {
	l.Says = linkSays[l.State]
	return l
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

// receiptSays are what became of a receipt, in words.
var receiptSays = map[string]Text{
	"by_reference":   {"It has the reference of the sale.", "到账记录的参考号与交易一致。"},
	"by_amount_time": {"It is the only sale of this amount at this time.", "该时间段内仅有这一笔相同金额的交易。"},
	"by_hand":        {"A person said that it is for this sale.", "由人工确认为该交易的款项。"},
	"several_fit":    {"More than one sale fits. A person decides; the owner has a case of it.", "有多笔交易符合，请人工确认，已列入待处理事项。"},
	"no_sale":        {"No sale waits for this money. The owner has a case of it.", "没有等待该款项的交易，已列入待处理事项。"},
	"amount_differs": {"The sale of its reference asks for another amount. The owner has a case of it.", "与参考号对应的交易金额不符，已列入待处理事项。"},
	"used":           {"The sale of its reference has its receipt already: it was paid twice. The owner has a case of it.", "参考号对应的交易已有到账记录，可能重复付款，已列入待处理事项。"},
	"id_reused":      {"Another receipt was handed in under this id. Nothing was changed; compare the two statements.", "该编号已用于另一条到账记录，未作任何更改，请核对两份对账单。"},
}

// Worded is the result with what it means.
func (r ReceiptResult) Worded() ReceiptResult {
	r.Says = receiptSays[r.Why]
	return r
}

// Amounts are amounts as the API has them.
func Amounts(list []money.Money) []Amount {
	out := make([]Amount, len(list)) // an empty list and not null
	for i, m := range list {
		out[i] = amount(m)
	}
	return out
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
