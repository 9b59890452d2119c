// Package api is the language a till speaks with its cashier page and a POS.
//
// Everything here is a value or a way to carry one: the wire types, the words
// that belong to each of them, the problem that answers a refused request, and
// a client. The server is elsewhere; it and every caller agree by these types.
//
// Amounts travel as the decimal a person types ("12.80") beside their currency,
// because a POS that multiplies by 100 in floating point charges 12.79 some
// day; the minor units come back as an integer, for whoever adds up.
//
// What a state means is said in one table, in the cashier's languages, and
// comes with every sale. Rejected: a page and a POS that each word "in_doubt"
// for themselves, since one of them would tell somebody to charge again.
package api

import (
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// NewSale asks for a sale.
type NewSale struct {
	Flow        sale.Flow      `json:"flow" enum:"merchant,payer,offline" doc:"Who shows the code: the till (merchant) or the customer (payer), or the till by itself for the shop's own account (offline), while the provider cannot be reached"`
	Scheme      string         `json:"scheme,omitempty" maxLength:"16" example:"pix" doc:"Flow offline: which of the schemes of GET /v1/exposure"`
	Amount      string         `json:"amount" minLength:"1" maxLength:"24" example:"12.80" doc:"A decimal with at most the currency's own decimals"`
	Currency    money.Currency `json:"currency" minLength:"3" maxLength:"3" example:"CNY" doc:"ISO 4217 code in capitals"`
	PayIn       money.Currency `json:"pay_in,omitempty" minLength:"3" maxLength:"3" example:"CNY" doc:"What the customer pays in, where that is not the sale's currency; see pay_in of the status"`
	Description string         `json:"description,omitempty" maxLength:"127" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"What the customer reads in the wallet"`
	Operator    string         `json:"operator,omitempty" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who asks"`
	Code        string         `json:"code,omitempty" maxLength:"128" doc:"Payer flow: the customer's code, if it was scanned already"`
	Basket      []Line         `json:"basket,omitempty" maxItems:"32" doc:"What is sold, if it was not typed: its lines add up to the amount"`
}

// Cancellation asks to withdraw a sale.
type Cancellation struct {
	Operator string `json:"operator,omitempty" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who asks"`
}

// Consent records that the customer agreed, or that a manager did.
type Consent struct {
	Operator string `json:"operator,omitempty" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who agrees: the manager's name, where one is needed"`
	Facts    int    `json:"facts,omitempty" minimum:"0" doc:"The facts in the history of the answer that was agreed to. Where the sale has gone on since then nothing is recorded, and it is answered as it is. Without it a request that is repeated may agree to what is asked next"`
}

// NewRefund asks to give money back. Its currency is the sale's.
type NewRefund struct {
	Amount   string `json:"amount" minLength:"1" maxLength:"24" example:"5.00" doc:"A decimal, at most what is left of the sale"`
	Reason   string `json:"reason,omitempty" maxLength:"80" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Why, in the shop's words"`
	Operator string `json:"operator,omitempty" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who asks"`
}

// NewScan hands over a code that was typed, or read by a scanner that types.
type NewScan struct {
	Code string `json:"code" minLength:"1" maxLength:"128" doc:"The customer's code as it was read"`
}

// Sale is a sale as its cashier sees it. It carries no request and no payer's
// code.
//
// budget: what a cashier sees of a sale is one answer
type Sale struct {
	ID          sale.ID    `json:"id"`
	Flow        sale.Flow  `json:"flow" enum:"merchant,payer,offline"`
	State       string     `json:"state" doc:"Where the sale stands; see says for what that means"`
	Amount      Amount     `json:"amount"`
	Refundable  *Amount    `json:"refundable,omitempty" doc:"What can still be given back"`
	Description string     `json:"description,omitempty"`
	Operator    string     `json:"operator,omitempty"`
	Says        Says       `json:"says"`
	Reason      *Reason    `json:"reason,omitempty"`
	SecondsLeft *int       `json:"seconds_left,omitempty" doc:"How long the present state lasts by itself"`
	QR          *QR        `json:"qr,omitempty" doc:"The code to show, while there is one"`
	Price       *Price     `json:"price,omitempty" doc:"The price in the customer's currency, where that is not the shop's"`
	Liveness    *Liveness  `json:"liveness,omitempty" doc:"The check to show, while one is open"`
	Offline     *OwnCode   `json:"offline,omitempty" doc:"Flow offline: the till's own code, and what is known of it"`
	TakenOver   *TakenOver `json:"taken_over,omitempty" doc:"What somebody has seen of a payment that was not certain"`
	Can         Can        `json:"can"`
	History     History    `json:"history"`
	Begun       time.Time  `json:"begun"`
	Changed     *time.Time `json:"changed,omitempty" doc:"When the state began, by the till's own clock"`
}

// Amount is money for people and for programs.
type Amount struct {
	Currency money.Currency `json:"currency" example:"CNY"`
	Decimal  string         `json:"decimal" example:"12.80" doc:"In major units, with all of the currency's decimals"`
	Minor    int64          `json:"minor" example:"1280" doc:"In minor units"`
}

func amount(m money.Money) Amount { return Amount{m.Currency, m.Decimal(), m.Minor} }

// QR is where the code to show can be had.
type QR struct {
	SVG  string `json:"svg" format:"uri-reference"`
	PNG  string `json:"png" format:"uri-reference"`
	Text string `json:"text" doc:"What the code says, for a POS that draws it"`
}

// Can says which requests the sale would accept now.
type Can struct {
	Cancel bool `json:"cancel"`
	Refund bool `json:"refund"`
	Scan   bool `json:"scan" doc:"It waits for the customer's code"`
	Retry  bool `json:"retry" doc:"It takes another code of the customer, after one that failed"`

	Attest    bool `json:"attest,omitempty" doc:"Flow offline: somebody can say what the customer's telephone shows"`
	Dispute   bool `json:"dispute,omitempty" doc:"Flow offline: it can be given up as unpaid"`
	Reconcile bool `json:"reconcile,omitempty" doc:"Flow offline: it can be said by hand that the money came"`

	TakeOver bool `json:"take_over" doc:"Somebody may say what they have seen of it, which frees the counter"`

	Consent bool `json:"consent" doc:"It waits for the customer or a manager to agree; says tells which"`
}

// Rests says that the sale has an outcome: nothing is under way.
func (s Sale) Rests() bool {
	var st sale.State
	return st.UnmarshalText([]byte(s.State)) == nil && Rests(st)
}

// Rests says that a state is an outcome.
func Rests(st sale.State) bool { return !st.Before() && st != sale.Refunding && !st.Live() }

// TakenOver is a person's word on a payment. It settles nothing.
type TakenOver struct {
	By   string `json:"by"`
	Saw  string `json:"saw" enum:"seen_paid,seen_unpaid"`
	Note string `json:"note"`
}

// History is what was tried, oldest first.
type History struct {
	Facts    int       `json:"facts" doc:"How many facts made the sale: of two answers about it, the one with more is newer"`
	Attempts []Attempt `json:"attempts"`
	Refunds  []Refund  `json:"refunds"`
}

// Attempt is one order at the provider.
type Attempt struct {
	OrderNo       string   `json:"order_no"`
	End           sale.End `json:"end" enum:",paid,closed,taken_back,not_sent,refused,concluded,absent" doc:"How it ended; empty while it is open"`
	TransactionID string   `json:"transaction_id,omitempty" doc:"The provider's number of the payment"`
}

// Refund is money promised back.
type Refund struct {
	No      string           `json:"no"`
	OrderNo string           `json:"order_no"`
	Amount  Amount           `json:"amount"`
	State   sale.RefundState `json:"state" enum:"owed,working,done,failed,held"`
	Auto    bool             `json:"auto,omitempty" doc:"Late money that the till gives back by itself"`
	Reason  string           `json:"reason,omitempty"`
	By      string           `json:"by,omitempty"`
}

// Sales is a page of sales, newest first.
type Sales struct {
	Sales []Sale  `json:"sales"`
	Seq   uint64  `json:"seq" doc:"Follow the events after this number and nothing is missed"`
	Next  sale.ID `json:"next,omitempty" doc:"Ask with before= this for the page that follows"`
}

// Event is one entry of the journal: what was recorded, where it led, and the
// sale as it is now. A reader that is behind never sees a state that is over.
type Event struct {
	Seq   uint64    `json:"seq"`
	Kind  sale.Kind `json:"kind"`
	State string    `json:"state" doc:"Where this entry left the sale"`
	Sale  Sale      `json:"sale" doc:"The sale as it is now"`
}

// Status is what the till says about itself.
type Status struct {
	Till     string         `json:"till"`
	Shop     string         `json:"shop,omitempty" doc:"What customers know the shop by"`
	Version  string         `json:"version"`
	Currency money.Currency `json:"currency" doc:"What this till usually takes"`
	Decimals int            `json:"decimals" doc:"Decimals of that currency"`
	PayIn    *PayIn         `json:"pay_in,omitempty" doc:"The other currency that customers can pay in, where there is one"`
	Time     time.Time      `json:"time" doc:"The wall clock"`
	Seq      uint64         `json:"seq" doc:"The last entry of the journal"`
	Health   Health         `json:"health"`
	Notices  []Notice       `json:"notices" doc:"What a cashier has to know of it"`
}
