package rules

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// compile is a condition by itself, with one of each limit.
func compile(src string) (node, *flaw) {
	tree, bad := parse(src)
	if bad != nil {
		return node{}, bad
	}
	c := &checker{labels: []string{"purchase", "top_up"}, used: map[string]bool{}, limits: &Limits{
		PerSale: []money.Money{{Minor: 20_000, Currency: "CNY"}}, Cumulative: []money.Money{{Minor: 0, Currency: "CNY"}},
		Count: Known(0), Offline: Seconds(4 * time.Hour), SplitWindow: Seconds(10 * time.Minute), Random: Known(50),
	}}
	return c.condition(tree)
}

// known is a case whose every fact that the tests name is known.
func known() Case {
	return Case{
		Amount: money.Money{Minor: 30_000, Currency: "CNY"}, Flow: sale.Payer, Draw: Known(49),
		Local:   LocalTime(time.Date(2026, 11, 28, 22, 30, 5, 0, time.FixedZone("", 8*3600))),
		Link:    Link{NoLink, Seconds(90*time.Minute + 900*time.Millisecond)},
		Offline: Offline{Sum: Known(100), Count: Known(7), Oldest: Known(0), Streak: Known(2)},
		Payer:   Payer{Wallet: Alipay, FirstSeen: Yes, Denied: No, Count1h: Known(3)},
		Price:   Price{Cross: Yes, Width: Known(math.MaxInt32), Left: Known(-5)},
		Intent:  Intent{Label: "top_up", Confidence: Known(80)},
	}
}

func TestConditions(t *testing.T) {
	c := known()
	var f facts
	f.load(&c)
	for src, want := range map[string]truth{
		"true": yes, "false": no, "!true": no, "!!true": yes,
		"offline.count == 7": yes, "offline.count == 8": no, "offline.count != 7": no, "offline.count != 8": yes,
		"offline.count < 7": no, "offline.count < 8": yes, "offline.count <= 7": yes, "offline.count <= 6": no,
		"offline.count > 7": no, "offline.count > 6": yes, "offline.count >= 7": yes, "offline.count >= 8": no,
		"7 == offline.count": yes, "8 != offline.count": yes, "6 < offline.count": yes, "7 <= offline.count": yes, "7 > offline.count": no, "8 >= offline.count": yes,
		"offline.count < offline.streak": no, "offline.count > offline.streak": yes, "offline.streak <= offline.count": yes,
		"offline.count >= offline.streak": yes, "offline.count == offline.streak": no, "offline.count != offline.streak": yes,
		"offline.count + offline.streak == 9": yes, "offline.count - offline.streak == 5": yes, "offline.streak - offline.count == -5": yes,
		"offline.count * offline.streak == 14": yes, "offline.count / offline.streak == 3": yes, "offline.count % offline.streak == 1": yes,
		"-offline.count == -7": yes, "-offline.count / 2 == -3": yes, "-offline.count % 2 == -1": yes, "-(2+3)*2 == -10": yes,
		"1 + 2 * 3 == 7": yes, "(1 + 2) * 3 == 9": yes, "10 - 4 - 3 == 3": yes, "100 / 10 / 5 == 2": yes, "7 % 4 == 3": yes, "1 < 2": yes, "2 <= 1": no, "2 > 1": yes, "1 >= 2": no, "1 != 1": no,
		"true || false && false": yes, "(true || false) && false": no, "!false && true": yes, "!(false && true)": yes,
		"payer.first_seen": yes, "payer.denied": no, "!payer.denied": yes, "payer.first_seen == true": yes, "payer.first_seen != true": no,
		"payer.denied == false": yes, "payer.denied == payer.first_seen": no, "payer.denied != payer.first_seen": yes, "(draw < 50) == payer.first_seen": yes,
		`flow == "payer"`: yes, `flow != "payer"`: no, `"merchant" == flow`: no, "flow == `payer`": yes, `in(flow, "payer", "merchant",)`: yes, `in(flow, "merchant")`: no,
		`link.state == "no_link"`: yes, `in(link.state, "online", "no_dns")`: no, `payer.wallet == "alipay"`: yes,
		`local.weekday == "sat"`: yes, `in(local.weekday, "sat", "sun")`: yes, "local.time == 22*hour + 30*minute + 5*second": yes, "local.time < 1*day": yes,
		`currency == "CNY"`: yes, `currency == "USD"`: no, `in(currency, "USD", "CNY")`: yes, `currency != "USD"`: yes,
		`intent.label == "top_up"`: yes, `intent.label == "purchase"`: no, `in(intent.label, "purchase", "top_up")`: yes,
		"between(local.time, 22*hour, 23*hour)": yes, "between(offline.count, 7, 7)": yes, "between(offline.count, 8, 9)": no, "between(offline.count + 1, offline.streak, 8)": yes,
		"in(offline.count, 5, 6, 7)": yes, "in(offline.count, 5, 6)": no, "in(offline.count + 1, 8)": yes,
		"link.silence == 90*minute": yes, "link.silence / minute == 90": yes, "link.silence / 2 == 45*minute": yes, "2 * link.silence > 2*hour": yes, "link.silence % hour == 30*minute": yes,
		"price.left <= 0*second": yes, "price.left == -5*second": yes,
		"amount == CNY(300.00)": yes, "amount > CNY(300)": no, "amount > CNY(299.99)": yes, "CNY(1_000.00) > amount": yes, "amount / 3 == CNY(100.00)": yes, "amount / CNY(100) == 3": yes,
		"amount - CNY(300) == CNY(0)": yes, "amount * 2 > CNY(599)": yes, "CNY(100) * 3 == amount": yes, "amount + offline.sum == CNY(301.00)": yes,
		"amount > limits.per_sale": yes, "amount + offline.sum > limits.cumulative": yes, "offline.count >= limits.count": yes, "draw < limits.random": yes,
		"link.silence > limits.offline": no, "limits.split_window == 10*minute": yes,

		// Another currency: neither the comparison nor its negation holds, and it does not decide.
		"amount > USD(1)": apart, "amount <= USD(1)": apart, "!(amount > USD(1))": apart, "amount == USD(300.00)": apart, "amount != USD(300.00)": apart,
		"amount > USD(1) || amount > CNY(1)": yes, "amount > USD(1) || amount > CNY(999)": apart, "amount > USD(1) && true": apart, "amount > USD(1) && false": no,
		"between(amount, USD(1), USD(2))": apart, "amount + USD(1) > CNY(1)": apart, "amount > JPY(300)": apart, "(amount > USD(1)) == true": apart,
		"(amount > USD(1)) == (draw > 1)": apart, "(draw > 1) == (amount > USD(1))": apart,

		// What is not known, or has no value, is broken unless the rest decides.
		"payer.count_1d > 3": broken, "!(payer.count_1d > 3)": broken, "payer.verified": broken, "!payer.verified": broken, "payer.count_1d + 1 > 3": broken, "-payer.count_1d > 3": broken,
		"payer.count_1d > 3 || true": yes, "payer.count_1d > 3 && false": no, "payer.count_1d > 3 || false": broken, "payer.count_1d > 3 && true": broken,
		"payer.verified == true": broken, "payer.verified == payer.denied": broken, "payer.denied == payer.verified": broken, "in(payer.count_1d, 1, 2)": broken,
		"known(payer.count_1d)": no, "known(payer.count_1h)": yes, "known(payer.count_1d) && payer.count_1d > 3": no, "known(amount)": yes, "known(intent.label)": yes,
		"offline.count / offline.oldest_n > 1": broken, "payer.sum_1d > USD(1)": apart, "payer.sum_1d > CNY(1)": broken, "payer.sum_1d > USD(1) && payer.verified": apart,
		"payer.sum_1d > USD(1) || payer.verified": broken, "offline.count / (offline.streak - 2) > 1": broken, "offline.count % (offline.streak - 2) > 1": broken,
		"1 / (offline.streak - 2) == 0 || true": yes, "price.width * price.width * price.width > 1": broken, "price.width * price.width * -price.width * 9 < 1": broken,
		"9223372036854775807 + offline.count > 1": broken, "-9223372036854775807 - offline.count > 1": broken, "offline.count * 9223372036854775807 > 1": broken,
		"(-9223372036854775807 - 1 + offline.count - 7) / (offline.streak - 3) > 1": broken, "-(-9223372036854775807 - 1 + offline.count - 7) > 1": broken,
	} {
		src = strings.ReplaceAll(src, "offline.oldest_n", "(offline.count - 7)")
		n, bad := compile(src)
		if bad != nil {
			t.Errorf("%s: %v", src, bad)
		} else if got := n.truth(&f); got != want {
			t.Errorf("%s is %d, want %d (as %s)", src, got, want, n.String())
		}
		again, bad := compile(n.String())
		if bad != nil {
			t.Errorf("%s: its canonical form %s: %v", src, n.String(), bad)
		} else if got := again.truth(&f); got != want {
			t.Errorf("%s: its canonical form %s is %d, want %d", src, n.String(), got, want)
		}
	}
}

// Without a currency nothing about amounts can be said.
func TestConditionsWithoutFacts(t *testing.T) {
	var f facts
	for _, src := range []string{"amount > CNY(1)", "amount > limits.per_sale", `currency == "CNY"`, `flow == "payer"`, `intent.label == "top_up"`, "draw < 5", "payer.denied", "amount + offline.sum > CNY(1)"} {
		if n, bad := compile(src); bad != nil || n.truth(&f) != broken {
			t.Errorf("%s is not broken: %v", src, bad)
		}
	}
	c := Case{Amount: money.Money{Minor: 1, Currency: "USD"}}
	f.load(&c)
	if n, _ := compile("amount > limits.per_sale"); n.truth(&f) != broken {
		t.Error("a currency without a limit is unlimited")
	}
}

// A fact outside of its bounds is a fault of whoever counted, and is not used.
func TestFactsOutOfBounds(t *testing.T) {
	for _, c := range []Case{
		{Draw: Known(10_000)},
		{Draw: Known(-1)},
		{Offline: Offline{Count: Known(-1)}},
		{Local: Local{Weekday: 8}},
		{Link: Link{State: 99}},
		{Payer: Payer{Denied: 7}},
		{Flow: "other"},
		{Intent: Intent{Label: "a sentence about somebody"}},
		{Intent: Intent{Confidence: Known(101)}},
		{Amount: money.Money{Minor: -1}},
		{Amount: money.Money{Currency: "yuan"}},
	} {
		var f facts
		if f.load(&c); f.known != 0 {
			t.Errorf("%+v: mask %b is known", c, f.known)
		}
	}
}

func TestTruthTables(t *testing.T) {
	all := []truth{no, apart, broken, yes}
	src := map[truth]string{no: "payer.denied", apart: "amount > USD(1)", broken: "payer.verified", yes: "payer.first_seen"}
	c := known()
	var f facts
	f.load(&c)
	for _, a := range all {
		for _, b := range all {
			for op, want := range map[string]truth{"&&": min(a, b), "||": max(a, b)} {
				n, bad := compile(fmt.Sprintf("%s %s %s", src[a], op, src[b]))
				if bad != nil {
					t.Fatal(bad)
				}
				if got := n.truth(&f); got != want {
					t.Errorf("%d %s %d is %d, want %d", a, op, b, got, want)
				}
			}
		}
	}
}
