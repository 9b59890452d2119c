package sim

import "slices"

// scenarios is every switch of the page, in the order of its groups.
func scenarios() []Scenario {
	return slices.Concat(contextScenarios(), currencyScenarios(), keyScenarios(), livenessScenarios(), errorScenarios(), answerScenarios(),
		chainScenarios(), silentScenarios(), networkScenarios(), noticeScenarios())
}

func contextScenarios() []Scenario {
	return []Scenario{
		{
			Name: "context_lost", Group: "context", slot: "context", ai: `{"ignore_context": true}`,
			Title: Words{"Context does not arrive", "上下文未送达"},
			What:  Words{"Every payment is judged as if its context were missing: about 12 % of good payments are rejected.", "每笔支付都按缺少上下文判断：约12%的正常支付被拒。"},
			Sees:  Words{"Most sales go on; a rejected one tells a reason and a next step, and nothing was charged.", "多数交易照常；被拒的交易说明原因和下一步，未扣款。"},
		},
		{
			Name: "context_strict", Group: "context", slot: "context", ai: `{"ignore_context": true, "aggressive_rejects": 1}`,
			Title: Words{"Every payment rejected", "每笔都被拒"},
			What:  Words{"The same, and every payment is rejected as too risky.", "同上，且每笔支付都因风险过高被拒。"},
			Sees:  Words{"The cashier is offered another way or a manager; nothing was charged.", "收银员可改用其他方式或请主管处理；未扣款。"},
		},
	}
}

func currencyScenarios() []Scenario {
	bad := func(wrong string, title, what Words) Scenario {
		return Scenario{
			Name: "fx_" + wrong, Group: "currency", slot: "fx", ai: `{"fx": {"wrong": "` + wrong + `"}}`, Title: title, What: what,
			Sees: Words{"A sale in two currencies stops before any charge and says that no rate can be had; sales in CNY go on.", "跨币种交易在扣款前停止，并说明暂无可用汇率；人民币交易照常。"},
		}
	}
	return []Scenario{
		{
			Name: "fx_volatile", Group: "currency", slot: "fx", ai: `{"fx": {"width": 0.05, "volatility": 0.08, "confidence": 0.6}}`,
			Title: Words{"Volatile rate", "汇率剧烈波动"},
			What:  Words{"Projections are 10 % wide, at a confidence of 0.6.", "预测区间宽10%，置信度0.6。"},
			Sees:  Words{"The customer must confirm the range and the price before the charge; both screens show amounts, rate and validity.", "扣款前顾客必须确认汇率区间和价格；双屏显示两种金额、汇率和有效期。"},
		},
		{
			Name: "fx_short", Group: "currency", slot: "fx", ai: `{"fx": {"valid_for_s": 5}}`,
			Title: Words{"Projection valid for 5 s", "汇率仅5秒有效"},
			What:  Words{"A projection runs out while the customer still thinks.", "顾客考虑期间汇率预测已过期。"},
			Sees:  Words{"The old price is not charged; a fresh one is asked for and confirmed anew.", "不按旧价扣款；重新获取并确认新价格。"},
		},
		bad("expired", Words{"Projection expired", "汇率已过期"}, Words{"Projections arrive when they are already past their end.", "收到的汇率预测已过有效期。"}),
		bad("inverted", Words{"Range upside down", "区间上下颠倒"}, Words{"Low is above middle, and middle above high.", "下限高于中值，中值高于上限。"}),
		bad("malformed", Words{"Rate is no number", "汇率不是数字"}, Words{"The lower rate is words.", "下限汇率是文字。"}),
		bad("non_positive", Words{"Rate zero or below", "汇率为零或负"}, Words{"The middle rate is 0 and the lower one negative.", "中值为0，下限为负。"}),
		bad("confidence", Words{"Confidence above 1", "置信度大于1"}, Words{"A projection claims a confidence of 1.7.", "预测声称置信度为1.7。"}),
	}
}

func keyScenarios() []Scenario {
	return []Scenario{
		{
			Name: "replay", Group: "key", slot: "latency", ai: `{"latency": {"ai_payment": {"kind": "fixed", "ms": 900}}}`,
			Title: Words{"Server replays after 800 ms", "服务器800毫秒后重放"},
			What:  Words{"The payment takes 900 ms, so the server replays it once and resets the intent token.", "支付耗时900毫秒，服务器自行重放一次并重置意图令牌。"},
			Sees:  Words{"An ordinary sale, a little slower; one charge in the books.", "交易正常，只是稍慢；账上只有一次扣款。"},
		},
		{
			Name: "replay_twice", Group: "key", slot: "latency", ai: `{"latency": {"ai_payment": {"kind": "fixed", "ms": 1700}}}`,
			Title: Words{"Server replays twice", "服务器重放两次"},
			What:  Words{"The payment takes 1.7 s and is replayed twice.", "支付耗时1.7秒，被重放两次。"},
			Sees:  Words{"A slower sale; one charge in the books.", "交易较慢；账上只有一次扣款。"},
		},
		{
			Name: "key_unverified", Group: "key", ai: `{"secret": "not the merchant's"}`,
			Title: Words{"Keys do not verify", "幂等键无法验证"},
			What:  Words{"The server has another secret, so no key protects; with a replay each further transaction is charged.", "服务器密钥不同，幂等键不起保护作用；若再重放，每次都会扣款。"},
			Sees:  Words{"The books show what a bare UUID would do: with replays on, shadow charges. The till cannot see them in its answer.", "账本显示仅用UUID的后果：开启重放后出现影子扣款，收款机从应答中看不到。"},
		},
		{
			Name: "answer_lost", Group: "key", rule: &Rule{Op: opAIPayment, Fault: "reset_after"},
			Title: Words{"Answer to the payment is lost", "支付应答丢失"},
			What:  Words{"Each payment is executed, then the connection is reset.", "每笔支付已执行，随后连接被重置。"},
			Sees:  Words{"The till says that it is finding out, then tells the truth; one charge.", "收款机提示正在核实，随后显示真实结果；只扣一次。"},
		},
	}
}

func livenessScenarios() []Scenario {
	check := func(outcome string, title, what, sees Words) Scenario {
		return Scenario{
			Name: "live_" + outcome, Group: "liveness", slot: "liveness",
			ai: `{"liveness": {"from": 1, "outcome": "` + outcome + `"}}`, Title: title, What: what, Sees: sees,
		}
	}
	refused := Words{"The check does not count; the sale does not go on with it, and nothing was charged.", "检查无效；交易不会据此继续，未扣款。"}
	return []Scenario{
		check(liveByPhone, Words{"Selfie on the phone", "手机自拍"}, Words{"Every payment is challenged; the customer's phone decides how the check goes.", "每笔支付都要求活体检测，由顾客手机决定结果。"},
			Words{"The customer's screen shows a QR code; after the selfie the sale goes on.", "顾客屏显示二维码；自拍后交易继续。"}),
		check("pass", Words{"Selfie passes", "自拍通过"}, Words{"Every payment is challenged; the check passes after 3 s.", "每笔支付都要求活体检测，3秒后通过。"},
			Words{"The customer's screen shows a QR code, then the sale goes on by itself.", "顾客屏显示二维码，随后交易自动继续。"}),
		check("low", Words{"Low score", "分数过低"}, Words{"The check is done with a liveness score of 0.41.", "检测完成，但活体分数仅0.41。"}, refused),
		check("wrong_nonce", Words{"Wrong nonce", "随机数不符"}, Words{"The answer is of somebody else's check.", "返回的是另一次检测的结果。"}, refused),
		check("late", Words{"Late", "迟到"}, Words{"The check takes ten times as long.", "检测耗时是平常的十倍。"},
			Words{"The till waits with a clock and can be cancelled; nothing was charged meanwhile.", "收款机显示倒计时并可取消；期间未扣款。"}),
		check("twice", Words{"Same vector twice", "向量重复"}, Words{"A check answers with the vector that was told before.", "返回与上次相同的向量。"}, refused),
		check("fail", Words{"Fails", "检测失败"}, Words{"The check fails.", "检测失败。"}, refused),
		check("expired", Words{"Expires", "检测过期"}, Words{"The check runs out.", "检测超时失效。"}, refused),
	}
}

func errorScenarios() []Scenario {
	nested := func(name, class string, executed bool, title, what, sees Words) Scenario {
		return Scenario{
			Name: "err_" + name, Group: "errors", slot: "errors", errors: &AIErrorRule{Class: class, Executed: executed}, Title: title, What: what, Sees: sees,
		}
	}
	return []Scenario{
		nested("user", "user", false, Words{"User error", "用户原因"}, Words{"200 with a nested error: the payer has too little money, or dismissed the payment.", "返回200并内含错误：余额不足或顾客取消等。"},
			Words{"Friendly words about what the customer can do now; not charged.", "友好说明顾客现在可以怎么做；未扣款。"}),
		nested("policy", "policy", false, Words{"Policy", "风控策略"}, Words{"200 with a nested error: the risk score exceeds the threshold of 0.85.", "返回200并内含错误：风险评分超过阈值0.85。"},
			Words{"The manager is asked, the owner is told; not charged.", "请主管处理并通知店主；未扣款。"}),
		nested("hallucination", "hallucination", false, Words{"Contradiction", "自相矛盾"}, Words{"The explanation cites an amount, a currency or a rule that was not in the request.", "解释引用了请求中不存在的金额、币种或规则。"},
			Words{"The explanation is not believed: the sale goes the other way once, under a number and key of its own; a scanned customer shows a fresh code. Not charged twice.", "不采信该解释：改走备用通道一次，使用新的单号和幂等键；扫码顾客需出示新码。不会重复扣款。"}),
		nested("unknown", "unknown", false, Words{"Not understood", "无法理解"}, Words{"The explanation says nothing.", "解释没有任何内容。"},
			Words{"The sale is held and queried; no second charge, no false \"declined\".", "交易暂挂并查询；不重复扣款，不误报“被拒”。"}),
		nested("charged", "unknown", true, Words{"Error although charged", "报错却已扣款"}, Words{"The payment is executed and answered with an error that says nothing.", "支付已执行，却返回含糊的错误。"},
			Words{"The till queries and says paid; one charge.", "收款机查询后显示已支付；只扣一次。"}),
	}
}
