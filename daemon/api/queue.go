package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"qrposd/rules/sale"
)

// Job is a sale that owes something to somebody. It stays here until it owes
// nothing: no job ends by its age or by how often it was tried.
type Job struct {
	ID       sale.ID  `json:"id" doc:"The sale"`
	State    string   `json:"state" enum:"waiting,set_aside,stuck" doc:"stuck: only a person can bring it on"`
	Debts    []Debt   `json:"debts" doc:"What is owed, the heaviest last"`
	Age      int64    `json:"age_s" doc:"Seconds for which it has been owed, or set aside"`
	Attempts int      `json:"attempts" doc:"How often something was sent"`
	Next     *int64   `json:"next_s,omitempty" doc:"Seconds until the till does something about it"`
	Owner    *Owner   `json:"owner,omitempty" doc:"Who has taken it out of the till's hands"`
	Reason   *Reason  `json:"reason,omitempty" doc:"Why it is not done yet"`
	Says     JobSays  `json:"says"`
	History  []JobTry `json:"history,omitempty" doc:"What was sent, and what became of it, oldest first; of one job only"`
}

// Debt is one thing that is owed.
type Debt struct {
	Kind     sale.DebtKind `json:"kind" enum:"watch,open,charge,unconfirmed,trace,refund,refund_held,refund_failed"`
	OrderNo  string        `json:"order_no,omitempty"`
	RefundNo string        `json:"refund_no,omitempty"`
	Amount   Amount        `json:"amount"`
}

// Owner is a person who has spoken for a job.
type Owner struct {
	By  string `json:"by"`
	Why string `json:"why"`
}

// JobSays is a job in words.
type JobSays struct {
	What Text `json:"what"`
	Next Text `json:"next"`
}

// JobTry is one thing that was sent.
type JobTry struct {
	Age     int64  `json:"age_s" doc:"Seconds since"`
	Did     string `json:"did,omitempty"`
	Outcome string `json:"outcome,omitempty" doc:"Empty while it is open"`
}

// Queue is all that is owed, the soonest due first.
type Queue struct {
	Jobs   []Job `json:"jobs"`
	Oldest int64 `json:"oldest_s" doc:"For how long the oldest has been owed that counts for the alarm"`
	Alarm  bool  `json:"alarm" doc:"One has been owed for longer than the shop wants"`
}

// Remark is what a person says of a job, with a name and a reason.
type Remark struct {
	Operator string `json:"operator" minLength:"1" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who says so"`
	Reason   string `json:"reason" minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Why, on record"`
}

// NewTakeover says what somebody has seen with their own eyes of a payment that is
// not certain. It settles nothing.
type NewTakeover struct {
	Remark
	Saw string `json:"saw" enum:"paid,not_paid" doc:"On the customer's telephone, or in the provider's application"`
}

// Leaving asks whether the till may be taken away, or says who takes it away all the
// same.
type Leaving struct {
	For      string `json:"for" enum:"update,reset,removal,logout"`
	Operator string `json:"operator,omitempty" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who stands for it; empty only asks"`
	Reason   string `json:"reason,omitempty" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Why, on record"`
}

// Leave is the answer: what would be left behind.
type Leave struct {
	Clear bool  `json:"clear" doc:"Nothing is owed, or somebody stands for it"`
	Jobs  []Job `json:"jobs" doc:"What is owed"`
}

// heavy is the debt of a job that decides what is said of it.
func (j Job) heavy() sale.DebtKind {
	if len(j.Debts) == 0 {
		return ""
	}
	return j.Debts[len(j.Debts)-1].Kind
}

// jobSayings are the kinds of debts in words, and what is done about each.
var jobSayings = map[sale.DebtKind][2]Text{
	sale.DebtWatch:       {{"The sale has ended and nobody owes anything. The till goes on asking whether a payment turns up.", "交易已结束，无欠款。本机继续查询是否有迟到的付款。"}, {"Nothing. A late payment goes back to the customer by itself.", "无需操作。迟到的付款会自动退还顾客。"}},
	sale.DebtOpen:        {{"The sale is open and nothing was charged.", "交易未完成，尚未扣款。"}, {"Finish it at the counter, or cancel it.", "请在收银台完成或取消。"}},
	sale.DebtCharge:      {{"It is not certain whether the customer has paid.", "尚不确定顾客是否已付款。"}, {"The till asks WeChat Pay until it knows. Do not charge again in this sale.", "本机持续向微信支付查询。请勿在本单重复收款。"}},
	sale.DebtUnconfirmed: {{"A code of the till's own was shown, and no receipt was found yet.", "已出示本店收款码，尚未查到到账记录。"}, {"Hold it against the statement of the shop's account.", "请与商家账户流水核对。"}},
	sale.DebtTrace:       {{"The till was restored from a backup and asks what became of this sale.", "本机已从备份恢复，正在查询该笔交易的后续。"}, {"Nothing. It refunds and charges nothing before it knows.", "无需操作。查清之前不会收款或退款。"}},
	sale.DebtRefund:      {{"A refund is promised and WeChat Pay has not confirmed it.", "退款已承诺，微信支付尚未确认。"}, {"The till sends it by itself, under the same number. Do not hand out cash for it as well.", "本机会以同一单号自动发送。请勿另付现金。"}},
	sale.DebtHeld:        {{"WeChat Pay holds a refund until a person finishes it.", "退款滞留在微信支付，需人工处理。"}, {"Finish it in the merchant platform. The till asks until it has arrived.", "请在商户平台处理，本机会持续查询直至到账。"}},
	sale.DebtFailed:      {{"WeChat Pay has closed a refund without paying it. The money is still the shop's.", "微信支付已关闭退款，款项仍在商家账户。"}, {"Retry: it is promised again under a new number. Where the customer has got the money in another way, say so and how.", "请重试，将以新单号重新退款。若已用其他方式退还，请登记并注明方式。"}},
}

// Worded is the job with what it says in words.
func (j Job) Worded() Job {
	words, ok := jobSayings[j.heavy()]
	if !ok {
		words = [2]Text{caseOther, caseOther}
	}
	j.Says = JobSays{words[0], words[1]}
	if j.Owner != nil && j.State == "set_aside" {
		j.Says.Next = Text{
			j.Owner.By + " has set it aside. The till sends nothing until somebody retries it; it asks whether it has arrived.",
			"已由 " + j.Owner.By + " 搁置。在有人重试之前本机不再发送，仅查询是否到账。",
		}
	}
	return j
}

// NewJob is a sale that owes something, at a moment of the till's own time.
func NewJob(s *sale.Sale, now sale.Instant, trouble *sale.Reason) Job {
	j := Job{ID: s.ID, State: "waiting", Debts: []Debt{}, Age: int64(now.Sub(s.Changed) / time.Second)}
	for _, d := range s.Debts() {
		j.Debts = append(j.Debts, Debt{d.Kind, d.OrderNo, d.RefundNo, amount(d.Amount)})
	}
	if trouble == nil {
		trouble = s.Why
	}
	j.Reason = reason(trouble)
	if t := s.TakenOver; t != nil {
		j.Owner = &Owner{t.By, t.Note}
	}
	if a := s.Aside; a != nil {
		j.State, j.Owner, j.Age = "set_aside", &Owner{a.By, a.Why}, int64(now.Sub(a.At)/time.Second)
	}
	return j
}

// Queue lists what is owed.
func (c *Client) Queue(ctx context.Context) (Queue, error) {
	var q Queue
	err := c.call(ctx, http.MethodGet, "/v1/queue", nil, nil, &q)
	return q, err
}

// Job is what one sale owes, with its history.
func (c *Client) Job(ctx context.Context, id sale.ID) (Job, error) {
	var j Job
	err := c.call(ctx, http.MethodGet, "/v1/queue/"+url.PathEscape(string(id)), nil, nil, &j)
	return j, err
}

// Remark does what to a job: retry or set-aside. It needs no key: a second one
// changes nothing but who has said so last.
func (c *Client) Remark(ctx context.Context, id sale.ID, what string, r Remark) (Job, error) {
	var j Job
	err := c.call(ctx, http.MethodPost, "/v1/queue/"+url.PathEscape(string(id))+"/"+what, nil, r, &j)
	return j, err
}

// TakeOver says what somebody has seen of a payment that is not certain.
func (c *Client) TakeOver(ctx context.Context, id sale.ID, n NewTakeover) (Sale, error) {
	return c.sale(ctx, http.MethodPost, of(id, "/take-over"), nil, n)
}

// Leave asks whether the till may be taken away.
func (c *Client) Leave(ctx context.Context, n Leaving) (Leave, error) {
	var l Leave
	err := c.call(ctx, http.MethodPost, "/v1/leave", nil, n, &l)
	return l, err
}
