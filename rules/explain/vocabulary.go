package explain

// The vocabulary, in the order of bytes: what refusals of payments are told with.
// No currency is in it and nothing that is said of one person or shop.
var (
	words = []string{
		"a", "abnormal", "aborted", "about", "above", "accept", "accepted", "account", "after", "again", "all", "allowed", "already",
		"amount", "an", "and", "anomalous", "another", "app", "approval", "approve", "approved", "are", "as", "ask", "attempt",
		"attempts", "authentication", "balance", "bank", "barcode", "be", "because", "been", "before", "behaviour", "below",
		"beyond", "blocked", "but", "buyer", "by", "cancel", "cancelled", "cannot", "cap", "card", "category", "change", "charge",
		"charged", "check", "classification", "classifier", "closed", "code", "compliance", "confidence", "configured", "confirm",
		"confirmed", "context", "contradiction", "cover", "credit", "cross-border", "currency", "customer", "daily", "day", "debit",
		"declined", "denied", "deny", "device", "different", "does", "enough", "error", "exceed", "exceeded", "exceeds", "exchange",
		"expired", "face", "failed", "fingerprint", "fingerprinting", "for", "foreign", "fraud", "from", "frozen", "funds", "has",
		"have", "held", "high", "higher", "ignore", "in", "incomplete", "inconsistent", "incorrect", "instructions", "insufficient",
		"intent", "invalid", "is", "issuer", "it", "item", "label", "less", "limit", "list", "liveness", "location", "low", "lower",
		"manager", "manual", "mark", "maximum", "may", "merchant", "minimum", "model", "monthly", "more", "must", "neither", "never",
		"no", "nor", "not", "of", "off", "on", "one", "only", "or", "order", "out", "over", "owner", "paid", "password", "pattern",
		"payer", "payment", "per", "permitted", "phone", "pin", "platform", "policy", "previous", "price", "prohibited",
		"projection", "purchase", "quota", "range", "rate", "refresh", "refund", "refused", "regulation", "rejected", "request",
		"required", "restricted", "retry", "review", "risk", "rule", "rules", "sanctions", "scan", "score", "security", "session",
		"shop", "single-transaction", "state", "stopped", "succeeded", "success", "successful", "suspicious", "system", "terminal",
		"than", "that", "the", "their", "this", "threshold", "time", "to", "too", "top", "transaction", "try", "unknown", "unusual",
		"up", "used", "user", "valid", "velocity", "verification", "wallet", "was", "wrong",
	}
	hanWords = []string{
		"上限", "不", "不一致", "不够", "不得", "不支持", "不是", "不足", "交易", "人脸", "付款", "付款人", "付款码", "低于", "余额", "使用", "信用卡", "充值", "免密",
		"其他", "刷新", "单日", "单笔", "卡", "反洗钱", "取消", "可能", "合规", "商品", "商户", "复核", "失效", "失败", "实名", "审批", "审核", "密码", "已", "平台",
		"并非", "店长", "异常", "当日", "忽略", "意图", "成功", "扫码", "批准", "拒绝", "拦截", "指令", "指纹", "换卡", "支付", "支付方式", "无效", "无法", "更换", "最低",
		"最高", "未", "未知", "权限", "条码", "模型", "欺诈", "汇率", "没有", "活体", "消费", "用户", "确认", "策略", "系统", "网络", "置信度", "规则", "订单", "设备",
		"评分", "请", "请求", "超出", "超时", "超过", "跨境", "输入", "过期", "过高", "金额", "银行", "银行卡", "错误", "阈值", "限制", "限额", "零钱", "需要", "顾客",
		"频率", "额度", "风控", "风险", "验证", "高于", "黑名单",
	}
)
