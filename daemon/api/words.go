package api

import (
	"cmp"

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
	Payer    Told   `json:"payer" doc:"What the customer is told, on a screen that others can see"`
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
	"qr_coming":         {{"Getting the QR code", "正在获取二维码"}, {"One moment. Nobody can pay yet.", "请稍候，现在还不能付款。"}},
	"qr_shown":          {{"Waiting for the payment", "等待付款"}, {"The customer scans this code and pays.", "请顾客扫码付款。"}},
	"qr_withdrawing":    {{"Withdrawing the QR code", "正在撤回二维码"}, {"Do not charge again. The customer may have paid at the last moment; we are asking WeChat Pay.", "请勿重复收款。顾客可能在最后一刻已付款，正在向微信支付查询。"}},
	"cancelling":        {{"Cancelling", "正在取消"}, {"Nobody has seen a QR code, so nobody can have paid.", "二维码尚未出示，不会有人付款。"}},
	"consent_payer":     {{"Ask the customer", "请征得顾客同意"}, {"The customer has to agree to the price first.", "请先让顾客确认价格。"}},
	"consent_manager":   {{"A manager is needed", "需要主管批准"}, {"A manager has to agree before this sale can be charged.", "主管批准后方可收款。"}},
	"liveness_coming":   {{"Face check", "活体验证"}, {"One moment: the check is being opened. Nothing is charged before it.", "请稍候，正在发起活体验证，通过前不会扣款。"}},
	"liveness":          {{"Face check", "活体验证"}, {"The customer scans this code and looks into the telephone. Nothing is charged before that.", "请顾客扫描此二维码并看向手机完成活体验证，通过前不会扣款。"}},
	"consent_appeal":    {{"A manager is needed", "需要主管决定"}, {"A rule of the payment service refused this payment. Nothing was charged. The manager sends it another way, or cancels.", "支付服务的规则拒绝了该笔付款，尚未扣款。请主管决定改用其他通道或取消。"}},
	"liveness_again":    {{"Face check, once more", "请再次活体验证"}, {"The first check did not pass. The customer scans this new code and looks into the telephone. Nothing is charged before that.", "首次验证未通过。请顾客扫描新的二维码并看向手机，通过前不会扣款。"}},
	"offline_shown":     {{"Waiting for the customer, offline", "离线收款，等待顾客付款"}, {"The customer scans this code and pays. The till cannot see the payment: look at the customer's telephone and say what it shows.", "请顾客扫码付款。本机无法看到付款结果，请查看顾客手机并确认其显示的内容。"}},
	"offline_not_shown": {{"The telephone showed no payment", "顾客手机未显示付款成功"}, {"Nothing is known to be paid. The customer tries again and you look again, or you cancel.", "尚无付款迹象。请顾客重试后再次查看，或取消交易。"}},
	"unconfirmed":       {{"Not confirmed", "未确认"}, {"The customer's telephone showed a payment, and no bank has confirmed it. Do not charge again; the till looks for the receipt.", "顾客手机显示已付款，但银行尚未确认。请勿重复收款，本机将核对到账记录。"}},
	"disputed":          {{"No receipt found", "未找到到账记录"}, {"Nobody knows whether the money came. Do not charge again without the owner: a receipt may still be found.", "无法确定款项是否到账。未经店主同意请勿重复收款，到账记录之后仍可能出现。"}},
	"reconciled":        {{"Received", "已到账"}, {"A statement shows that the money has come to the shop's account.", "对账单显示款项已到商家账户。"}},
	"receipt_given_up":  {{"Money came for a sale that was given up", "已放弃的交易收到款项"}, {"Do not charge again. The customer paid all the same; the owner decides: hand over the goods, or give the money back.", "请勿重复收款。顾客仍然付了款，请店主决定交付商品或退还款项。"}},
	"cancelled_offline": {{"Cancelled", "已取消"}, {"No receipt was found. Should money come all the same, the owner is told.", "未找到到账记录。如之后到账，将告知店主。"}},
	"scan_wanted":       {{"Scan the customer's code", "请扫描顾客的付款码"}, {"The customer opens the payment code in the wallet.", "请顾客打开付款码。"}},
	"charging":          {{"Charging", "正在收款"}, {"Do not charge again. We are asking WeChat Pay.", "请勿重复收款。正在向微信支付查询。"}},
	"in_doubt":          {{"Not certain yet", "结果尚不确定"}, {"Do not charge again. We are asking WeChat Pay.", "请勿重复收款。正在向微信支付查询。"}},
	"payer_confirming":  {{"The customer was asked to confirm", "已请顾客在手机上确认"}, {"The customer enters the password on the telephone. Do not charge again; the till asks WeChat Pay.", "请顾客在手机上输入密码。请勿重复收款，正在向微信支付查询。"}},
	"in_doubt_cancel":   {{"Cancelling, not certain yet", "正在取消，结果尚不确定"}, {"Do not charge again. We take the charge back unless the customer has paid by then.", "请勿重复收款。若届时顾客仍未付款，将撤销这笔收款。"}},
	"restored":          {{"Asking what became of it", "正在查询后续情况"}, {"Do not charge again. The till was restored from a backup, and asks WeChat Pay what happened to this sale since.", "请勿重复收款。本机已从备份恢复，正在向微信支付查询该笔交易之后的情况。"}},
	"reversing":         {{"Taking the charge back", "正在撤销收款"}, {"Do not charge again until this is done. If money was taken, it goes back to the customer.", "完成前请勿重复收款。如已扣款，将退还顾客。"}},
	"taken_over":        {{"Not certain, taken over", "结果尚不确定，已人工接管"}, {"Serve the next customer. Do not charge again in this sale: the till goes on asking WeChat Pay and says here how it ended.", "可接待下一位顾客。请勿重复收款：本机将继续向微信支付查询并在此显示结果。"}},
	"paid":              {{"Paid", "已付款"}, {"WeChat Pay has confirmed the payment.", "微信支付已确认收款。"}},
	"refund_failed":     {{"Refund failed", "退款失败"}, {"The money is still the shop's. Give it back another way, or ask WeChat Pay.", "款项仍在商家账户。请以其他方式退款，或联系微信支付。"}},
	"refund_repaid":     {{"Given back another way", "已以其他方式退款"}, {"Somebody gave the customer the money. WeChat Pay still has the payment. Do not refund again.", "已有人将款项退给顾客，该笔收款仍在微信支付。请勿重复退款。"}},
	"refund_held":       {{"The refund needs a person", "退款需人工处理"}, {"WeChat Pay holds the refund. Finish it in the merchant platform; do not give the money back another way.", "退款滞留在微信支付，请在商户平台处理，勿以其他方式重复退款。"}},
	"refund_promised":   {{"Refund promised, not yet sent", "退款已承诺，尚未发出"}, {"WeChat Pay has not accepted it yet. The till sends it by itself, also after the network was gone. Do not hand out cash too, and tell the customer so.", "微信支付尚未受理。网络恢复后本机会自动发送。请勿另付现金，并告知顾客。"}},
	"refund_aside":      {{"Refund set aside", "退款已搁置"}, {"Somebody has taken it out of the till's hands: nothing is sent until it is retried. Do not refund again.", "已有人搁置该退款，重试之前不会发送。请勿重复退款。"}},
	"refunding":         {{"Refund under way", "正在退款"}, {"WeChat Pay has not confirmed it yet. Do not refund again.", "微信支付尚未确认，请勿重复退款。"}},
	"giving_back":       {{"Giving the money back", "正在自动退款"}, {"The payment came too late to count and goes back to the customer by itself.", "付款到账过晚，将自动退还顾客。"}},
	"part_refunded":     {{"Partly refunded", "已部分退款"}, {"WeChat Pay has confirmed the refund. The rest is the shop's.", "微信支付已确认退款，其余款项归商家。"}},
	"refunded":          {{"Refunded", "已全额退款"}, {"WeChat Pay has confirmed the refund.", "微信支付已确认退款。"}},
	"declined":          {{"Not paid", "未付款"}, {nothingTaken + " Ask for a fresh code and try again.", nothingTakenZh + "请顾客刷新付款码后重试。"}},
	"declined_final":    {{"Not paid", "未付款"}, {nothingTaken + " Start a new sale.", nothingTakenZh + "请重新收款。"}},
	"declined_unseen":   {{"No payment found", "未查到付款"}, {noneFound, noneFoundZh}},
	"cancelled":         {{"Cancelled", "已取消"}, {nothingTaken, nothingTakenZh}},
	"cancelled_unseen":  {{"Cancelled", "已取消"}, {noneFound, noneFoundZh}},
	"expired":           {{"Time ran out", "已超时"}, {nothingTaken, nothingTakenZh}},
	"expired_unseen":    {{"Time ran out", "已超时"}, {noneFound, noneFoundZh}},
	"reversed":          {{"Taken back", "已撤销"}, {"The customer has the money, or never lost it. You may charge again.", "款项已退还顾客或从未扣款，可以重新收款。"}},
}

// says puts where a sale stands into words. An end that rests on less than the
// provider's word is worded as less.
func says(s *sale.Sale) Says {
	code := stage(s)
	if code == "taken_over" { // with the name of whoever stands for it
		head := sayings[code][0]
		head = Text{head.En + " by " + s.TakenOver.By, head.Zh + "：" + s.TakenOver.By}
		return Says{code, head, sayings[code][1], Told{payerSayings[code][0], payerSayings[code][1]}}
	}
	return Says{code, sayings[code][0], sayings[code][1], Told{payerSayings[code][0], payerSayings[code][1]}}
}

func stage(s *sale.Sale) string {
	a := s.Current()
	if s.TakenOver != nil && (s.State == sale.InDoubt || s.State == sale.Reversing || s.State == sale.Closing) {
		return "taken_over"
	}
	if s.Tracing() && !s.State.Live() {
		return "restored"
	}
	switch s.State {
	case sale.AwaitingConfirmation:
		return "consent_payer"
	case sale.AwaitingApproval:
		if s.Appeal {
			return "consent_appeal"
		}
		return "consent_manager"
	case sale.AwaitingLiveness:
		if s.Liveness == nil || s.Liveness.URL == "" {
			return "liveness_coming"
		} else if s.Liveness.Failed > 0 {
			return "liveness_again"
		}
		return "liveness"
	case sale.Opened, sale.Projected, sale.Judged:
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
	case sale.PresentedOffline, sale.Settled:
		return ownStage(s)
	case sale.InDoubt:
		if s.Cancel {
			return "in_doubt_cancel"
		}
		if s.Why != nil && s.Why.Code == "payer_confirming" {
			return "payer_confirming"
		}
		return "in_doubt"
	case sale.Paid, sale.PartRefunded:
		return paidStage(s)
	case sale.Refunding:
		return refundStage(s)
	case sale.Declined, sale.Cancelled, sale.Expired:
		switch {
		case s.State == sale.Cancelled && s.Own != nil && s.Own.Shown > 0:
			return "cancelled_offline"
		case a != nil && a.End == sale.EndConcluded && (s.Flow == sale.Payer || a.CodeURL != ""): // a code that nobody saw was not paid
			return s.State.String() + "_unseen"
		case s.State == sale.Declined && !s.Retryable():
			return "declined_final"
		}
	}
	return s.State.String()
}

// paidStage is where money stands that the shop has, after what was to go back of it.
func paidStage(s *sale.Sale) string {
	var last sale.Refund
	if n := len(s.Refunds); n > 0 {
		last = s.Refunds[n-1]
	}
	switch {
	case last.State == sale.RefundHeld:
		return "refund_held"
	case last.State == sale.RefundBroken && last.Repaid != nil:
		return "refund_repaid"
	case last.State == sale.RefundBroken:
		return "refund_failed"
	}
	return s.State.String()
}

func refundStage(s *sale.Sale) string {
	n := len(s.Refunds)
	switch {
	case s.Aside != nil:
		return "refund_aside"
	case n > 0 && s.Refunds[n-1].Auto:
		return "giving_back"
	case n > 0 && s.Refunds[n-1].State == sale.RefundOwed:
		return "refund_promised"
	}
	return s.State.String()
}

// reasons are the codes that the rules and the provider's client give. A test
// holds the table to the sources.
var reasons = map[string]Text{
	"no_code":               {"No payment code was scanned in time.", "未在规定时间内扫描付款码。"},
	"model":                 {"The checking model asked for it.", "审核模型提出要求。"},
	"no_consent":            {"Nobody agreed in time.", "未在规定时间内获得同意。"},
	"price_expired":         {"The price in the customer's currency no longer holds. Start a new sale.", "外币报价已过期，请重新收款。"},
	"price_unavailable":     {"There is no price in the customer's currency right now. Take the payment in the shop's currency, or try again.", "暂时无法取得外币报价，请改用本店货币收款，或稍后重试。"},
	"price_refused":         {"The payment service has no price in this currency. Take the payment in the shop's currency.", "支付服务不支持该币种报价，请改用本店货币收款。"},
	"price_malformed":       {"The price in the customer's currency made no sense and was not used. Take the payment in the shop's currency.", "外币报价有误，未予采用，请改用本店货币收款。"},
	"price_expired_at_once": {"The price in the customer's currency had expired before it could be shown. Start a new sale.", "外币报价到达时已过期，请重新收款。"},
	"price_amount":          {"The amount is too small or too large in the customer's currency. Take the payment in the shop's currency.", "金额折算后过小或过大，请改用本店货币收款。"},
	"liveness_late":         {"The customer did not finish the face check in time.", "顾客未在规定时间内完成活体验证。"},
	"liveness_unopened":     {"The face check could not be opened. The customer did nothing wrong; pay in another way.", "未能发起活体验证，非顾客原因，请换其他方式付款。"},
	"liveness_wanted":       {"The payment service asks for a face check first.", "支付服务要求先完成活体验证。"},
	"liveness_again":        {"The payment service asks for another face check after one was passed. Pay in another way.", "已通过活体验证，支付服务仍要求再次验证，请换其他方式付款。"},
	"liveness_failed":       {"The payment service could not complete the face check. That may be the light or the telephone.", "支付服务未能完成活体验证，可能是光线或手机的原因。"},
	"liveness_expired":      {"The face check has expired at the payment service.", "活体验证已在支付服务处过期。"},
	"liveness_foreign":      {"The payment service answered another till's face check. The customer did nothing wrong.", "支付服务的答复与本机的活体验证不符，非顾客原因。"},
	"liveness_low":          {"The face check was not sure enough. That may be the light or the telephone.", "活体验证结果不够确定，可能是光线或手机的原因。"},
	"liveness_stale":        {"The answer about the face check came too late.", "活体验证的结果返回过晚。"},
	"liveness_told":         {"The payment service repeated the result of an earlier face check. It does not count; the customer did nothing wrong.", "支付服务重复返回了此前的活体验证结果，不予采用，非顾客原因。"},
	"liveness_unlike":       {"The two face checks do not agree.", "两次活体验证结果不一致。"},
	"liveness_form":         {"The answer about the face check was not understood. The customer did nothing wrong.", "无法识别活体验证的答复，非顾客原因。"},
	"liveness_cut":          {"The till was restarted during the face check, which begins again.", "活体验证期间收银机重启，请重新验证。"},
	"cancelled":             {"Cancelled at the till.", "已在收银台取消。"},
	"no_qr":                 {"WeChat Pay gave no QR code in time.", "微信支付未及时返回二维码。"},
	"restored":              {"The till was restored from a backup and asks WeChat Pay what became of this sale.", "本机已从备份恢复，正在向微信支付查询该笔交易。"},
	"order_found":           {"WeChat Pay has a payment of this sale that the restored backup does not know. The till asks how it ended.", "微信支付有该笔交易的付款记录，而恢复的备份中没有，正在查询结果。"},
	"not_paid_restored":     {"It was not paid before the till was restored from a backup.", "本机从备份恢复之前，该笔交易未付款。"},
	"order_unknown":         {"WeChat Pay does not know the payment.", "微信支付查无此单。"},
	"rests":                 {"The till cannot go on with it right now and tries again. Call support if it stays so.", "本机暂时无法继续处理，将自动重试；如持续出现请联系技术支持。"},
	"late_success":          {"The payment arrived after the sale had ended.", "付款在交易结束后才到账。"},
	"refund":                {"A refund was asked for at the till.", "收银台申请退款。"},
	"not_enough":            {"The customer's balance or card does not cover the amount.", "顾客余额不足。"},
	"code_expired":          {"The customer's code is too old. The customer refreshes it.", "付款码已过期，请顾客刷新。"},
	"code_invalid":          {"The customer's code is not valid, or was used before. The customer refreshes it.", "付款码无效或已被使用，请顾客刷新。"},
	"card_unsupported":      {"The customer's card is not accepted here. The customer chooses another.", "不支持该银行卡，请顾客更换。"},
	"other_payer":           {"Another customer has begun to pay this.", "付款人不一致。"},
	"payer_limit":           {"The payment is over a limit of the customer's account.", "超过顾客账户的支付限额。"},
	"payer_account":         {"The customer's account cannot pay at the moment.", "顾客账户暂时无法付款。"},
	"payment_failed":        {"The payment failed at WeChat Pay.", "微信支付付款失败。"},
	"payer_confirming":      {"WeChat Pay asked the customer to confirm on the telephone.", "微信支付已请顾客在手机上确认付款。"},
	"not_permitted":         {"WeChat Pay has not opened this way of paying to the shop. Call support.", "商户未开通该支付产品，请联系技术支持。"},
	"merchant_blocked":      {"WeChat Pay has restricted the shop's account. Call support.", "商户账户受限，请联系技术支持。"},
	"merchant_config":       {"The shop's numbers at WeChat Pay are set up wrong. Call support.", "商户配置有误，请联系技术支持。"},
	"number_used":           {"WeChat Pay has this order number already. Start a new sale.", "商户订单号重复，请重新收款。"},
	"order_closed":          {"WeChat Pay has closed this order. Start a new sale.", "订单已关闭，请重新收款。"},
	"shop_limit":            {"The payment is over a limit that WeChat Pay sets the shop.", "超过微信支付对商户的限额。"},
	"provider_resting":      {"WeChat Pay has not answered several times. Try again in a few seconds.", "微信支付多次未答复，请稍后几秒再试。"},
	"no_network":            {"There is no connection to WeChat Pay.", "无法连接微信支付。"},
	"no_answer":             {"WeChat Pay has not answered yet.", "微信支付尚未答复。"},
	"answer_unverified":     {"The answer of WeChat Pay could not be verified.", "微信支付的答复未通过验证。"},
	"answer_mismatch":       {"The answer of WeChat Pay is about another payment.", "微信支付的答复与本单不符。"},
	"answer_unknown":        {"The answer of WeChat Pay was not understood.", "无法识别微信支付的答复。"},
	"provider_trouble":      {"WeChat Pay has a problem of its own.", "微信支付系统异常。"},
	"provider_busy":         {"WeChat Pay asks to be asked less often; the till waits.", "请求过于频繁，稍后自动重试。"},
	"request_unaccepted":    {"WeChat Pay did not accept the till's signature. Call support.", "微信支付不接受本机签名，请联系技术支持。"},
	"request_refused":       {"WeChat Pay refused the request.", "微信支付拒绝了请求。"},
	"request_unsendable":    {"The request cannot be sent by this till as it is set up. Call support.", "本机当前配置无法发送请求，请联系技术支持。"},
	"ai_no_key":             {"The payment has no key on record and was not sent. Call support.", "付款缺少幂等键，未发送，请联系技术支持。"},
	"ai_unread":             {"The answer of the payment service was not understood; the till asks again.", "无法识别支付服务的答复，正在查询。"},
	"ai_unclear":            {"The payment service said no without a clear reason; the till finds out what became of it.", "支付服务未说明明确原因，正在查询结果。"},
	"ai_refused":            {"The payment service refused it without a clear reason. Try another way to pay, or call the manager.", "支付服务拒绝了该笔付款，原因不明确。请换其他方式付款或联系店长。"},
	"ai_policy":             {"A rule of the payment service refused it. Call the manager.", "支付服务的规则拒绝了该笔付款，请联系店长。"},
	"ai_nonsense":           {"The payment service was mistaken about this sale. The next try goes another way.", "支付服务判断有误，下一次将改走其他方式。"},
	"ai_liveness":           {"The payment service asks for a face check that this till does not have. Pay in another way.", "支付服务要求活体验证，本机不支持，请换其他方式付款。"},
	"ai_payer":              {"The payment service asks the customer to look at the wallet and try again.", "请顾客查看微信支付提示后重试。"},
	"order_paid":            {"WeChat Pay says that the order is paid.", "订单已支付。"},
	"refund_no_funds":       {"The shop's balance at WeChat Pay does not cover the refund; it is sent again later.", "商户余额不足以退款，稍后自动重试。"},
	"refund_failed":         {"WeChat Pay could not give the money back.", "微信支付退款失败。"},
	"offline_off":           {"This till sells nothing without the payment service any more.", "本机已不支持离线收款。"},
	"offline_code":          {"No code could be made for this sale. Take it another way.", "无法为该交易生成收款码，请换其他方式。"},
	"offline_online":        {"The payment service can be reached again: take the payment the usual way.", "支付服务已恢复，请按正常方式收款。"},
	"offline_disputed":      {"Somebody at the till said that no receipt will be found.", "收银员认定不会有到账记录。"},
	"offline_no_receipt":    {"No receipt was found in time.", "在期限内未找到到账记录。"},
	"offline_unanswered":    {"Nobody said what the customer's telephone showed, and no receipt was found in time.", "无人确认顾客手机的显示内容，且在期限内未找到到账记录。"},
	"receipt_given_up":      {"Money came for a sale that had been given up.", "已放弃的交易收到了款项。"},
	"refund_held":           {"WeChat Pay holds the refund until a person finishes it in the merchant platform.", "退款滞留，需在商户平台人工处理。"},
}

func reason(why *sale.Reason) *Reason {
	if why == nil || why.Code == "" && why.Message == "" {
		return nil
	}
	text, ok := reasons[why.Code]
	if !ok {
		text = Text{cmp.Or(why.Message, "The reason given is "+why.Code+"."), cmp.Or(why.Chinese, "原因代码："+why.Code+"。")}
	}
	return &Reason{why.Code, text, why.Message}
}
