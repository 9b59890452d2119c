// Package peers measures the rule engine beside the expression engines that it
// is instead of. It is a module of its own: what it needs is in no till.
package peers

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"qrposd/rules"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// facts is a sale as hand-written code would have it.
//
// budget: flat, because the engines compared are given flat names
type facts struct {
	Amount, OfflineSum, OfflineCount, Streak, Silence, Oldest, Draw, Time  int64
	Count1m, Count10m, Count1h, Count1d, Sum1h, Sum1d, SumSplit, Declines  int64
	TillCount1m, TillDeclines, Sales, Voids, OwnRefunds, Tiny, Width, Left int64
	Confidence                                                             int64
	Currency, Flow, State, Wallet, Label                                   string
	FirstSeen, Denied, Cross                                               bool
}

// thirty are the rules, in the notation of the rule file and by hand.
var thirty = []struct {
	when string
	hand func(*facts) bool
}{
	{`link.state != "online" && amount > CNY(200.00)`, func(f *facts) bool { return f.State != "online" && f.Currency == "CNY" && f.Amount > 20000 }},
	{`link.state != "online" && offline.sum + amount > CNY(2000.00)`, func(f *facts) bool {
		return f.State != "online" && f.Currency == "CNY" && f.OfflineSum+f.Amount > 200000
	}},
	{`link.state != "online" && offline.count >= 40`, func(f *facts) bool { return f.State != "online" && f.OfflineCount >= 40 }},
	{`link.state != "online" && link.silence > 4*hour`, func(f *facts) bool { return f.State != "online" && f.Silence > 14400 }},
	{`link.state != "online" && offline.streak >= 10`, func(f *facts) bool { return f.State != "online" && f.Streak >= 10 }},
	{`link.state != "online" && draw < 100`, func(f *facts) bool { return f.State != "online" && f.Draw < 100 }},
	{`offline.count > 0 && offline.oldest > 1*day`, func(f *facts) bool { return f.OfflineCount > 0 && f.Oldest > 86400 }},
	{`link.state == "clock_untrusted"`, func(f *facts) bool { return f.State == "clock_untrusted" }},
	{`flow == "payer" && payer.denied`, func(f *facts) bool { return f.Flow == "payer" && f.Denied }},
	{`flow == "payer" && amount < CNY(1000.00) && payer.sum_split + amount >= CNY(1000.00)`, func(f *facts) bool {
		return f.Flow == "payer" && f.Currency == "CNY" && f.Amount < 100000 && f.SumSplit+f.Amount >= 100000
	}},
	{`flow == "payer" && payer.count_1m >= 3`, func(f *facts) bool { return f.Flow == "payer" && f.Count1m >= 3 }},
	{`flow == "payer" && payer.count_1h >= 10`, func(f *facts) bool { return f.Flow == "payer" && f.Count1h >= 10 }},
	{`payer.count_10m >= 6 || payer.count_1d >= 30`, func(f *facts) bool { return f.Count10m >= 6 || f.Count1d >= 30 }},
	{`payer.sum_1d + amount > CNY(10000.00)`, func(f *facts) bool { return f.Currency == "CNY" && f.Sum1d+f.Amount > 1000000 }},
	{`payer.declines >= 3 && !payer.first_seen`, func(f *facts) bool { return f.Declines >= 3 && !f.FirstSeen }},
	{`payer.first_seen && amount > CNY(2000.00)`, func(f *facts) bool { return f.FirstSeen && f.Currency == "CNY" && f.Amount > 200000 }},
	{`payer.wallet == "other"`, func(f *facts) bool { return f.Wallet == "other" }},
	{`amount >= CNY(5000.00)`, func(f *facts) bool { return f.Currency == "CNY" && f.Amount >= 500000 }},
	{`amount >= CNY(20000.00) || payer.sum_1h > CNY(8000.00)`, func(f *facts) bool {
		return f.Currency == "CNY" && f.Amount >= 2000000 || f.Currency == "CNY" && f.Sum1h > 800000
	}},
	{`price.cross && price.left <= 0*second`, func(f *facts) bool { return f.Cross && f.Left <= 0 }},
	{`price.cross && (price.width > 100 || intent.confidence < 90)`, func(f *facts) bool { return f.Cross && (f.Width > 100 || f.Confidence < 90) }},
	{`price.cross && price.width > 500`, func(f *facts) bool { return f.Cross && f.Width > 500 }},
	{`local.time < 6*hour || local.time > 23*hour`, func(f *facts) bool { return f.Time < 21600 || f.Time > 82800 }},
	{`till.count_1m >= 20`, func(f *facts) bool { return f.TillCount1m >= 20 }},
	{`till.declines >= 10`, func(f *facts) bool { return f.TillDeclines >= 10 }},
	{`operator.voids >= 3 && operator.voids * 100 > operator.sales * 3`, func(f *facts) bool { return f.Voids >= 3 && f.Voids*100 > f.Sales*3 }},
	{`operator.own_refunds >= 3`, func(f *facts) bool { return f.OwnRefunds >= 3 }},
	{`operator.tiny_sales > 2`, func(f *facts) bool { return f.Tiny > 2 }},
	{`in(intent.label, "gift_card", "top_up") && amount > CNY(500.00)`, func(f *facts) bool {
		return (f.Label == "gift_card" || f.Label == "top_up") && f.Currency == "CNY" && f.Amount > 50000
	}},
	{`intent.label == "unclear" || intent.confidence < 40`, func(f *facts) bool { return f.Label == "unclear" || f.Confidence < 40 }},
}

// ours is a sale as the rules have it.
func (f *facts) ours() rules.Case {
	k := rules.Known
	c := rules.Case{Amount: money.Money{Minor: f.Amount, Currency: money.Currency(f.Currency)}, Flow: sale.Flow(f.Flow), Draw: k(f.Draw)}
	c.Local = rules.Local{Time: k(f.Time), Weekday: rules.Friday}
	c.Link = rules.Link{State: rules.Online, Silence: k(f.Silence)}
	if f.State != "online" {
		c.Link.State = rules.NoLink
	}
	c.Offline = rules.Offline{Sum: k(f.OfflineSum), Count: k(f.OfflineCount), Oldest: k(f.Oldest), Streak: k(f.Streak)}
	c.Payer = rules.Payer{
		Wallet: rules.WeChat, FirstSeen: rules.FlagOf(f.FirstSeen), Denied: rules.FlagOf(f.Denied), Verified: rules.No,
		Count1m: k(f.Count1m), Count10m: k(f.Count10m), Count1h: k(f.Count1h), Count1d: k(f.Count1d),
		Sum10m: k(0), Sum1h: k(f.Sum1h), Sum1d: k(f.Sum1d), SumSplit: k(f.SumSplit), Declines: k(f.Declines),
	}
	c.Till = rules.Till{Count1m: k(f.TillCount1m), Count1h: k(0), Sum1h: k(0), Sum1d: k(0), Declines: k(f.TillDeclines)}
	c.Operator = rules.Operator{Sales: k(f.Sales), Voids: k(f.Voids), Refunds: k(0), OwnRefunds: k(f.OwnRefunds), TinySales: k(f.Tiny), Count10m: k(0)}
	c.Price = rules.Price{Cross: rules.FlagOf(f.Cross), Width: k(f.Width), Left: k(f.Left), Confidence: k(0)}
	c.Intent = rules.Intent{Label: f.Label, Confidence: k(f.Confidence)}
	return c
}

// theirs is a sale as expr and CEL have it.
func (f *facts) theirs() map[string]any {
	return map[string]any{
		"amount": f.Amount, "currency": f.Currency, "flow": f.Flow, "draw": f.Draw, "local_time": f.Time, "link_state": f.State, "link_silence": f.Silence,
		"offline_sum": f.OfflineSum, "offline_count": f.OfflineCount, "offline_oldest": f.Oldest, "offline_streak": f.Streak, "payer_wallet": f.Wallet,
		"payer_first_seen": f.FirstSeen, "payer_denied": f.Denied, "payer_count_1m": f.Count1m, "payer_count_10m": f.Count10m, "payer_count_1h": f.Count1h,
		"payer_count_1d": f.Count1d, "payer_sum_1h": f.Sum1h, "payer_sum_1d": f.Sum1d, "payer_sum_split": f.SumSplit, "payer_declines": f.Declines,
		"till_count_1m": f.TillCount1m, "till_declines": f.TillDeclines, "operator_sales": f.Sales, "operator_voids": f.Voids, "operator_own_refunds": f.OwnRefunds,
		"operator_tiny_sales": f.Tiny, "price_cross": f.Cross, "price_width": f.Width, "price_left": f.Left, "intent_label": f.Label, "intent_confidence": f.Confidence,
	}
}

var (
	cny  = regexp.MustCompile(`((?:[a-z_.0-9]+ \+ )?[a-z_.0-9]+) (>=|<=|>|<) CNY\((\d+)\.(\d\d)\)`)
	in   = regexp.MustCompile(`in\(([a-z._]+), ([^)]*)\)`)
	unit = strings.NewReplacer("*second", "*1", "*hour", "*3600", "*day", "*86400")
	dots = regexp.MustCompile(`([a-z])\.([a-z])`)
)

// translate writes a rule in what expr and CEL have in common.
func translate(when string) string {
	when = cny.ReplaceAllString(when, `(currency == "CNY" && $1 $2 $3$4)`)
	when = in.ReplaceAllString(when, `($1 in [$2])`)
	return unit.Replace(dots.ReplaceAllString(when, "${1}_$2"))
}

func load(tb testing.TB) *rules.Set {
	text := "labels = [\"gift_card\", \"top_up\", \"unclear\"]\n"
	for i, r := range thirty {
		text += fmt.Sprintf("[[rule]]\nid = \"r%02d\"\nwhen = '%s'\neffect = \"review\"\nreason = { en = \"x\", zh = \"x\" }\n", i, r.when)
	}
	s, err := rules.Load("thirty", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func exprs(tb testing.TB, env any) []*vm.Program {
	var list []*vm.Program
	for _, r := range thirty {
		p, err := expr.Compile(translate(r.when), expr.Env(env), expr.AsBool())
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func cels(tb testing.TB) []cel.Program {
	var vars []cel.EnvOption
	for name, v := range (&facts{}).theirs() {
		kind := map[string]*cel.Type{"int64": cel.IntType, "string": cel.StringType, "bool": cel.BoolType}[fmt.Sprintf("%T", v)]
		vars = append(vars, cel.Variable(name, kind))
	}
	env, err := cel.NewEnv(vars...)
	if err != nil {
		tb.Fatal(err)
	}
	var list []cel.Program
	for _, r := range thirty {
		ast, iss := env.Compile(translate(r.when))
		if iss.Err() != nil {
			tb.Fatal(iss.Err())
		}
		p, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func samples() []facts {
	quiet := facts{
		Amount: 2800, Currency: "CNY", Flow: "payer", State: "online", Wallet: "wechat", Label: "purchase", Confidence: 95, Time: 54000, Draw: 5000, Silence: 2,
		Sales: 40, Left: 300, Count1h: 1,
	}
	loud := facts{
		Amount: 2100000, Currency: "CNY", Flow: "payer", State: "no_link", Wallet: "wechat", Label: "gift_card", Confidence: 20, Time: 3600, Draw: 5, Silence: 20000,
		OfflineSum: 9, OfflineCount: 50, Oldest: 90000, Streak: 12, Count1m: 5, Count10m: 7, Count1h: 12, Count1d: 50, Sum1h: 900000, Sum1d: 900000, SumSplit: 5,
		Declines: 4, TillCount1m: 30, TillDeclines: 12, Sales: 40, Voids: 5, OwnRefunds: 4, Tiny: 4, Width: 600, Left: -5, Denied: true, Cross: true,
	}
	dollars := quiet
	dollars.Currency, dollars.Cross, dollars.FirstSeen, dollars.Width = "USD", true, true, 200
	mixed := loud
	mixed.State, mixed.Amount, mixed.SumSplit, mixed.Cross = "online", 60000, 50000, false
	return []facts{quiet, loud, dollars, mixed}
}

// All of them say the same, or the figures compare nothing.
func TestSame(t *testing.T) {
	s, e, c, st := load(t), exprs(t, (&facts{}).theirs()), cels(t), structs(t)
	for _, f := range samples() {
		ours, theirs := f.ours(), f.theirs()
		v := s.Decide(&ours)
		for i := range thirty {
			want := thirty[i].hand(&f)
			got, err := expr.Run(e[i], theirs)
			if err != nil || got != want {
				t.Errorf("expr: %s is %v, want %v %v", thirty[i].when, got, want, err)
			}
			if got, err := expr.Run(st[i], f); err != nil || got != want {
				t.Errorf("expr over a struct: %s is %v, want %v %v", thirty[i].when, got, want, err)
			}
			val, _, err := c[i].Eval(theirs)
			if err != nil || val.Value() != want {
				t.Errorf("CEL: %s is %v, want %v %v", thirty[i].when, val, want, err)
			}
			if v.Fired.Has(i) != want || v.Broken.Has(i) {
				t.Errorf("rules: %s is %v, want %v", thirty[i].when, v.Fired.Has(i), want)
			}
		}
	}
}

func BenchmarkHand(b *testing.B) {
	list := samples()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		mask := uint64(0)
		for j := range thirty {
			if thirty[j].hand(&list[i%4]) {
				mask |= 1 << j
			}
		}
		if mask>>len(thirty) != 0 {
			b.Fatal("a bit of no rule")
		}
	}
}

// BenchmarkRules includes what the others do not do: the case is flattened, checked and hashed.
func BenchmarkRules(b *testing.B) {
	s := load(b)
	var list []rules.Case
	for _, f := range samples() {
		list = append(list, f.ours())
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if v := s.Decide(&list[i%4]); v.Fired[0]>>len(thirty) != 0 {
			b.Fatal("a bit of no rule")
		}
	}
}

func BenchmarkExprMap(b *testing.B) {
	programs := exprs(b, (&facts{}).theirs())
	var list []any
	for _, f := range samples() {
		list = append(list, f.theirs())
	}
	benchmarkExpr(b, programs, list)
}

// structs are the programs over the struct itself, under its own names.
func structs(tb testing.TB) []*vm.Program {
	names := map[string]string{}
	for _, pair := range strings.Fields(fields) {
		theirs, ours, _ := strings.Cut(pair, "=")
		names[theirs] = ours
	}
	word := regexp.MustCompile(`[a-z_][a-z_0-9]*`)
	var programs []*vm.Program
	for _, r := range thirty {
		src := word.ReplaceAllStringFunc(translate(r.when), func(w string) string {
			if n, ok := names[w]; ok {
				return n
			}
			return w
		})
		p, err := expr.Compile(src, expr.Env(facts{}), expr.AsBool())
		if err != nil {
			tb.Fatal(err)
		}
		programs = append(programs, p)
	}
	return programs
}

func BenchmarkExprStruct(b *testing.B) {
	var list []any
	for _, f := range samples() {
		list = append(list, f)
	}
	benchmarkExpr(b, structs(b), list)
}

const fields = `amount=Amount currency=Currency flow=Flow draw=Draw local_time=Time link_state=State link_silence=Silence offline_sum=OfflineSum offline_count=OfflineCount
offline_oldest=Oldest offline_streak=Streak payer_wallet=Wallet payer_first_seen=FirstSeen payer_denied=Denied payer_count_1m=Count1m payer_count_10m=Count10m
payer_count_1h=Count1h payer_count_1d=Count1d payer_sum_1h=Sum1h payer_sum_1d=Sum1d payer_sum_split=SumSplit payer_declines=Declines till_count_1m=TillCount1m
till_declines=TillDeclines operator_sales=Sales operator_voids=Voids operator_own_refunds=OwnRefunds operator_tiny_sales=Tiny price_cross=Cross price_width=Width
price_left=Left intent_label=Label intent_confidence=Confidence`

func benchmarkExpr(b *testing.B, programs []*vm.Program, list []any) {
	machine := vm.VM{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		mask := uint64(0)
		for j, p := range programs {
			v, err := machine.Run(p, list[i%4])
			if err != nil {
				b.Fatal(err)
			}
			if v.(bool) {
				mask |= 1 << j
			}
		}
		if mask>>len(thirty) != 0 {
			b.Fatal("a bit of no rule")
		}
	}
}

func BenchmarkCEL(b *testing.B) {
	programs := cels(b)
	var list []map[string]any
	for _, f := range samples() {
		list = append(list, f.theirs())
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		mask := uint64(0)
		for j, p := range programs {
			v, _, err := p.Eval(list[i%4])
			if err != nil {
				b.Fatal(err)
			}
			if v.Value() == true {
				mask |= 1 << j
			}
		}
		if mask>>len(thirty) != 0 {
			b.Fatal("a bit of no rule")
		}
	}
}
