package explain

// The vocabulary, in the order of bytes: what refusals of payments are told with.
// No currency is in it, no goods, and nothing that is said of one person or shop.
var (
	words = []string{
		"a", "abnormal", "aborted", "about", "above", "accept", "acceptable", "accepted", "according", "account", "additional",
		"after", "again", "all", "allow", "allowed", "already", "also", "amount", "amounts", "an", "and", "anomalous", "another",
		"anti-fraud", "any", "app", "appears", "approval", "approve", "approved", "approving", "are", "as", "ask", "asks", "at",
		"attached", "attempt", "attempted", "attempts", "authentication", "authorised", "authorize", "authorized", "automatic",
		"available", "back", "backed", "balance", "bank", "barcode", "be", "because", "been", "before", "behaviour", "behind",
		"being", "belongs", "below", "beyond", "blocked", "both", "business", "but", "button", "buyer", "by", "call", "can",
		"cancel", "cancelled", "cannot", "cap", "capped", "card", "cardholder", "cards", "category", "ceiling", "certified",
		"change", "changed", "charge", "charged", "charging", "check", "choose", "classification", "classifier", "close", "closed",
		"code", "codes", "complete", "completed", "compliance", "concluded", "confidence", "configured", "confirm", "confirmation",
		"confirmed", "contact", "contain", "context", "contract", "contradiction", "control", "controls", "could", "cover", "covers",
		"credit", "cross-border", "cumulative", "currencies", "currency", "currently", "customer", "daily", "data", "date", "day",
		"debit", "declared", "declined", "denied", "deny", "details", "deviates", "device", "did", "different", "disabled", "do",
		"documents", "does", "down", "due", "each", "earlier", "elevated", "embedding", "enabled", "engine", "enough", "enter",
		"entered", "error", "exceed", "exceeded", "exceeds", "exchange", "exhausted", "expired", "expiry", "face", "failed", "fine",
		"fingerprint", "fingerprinting", "finish", "finished", "first", "flagged", "for", "foreign", "foreign-currency", "fraud",
		"fresh", "from", "frozen", "funds", "gate", "guest", "had", "has", "have", "held", "here", "high", "higher", "history",
		"hit", "hold", "holds", "hour", "identity", "ignore", "in", "incomplete", "inconsistent", "incorrect", "incorrectly",
		"information", "inspection", "instructions", "insufficient", "intent", "invalid", "is", "issue", "issuer", "issuing", "it",
		"item", "its", "just", "key", "known", "label", "last", "less", "let", "licence", "license", "licensed", "like",
		"likelihood", "limit", "limits", "link", "linked", "list", "little", "live", "liveness", "location", "longer", "looks",
		"lost", "low", "lower", "mainland", "manager", "manual", "many", "mark", "maximum", "may", "means", "merchant", "minimum",
		"minute", "minutes", "missing", "model", "money", "monthly", "more", "must", "need", "needed", "needs", "neither", "never",
		"new", "next", "no", "nor", "not", "nothing", "of", "off", "on", "onboarding", "one", "only", "open", "opened", "operation",
		"or", "order", "our", "out", "outside", "over", "own", "owner", "page", "paid", "passcode", "password", "past", "pattern",
		"pay", "payer", "paying", "payment", "payments", "per", "permitted", "person", "phone", "pick", "pin", "placed", "platform",
		"please", "policy", "poor", "prepaid", "present", "presented", "pressed", "prevent", "previous", "price", "problem",
		"proceed", "processed", "prohibited", "projection", "prompt", "proof", "provided", "purchase", "purchases", "put", "qr",
		"quota", "raise", "range", "rate", "reached", "reaching", "read", "reason", "receipt", "received", "recent", "recently",
		"refresh", "refund", "refused", "region", "regulation", "rejected", "remaining", "reported", "reputation", "request",
		"requested", "require", "required", "requires", "restricted", "result", "results", "retry", "returned", "review", "risk",
		"rule", "rules", "run", "safety", "same", "sanctions", "scan", "scanned", "scanner", "score", "screening", "security",
		"seems", "sees", "select", "session", "set", "settings", "shop", "shopper", "shops", "short", "should", "show", "sign",
		"signals", "since", "single-transaction", "small", "so", "some", "spending", "start", "state", "stay", "step-up", "stopped",
		"store", "strongly", "succeeded", "success", "successful", "such", "suggest", "supplied", "support", "supported", "supports",
		"surpasses", "suspected", "suspended", "suspicious", "switch", "system", "take", "temporarily", "terminal", "terms",
		"testing", "than", "that", "the", "their", "then", "there", "therefore", "these", "they", "this", "those", "threshold",
		"thus", "time", "timed", "to", "too", "top", "transaction", "transactions", "triggered", "try", "trying", "turned", "typed",
		"unable", "under", "unknown", "unlock", "until", "unusual", "up", "use", "used", "user", "valid", "velocity", "verification",
		"verified", "verify", "verifying", "very", "wallet", "was", "we", "wechat", "weekly", "weighing", "were", "what", "when",
		"which", "while", "will", "with", "within", "without", "work", "would", "wrong", "yet", "you", "your",
	}
	hanWords = []string{
		"一分钟", "上", "上下文", "上限", "不", "不一致", "不够", "不得", "不支持", "不是", "不足", "严格", "中止", "主动", "二维码", "交易", "人工", "人脸", "今日",
		"付款", "付款人", "付款码", "位置", "低于", "余额", "使用", "信用卡", "允许", "充值", "免密", "关闭", "其他", "其他卡", "内", "再试", "出示", "判断", "刷新",
		"单日", "单日限额", "单笔", "卡", "卡片", "反欺诈", "反洗钱", "发卡行", "取消", "受理", "另一张", "可用", "可疑", "可能", "合规", "后", "命中", "商品", "商户",
		"因为", "复核", "外币", "多次", "大额", "失效", "失败", "安全", "完成", "完整", "实名", "审批", "审核", "密码", "已", "已被", "平台", "并非", "店主", "店长",
		"建议", "开通", "异常", "当前", "当日", "很少", "微信", "忽略", "意图", "成功", "手机", "才能", "打开", "扫码", "批准", "投诉", "拒绝", "拦截", "指令", "指纹",
		"换一张", "换卡", "授权", "提升", "支付", "支付方式", "收款", "无效", "无权限", "无法", "时间", "暂停", "暂时", "更换", "最低", "最高", "有效期", "未", "未知",
		"未能", "本店", "本次", "权限", "条码", "根据", "模型", "次数", "欺诈", "此类", "每日", "每月", "汇率", "没有", "活体", "消费", "点击", "环境", "用完", "用户",
		"用户的", "由于", "申请", "疑似", "目前", "短时间", "确认", "稍后", "策略", "类目", "系统", "累计", "终端", "绑定", "继续", "网络", "置信度", "而是", "联系",
		"规则", "规定", "解锁", "触发", "订单", "设备", "设置", "评估", "评分", "识别", "该笔", "请", "请求", "账号", "账户", "超出", "超时", "超过", "跨境", "较高",
		"输入", "达", "达到", "过多", "过期", "过高", "返回", "还", "这笔", "进行", "选择", "采用", "里", "重新", "金额", "钱", "银行", "银行卡", "银行的", "锁定",
		"错误", "门店", "阈值", "限制", "限额", "零钱", "需", "需要", "页面", "须经", "顾客", "预留", "频率", "额度", "风控", "风险", "验证", "高", "高于", "黑名单",
		"默认",
	}
)

// hanMarks are the characters that bind words or stand beside figures, whose
// currency has been checked by then.
const hanMarks = "的以了该此被本在或是等和与中为有将其元块万日美欧英镑港币人民韩泰铢卢布€₩฿"
