package day

import (
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Kind is X or Z.
type Kind string

// The kinds of report.
const (
	X Kind = "X" // a look at the day so far
	Z Kind = "Z" // the day is closed
)

// Report is a day added up. Amounts are in minor units of the currency beside them.
type Report struct {
	Kind     Kind      `json:"kind"`
	Till     string    `json:"till"`
	Number   int       `json:"number"`
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended"`
	Head     Head      `json:"head"` // of the journal
	Rows     []Row     `json:"rows"`
	Totals   []Total   `json:"totals"`
	Drawers  []Count   `json:"drawers"`
	Exposed  []Exposed `json:"exposed"`
	Missing  []Missing `json:"missing"` // of an X report; a Z report has none
	Balanced bool      `json:"balanced"`
}

// Exposed are sales for which the till showed a code of its own and no receipt was
// found: whatever an operator has seen, it is not money of the day and in no sum of
// it. They keep no day open: nobody can say when a receipt comes.
type Exposed struct {
	State    string         `json:"state"`
	Currency money.Currency `json:"currency"`
	Sales    int            `json:"sales"`
	Sum      int64          `json:"sum"`
}

// Row is what one operator took and gave back by one method, in one currency, on
// sales that are now in one state.
type Row struct {
	Operator string         `json:"operator"`
	Method   Method         `json:"method"`
	State    string         `json:"state"` // empty for cash
	Currency money.Currency `json:"currency"`
	Sales    int            `json:"sales"` // begun in the period
	Payments int            `json:"payments"`
	Paid     int64          `json:"paid"`
	Refunds  int            `json:"refunds"`
	Refunded int64          `json:"refunded"`
}

// Total is one currency's money equation: Opening + Paid - Refunded = Closing. Cash
// and what came to the shop's own account are beside it and in none of these.
type Total struct {
	Currency money.Currency `json:"currency"`
	Opening  int64          `json:"opening"`
	Paid     int64          `json:"paid"`
	Refunded int64          `json:"refunded"`
	Closing  int64          `json:"closing"`
	Owed     int64          `json:"owed"`   // of Closing: promised to payers and not with them yet
	Cash     int64          `json:"cash"`   // taken less returned
	Banked   int64          `json:"banked"` // came to the shop's own account, by receipts
}

// Count is a drawer with what should be in it.
type Count struct {
	Drawer
	Expected int64  `json:"expected"`
	Over     *int64 `json:"over"` // counted less expected, negative is short; nil until it is counted
}

// Why says why an item keeps the day open.
type Why string

// The reasons.
const (
	InDoubt        Why = "in_doubt"
	JournalDiffers Why = "journal_differs"
	BalanceDiffers Why = "balance_differs"
	Uncounted      Why = "drawer_uncounted"
	BillDiffers    Why = "bill_differs"
)

// words are what an item says to a person, and its hint.
var words = map[Why][4]string{
	InDoubt: {
		"the outcome of this payment is not known yet", "wait until the till has it from the provider; do not charge again",
		"该笔支付结果尚未确定", "等待收银机向支付平台确认；不要再次收款",
	},
	JournalDiffers: {
		"the sale and the journal do not say the same about this order's money", "run qrposd check and keep a backup before anything else",
		"该订单的销售记录与流水账不一致", "先备份，再运行 qrposd check",
	},
	BalanceDiffers: {
		"the balance before and the journal do not make the balance now", "run qrposd check and compare with the last Z report",
		"期初余额加流水不等于期末余额", "运行 qrposd check，并与上一份日结核对",
	},
	Uncounted: {
		"nobody has counted this drawer", "count it and enter the sum",
		"该钱箱尚未清点", "清点后输入金额",
	},
	BillDiffers: {
		"the provider's bill differs and nobody has answered it", "follow the next step of the difference",
		"与支付平台账单有差异，尚未处理", "按该差异的下一步操作处理",
	},
}

// Missing is one item that keeps the day open.
type Missing struct {
	Why      Why         `json:"code"`
	Sale     sale.ID     `json:"sale,omitempty"`
	OrderNo  string      `json:"order_no,omitempty"`
	Operator string      `json:"operator,omitempty"`
	Detail   string      `json:"detail,omitempty"` // the state of a sale, or the code of a difference
	Amount   money.Money `json:"amount"`           // what is in doubt, or what the journal has more than the sales
	Age      int64       `json:"age_s,omitempty"`  // seconds in this state
	Message  string      `json:"message"`
	Hint     string      `json:"hint"`
	Chinese  string      `json:"zh"`
	ZhHint   string      `json:"zh_hint"`
}

func missing(why Why) Missing {
	w := words[why]
	return Missing{Why: why, Message: w[0], Hint: w[1], Chinese: w[2], ZhHint: w[3]}
}

// Unbalanced is why a day cannot be closed: every item, none of them left out.
type Unbalanced struct{ Missing []Missing }

func (u *Unbalanced) Error() string {
	if len(u.Missing) == 1 {
		return "day: it cannot be closed: " + u.Missing[0].Message
	}
	return "day: it cannot be closed: " + u.Missing[0].Message + ", and more"
}
