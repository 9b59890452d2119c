package sim

// onPayment brings a fault to every payment of the AI API.
func onPayment(group, fault string, title, what, sees Words) Scenario {
	return Scenario{Name: fault, Group: group, slot: "payment", rule: &Rule{Op: opAIPayment, Fault: fault}, Title: title, What: what, Sees: sees}
}

// findsOut is what a till shows that does not know yet.
func findsOut() Words {
	return Words{"The till says that it is finding out, queries, and then tells the truth; one charge at most.", "收款机提示正在核实，查询后显示真实结果；最多扣一次。"}
}

func answerScenarios() []Scenario {
	return []Scenario{
		onPayment("answers", "garbage", Words{"Garbage, 200", "200但内容混乱"}, Words{"Executed, then 200 with signed bytes that are no answer.", "已执行，返回200但内容不是有效应答。"}, findsOut()),
		onPayment("answers", "truncated", Words{"Truncated, 200", "200但内容截断"}, Words{"Executed, then 200 with half of the answer.", "已执行，返回200但只有一半内容。"}, findsOut()),
		onPayment("answers", "userpaying", Words{"202 USERPAYING", "202 等待输密码"}, Words{"A scanned payer must type the password: 8 s.", "扫码后顾客需输入密码，约8秒。"},
			Words{"\"Waiting for the customer\", then paid.", "显示“等待顾客确认”，随后支付成功。"}),
		onPayment("answers", "paid_though_400", Words{"400 although charged", "返回400却已扣款"}, Words{"A scanned payer is charged and the answer is 400 PARAM_ERROR.", "扫码顾客已被扣款，应答却是400参数错误。"}, findsOut()),
		onPayment("answers", "bad_signature", Words{"Bad signature", "签名错误"}, Words{"Executed; a good answer whose signature does not verify.", "已执行；应答正确但签名无法验证。"}, findsOut()),
		onPayment("answers", "system_error_after", Words{"500 although executed", "返回500却已执行"}, Words{"Executed, then 500 SYSTEM_ERROR.", "已执行，随后返回500系统错误。"}, findsOut()),
		onPayment("answers", "rate_limited", Words{"429", "429 限流"}, Words{"Not accepted: too many requests.", "请求过多，未受理。"},
			Words{"In doubt at first; a query then finds no payment. Not charged.", "先显示待核实，查询后确认没有支付；未扣款。"}),
	}
}

func chainScenarios() []Scenario {
	return []Scenario{
		{
			Name: "chain_heavy", Group: "chain", slot: "latency", ai: `{"latency": {"ai_payment": {"kind": "fixed", "ms": 2300}}}`,
			Title: Words{"Heavy chain: 2.3 s", "重模型链：2.3秒"},
			What:  Words{"A heavy reasoning model and a light validation model: 2.3 s to each payment.", "重推理模型加轻验证模型：每笔支付2.3秒。"},
			Sees:  Words{"The queue moves on: the cashier sees progress at once, and the till's own judgement keeps its 600 ms.", "队伍不停：收银员立即看到进展，收款机自身判断仍在600毫秒内。"},
		},
		{
			Name: "chain_spread", Group: "chain", slot: "latency", ai: `{"latency": {"ai_payment": {"kind": "lognormal", "ms": 400, "sigma": 0.6, "seed": 1}}}`,
			Title: Words{"Fast chain with a tail", "快模型链带长尾"},
			What:  Words{"400 ms in the middle, lognormal: one payment in eight takes more than 800 ms and is replayed.", "中位400毫秒，对数正态：约八分之一超过800毫秒并被重放。"},
			Sees:  Words{"Ordinary sales; one charge each.", "交易正常；每笔只扣一次。"},
		},
		{
			Name: "reconcile_mismatch", Group: "chain", slot: "reconcile", ai: `{"reconciliation": {"verdict": "mismatch"}}`,
			Title: Words{"Reconciliation disagrees", "对账模型不一致"},
			What:  Words{"After a payment the reconciliation model says that it does not agree with the intent.", "支付后对账模型认为与意图不符。"},
			Sees:  Words{"Paid stays paid; a case for the owner is opened, the ledger is not changed.", "已支付不变；为店主立案，账本不改。"},
		},
		{
			Name: "reconcile_pending", Group: "chain", slot: "reconcile", ai: `{"reconciliation": {"pending_ms": 60000}}`,
			Title: Words{"Reconciliation is slow", "对账模型迟缓"},
			What:  Words{"The reconciliation of a payment is pending for a minute.", "对账结果一分钟内都是处理中。"},
			Sees:  Words{"Paid at once; nobody waits for it.", "立即显示已支付，无需等待。"},
		},
	}
}

func silentScenarios() []Scenario {
	sees := Words{"Each rejected sale looks ordinary; after a while the owner's alarm says which label, how many and since when.", "单笔被拒看似正常；一段时间后店主警报指出哪个标签、多少笔、从何时起。"}
	return []Scenario{
		{
			Name: "silent_5", Group: "silent", slot: "silent", errors: &AIErrorRule{Class: "intent", Probability: 0.05}, Sees: sees,
			Title: Words{"5 % silently rejected", "5%静默被拒"},
			What:  Words{"A misconfigured intent classifier rejects one payment in 20.", "意图分类器配置错误，每20笔拒1笔。"},
		},
		{
			Name: "silent_50", Group: "silent", slot: "silent", errors: &AIErrorRule{Class: "intent", Probability: 0.5}, Sees: sees,
			Title: Words{"50 %, to see it sooner", "50%（便于演示）"},
			What:  Words{"The same for every other payment.", "同上，每两笔拒一笔。"},
		},
	}
}

func networkScenarios() []Scenario {
	return []Scenario{
		{
			Name: "link_down", Group: "network", cut: true,
			Title: Words{"Network cut", "断网"},
			What:  Words{"Every connection to the providers is reset.", "到服务商的所有连接都被重置。"},
			Sees:  Words{"No sale can be charged and the till says so; a sale whose charge was under way is settled when the network is back.", "无法收款并明确提示；进行中的交易在恢复后核实。"},
		},
		onPayment("network", "reset_before", Words{"Reset before executing", "执行前重置"}, Words{"The connection is reset and nothing is executed.", "连接被重置，未执行。"}, findsOut()),
		onPayment("network", "reset_after", Words{"Reset after executing", "执行后重置"}, Words{"Executed, then the connection is reset.", "已执行，随后连接被重置。"}, findsOut()),
		onPayment("network", "hang_after", Words{"Hang", "挂起无应答"}, Words{"Executed, and no answer until the till gives up.", "已执行，但直到收款机放弃都无应答。"}, findsOut()),
		onPayment("network", "slow_drip", Words{"A byte at a time", "逐字节应答"}, Words{"Executed; the answer comes a byte every 20 ms.", "已执行；应答每20毫秒一个字节。"}, findsOut()),
		onPayment("network", "clock_skew", Words{"Provider's clock 10 min ahead", "服务商时钟快10分钟"}, Words{"Executed; the answer is signed with a time that cannot be.", "已执行；应答签名时间不合理。"}, findsOut()),
		onPayment("network", "clock_refused", Words{"Till's clock refused", "拒绝本机时钟"}, Words{"401 SIGN_ERROR as for a wrong clock; nothing is executed.", "返回401签名错误（如时钟不准）；未执行。"},
			Words{"In doubt at first; a query then finds no payment. Not charged.", "先显示待核实，查询后确认没有支付；未扣款。"}),
	}
}

func noticeScenarios() []Scenario {
	sees := Words{"Needs a receiver (field below). A notification is only a reason to query: what the till shows does not change by it alone.", "需要接收地址（见下方）。通知只是触发查询：仅凭通知不改变显示结果。"}
	fault := func(name string, n int, title, what Words) Scenario {
		return Scenario{Name: "notice_" + name, Group: "notices", slot: "notices", notice: &NoticeFault{Fault: name, N: n}, Title: title, What: what, Sees: sees}
	}
	return []Scenario{
		fault(noticeDuplicate, 3, Words{"Three duplicates", "重复三次"}, Words{"An acknowledged notification comes three times more.", "已确认的通知再发三次。"}),
		fault(noticeStale, 1, Words{"Stale", "过期"}, Words{"The first try is signed ten minutes ago.", "首次通知的签名时间在十分钟前。"}),
		fault(noticeLate, 0, Words{"Late", "迟到"}, Words{"Notifications come ten minutes late.", "通知迟到十分钟。"}),
		fault(noticeOutOfOrder, 1, Words{"Out of order", "乱序"}, Words{"The next notification overtakes each one.", "后一条通知先到。"}),
		fault(noticeBadSign, 1, Words{"Forged", "伪造"}, Words{"The first try carries a signature that does not verify.", "首次通知签名无法验证。"}),
		fault(noticeStranger, 1, Words{"Of another order", "他人订单"}, Words{"A well signed notification of an order this shop never made goes first.", "先收到一条签名正确、但非本店订单的通知。"}),
		fault(noticeLost, 0, Words{"Lost", "丢失"}, Words{"No notification ever arrives.", "通知从不到达。"}),
	}
}
