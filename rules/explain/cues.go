package explain

// cue is a group of phrases that speak for a cause. "a~b" is a and later b in one
// clause, a star lets a word go on.
type cue struct {
	cause   Cause
	weight  int
	advice  Advice
	phrases []string
}

// cues vote. 3 settles a cause alone, 2 makes one that is not sure, 1 only names
// the subject and needs company, 4 is an invention whatever else is said.
var cues = []cue{
	// The payer's money.
	{User, 3, TopUp, []string{
		"insufficient~fund*", "insufficient~balance", "fund*~insufficient", "balance~insufficient", "not enough~balance",
		"not enough~money", "not enough~fund*", "short of fund*", "balance~too low", "low~balance", "not have enough",
		"not sufficient~balance", "overdrawn",
		"low fund*", "low on fund*",

		"balance~exhausted", "not contain enough", "额度不足",

		"does not cover~wallet", "balance~not cover", "wallet~not cover", "not enough left", "ran out of money", "nothing left", "余额为零", "不够支付", "不够付", "没钱",
		"lacks~fund*", "余额不足", "余额~不够", "零钱~不足", "钱不够", "额度~不够", "资金不足", "存款不足", "余额~低",
		"余额过低", "余额~不足",
	}},
	{User, 2, TopUp, []string{
		"top up", "cannot cover", "holds~less", "holds too little", "充值",
	}},
	// The payer's card and account.
	{User, 3, OtherCard, []string{
		"card~expired", "card~declined", "card~rejected", "declined~card", "refused~card", "card~not support", "card~cannot be used",
		"limit~card", "card~blocked", "card~not accepted", "card~invalid", "card~frozen", "lost or stolen",
		"card~not allow", "card~expiry", "bank~not allow",

		"turned~card down", "card~turned down", "换一张~卡",

		"card~not enabled", "card~not activated", "reported lost", "reported stolen", "card~suspended", "bank~refused", "bank~declined", "bank~rejected", "card~closed", "do not honor", "issuer~declined", "issuer~refused", "卡~未开通", "卡~注销", "卡~停用", "付款银行",
		"卡~过期",
		"卡~失效", "卡~不支持", "发卡行~拒绝", "卡~限额", "卡~冻结", "卡~挂失", "银行~拒绝", "卡~无效",
	}},
	{User, 2, OtherCard, []string{
		"another card", "different card", "issuer", "issuing bank", "customer's~card", "payer's~card", "cardholder*", "credit line",
		"换卡", "换一张卡", "更换~卡",
	}},
	{User, 3, OtherWay, []string{
		"payer~limit", "customer~own limit", "customer's~limit", "wallet~limit", "wallet~quota", "account~real-name", "payer~frozen",
		"spending limit", "account~frozen", "daily limit~account",
		"identity~not been verified", "identity~not verified", "account~suspended", "account~locked", "wallet~frozen", "账户~锁定", "身份~未", "账号~异常",
		"付款人~限额", "实名", "用户~限额", "顾客~限额", "账户~冻结",
	}},
	{User, 2, OtherWay, []string{
		"another method", "another way to pay", "another payment method", "更换支付方式", "其他支付方式",
	}},
	// The payer's code.
	{User, 3, RefreshCode, []string{
		"code~expired", "barcode~expired", "code~no longer valid", "code~malformed", "code~stale", "code~invalid",
		"code~already used", "code~cannot be read", "refresh~code", "code~timed out",
		"code~too old", "code~outdated", "code~again", "qr~yesterday", "open~payment page",
		"码错误",
		"barcode~used", "barcode~invalid", "qr~expired", "码~有效期", "码~无法识别", "码~重复使用", "出示新", "再次出示",
		"code~used", "scan~again", "scan~new code",
		"new code", "screenshot", "code~unreadable", "码~过期", "码~失效", "码无效", "码~已被使用", "重新扫码", "重新出示", "码~不正确", "码~超时",
	}},
	{User, 2, RefreshCode, []string{
		"refresh", "rescan", "payment code", "刷新",
	}},
	// The payer's password and wish.
	{User, 3, Password, []string{
		"wrong~password", "incorrect~password", "password~incorrect", "incorrect pin", "enter~password", "type~password",
		"key in~password", "password required", "password~wrong", "pin~wrong", "wrong pin",
		"unlock~wallet", "解锁",

		"not set~password", "no payment password", "passcode", "pin~incorrect", "password~incorrectly", "mistyped", "password~locked", "password~failed", "password~missing", "设置~密码", "密码~不对", "密码~锁定", "输错", "验证密码",
		"confirm~password", "password~needed",
		"密码错误", "输入~密码", "密码~错误", "密码不正确", "未输入",
	}},
	{User, 2, Password, []string{
		"payment password",
	}},
	{User, 3, TryAgain, []string{
		"customer~cancel*", "payer~cancel*", "user~cancel*", "cancel*~by the payer", "customer~aborted", "customer~closed",
		"customer declined", "payer declined", "dismissed", "not confirm", "abandon*",
		"clicked cancel", "tapped cancel", "hit cancel", "called off", "changed~mind", "walked away", "left~payment page", "did not finish", "guest~cancel*", "shopper~cancel*", "buyer~cancel*", "点击~取消", "顾客~取消", "客户~取消", "用户~取消", "付款人~取消", "买家~取消", "主动取消", "终止了支付",
		"backed out", "gave up", "customer rejected",
		"payer rejected", "user declined", "payer aborted", "user aborted", "cancelled by the customer", "用户取消", "顾客取消",
		"付款人取消", "用户未确认", "用户~关闭", "放弃", "取消了支付", "取消付款", "取消支付", "拒绝付款", "中止支付", "退出支付", "顾客~关闭", "未确认", "超时未支付",
	}},
	{User, 2, TryAgain, []string{
		"pressed cancel", "prompt~run out",
	}},
	{User, 1, None, []string{
		"payer", "customer", "shopper", "buyer", "wallet", "cardholder", "password", "card", "付款人", "用户", "顾客", "银行卡",
	}},
	// Risk.
	{Policy, 3, AskManager, []string{
		"risk score", "fraud", "anti-fraud", "risk control", "risk engine", "risk~too high", "risk~high", "anomal*", "suspicious",
		"too many payments", "confidence~below", "confidence too low", "blocklist*",
		"flagged",
		"elevated risk", "high risk", "increased risk",
		"confidence~under", "likelihood of fraud", "out of character", "session~deviat*", "embedding~deviat*", "behaviour~deviat*", "behavior~deviat*", "pattern~deviat*", "tampered", "emulator", "proxy", "scoring", "风险较高", "类目~不支持", "风险~较高", "风险等级", "多次支付", "短时间~多次", "可疑~拒绝", "行为~异常", "环境~异常",
		"banned", "high-risk", "risk level",
		"risk model", "risk assessment", "score~exceed*", "score~above", "score~too high", "score~over", "rate limit",
		"too many attempts", "too frequent*", "suspended", "out of pattern", "location~denied", "风控", "风险评分", "风险分", "欺诈",
		"黑名单", "频率过高", "置信度~低于", "高风险", "可疑", "频繁", "评分过高", "置信度~过低", "触发~策略", "策略~拒绝", "策略~拦截", "风险~拒绝", "风险过高", "超过~阈值",
		"风险评估~高",
	}},
	{Policy, 1, None, []string{
		"risk", "风险",
	}},
	{Policy, 2, AskManager, []string{
		"threshold*", "fingerprint*", "abnormal", "unusual", "velocity", "deny list", "blacklist*", "blocked by", "阈值",
		"异常~拒绝", "指纹",
	}},
	// Policies, limits and permissions.
	{Policy, 3, AskManager, []string{
		"by~policy", "policy~require*", "policy~refuse*", "security policy", "violate*~policy", "complian*", "sanction*",
		"regulation*", "money-laundering", "merchant~not permitted", "merchant~restricted", "merchant~may not",
		"not enabled~merchant", "limit~merchant", "merchant~limit", "limit~platform", "platform~limit", "manual~review",
		"manual approval", "approval~manager", "manager~approval", "context~incomplete", "forbidden~policy", "not authorized",
		"not authorised", "held~review", "held for", "on hold", "know your customer", "kyc", "aml", "embargo*",
		"context~too little", "too little context", "merchant~only licensed", "门店~暂停", "商户~暂停",

		"no licence", "no license", "under review", "店主~授权", "contract~merchant", "额度已用完",

		"second person", "sign off", "four eyes", "onboarding", "not certified", "disabled by", "disabled until", "currency control*", "capital control*", "inspection", "owner's settings", "not enabled~shop", "not enabled~terminal", "not open~merchant", "shop~not permitted", "terminal~not permitted", "licence", "license", "age restriction*", "trading hours", "opening hours", "category~not enabled", "supervisor~approv*", "单笔~上限", "单笔~限额", "商户~限额", "商户~冻结", "商户~资质", "管理员~审批", "授权~店",
		"unlicensed",
		"outside~hours", "merchant~suspended", "merchant~blocked", "merchant's~limit", "shop's~limit", "owner~approv*",
		"manager~approv*", "manager must", "supervisor", "restricted~category", "category~not", "system policy", "risk policy",
		"policy~block*", "policy~reject*", "policy~minimum", "policy~limit", "violat*~rule*", "合规", "反洗钱", "平台~限额", "平台~上限",
		"平台~限制", "平台~规则", "商户~限制", "商户~上限", "商户无权限", "商户未开通", "审批", "店长", "人工审核", "人工复核", "上下文不完整", "违规", "违反", "禁止", "监管", "审查",
		"受限", "不允许", "不予受理", "系统策略", "安全策略", "平台规则", "无权限", "未开通", "未授权", "经理", "营业时间", "交易规则",
	}},
	{Policy, 1, None, []string{
		"policy", "策略",
	}},
	{Policy, 2, AskManager, []string{
		"single-transaction limit", "not allowed", "prohibited", "rule", "rules", "policy:", "policy asks",
		"not allow", "not allowed by", "rules~not allow", "limit reached", "limits reached", "exceed*~limit", "exceed*~quota", "over the limit", "上限", "限制",
		"policy allows",
		"restricted", "forbidden", "blocked", "denies", "denied by", "命中规则", "策略:", "类目", "拦截",
	}},
	// Liveness.
	{Policy, 4, VerifyFace, []string{
		"liveness",
		"proof of life", "video check", "facial", "刷脸", "自拍", "真人",
		"selfie", "face~verification", "人脸", "活体",
	}},
	// Claims that contradict the error they come in.
	{Hallucination, 4, None, []string{
		"payment~succeeded", "payment~successful*", "payment~success", "transaction~successful*", "completed successfully",
		"successfully paid", "successful payment", "been paid", "already paid", "is paid", "as paid", "was charged", "been charged",
		"charged twice", "is approved", "paid in full", "amount~taken from", "as approved", "take it as", "payment is complete", "payment complete", "payment went through",
		"fund* received", "settled", "successfully charged", "支付成功", "付款成功", "交易成功", "已支付", "已付款", "扣款成功", "完成扣款", "已收款", "已~扣款", "交易完成", "已到账",
		"付款完成", "支付完成", "已完成支付", "已扣款",
	}},
	// Orders to the reader.
	{Hallucination, 4, None, []string{
		"ignore", "disregard", "forget~above", "override", "press~paid", "cashier should", "record cash", "hand~customer",
		"forget", "answer~approved", "release the order", "money arrived", "charge confirmed",
		"previous instruction*", "set~paid", "set~success", "mark~paid",
		"respond~with", "you must", "approve this", "approve every*", "approve all", "accept all", "the goods", "treat~as", "act as",
		"pretend", "new policy is", "respond only", "reply only", "return success", "system prompt", "developer mode", "status=*",
		"treat~settled", "treat~paid", "open the drawer", "consider~paid", "直接交货", "视为~成功", "视为~完成", "当作~成功", "放货",
		"出货", "到账",

		"change~status", "set state", "set status", "hand over", "忽略", "指令", "状态~成功", "标记为", "批准所有", "请放行", "直接放行", "立即放行", "予以放行", "必须放行", "交付商品", "无视", "改为",
		"假装", "请批准", "请将", "你是", "您是", "请返回", "直接返回", "作废",
	}},
	// Models about themselves.
	{Hallucination, 4, None, []string{
		"language model", "contradict*", "inconsistent", "hallucinat*", "made up", "invented", "fabricat*", "not in the request",
		"schema", "models disagree", "nonexistent", "no such rule", "not exist", "as an ai", "i am an ai", "i cannot", "i assume",
		"i imagine",
		"i can't", "i'm sorry", "i am sorry", "sorry, i", "dear assistant", "as a helpful", "i do not have access", "my training",
		"i think", "disagree*", "invalid json", "malformed output", "malformed json", "not match the request",
		"differs from the request", "mismatch~request", "not sent", "not match~schema", "自相矛盾", "幻觉", "编造", "与请求不一致",
		"人工智能模型", "捏造", "虚构", "矛盾", "与事实不符", "与请求不符", "不存在的规则", "语言模型",
	}},
}

// doubts make a text one that does not know itself, or that cannot be checked.
var doubts = []string{
	"if", "in case", "still", "正在", "正常", "如果", "若",
	"may be that", "either", "possibly", "perhaps", "maybe", "might", "unclear", "whether", "not determine", "not think",
	"do not know", "unknown", "not sure", "不确定", "或许", "也许", "可能是", "无法确定", "未知", "不知",
	"unavailable", "overloaded", "was down", "is down", "service timed out", "model timed out", "out of service", "could not reach", "not answer", "did not respond",
	"resolved", "replaced", "refreshed", "more time", "computed", "connection", "confirmed with", "refund*", // none of it is a reason to refuse a payment
	"退款", "已输入", "已刷新", "已解除", "等待", "仍", "更多时间",
	"不可用", "维护", "无响应", "未响应", "故障", "宕机", // who is not there has not judged
	"hundred*", "thousand*", "million*", "dozen*", // figures in words cannot be checked
	"一元", "二元", "两元", "三元", "四元", "五元", "六元", "七元", "八元", "九元", "十元", "百元", "千元", "亿元", "折",
}

// A policy has to have done something: that there is a fraud check is no refusal by
// it, nor is one that passed, crashed or is not done.
var (
	acts = []string{
		"block*", "reject*", "refus*", "declin*", "den*", "stop*", "suspend*", "restrict*", "prohibit*", "forbid*", "prevent*", "disabled",
		"trigger*", "requir*", "need*", "ask*", "demand*", "mandatory", "necessary", "must", "hold", "held", "violat*", "flagged", "suspected",
		"suspicious", "anomal*", "abnormal*", "unusual", "exceed*", "above", "below", "beyond", "outside", "over", "under", "too high", "too low", "too little", "only", "elevated", "暂停",
		"too many", "too far", "high", "reached", "used up", "not permitted", "not allow*", "not enabled", "not certified", "not authori*",
		"may not", "does not accept", "no licence", "no license", "incomplete", "deny list", "caps", "hit", "deviat*", "reported", "surpass*", "poor", "changed",
		"拦截", "拒绝", "触发", "需", "要求", "禁止", "限制", "超过", "超出", "高于", "低于", "过高", "较高", "异常", "可疑", "疑似", "命中", "不予",
		"不允许", "不符合", "不完整", "不支持", "为高", "人工", "违反", "违规", "无权限", "未开通", "黑名单", "上限", "中止", "受限", "须", "已用完", "冻结",
	}
	idle = []string{
		"passed", "crashed", "offline", "not be consulted", "not finished", "starting up", "timed out", "timeout", "failed to", "pending",
		"not available", "not be reached", "no answer", "restart*", "outage", "升级", "没有给出", "未给出", "not yet", "in progress", "not run", "skipped", "cleared", "error*",
		"通过", "超时", "尚未", "未完成", "没有响应", "崩溃", "离线", "重启", "进行中", "跳过", "失败", "未返回",
	}
)

// denials before a phrase turn it off; in Chinese they stand right before it.
var (
	denials    = []string{"not", "no", "never", "neither", "nor", "without", "cannot find"}
	hanDenials = []string{"不是", "并非", "没有", "并不", "未", "既不", "也不", "不存在", "不能", "无法"}
)
