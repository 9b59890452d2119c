package api

// Told is what one person is told: what is, and what to do about it.
type Told struct {
	Headline Text `json:"headline"`
	Advice   Text `json:"advice"`
}

const (
	notCharged      = "You were not charged."
	notChargedZh    = "您未被扣款。"
	nothingYet      = "Nothing has been charged."
	nothingYetZh    = "尚未扣款。"
	doNotPay        = "Please do not pay again. "
	doNotPayZh      = "请勿重复付款。"
	backByItself    = "Should a payment turn up later, it goes back to you by itself."
	backByItselfZh  = "如之后查到付款，将自动退还给您。"
	askTheCashier   = "Please ask the cashier"
	askTheCashierZh = "请咨询收银员"
)

// payerSayings are the same codes in words for the customer, who is told less: not
// who has to agree and not why a sale was refused, since a queue reads along.
var payerSayings = map[string][2]Text{
	"qr_coming":         {{"One moment, please", "请稍候"}, {"The code to pay is on its way.", "正在生成收款码。"}},
	"qr_shown":          {{"Scan to pay", "请扫码付款"}, {"Scan this code in WeChat.", "请用微信扫一扫。"}},
	"qr_withdrawing":    {{"Not certain yet", "结果尚不确定"}, {doNotPay + "We are asking WeChat Pay whether you have paid.", doNotPayZh + "正在向微信支付查询您是否已付款。"}},
	"cancelling":        {{"Cancelling", "正在取消"}, {nothingYet, nothingYetZh}},
	"consent_payer":     {{"Do you agree to this price?", "您同意这个价格吗？"}, {"Nothing is charged before you agree.", "您同意之前不会扣款。"}},
	"consent_appeal":    {{"One moment, please", "请稍候"}, {nothingYet, nothingYetZh}},
	"consent_manager":   {{"One moment, please", "请稍候"}, {nothingYet, nothingYetZh}},
	"liveness_coming":   {{"One moment, please", "请稍候"}, {nothingYet, nothingYetZh}},
	"liveness":          {{"A quick face check, please", "请完成活体验证"}, {"Scan this code with your telephone and look into its camera. Nothing is charged before that.", "请用手机扫描此码，并看向手机摄像头。验证通过前不会扣款。"}},
	"liveness_again":    {{"Once more, please", "请再验证一次"}, {"The check did not work. Scan this new code and look into the camera. Nothing is charged before that.", "刚才的验证未成功。请扫描新的二维码并看向手机摄像头，验证通过前不会扣款。"}},
	"offline_shown":     {{"Scan to pay", "请扫码付款"}, {"Pay in your bank's app, then show the cashier your receipt.", "请用银行或钱包应用付款，然后向收银员出示付款凭证。"}},
	"offline_not_shown": {{"Scan to pay", "请扫码付款"}, {"Pay in your bank's app, then show the cashier your receipt.", "请用银行或钱包应用付款，然后向收银员出示付款凭证。"}},
	"unconfirmed":       {{"Thank you", "谢谢"}, {doNotPay + "The cashier has seen your receipt; your bank's confirmation follows.", doNotPayZh + "收银员已查看您的付款凭证，银行确认随后到达。"}},
	"disputed":          {{askTheCashier, askTheCashierZh}, {doNotPay + "The shop has not found this payment yet.", doNotPayZh + "商家尚未查到该笔付款。"}},
	"reconciled":        {{"Received", "已到账"}, {"Thank you.", "谢谢惠顾。"}},
	"receipt_given_up":  {{askTheCashier, askTheCashierZh}, {doNotPay + "A payment came for a cancelled sale.", doNotPayZh + "已取消的交易收到了付款。"}},
	"cancelled_offline": {{"Cancelled", "已取消"}, {"Please do not pay any more. If you have paid, tell the cashier.", "请不要再付款。如已付款，请告知收银员。"}},
	"scan_wanted":       {{"Please show your payment code", "请出示付款码"}, {"Open it in WeChat and hold it to the scanner.", "请打开微信付款码，对准扫码器。"}},
	"charging":          {{"Please wait", "请稍候"}, {doNotPay + "Your telephone may ask you to confirm.", doNotPayZh + "请留意手机提示并确认。"}},
	"payer_confirming":  {{"Please confirm on your telephone", "请在手机上确认"}, {doNotPay + "WeChat asks you for your password.", doNotPayZh + "请在手机上输入密码。"}},
	"in_doubt":          {{"Not certain yet", "结果尚不确定"}, {doNotPay + "We are asking WeChat Pay. Your telephone may ask you to confirm.", doNotPayZh + "正在向微信支付查询，请留意手机提示并确认。"}},
	"in_doubt_cancel":   {{"Cancelling, not certain yet", "正在取消，结果尚不确定"}, {doNotPay + "Please confirm nothing on your telephone; we are asking WeChat Pay.", doNotPayZh + "请不要在手机上确认，正在向微信支付查询。"}},
	"restored":          {{"One moment, please", "请稍候"}, {doNotPay + "We are asking WeChat Pay about this sale.", doNotPayZh + "正在向微信支付查询该笔交易。"}},
	"reversing":         {{"Taking the payment back", "正在撤销付款"}, {doNotPay + "If money was taken, it goes back to you.", doNotPayZh + "如已扣款，将退还给您。"}},
	"paid":              {{"Paid", "已付款"}, {"Thank you.", "谢谢惠顾。"}},
	"refund_failed":     {{askTheCashier, askTheCashierZh}, {"The refund did not go through.", "退款未成功。"}},
	"refund_repaid":     {{"Your money was given back", "款项已退还"}, {"The shop gave it back in another way.", "商家已以其他方式退还。"}},
	"refund_held":       {{askTheCashier, askTheCashierZh}, {"The refund is not finished yet.", "退款尚未完成。"}},
	"taken_over":        {{"Not certain yet", "结果尚不确定"}, {doNotPay + "We go on asking WeChat Pay; what is not owed goes back to you.", doNotPayZh + "我们会继续向微信支付查询，多付的款项将退还给您。"}},
	"refund_promised":   {{"Your refund is promised", "退款已承诺"}, {"It has not been sent yet. It goes to you by itself as soon as WeChat Pay takes it.", "尚未发出。微信支付受理后将自动退还给您。"}},
	"refund_aside":      {{askTheCashier, askTheCashierZh}, {"The refund has not been sent yet.", "退款尚未发出。"}},
	"refunding":         {{"Refund under way", "正在退款"}, {"WeChat Pay has not confirmed it yet.", "微信支付尚未确认。"}},
	"giving_back":       {{"Your money goes back to you", "款项将退还给您"}, {"The payment came too late to count.", "付款到账过晚，不计入本单。"}},
	"part_refunded":     {{"Partly refunded", "已部分退款"}, {"WeChat Pay has confirmed the refund.", "微信支付已确认退款。"}},
	"refunded":          {{"Refunded", "已全额退款"}, {"WeChat Pay has confirmed the refund.", "微信支付已确认退款。"}},
	"declined":          {{"Not paid", "未付款"}, {notCharged + " Please show a fresh code, or ask the cashier.", notChargedZh + "请刷新付款码，或咨询收银员。"}},
	"declined_final":    {{"Not paid", "未付款"}, {notCharged + " " + askTheCashier + ".", notChargedZh + askTheCashierZh + "。"}},
	"declined_unseen":   {{"No payment found", "未查到付款"}, {backByItself, backByItselfZh}},
	"cancelled":         {{"Cancelled", "已取消"}, {notCharged, notChargedZh}},
	"cancelled_unseen":  {{"Cancelled", "已取消"}, {backByItself, backByItselfZh}},
	"expired":           {{"Time ran out", "已超时"}, {notCharged + " " + askTheCashier + ".", notChargedZh + askTheCashierZh + "。"}},
	"expired_unseen":    {{"Time ran out", "已超时"}, {backByItself, backByItselfZh}},
	"reversed":          {{"Taken back", "已撤销"}, {"You have the money again, or never lost it. " + askTheCashier + ".", "款项已退还给您，或从未扣除。" + askTheCashierZh + "。"}},
}
