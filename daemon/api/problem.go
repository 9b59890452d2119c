package api

import (
	"fmt"
	"net/http"

	"qrposd/rules/day"
)

// Problem answers a request that was refused (RFC 9457). Code and Hint are
// extension members: the code is for programs and never changes, the detail and
// the hint are for people.
type Problem struct {
	Type      string        `json:"type,omitempty" format:"uri-reference" doc:"about:blank where it is missing: title and status say it all"`
	Title     string        `json:"title" example:"Unprocessable Entity"`
	Status    int           `json:"status" example:"422"`
	Detail    string        `json:"detail" example:"the amount is zero"`
	Instance  string        `json:"instance,omitempty" format:"uri-reference" doc:"The sale it is about, where one exists"`
	Code      string        `json:"code" example:"amount_zero"`
	Hint      string        `json:"hint,omitempty" example:"enter what the customer has to pay"`
	Text      *Text         `json:"text,omitempty" doc:"The detail in the cashier's languages, where a cashier can cause it"`
	Fields    []FieldFault  `json:"errors,omitempty" doc:"Every part of the request that is wrong"`
	Missing   []day.Missing `json:"missing,omitempty" doc:"Everything that keeps the day open"`
	RequestID string        `json:"request_id,omitempty" doc:"Under which the till's log has more"`
}

// FieldFault is one wrong part of a request. The wrong value is not repeated:
// it may be a customer's code.
type FieldFault struct {
	Location string `json:"location" example:"body.amount"`
	Message  string `json:"message"`
}

// Problematic is an error that knows how it is told to whoever asked: an HTTP
// status, a stable code, what happened, and what to do about it. It is the
// contract between the server and the rooms behind it, which need not import
// this package to keep it.
type Problematic interface {
	error
	Problem() (status int, code, message, hint string)
}

// NewProblem is a problem in the words of its cause.
func NewProblem(status int, code, detail, hint string) *Problem {
	p := &Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Hint: hint}
	if text, ok := faults[code]; ok {
		p.Text = &text
	}
	return p
}

func (p *Problem) Error() string {
	if p.Hint == "" {
		return fmt.Sprintf("%s (%s)", p.Detail, p.Code)
	}
	return fmt.Sprintf("%s (%s): %s", p.Detail, p.Code, p.Hint)
}

// GetStatus is the HTTP status of the answer.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is the media type of the answer, by RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// faults are the problems that a cashier can cause.
var faults = map[string]Text{
	"amount_zero":         {"The amount is zero.", "金额为零。"},
	"amount_negative":     {"The amount is negative.", "金额为负数。"},
	"amount_syntax":       {"This is not an amount.", "金额格式不正确。"},
	"amount_precision":    {"The amount has too many decimals.", "金额小数位过多。"},
	"basket_mismatch":     {"The basket does not add up to the amount.", "商品明细与金额不符。"},
	"amount_overflow":     {"The amount is too large.", "金额过大。"},
	"currency_unknown":    {"This currency is unknown.", "未知币种。"},
	"refund_too_large":    {"More than what is left of this sale cannot be refunded.", "退款金额超过可退余额。"},
	"qr_none":             {"There is no QR code to show now.", "当前没有可出示的二维码。"},
	"sale_not_found":      {"There is no such sale.", "没有这笔交易。"},
	"sale_paid":           {"The sale is paid. Give the money back with a refund.", "该交易已付款，请使用退款。"},
	"sale_refunding":      {"A refund of this sale is under way.", "该交易正在退款。"},
	"sale_refunded":       {"The sale is refunded.", "该交易已退款。"},
	"sale_declined":       {"The sale was not paid.", "该交易未付款。"},
	"sale_cancelled":      {"The sale is cancelled.", "该交易已取消。"},
	"sale_expired":        {"The time of the sale ran out.", "该交易已超时。"},
	"sale_reversed":       {"The charge was taken back.", "该收款已撤销。"},
	"sale_in_doubt":       {"It is not certain yet whether the sale is paid. Do not charge again.", "尚不确定是否已付款，请勿重复收款。"},
	"case_not_found":      {"There is no such case.", "没有这个事项。"},
	"case_closed":         {"The case is closed already.", "该事项已关闭。"},
	"day_open":            {"The day cannot be closed yet. The list says what is missing.", "暂不能日结，所缺事项见列表。"},
	"bill_differs":        {"The provider's bill of a day differs from the till's books. Nothing was changed; each difference is in the list of cases.", "支付平台的账单与本机账目有差异。账目未作更改，详见事项列表。"},
	"bill_missing":        {"The provider's bill of a day could not be had. The till goes on trying; tell the owner.", "无法取得支付平台的账单，本机会继续尝试，请告知店主。"},
	"case_opened":         {"A payment needs the owner's attention. Nothing was changed; it is in the list of cases.", "有一笔付款需要店主查看。账目未作更改，详见事项列表。"},
	"once_in_flight":      {"The same request is being worked on.", "相同请求正在处理中。"},
	"once_mismatch":       {"This request was made before with other contents.", "该请求编号已用于其他内容。"},
	"sale_other_flow":     {"In this sale the customer scans the QR code.", "该交易由顾客扫描二维码付款。"},
	"sale_charging":       {"The sale is being charged. Do not charge again.", "正在收款，请勿重复收款。"},
	"sale_reversing":      {"The charge is being taken back. Do not charge again.", "正在撤销收款，请勿重复收款。"},
	"code_used":           {"This payment code was used before. Ask for a fresh one.", "该付款码已被使用，请顾客刷新付款码。"},
	"scan_unexpected":     {"A payment code was scanned, but no sale waits for one. Type the amount, press “Scan customer’s code” and scan again.", "扫到付款码，但没有等待扫码的交易。请输入金额，按“扫顾客付款码”，再扫一次。"},
	"scan_in_progress":    {"The sale is being charged already. Wait for its outcome.", "该交易正在收款，请等待结果。"},
	"scan_not_payment":    {"That is no payment code.", "这不是付款码。"},
	"scan_product":        {"That is the barcode of a product.", "这是商品条码，不是付款码。"},
	"scan_url":            {"That is a web address and no payment code.", "这是网址，不是付款码。"},
	"scan_damaged":        {"The code was not read cleanly. Scan again.", "扫码不清晰，请重新扫描。"},
	"scan_unknown_wallet": {"That is a code of a wallet this till does not know.", "无法识别该钱包的付款码。"},
	"scan_other_wallet":   {"This till takes WeChat Pay only.", "本机仅支持微信支付。"},
	"disk_full":           {"The till's disk is full. Call support.", "本机磁盘已满，请联系技术支持。"},
	"stopping":            {"The till is being restarted. Try again in a few seconds.", "本机正在重启，请稍后重试。"},
	"internal":            {"The till has a fault. Look at the last sales before you try again.", "本机出现故障，重试前请先查看最近交易。"},
	"not_ready":           {"The till cannot take a sale now.", "本机暂时无法收款。"},

	"offline_off":          {"This till sells nothing without the payment service.", "本机不支持离线收款。"},
	"offline_scheme":       {"This till has no account of that scheme.", "本机未配置该收款方式。"},
	"offline_currency":     {"The scheme pays in another currency.", "该收款方式使用其他币种。"},
	"offline_online":       {"The payment service can be reached. Take the payment the usual way.", "支付服务正常，请按正常方式收款。"},
	"offline_amount_taken": {"Another open sale asks for the same amount: the two payments could not be told apart. Settle that one first, or take this one another way.", "已有相同金额的未完成离线交易，无法区分两笔付款。请先处理前一笔或换其他方式收款。"},
	"offline_unseen":       {"Nobody has seen a code of this sale.", "该交易的收款码从未出示。"},
	"sale_unconfirmed":     {"The customer's telephone showed a payment. Wait for the receipt, or dispute it.", "顾客手机曾显示已付款，请等待到账记录或提出争议。"},
	"sale_disputed":        {"No receipt was found for this sale yet.", "该交易尚未找到到账记录。"},
	"sale_reconciled":      {"The money of this sale has come.", "该交易款项已到账。"},
	"receipt_not_found":    {"No receipt of this id was handed in.", "没有该编号的到账记录。"},
	"receipt_used":         {"This receipt belongs to another sale.", "该到账记录已用于另一笔交易。"},
	"reconcile_evidence":   {"Name the receipt, or say where the money was seen.", "请提供到账记录编号或说明到账依据。"},
	"refund_too_many":      {"The provider takes no more refunds of this payment. Refund the rest in its merchant platform.", "该笔付款的退款次数已达上限，请在商户平台退还余款。"},
	"nothing_owed":         {"This sale owes nothing.", "该交易没有待办事项。"},
	"nothing_to_set_aside": {"No refund of this sale waits. A payment that is not certain is taken over.", "该交易没有待处理的退款。结果不确定的付款请使用人工接管。"},
	"nothing_to_repay":     {"No refund of this sale has failed. Do not give money back for it in another way.", "该交易没有失败的退款，请勿以其他方式退款。"},
	"sale_taken_over":      {"Somebody has taken this sale over already.", "该交易已由人工接管。"},
	"queue_waits":          {"Something has been owed to a customer for too long. Look at the list of what is owed.", "有对顾客的款项长时间未处理，请查看待办列表。"},
}
