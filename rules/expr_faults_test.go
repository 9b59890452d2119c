package rules

import (
	"fmt"
	"strings"
	"testing"
)

// conditionFaults are conditions, what is wrong in them and what is said about it.
var conditionFaults = []struct{ src, at, want string }{
	{"payer.cuont_1h > 3", "payer.cuont", "did you mean payer.count_1h?"},
	{"payer > 3", "payer", "there is no fact payer"},
	{"zebra_crossing_count > 3", "zebra", "there are true"},
	{"flow == payer", "payer", `a word is in double quotes: "payer"`},
	{`flow == "payr"`, `"payr"`, "did you mean payer?"},
	{`link.state == "offline"`, `"offline"`, "link.state is never"},
	{`currency == "RMB"`, `"RMB"`, "ISO 4217"},
	{"currency == CNY", "CNY", "an amount is written CNY(300.00)"},
	{`intent.label == "topup"`, `"topup"`, "did you mean top_up?"},
	{"amount > 300", ">", "an amount names its currency"},
	{"amount > 300.00", "300.00", "amounts are written CNY(12.80)"},
	{"link.silence > 300", ">", "a time names its unit"},
	{"amount > 5*minute", ">", "an amount is compared with a time span"},
	{"offline.count > payer.denied", ">", "a number is compared with a yes or no"},
	{`offline.count == "7"`, "==", "a number is compared with the text"},
	{`flow < "payer"`, "<", "has no order"},
	{"payer.denied < true", "<", "a yes or no has no order"},
	{"flow == payer.wallet", "==", "compared with what is not a text"},
	{"flow == draw", "==", "double quotes"},
	{`"payer" == "payer"`, `"payer"`, "stands alone"},
	{"offline.count", "offline.count", "a condition is true or false"},
	{"amount", "amount", "compare it"},
	{"offline.count && true", "offline.count", "a condition is true or false"},
	{"!offline.count", "offline.count", "a condition is true or false"},
	{"-payer.denied == true", "-payer", "has no negative"},
	{"amount + offline.count > CNY(1)", "+", "an amount + a number has no meaning"},
	{"amount * amount > CNY(1)", "*", "has no meaning"},
	{"payer.denied + 1 > 2", "+", "has no meaning"},
	{"amount % CNY(3) > CNY(1)", "%", "has no meaning"},
	{"offline.count / 0 > 1", "/", "a division by zero"},
	{"1 % 0 > 1", "%", "divides by zero"},
	{"9223372036854775807 + 1 > 1", "+", "overflows"},
	{"9223372036854775808 > draw", "922", "not a whole number"},
	{"CNY(1) + USD(1) > amount", "+", "two currencies"},
	{"CNY(1) > USD(1)", ">", "two currencies"},
	{"amount > CNY(1.234)", "1.234", "CNY has 2 decimals"},
	{"amount > JPY(1.5)", "1.5", "JPY has 0 decimals"},
	{"amount > CNY()", "CNY", "one decimal number"},
	{"amount > JPY(draw)", "JPY", "JPY(30000)"},
	{"amount > CNY(99999999999.00)", "999", "too large"},
	{"amount > XYZ(1)", "XYZ", "there is no function XYZ"},
	{"betwen(draw, 1, 2)", "betwen", "did you mean between?"},
	{"between(draw, 2, 1)", "between", "wrong way round"},
	{"between(draw, 2)", "between", "the least and the greatest"},
	{"in(flow)", "in", "what it may be"},
	{`in(flow, "payer", "x")`, `"x"`, "flow is never"},
	{"known(3)", "known", "the name of one fact"},
	{"known(limits.count)", "known", "the name of one fact"},
	{"draw < 5minute", "5minute", "times 5*minute"},
	{"draw < 0x10", "0x10", "not a whole number"},
	{"draw < 1_", "1_", "not a whole number"},
	{"draw = 5", "=", "equality is =="},
	{"true & false", "& ", "both is &&"},
	{"true | false", "| ", "one of them is ||"},
	{"flow == 'payer'", "'", "double quotes"},
	{"draw > 5 ； true", "；", "a condition has no"},
	{"draw ＞ 5", "＞", "half-width"},
	{`flow == "pay`, `"pay`, "does not end"},
	{`flow == "p\"`, `\`, "no backslash"},
	{"draw > ", "", "the end where a value belongs"},
	{"> 5", ">", "where a value belongs"},
	{"(draw > 5", "", "close the parenthesis of column 1"},
	{"draw > 5)", ")", "join two comparisons"},
	{"draw > 5 flow", "flow", "join two comparisons"},
	{"in(draw 5)", "5", "where , or ) belongs"},
	{"in(draw, 5", "", "where , or ) belongs"},
	{"1 < draw < 5", "< 5", "between(x, low, high)"},
	{"", "", "there is no condition"},
	{" \n\t", "", "there is no condition"},
	{strings.Repeat("(", 60) + "true" + strings.Repeat(")", 60), "", "levels of parentheses"},
	{strings.Repeat("!", 100) + "true", "", "levels of operators"},
	{strings.Repeat("true && ", 240) + "true", "", "more than 300 parts"},
	{strings.Repeat("true && ", 300) + "true", "", "is longer than 2000"},
}

func TestConditionFaults(t *testing.T) {
	for _, x := range conditionFaults {
		_, bad := compile(x.src)
		if bad == nil {
			t.Errorf("%.60s: no fault", x.src)
			continue
		}
		if !strings.Contains(bad.Error(), x.want) {
			t.Errorf("%.60s: %s\n\tdoes not say %q", x.src, bad, x.want)
		}
		if bad.what == "" || bad.hint == "" {
			t.Errorf("%.60s: no remedy", x.src)
		}
		if at := strings.Index(x.src, x.at); len(x.src) < 200 && x.at != "" && bad.at != at && !strings.HasPrefix(x.src[bad.at:], x.at) {
			t.Errorf("%.60s: at %d, want %d", x.src, bad.at, at)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, x := range []struct {
		a, b string
		d    int
	}{{"", "", 0}, {"a", "", 1}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {strings.Repeat("a", 65), "a", 64}} {
		if got := distance(x.a, x.b); got != x.d {
			t.Errorf("%.8s %.8s: %d, want %d", x.a, x.b, got, x.d)
		}
		if got := distance(x.b, x.a); got != x.d {
			t.Errorf("%s", fmt.Sprint("not symmetric: ", x.a))
		}
	}
}
