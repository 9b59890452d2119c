// The page's own labels. Scenarios are worded by the simulator; the table of faults is the one of the command line, in English.
const words = {
  en: {
    other: "中文", title: "The world outside the till",
    about: "A simulated payment provider, the customer's phone and language models. It shares no code with the till and keeps its own books.",
    link_up: "Network is up: cut it", link_down: "Network is cut: mend it",
    phone: "Customer's phone", scan: "Scan", paycode: "Pay code", on_screen: "On the shop's screen now:", nothing: "nothing to scan", paying: "paying …",
    pay: "Pay", pay_late: "Pay late", cancel: "Cancel", wrong_password: "Wrong password", customer: "This customer",
    b_pay: "pays at once", b_password: "types the password (8 s)", b_password_late: "types it late (35 s)", b_cancel: "gives up", b_wrong_password: "has the wrong password", b_not_enough: "has not enough money",
    no_code: "no code yet", hold: "Hold it to the scanner", no_scanner: "No scanner attached", fresh: "Fresh code", unplug: "Unplug scanner", plug: "Plug it in",
    good_for: "good for {n} s, once", expired: "expired: take a fresh one", a_fresh: "A fresh payer code.", beeped: "The scanner beeped.", plugged: "Plugged in.", unplugged: "Unplugged.",
    scanned: "Scanned. What does the customer do?", paid: "{amount}: paid", will_pay: "{amount}: will be paid", not_paid: "{amount}: not paid",
    bank: "Bank app", bank_hint: "Codes that the till made by itself, for the shop's own account. The telephone has a network while the till may have none.", forge: "Forged receipt, no payment", less: "Pay another amount", twice: "Pay twice", late: "Arrives in 60 s", drop: "Pay, bank drops the reference", bank_paid: "Payment sent: {amount} to {to}",
    bank_books: "The shop's own accounts", bank_about: "What really came, whatever a telephone showed.", statement: "Statement (CSV)", account_of: "Account", payments: "Payments", sum: "Sum", forged: "{n} forged receipts were shown; {coming} payments are under way.",
    balance: "Balance", account: "Account in", selfie: "Selfie check", books: "The provider's books",
    orders: "Orders", charges: "Charges", charged: "Charged", back: "Given back", net: "Net", broken: "Rules broken", refused: "Refused", cut: "Cut off",
    order: "Order", state: "State", amount: "Amount", reversed: "Reversed", refunded: "Refunded", seen: "Requests and faults", no_order: "No order yet.", never: "never executed",
    shadow: "charged again for {no}", payer: "Payer", reversals: "Reversals", refunds: "Refunds",
    contexts: "Contexts complete / not", keys: "Keys verified / not", replays: "Replays", shadows: "Shadow charges", nested: "Nested errors", challenges: "Challenges", disputes: "Disputes / statements", notices: "Notices sent / acknowledged",
    scenarios: "Scenarios of the payment AI API", scenarios_hint: "Each button plants one thing until it is pressed again. They act on payments through the AI API: start the till with -ai.", all_off: "All off", none_on: "Nothing is on.", on: "On: {list}", sees: "Should be seen:",
    group_context: "Context", group_currency: "Currency", group_key: "Key and replay", group_liveness: "Liveness", group_errors: "Errors in an answer 200", group_answers: "Answers", group_chain: "Model chain", group_silent: "Silent rejections", group_network: "Network and clock", group_notices: "Notifications",
    rates: "Currency projection", pair: "Pair", rate: "Rate", width: "Half-width", volatility: "Volatility", confidence: "Confidence", valid: "Valid for, s", notify_url: "Send notifications to", nobody: "nobody",
    models: "Models", quick: "quick", slow: "slow", wrong: "wrong", off: "off",
    m_quick: "Every model answers to the point after about 120 ms.", m_slow: "Every model answers after 2.5 s: too late for a till.", m_wrong: "Every model answers in time, and nonsense: lies, forbidden verdicts, injected texts.", m_off: "Every model resets the connection.",
    m_own: "A provider has a script of its own.", m_nobody: "Nobody asked yet.", models_are: "Models are {mode}.",
    provider: "Provider", script: "Script", calls: "Calls", answered: "Answered", aborted: "Given up", tokens: "Tokens", secrets: "Secrets told",
    faults: "Faults by amount", faults_hint: "The last two digits of the amount choose what goes wrong: 12.01 asks for the password. 00 and 31 to 99: nothing. Each meets an order once at every request it names; \"money\" is native, codepay, close, reverse and refund.",
    tail: "Tail", fault: "Fault", at: "At", what: "What happens", ends: "Where a correct till ends",
    gone: "The simulator does not answer: {why}",
    live_title: "Prove that it is you", live_hint: "The shop asks for a short video selfie before you pay.", live_take: "Take selfie", live_low: "Poor light (low score)", live_nonce: "Somebody else's check (wrong nonce)", live_late: "Much later", live_twice: "Old video again", live_fail: "Photo of a photo (fails)",
    live_wait: "The shop has not asked yet …", live_PENDING: "The shop is waiting.", live_DONE: "Sent. Look at the shop's screen.", live_FAILED: "It failed. Look at the shop's screen.", live_EXPIRED: "This check has run out.", live_unknown: "This check is not known.", live_sent: "It will arrive later.",
  },
  zh: {
    other: "English", title: "收款机之外的世界",
    about: "模拟的支付服务商、顾客手机和语言模型。与收款机不共用代码，自行记账。",
    link_up: "网络正常：点此断网", link_down: "网络已断：点此恢复",
    phone: "顾客手机", scan: "扫一扫", paycode: "付款码", on_screen: "商家屏幕上现有：", nothing: "暂无可扫的码", paying: "支付中…",
    pay: "支付", pay_late: "稍后支付", cancel: "取消", wrong_password: "密码错误", customer: "这位顾客",
    b_pay: "立即支付", b_password: "输入密码（8秒）", b_password_late: "很久才输密码（35秒）", b_cancel: "放弃支付", b_wrong_password: "密码错误", b_not_enough: "余额不足",
    no_code: "暂无付款码", hold: "对准扫码枪", no_scanner: "未连接扫码枪", fresh: "换新码", unplug: "拔下扫码枪", plug: "插上扫码枪",
    good_for: "{n} 秒内有效，仅一次", expired: "已过期，请换新码", a_fresh: "已生成新付款码。", beeped: "扫码枪已读取。", plugged: "已插上。", unplugged: "已拔下。",
    scanned: "已扫码。顾客怎么做？", paid: "{amount}：已支付", will_pay: "{amount}：稍后支付", not_paid: "{amount}：未支付",
    bank: "银行应用", bank_hint: "收款机自行生成、收款至商家自有账户的码。收款机断网时手机仍有网络。", forge: "伪造凭证，不付款", less: "付错金额", twice: "付两次", late: "60 秒后到账", drop: "付款，银行丢失参考号", bank_paid: "已付款：{amount}，收款方 {to}",
    bank_books: "商家自有账户", bank_about: "实际到账金额，与手机显示无关。", statement: "对账单 (CSV)", account_of: "账户", payments: "笔数", sum: "合计", forged: "出示过 {n} 张伪造凭证；{coming} 笔付款在途。",
    balance: "余额", account: "账户币种", selfie: "自拍验证", books: "服务商账本",
    orders: "订单", charges: "扣款次数", charged: "扣款", back: "退回", net: "净额", broken: "违规", refused: "拒绝", cut: "断开",
    order: "订单", state: "状态", amount: "金额", reversed: "撤销", refunded: "退款", seen: "请求与故障", no_order: "暂无订单。", never: "从未执行",
    shadow: "{no} 的重复扣款", payer: "付款人", reversals: "撤销次数", refunds: "退款次数",
    contexts: "上下文完整/缺失", keys: "幂等键有效/无效", replays: "重放", shadows: "影子扣款", nested: "内含错误", challenges: "活体检测", disputes: "拒付/对账单", notices: "通知发送/确认",
    scenarios: "支付AI接口场景", scenarios_hint: "每个按钮植入一种情况，再按一次取消。仅作用于经AI接口的支付：请以 -ai 启动收款机。", all_off: "全部关闭", none_on: "未开启任何场景。", on: "已开启：{list}", sees: "应看到：",
    group_context: "上下文", group_currency: "币种", group_key: "幂等键与重放", group_liveness: "活体检测", group_errors: "200应答内的错误", group_answers: "应答", group_chain: "模型链", group_silent: "静默拒绝", group_network: "网络与时钟", group_notices: "通知",
    rates: "汇率预测", pair: "币种对", rate: "汇率", width: "半宽", volatility: "波动率", confidence: "置信度", valid: "有效期（秒）", notify_url: "通知发送到", nobody: "不发送",
    models: "模型", quick: "快", slow: "慢", wrong: "错", off: "断",
    m_quick: "所有模型约120毫秒内正确回答。", m_slow: "所有模型2.5秒后才回答：对收款机太迟。", m_wrong: "所有模型按时回答，但内容荒谬：谎言、禁止的裁定、注入文本。", m_off: "所有模型重置连接。",
    m_own: "某个服务商使用单独的脚本。", m_nobody: "尚无人询问。", models_are: "模型已设为“{mode}”。",
    provider: "服务商", script: "脚本", calls: "调用", answered: "已答", aborted: "放弃", tokens: "令牌", secrets: "泄密",
    faults: "按金额触发的故障", faults_hint: "金额末两位决定故障：12.01 要求输密码；00 和 31 至 99 无故障。每个订单在所列请求各遇一次；“money”指 native、codepay、close、reverse 和 refund。",
    tail: "尾数", fault: "故障", at: "位置", what: "现象", ends: "正确的收款机应到达",
    gone: "模拟器没有响应：{why}",
    live_title: "请验证是您本人", live_hint: "付款前，商家要求一段短视频自拍。", live_take: "开始自拍", live_low: "光线不足（低分）", live_nonce: "他人的验证（随机数不符）", live_late: "很久以后", live_twice: "重放旧视频", live_fail: "翻拍照片（失败）",
    live_wait: "商家尚未发起…", live_PENDING: "商家正在等待。", live_DONE: "已提交，请看商家屏幕。", live_FAILED: "验证失败，请看商家屏幕。", live_EXPIRED: "本次验证已过期。", live_unknown: "没有这次验证。", live_sent: "稍后送达。",
  },
};

export const lang = new URLSearchParams(location.search).get("lang") === "zh" ? "zh" : "en";

// t is a label in the page's language; a name in braces is filled in.
export const t = (name, values = {}) => words[lang][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

// say is a text of the simulator in the page's language.
export const say = (text) => text[lang];

// label fills in the labels that stand in the page.
export function label() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  document.title = t(document.body.dataset.title);
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = t(e.dataset.t);
}
