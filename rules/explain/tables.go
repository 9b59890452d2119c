package explain

// The tables of the cite check. English words match whole words, a star lets a
// word go on, Chinese matches anywhere. Longer marks come before those they hold.

const dollars = "USD HKD SGD AUD CAD NZD TWD MXN"

var marks = []struct {
	mark  string
	set   marked
	alone bool // names a currency without an amount
}{
	{"人民币", "CNY", true},
	{"日元", "JPY", true},
	{"美元", "USD", true},
	{"欧元", "EUR", true},
	{"英镑", "GBP", true},
	{"港币", "HKD", true},
	{"港元", "HKD", true},
	{"韩元", "KRW", true},
	{"泰铢", "THB", true},
	{"卢布", "RUB", true},
	{"元", "CNY HKD TWD MOP", false},
	{"块", "CNY", false},
	{"renminbi", "CNY", true},
	{"rmb", "CNY", true},
	{"yuan", "CNY", true},
	{"yen", "JPY", true},
	{"baht", "THB", true},
	{"dollars", dollars, true},
	{"dollar", dollars, true},
	{"euros", "EUR", true},
	{"euro", "EUR", true},
	{"pounds", "GBP", true},
	{"won", "KRW", false},
	{"rubles", "RUB", true},
	{"rupees", "INR", true},
	{"us$", "USD", true},
	{"hk$", "HKD", true},
	{"$", dollars, false},
	{"€", "EUR", true},
	{"£", "GBP", true},
	{"₩", "KRW", true},
	{"฿", "THB", true},
	{"¥", "CNY JPY", true},
}

var percents = []string{"%", "percent", "per cent", "个百分点"}

var figureHeads = []struct {
	word string
	kind figure
}{
	{"rate", ofRate},
	{"rates", ofRate},
	{"汇率", ofRate},
	{"牌价", ofRate},
	{"amount", ofAmount},
	{"total", ofAmount},
	{"price", ofAmount},
	{"sum", ofAmount},
	{"金额", ofAmount},
	{"总额", ofAmount},
	{"总价", ofAmount},
	{"score*", ofOwn},
	{"threshold*", ofOwn},
	{"risk", ofOwn},
	{"confidence", ofOwn},
	{"minimum", ofOwn},
	{"maximum", ofOwn},
	{"limit*", ofOwn},
	{"probability", ofOwn},
	{"similarity", ofOwn},
	{"cutoff", ofOwn},
	{"below", ofOwn},
	{"above", ofOwn},
	{"阈值", ofOwn},
	{"评分", ofOwn},
	{"得分", ofOwn},
	{"风险分", ofOwn},
	{"置信度", ofOwn},
	{"最低", ofOwn},
	{"最高", ofOwn},
	{"限额", ofOwn},
	{"上限", ofOwn},
	{"概率", ofOwn},
	{"相似度", ofOwn},
	{"分数", ofOwn},
}

// What makes an own figure a claim about the request.
var (
	yourWords = []string{"your", "submitted", "您", "你", "提交"}
	sentWords = []string{"request stat*", "you sent", "you submitted", "was submitted", "in the request", "请求中", "提交的"}
)

var limitWords = []string{
	"limit", "cap", "capped", "maximum", "minimum", "max", "ceiling", "quota", "threshold", "up to", "allowance",
	"限额", "上限", "额度", "最高", "最低", "下限", "阈值", "不得超过",
}

var links = []string{" of", " is", " at", " to", " by", " currently", "为", "是", "约"}

var countWords = []string{"second", "minute", "hour", "day", "time", "attempt", "ms", "try", "tries", "payment", "秒", "分钟", "小时", "天", "次", "笔", "日"}

var (
	above = []string{"exceed*", "above", "over", "higher than", "greater than", "more than", "beyond", "超过", "高于", "大于", "超出"}
	below = []string{"below", "under", "lower than", "less than", "低于", "小于", "不足"}
	sums  = []string{"daily", "day", "month*", "weekly", "cumulative", "total", "累计", "单日", "当日", "每日", "每月", "当月"}
)

// heads are followed by the name of what they say.
var heads = []string{
	"rule", "rules", "rule id", "item", "model", "label", "coupon", "voucher", "sku", "product", "classifier", "intent",
	"规则", "商品", "模型", "优惠券", "标签", "意图",
}

// speech before a quotation makes it what a bank or a page said.
var speech = []string{"returned", "said", "says", "answered", "replied", "error", "message", "reason", "返回", "提示", "显示"}
