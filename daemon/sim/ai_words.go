package sim

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// wording is what a model says about one class of errors. No two vendors, and no two days, have the same words.
type wording struct{ en, zh []string }

// aiWords are the classes. Those of hallucination cite what the request does not have; intent is a policy of a
// classifier that was set up wrongly, and counts as one.
var aiWords = map[string]*wording{
	"user": {
		en: []string{
			"The payer's wallet does not hold enough funds for {amount} {currency}; ask the customer to choose another source.",
			"The customer dismissed the confirmation on the phone. They may simply try again.",
			"Payment password was entered incorrectly three times, so the payer has to wait or pay in another way.",
			"It looks as if the payer's daily spending limit has been reached.",
			"The account of the payer is not verified yet; the customer must finish real-name verification first.",
		},
		zh: []string{
			"付款人零钱余额不足，无法支付{amount}元，请顾客更换支付方式。",
			"顾客在手机上取消了确认，可以重新扫码再试。",
			"支付密码连续输错，请付款人稍后再试。",
			"付款人今日支付额度已用完。",
		},
	},
	"policy": {
		en: []string{
			"The transaction was flagged because the risk score exceeds the configured threshold of {threshold} due to anomalous device fingerprinting.",
			"Declined: score {score} is above {threshold}. The device fingerprint was not seen at this store before.",
			"Our policy for this merchant category does not allow the payment at this hour; the risk team has to release it.",
			"Velocity rule triggered: too many payments from this terminal within ten minutes.",
			"Insufficient context to establish the payer's intent, hence the conservative threshold was applied (score {score}).",
		},
		zh: []string{
			"设备指纹异常，风险评分{score}超过配置的阈值{threshold}，交易被拦截。",
			"根据商户类目风控策略，该笔交易暂不允许，请联系风控人员放行。",
			"该终端短时间内交易过于频繁，触发频率规则。",
			"上下文信息不足，已按保守阈值处理，评分{score}。",
		},
	},
	"intent": {
		en: []string{
			"The stated intent \"{label}\" is not consistent with the profile of this merchant.",
			"Intent label {label} maps to a restricted category in the merchant's classifier configuration.",
			"Payments with intent {label} are routed to manual review, which timed out.",
		},
		zh: []string{"意图标签“{label}”与商户画像不符，交易未通过。", "意图分类“{label}”属于受限类别，已拒绝。"},
	},
	"hallucination": {
		en: []string{
			"The requested amount of {wrong_amount} {currency} exceeds the limit of this store.",
			"Payments in {wrong_currency} are not enabled for this merchant, please settle in {currency}.",
			"Rule {wrong_rule} of the merchant's rule set forbids this combination of goods.",
			"The refund of {wrong_amount} {wrong_currency} that was requested cannot be combined with a new charge.",
			"As the second passenger on this booking has no passport number, the payment of {wrong_amount} {currency} was stopped.",
		},
		zh: []string{
			"请求金额{wrong_amount}元超过本店限额，交易被拒绝。",
			"本商户未开通{wrong_currency}结算，请改用{currency}。",
			"违反商户规则{wrong_rule}，该商品组合不可销售。",
			"您申请的{wrong_amount}{wrong_currency}退款与本次支付冲突。",
		},
	},
	"unknown": {
		en: []string{
			"Something about this does not feel right.",
			"I am unable to help with that request.",
			"The evaluation could not be completed. Reference {score}.",
			"Unspecified condition in stage two.",
		},
		zh: []string{"无法完成评估，请稍后再说。", "该请求存在一些情况。", "未知状态。"},
	},
}

// errorRule is the first rule that a payment meets, and it counts its use.
func (w *WeChat) errorRule(q *aiRequest) *AIErrorRule {
	for i := range w.ai.settings.Errors {
		r := &w.ai.settings.Errors[i]
		switch {
		case r.Label != "" && r.Label != q.label(),
			r.OutTradeNo != "" && r.OutTradeNo != q.OutTradeNo,
			r.Times > 0 && w.ai.used[i] >= r.Times,
			r.Probability > 0 && w.chance("rule", i, q.OutTradeNo) >= r.Probability:
			continue
		}
		w.ai.used[i]++
		return r
	}
	return nil
}

// complain is the nested error of a rule.
func (w *WeChat) complain(r *AIErrorRule, q *aiRequest, threshold float64) outcome {
	e := aiError{Explanation: r.Explanation, Model: r.Model, Stage: r.Stage}
	if e.Model == "" {
		e.Model = q.model()
	}
	if e.Stage == "" {
		e.Stage = "pre_authorization"
	}
	draw := w.seeded("words", r.Class, q.OutTradeNo)
	score := math.Round(1000*(threshold+(1-threshold)*w.chance("score", q.OutTradeNo))) / 1000
	class := r.Class
	switch class {
	case "intent":
		class = "policy"
		fallthrough
	case "policy":
		e.Score = &score
	}
	if e.Explanation == "" {
		words := aiWords[r.Class]
		list := words.en
		if lang := w.ai.settings.Language; lang == "zh" || lang == "" && draw%2 == 1 {
			list = words.zh
		}
		e.Explanation = list[draw/2%uint64(len(list))]
	}
	e.Explanation = w.fill(e.Explanation, told{
		total: q.Amount.Total, currency: terms{currency: q.Amount.Currency}.money(), label: q.label(), score: score, threshold: threshold,
	})
	return w.nested(class, q.label(), e)
}

// told are the facts that an explanation may rest on.
type told struct {
	total            int64
	currency, label  string
	score, threshold float64
}

// fill puts the facts of a request, and what was never in it, into a text.
func (w *WeChat) fill(text string, f told) string {
	other := "EUR"
	if f.currency == other {
		other = "JPY"
	}
	plain := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return strings.NewReplacer(
		"{amount}", major(f.total, f.currency), "{currency}", f.currency, "{label}", f.label,
		"{score}", plain(f.score), "{threshold}", plain(f.threshold),
		"{wrong_amount}", major(f.total*10+777, f.currency), "{wrong_currency}", other,
		"{wrong_rule}", fmt.Sprintf("R-%d", 4000+w.seeded("rule", f.total)%1000),
	).Replace(text)
}

// major writes minor units with the currency's decimals.
func major(total int64, currency string) string {
	places := decimals(currency)
	if places == 0 {
		return strconv.FormatInt(total, 10)
	}
	s := fmt.Sprintf("%0*d", places+1, total)
	return s[:len(s)-places] + "." + s[len(s)-places:]
}

// decimals is the number of digits of a currency's minor unit (ISO 4217).
func decimals(currency string) int {
	switch currency {
	case "JPY", "KRW", "VND", "CLP", "ISK", "UGX", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	}
	return 2
}
