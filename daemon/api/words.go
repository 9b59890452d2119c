package api

import (
	"strings"

	"qrposd/rules/sale"
)

// Text is one sentence in the languages of the till.
type Text struct {
	En string `json:"en"`
	Zh string `json:"zh"`
}

// Says is what a cashier is told about a sale. Code names it for programs and
// never changes; the texts may be improved.
type Says struct {
	Code     string `json:"code"`
	Headline Text   `json:"headline" doc:"What is"`
	Advice   Text   `json:"advice" doc:"What to do about it"`
}

// Reason is why a sale stands where it does.
type Reason struct {
	Code    string `json:"code"`
	Text    Text   `json:"text"`
	Message string `json:"message,omitempty" doc:"In the provider's own words"`
}

// Notice is something about the till that its cashier has to know.
type Notice struct {
	Code string `json:"code"`
	Text Text   `json:"text"`
}

const (
	nothingTaken   = "No money was taken."
	nothingTakenZh = "没有收取任何款项。"
	noneFound      = "No payment was found. Should one turn up later, it goes back to the customer by itself."
	noneFoundZh    = "未查到付款。如之后到账，将自动退还顾客。"
)

// sayings holds every code that stage returns. "Do not charge again" is said
// exactly where the money may be anywhere.
var sayings = map[string][2]Text{
	"qr_coming":        {{"Getting the QR code", "正在获取二维码"}, {"One moment. Nobody can pay yet.", "请稍候，现在还不能付款。"}},
	"qr_shown":         {{"Waiting for the payment", "等待付款"}, {"The customer scans this code and pays.", "请顾客扫码付款。"}},
	"qr_withdrawing":   {{"Withdrawing the QR code", "正在撤回二维码"}, {"Do not charge again. The customer may have paid at the last moment; we are asking WeChat Pay.", "请勿重复收款。顾客可能在最后一刻已付款，正在向微信支付查询。"}},
	"cancelling":       {{"Cancelling", "正在取消"}, {"Nobody has seen a QR code, so nobody can have paid.", "二维码尚未出示，不会有人付款。"}},
	"scan_wanted":      {{"Scan the customer's code", "请扫描顾客的付款码"}, {"The customer opens the payment code in the wallet.", "请顾客打开付款码。"}},
	"charging":         {{"Charging", "正在收款"}, {"Do not charge again. We are asking WeChat Pay.", "请勿重复收款。正在向微信支付查询。"}},
	"in_doubt":         {{"Not certain yet", "结果尚不确定"}, {"Do not charge again. We are asking WeChat Pay.", "请勿重复收款。正在向微信支付查询。"}},
	"in_doubt_cancel":  {{"Cancelling, not certain yet", "正在取消，结果尚不确定"}, {"Do not charge again. We take the charge back unless the customer has paid by then.", "请勿重复收款。若届时顾客仍未付款，将撤销这笔收款。"}},
	"reversing":        {{"Taking the charge back", "正在撤销收款"}, {"Do not charge again until this is done. If money was taken, it goes back to the customer.", "完成前请勿重复收款。如已扣款，将退还顾客。"}},
	"paid":             {{"Paid", "已付款"}, {"WeChat Pay has confirmed the payment.", "微信支付已确认收款。"}},
	"refund_failed":    {{"Refund failed", "退款失败"}, {"The money is still the shop's. Give it back another way, or ask WeChat Pay.", "款项仍在商家账户。请以其他方式退款，或联系微信支付。"}},
	"refunding":        {{"Refund under way", "正在退款"}, {"WeChat Pay has not confirmed it yet. Do not refund again.", "微信支付尚未确认，请勿重复退款。"}},
	"giving_back":      {{"Giving the money back", "正在自动退款"}, {"The payment came too late to count and goes back to the customer by itself.", "付款到账过晚，将自动退还顾客。"}},
	"part_refunded":    {{"Partly refunded", "已部分退款"}, {"WeChat Pay has confirmed the refund. The rest is the shop's.", "微信支付已确认退款，其余款项归商家。"}},
	"refunded":         {{"Refunded", "已全额退款"}, {"WeChat Pay has confirmed the refund.", "微信支付已确认退款。"}},
	"declined":         {{"Not paid", "未付款"}, {nothingTaken + " Ask for a fresh code and try again.", nothingTakenZh + "请顾客刷新付款码后重试。"}},
	"declined_final":   {{"Not paid", "未付款"}, {nothingTaken + " Start a new sale.", nothingTakenZh + "请重新收款。"}},
	"declined_unseen":  {{"No payment found", "未查到付款"}, {noneFound, noneFoundZh}},
	"cancelled":        {{"Cancelled", "已取消"}, {nothingTaken, nothingTakenZh}},
	"cancelled_unseen": {{"Cancelled", "已取消"}, {noneFound, noneFoundZh}},
	"expired":          {{"Time ran out", "已超时"}, {nothingTaken, nothingTakenZh}},
	"expired_unseen":   {{"Time ran out", "已超时"}, {noneFound, noneFoundZh}},
	"reversed":         {{"Taken back", "已撤销"}, {"The customer has the money, or never lost it. You may charge again.", "款项已退还顾客或从未扣款，可以重新收款。"}},
}

// says puts where a sale stands into words. An end that rests on less than the
// provider's word is worded as less.
func says(s *sale.Sale) Says {
	code := stage(s)
	return Says{code, sayings[code][0], sayings[code][1]}
}

func stage(s *sale.Sale) string {
	a := s.Current()
	switch s.State {
	case sale.Opened:
		if s.Flow == sale.Payer {
			return "scan_wanted"
		}
		return "qr_coming"
	case sale.Ordering:
		if s.Cancel {
			return "cancelling"
		}
		return "qr_coming"
	case sale.Presented:
		if s.Cancel {
			return "qr_withdrawing"
		}
		return "qr_shown"
	case sale.Closing:
		return "qr_withdrawing"
	case sale.InDoubt:
		if s.Cancel {
			return "in_doubt_cancel"
		}
		return "in_doubt"
	case sale.Paid, sale.PartRefunded:
		if n := len(s.Refunds); n > 0 && s.Refunds[n-1].State == sale.RefundBroken {
			return "refund_failed"
		}
	case sale.Refunding:
		if n := len(s.Refunds); n > 0 && s.Refunds[n-1].Auto {
			return "giving_back"
		}
	case sale.Declined, sale.Cancelled, sale.Expired:
		switch {
		case a != nil && a.End == sale.EndConcluded:
			return s.State.String() + "_unseen"
		case s.State == sale.Declined && !retryable(s):
			return "declined_final"
		}
	}
	return s.State.String()
}

// reasons are the codes of the rules and of the provider, without underscores
// and case: WeChat Pay spells NOTENOUGH and NOT_ENOUGH in different answers.
var reasons = map[string]Text{
	"nocode":            {"No payment code was scanned in time.", "未在规定时间内扫描付款码。"},
	"cancelled":         {"Cancelled at the till.", "已在收银台取消。"},
	"noqr":              {"WeChat Pay gave no QR code in time.", "微信支付未及时返回二维码。"},
	"orderunknown":      {"WeChat Pay does not know the payment.", "微信支付查无此单。"},
	"latesuccess":       {"The payment arrived after the sale had ended.", "付款在交易结束后才到账。"},
	"noanswer":          {"WeChat Pay did not answer.", "微信支付没有答复。"},
	"notsent":           {"The till could not reach WeChat Pay; nothing was sent.", "无法连接微信支付，请求未发出。"},
	"badanswer":         {"WeChat Pay's answer cannot be trusted.", "微信支付的答复不可信。"},
	"userpaying":        {"The customer is confirming on the phone.", "顾客正在手机上确认付款。"},
	"notpay":            {"The customer has not paid yet.", "顾客尚未付款。"},
	"notenough":         {"The customer's balance is too low.", "顾客余额不足。"},
	"authcodeexpire":    {"The customer's code is too old.", "付款码已过期。"},
	"authcodeexpired":   {"The customer's code is too old.", "付款码已过期。"},
	"authcodeinvalid":   {"The customer's code is not valid, or was used before.", "付款码无效或已被使用。"},
	"authcodeerror":     {"The customer's code is not valid.", "付款码错误。"},
	"payerror":          {"The payment failed.", "支付失败。"},
	"tradeerror":        {"The payment failed.", "交易失败。"},
	"bankerror":         {"The customer's bank did not answer.", "银行系统异常。"},
	"systemerror":       {"WeChat Pay has a fault.", "微信支付系统异常。"},
	"notsuportcard":     {"The customer's card is not accepted here.", "不支持该银行卡。"},
	"buyermismatch":     {"Another customer has begun to pay this.", "付款人不一致。"},
	"rulelimit":         {"A limit or a risk rule of WeChat Pay stopped it.", "触发微信支付的限额或风控规则。"},
	"noauth":            {"WeChat Pay has not opened this kind of payment for the shop.", "商户未开通该支付产品。"},
	"accounterror":      {"The customer's account cannot pay.", "顾客账户异常。"},
	"frequencylimited":  {"Too many requests; the till waits and asks again.", "请求过于频繁，稍后自动重试。"},
	"ratelimitexceeded": {"Too many requests; the till waits and asks again.", "请求过于频繁，稍后自动重试。"},
	"paramerror":        {"WeChat Pay does not accept the request. Tell support.", "请求参数有误，请联系技术支持。"},
	"invalidrequest":    {"WeChat Pay does not accept the request. Tell support.", "请求无效，请联系技术支持。"},
	"signerror":         {"WeChat Pay does not accept the shop's signature. Tell support.", "商户签名错误，请联系技术支持。"},
	"outtradenoused":    {"WeChat Pay has seen this order number before. Tell support.", "商户订单号重复，请联系技术支持。"},
	"orderclosed":       {"The order is closed.", "订单已关闭。"},
	"closed":            {"The order is closed.", "订单已关闭。"},
	"revoked":           {"The charge was taken back.", "收款已撤销。"},
	"ordernotexist":     {"WeChat Pay does not know the order.", "订单不存在。"},
	"orderpaid":         {"The order is paid.", "订单已支付。"},
	"amountdiffers":     {"Another amount was paid than asked. Tell support.", "支付金额不一致，请联系技术支持。"},
}

func reason(why *sale.Reason) *Reason {
	if why == nil || why.Code == "" && why.Message == "" {
		return nil
	}
	text, ok := reasons[strings.ToLower(strings.ReplaceAll(why.Code, "_", ""))]
	if !ok {
		text = Text{"The reason given is " + why.Code + ".", "原因代码：" + why.Code + "。"}
	}
	return &Reason{why.Code, text, why.Message}
}
