package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"qrposd/rules/sale"
)

// Case is a question to the owner that the till cannot answer: somebody disagrees
// about money that the till's books have in order.
type Case struct {
	ID       uint64            `json:"id"`
	Kind     string            `json:"kind" example:"reconciliation_mismatch" doc:"What it is about; says has it in words"`
	State    string            `json:"state" enum:"open,closed"`
	Sale     sale.ID           `json:"sale,omitempty" doc:"The sale it is about, if it is about one"`
	OrderNo  string            `json:"order_no,omitempty" doc:"The order at the provider"`
	Amount   *Amount           `json:"amount,omitempty" doc:"What was charged"`
	Opened   time.Time         `json:"opened"`
	Age      int64             `json:"age_s" doc:"Seconds since it was opened, or that it was open"`
	Evidence map[string]string `json:"evidence" doc:"What the case rests on: codes, names and counts"`
	Next     string            `json:"next" example:"compare_payment" doc:"What is to be done"`
	Says     CaseSays          `json:"says"`
	Closed   *Closing          `json:"closed,omitempty"`
}

// CaseSays is a case in words.
type CaseSays struct {
	What     Text   `json:"what"`
	Evidence []Text `json:"evidence"`
	Next     Text   `json:"next"`
}

// Closing is how a case ended.
type Closing struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Note string    `json:"note"`
}

// Cases is a page of cases, newest first.
type Cases struct {
	Cases  []Case `json:"cases"`
	Open   int    `json:"open" doc:"How many wait, on any page"`
	Oldest int64  `json:"oldest_s" doc:"For how long the oldest of them has waited, in seconds"`
	Next   uint64 `json:"next,omitempty" doc:"Ask with before= this for the page that follows"`
}

// NewClosing asks to close a case.
type NewClosing struct {
	Operator string `json:"operator" minLength:"1" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"Who closes it"`
	Note     string `json:"note" minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"no control characters" doc:"What was found"`
}

// caseKinds are what cases are about, and nextSteps what is to be done, in words.
var (
	caseKinds = map[string]Text{
		"reconciliation_mismatch": {
			"A model of the payment service says that this payment is not what was asked for. It changed nothing in the till's books.",
			"支付服务的对账模型认为该笔付款与请求不符。本机账目未因此作任何更改。",
		},
		"store_restored": {
			"The till was put back from a backup. Sales that were made after the backup are not in it; the provider has their payments.",
			"本机已从备份恢复。备份之后的交易不在本机记录中，但支付方有其收款记录。",
		},
		"offline_unpaid":    {"A code of the till's own was shown and no receipt of the payment was found.", "本机出示过离线收款码，但未找到到账记录。"},
		"receipt_given_up":  {"Money came for a sale that had been given up. It is booked; the customer may have gone without the goods.", "已放弃的交易收到了款项，已入账；顾客可能未取得商品。"},
		"receipt_unmatched": {"Money came to the shop's account and no sale waits for it.", "商家账户收到一笔款项，没有对应的交易。"},
		"receipt_ambiguous": {"Money came to the shop's account and more than one sale may be meant.", "商家账户收到一笔款项，可能对应多笔交易。"},
		"receipt_differs":   {"Another amount came than the sale asks for.", "到账金额与交易金额不符。"},
		"paid_twice":        {"A sale that has its receipt was paid once more.", "已有到账记录的交易又收到一笔付款。"},
		"takeover_contradicted": {
			"Somebody at the till had seen how this payment ended, and the provider says that it ended otherwise. What is not owed goes back by itself.",
			"收银台有人确认过该笔付款的结果，但支付方的结果与之不符。多收的款项会自动退还。",
		},
		"store_salvaged": {
			"The till's file was damaged and was put together again of what could be proven. The damaged file is kept beside it.",
			"本机的交易文件曾损坏，已根据可核实的记录重建，损坏的文件已另行保留。",
		},
		"policy_refusal": {
			"A rule of the payment service refused a sale today. Nothing was charged by that; the manager at the till decided how it went on.",
			"今日有交易被支付服务的规则拒绝，该次未扣款，由店内主管决定后续处理。",
		},
	}
	nextSteps = map[string]Text{
		"compare_payment": {
			"Compare the amount and the order number with the provider's bill and the receipt. If the customer was charged wrongly, give the money back with a refund. Then close the case.",
			"请将金额和订单号与支付方账单及小票核对。如收款有误，请办理退款，然后关闭此事项。",
		},
		"compare_bills": {
			"Look in the provider's bills, from the day of the backup or the damage to today, for payments and refunds that this till does not know. Sales that were open then were asked about; see whether their goods were handed out. Then close the case.",
			"请查看备份或损坏当日至今的支付方账单，找出本机没有记录的收款和退款；当时未结束的交易已向支付方查询，请核实商品是否已交付，然后关闭此事项。",
		},
		"find_payment":    {"Look for the payment at the bank and ask the customer, if you know who it was. Hand in the statement, or reconcile the sale by hand; else it is lost. Then close the case.", "请向银行查询并联系顾客（如已知）。可提交对账单或人工对账；如仍未找到，则视为损失。然后关闭此事项。"},
		"decide_given_up": {"Find the customer: hand over the goods, or give the money back by a transfer. Then close the case.", "请联系顾客：交付商品或转账退款，然后关闭此事项。"},
		"find_sale":       {"Find the sale that the money is for and reconcile it by hand with this receipt, or give the money back. Then close the case.", "请找出对应的交易并以此到账记录人工对账，或退还款项，然后关闭此事项。"},
		"give_back":       {"The customer has paid twice. Give the second payment back by a transfer, then close the case.", "顾客重复付款，请转账退还第二笔，然后关闭此事项。"},
		"ask_service": {
			"Ask the payment service which rule it was, and whether it is meant for this shop. See in the rejections whether more are refused than before. Then close the case.",
			"请向支付服务询问所触发的规则及其是否适用于本店，并查看拒绝率是否升高，然后关闭此事项。",
		},
	}
	caseCauses = map[string]Text{
		"user":          {"Its words speak of something the customer did.", "其说明涉及顾客的操作。"},
		"policy":        {"Its words speak of a rule or a limit.", "其说明涉及规则或限额。"},
		"hallucination": {"Its words contradict what was sent: the model may be mistaken.", "其说明与已发送内容矛盾，模型可能有误。"},
		"unknown":       {"Its words name no cause that the till knows.", "其说明中没有本机能识别的原因。"},
	}
	caseOther = Text{"Something needs a person to look at it.", "有事项需要人工查看。"}
)

// Worded is the case with what it says in words.
func (c Case) Worded() Case {
	known := func(table map[string]Text, code string) Text {
		if t, ok := table[code]; ok {
			return t
		}
		return caseOther
	}
	c.Says = CaseSays{What: known(caseKinds, c.Kind), Next: known(nextSteps, c.Next), Evidence: []Text{}}
	if model := c.Evidence["model"]; model != "" {
		c.Says.Evidence = append(c.Says.Evidence, Text{"Said by the model " + model + ".", "由模型 " + model + " 给出。"})
	}
	if n := c.Evidence["lines"]; n != "" {
		lost := c.Evidence["missing"]
		c.Says.Evidence = append(c.Says.Evidence, Text{n + " entries came back, " + lost + " are missing, " + c.Evidence["unproven"] + " belong to sales that are cut short.", "恢复 " + n + " 条记录，缺失 " + lost + " 条，另有 " + c.Evidence["unproven"] + " 条属于不完整的交易。"})
	}
	if c.Evidence["whole"] == "true" {
		c.Says.Evidence = append(c.Says.Evidence, Text{"Nothing of a sale that the till had acknowledged is missing.", "本机已确认的交易记录没有缺失。"})
	}
	if c.Evidence["books"] == "false" {
		c.Says.Evidence = append(c.Says.Evidence, Text{
			"What people had entered is lost: closed days, drawers, answers to cases, receipts of no sale. Keep the printed days, count the drawers, and hand the statements in again.",
			"人工录入的内容已丢失：日结、钱箱、事项处理记录及未匹配的到账记录。请保留已打印的日结单，重新清点钱箱，并重新提交对账单。",
		})
	}
	if made := c.Evidence["made"]; made != "" && c.Evidence["lines"] == "" {
		c.Says.Evidence = append(c.Says.Evidence, Text{"The backup ends at " + made + ".", "备份截止时间：" + made + "。"})
	}
	if id := c.Evidence["receipt"]; id != "" {
		c.Says.Evidence = append(c.Says.Evidence, Text{"Receipt " + id + " of " + c.Evidence["source"] + ".", "到账记录 " + id + "，来源 " + c.Evidence["source"] + "。"})
	}
	if m := c.Evidence["amount"]; m != "" {
		c.Says.Evidence = append(c.Says.Evidence, Text{"What came is " + c.Evidence["currency"] + " " + m + ".", "到账金额 " + c.Evidence["currency"] + " " + m + "。"})
	}
	if by := c.Evidence["by"]; by != "" {
		c.Says.Evidence = append(c.Says.Evidence, Text{"Said by " + by + ".", "由 " + by + " 认定。"})
	}
	if t, ok := caseCauses[c.Evidence["cause"]]; ok {
		c.Says.Evidence = append(c.Says.Evidence, t)
	}
	if n := c.Evidence["foreign"]; n != "" && n != "0" {
		c.Says.Evidence = append(c.Says.Evidence, Text{"Its words cite " + n + " thing(s) that the till never sent.", "其说明引用了 " + n + " 项本机从未发送的内容。"})
	}
	return c
}

// Cases lists cases, newest first: those of a state ("open", "closed", or any where
// it is empty), limit of them before the number given, if one is.
func (c *Client) Cases(ctx context.Context, state string, limit int, before uint64) (Cases, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if state != "" {
		q.Set("state", state)
	}
	if before != 0 {
		q.Set("before", strconv.FormatUint(before, 10))
	}
	var list Cases
	err := c.call(ctx, http.MethodGet, "/v1/cases?"+q.Encode(), nil, nil, &list)
	return list, err
}

// Case is a case by its number.
func (c *Client) Case(ctx context.Context, id uint64) (Case, error) {
	var one Case
	err := c.call(ctx, http.MethodGet, "/v1/cases/"+strconv.FormatUint(id, 10), nil, nil, &one)
	return one, err
}

// CloseCase closes a case under an idempotency key.
func (c *Client) CloseCase(ctx context.Context, id uint64, n NewClosing, key string) (Case, error) {
	var one Case
	err := c.call(ctx, http.MethodPost, "/v1/cases/"+strconv.FormatUint(id, 10)+"/close", http.Header{"Idempotency-Key": {QuoteKey(key)}}, n, &one)
	return one, err
}
