package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// allowed is every field that may reach a model, with its type and the name it has
// there. A new one is a decision that somebody has to take here as well.
const allowed = `
Amount llm.Int amount
Currency money.Currency currency
Flow sale.Flow flow
Local.Hour llm.Int local.hour
Local.Weekday llm.Weekday local.weekday
Link llm.Link link.state
Offline.Sum llm.Int offline.sum
Offline.Count llm.Int offline.count
Offline.Oldest llm.Int offline.oldest
Offline.Streak llm.Int offline.streak
Payer.Wallet llm.Wallet payer.wallet
Payer.FirstSeen llm.Flag payer.first_seen
Payer.Count1m llm.Int payer.count_1m
Payer.Count10m llm.Int payer.count_10m
Payer.Count1h llm.Int payer.count_1h
Payer.Count1d llm.Int payer.count_1d
Payer.Sum10m llm.Int payer.sum_10m
Payer.Sum1h llm.Int payer.sum_1h
Payer.Sum1d llm.Int payer.sum_1d
Payer.Declines llm.Int payer.declines
Till.Count1m llm.Int till.count_1m
Till.Count1h llm.Int till.count_1h
Till.Sum1h llm.Int till.sum_1h
Till.Sum1d llm.Int till.sum_1d
Till.Declines llm.Int till.declines
Operator.Sales llm.Int operator.sales
Operator.Voids llm.Int operator.voids
Operator.Refunds llm.Int operator.refunds
Operator.OwnRefunds llm.Int operator.own_refunds
Operator.TinySales llm.Int operator.tiny_sales
Operator.Count10m llm.Int operator.count_10m
Price.Cross llm.Flag price.cross
Price.Low llm.Int price.low
Price.High llm.Int price.high
Price.Width llm.Int price.width
Price.Left llm.Int price.left
Price.Confidence llm.Int price.confidence
Intent.Label llm.Label intent.label
Intent.Confidence llm.Int intent.confidence
Intent.Basket []llm.Label basket
Intent.Choices []llm.Label choices
Fault.Status llm.Int fault.status
Fault.Code llm.Label fault.code
Fault.Words []llm.FaultWord fault.words
Rules []llm.Label rules
Asks []llm.Verdict asks
Decision llm.Verdict decision
`

// closed are the types of the fields: numbers, words of closed lists, and labels
// of the shop's own files. Each has a value that can be sent.
var closed = map[reflect.Type]any{
	reflect.TypeFor[Int]():            Known(7),
	reflect.TypeFor[money.Currency](): money.Currency("CNY"),
	reflect.TypeFor[sale.Flow]():      sale.Payer,
	reflect.TypeFor[Weekday]():        Weekday("sun"),
	reflect.TypeFor[Link]():           Link("no_dns"),
	reflect.TypeFor[Wallet]():         Wallet("alipay"),
	reflect.TypeFor[Flag]():           Yes,
	reflect.TypeFor[Label]():          Label("some-label"),
	reflect.TypeFor[[]Label]():        []Label{"some-label"},
	reflect.TypeFor[[]FaultWord]():    []FaultWord{"risk"},
	reflect.TypeFor[Verdict]():        Refuse,
	reflect.TypeFor[[]Verdict]():      []Verdict{Refuse},
}

// leaves calls visit with every field of v that holds a value.
func leaves(t *testing.T, v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	if _, ok := closed[v.Type()]; ok {
		visit(path, v)
		return
	}
	if v.Kind() != reflect.Struct {
		t.Fatalf("%s is a %s: no text, map, pointer or interface may be among the facts", path, v.Type())
	}
	for i := range v.NumField() {
		leaves(t, v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), visit)
	}
}

// Each field is sent under its name and no other, and there are no other fields.
func TestFactsAreClosed(t *testing.T) {
	var got []string
	leaves(t, reflect.ValueOf(Facts{}), "", func(path string, _ reflect.Value) {
		var f Facts
		at := reflect.ValueOf(&f).Elem()
		for name := range strings.SplitSeq(path, ".") {
			at = at.FieldByName(name)
		}
		at.Set(reflect.ValueOf(closed[at.Type()]))
		b, sent, err := f.encode()
		var out map[string]any
		if err != nil || json.Unmarshal(b, &out) != nil || len(out) != 1 || len(sent) != 1 || out[sent[0]] == nil {
			t.Errorf("%s alone is sent as %s (%q), %v", path, b, sent, err)
			return
		}
		got = append(got, fmt.Sprintf("%s %s %s", path, at.Type(), sent[0]))
	})
	if want := strings.Split(strings.TrimSpace(allowed), "\n"); !slices.Equal(got, want) {
		t.Errorf("the fields are\n%s\nbut these are allowed\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(factNames()) != len(got) {
		t.Errorf("%d facts can be cited, %d fields are there", len(factNames()), len(got))
	}
}

// What could hold something about a person does not get through any field, though
// its type would take it.
func TestFactsRefuse(t *testing.T) {
	for _, s := range []string{
		"134567890123456789",                       // a payer's code
		"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",             // an openid
		"13812345678",                              // a telephone number
		"t13812345678",                             // one in disguise
		"zhang san", "张三", "Zhang", "a@b.c", "a.b", // names, addresses
		"4200001234202611251234567890", // a transaction
		"e3b0c44298fc1c149afbf4c8996fb924",
		"a\",\"x\":\"b", "a\nb", "-a", "_a", "1a", "",
		strings.Repeat("a", 33),
	} {
		hostile := map[string]Facts{
			"currency": {Currency: money.Currency(s)}, "flow": {Flow: sale.Flow(s)}, "weekday": {Local: Local{Weekday: Weekday(s)}},
			"link": {Link: Link(s)}, "wallet": {Payer: Payer{Wallet: Wallet(s)}}, "first seen": {Payer: Payer{FirstSeen: Flag(s)}},
			"cross": {Price: Price{Cross: Flag(s)}}, "label": {Intent: Purpose{Label: Label(s)}}, "basket": {Intent: Purpose{Basket: []Label{Label(s)}}}, "choices": {Intent: Purpose{Choices: []Label{Label(s)}}},
			"fault": {Fault: Fault{Code: Label(s)}}, "words": {Fault: Fault{Words: []FaultWord{"risk", FaultWord(s)}}}, "rules": {Rules: []Label{Label(s)}}, "asks": {Asks: []Verdict{Verdict(s)}}, "decision": {Decision: Verdict(s)},
		}
		for where, f := range hostile {
			f.Amount = Known(100)
			r, err := Prompt(Reasoning, f)
			if s == "" && err == nil && string(r.Input()) == `{"amount":100}` {
				continue // nothing was filled in
			}
			if err == nil {
				t.Errorf("%s lets %q through: %s", where, s, r.Input())
			}
		}
	}
	for _, n := range []int64{134567890123456789, -134567890123456789, maxInt + 1} {
		if r, err := Prompt(Reasoning, Facts{Amount: Known(n)}); err == nil {
			t.Errorf("%d gets through: %s", n, r.Input())
		}
	}
	if _, err := Prompt(Reasoning, Facts{Amount: Known(maxInt), Rules: []Label{"floor-100000", "a", "x_1"}}); err != nil {
		t.Errorf("an amount and the names of rules do not get through: %v", err)
	}
}

// The same facts are the same bytes, and sets have no order.
func TestFactsAreCanonical(t *testing.T) {
	const want = `{"currency":"CNY","local.weekday":"tue","local.hour":14,"link.state":"online","flow":"payer","amount":128000,"payer.wallet":"wechat",` +
		`"payer.first_seen":"no","payer.count_1h":3,"payer.sum_1h":250000,"rules":["fast-payer","large-sale"],"asks":["confirm"]}`
	f := testFacts()
	for range 50 {
		slices.Reverse(f.Rules)
		f.Rules = append(f.Rules[:2:2], f.Rules[0])
		r, err := Prompt(Reasoning, f)
		if err != nil || string(r.Input()) != want {
			t.Fatalf("%s, %v\nwant %s", r.Input(), err, want)
		}
		f.Rules = f.Rules[:2]
	}
}

// What does not change comes first, in the same bytes for every sale.
func TestPromptPrefix(t *testing.T) {
	e := &endpoint{dialect: spoken[OpenAI], Provider: Provider{Dialect: OpenAI}.over(dialects[OpenAI])}
	body := func(f Facts) []byte {
		r, err := Prompt(Reasoning, f)
		if err != nil {
			t.Fatal(err)
		}
		return e.dialect.body(e, "m", r)
	}
	one, other := testFacts(), testFacts()
	other.Amount, other.Rules = Known(1), nil
	a, b := body(one), body(other)
	same := 0
	for same < len(a) && a[same] == b[same] {
		same++
	}
	if system := len(object(member{"x", text(forms[Reasoning].system)})); same < system {
		t.Errorf("the first %d bytes are the same, the system prompt alone has %d", same, system)
	}
	if !bytes.Equal(a, body(testFacts())) {
		t.Error("the same facts give another body")
	}
}

// Schemas keep to what every strict provider takes.
func TestSchemaIsPortable(t *testing.T) {
	keys := []string{"type", "properties", "required", "additionalProperties", "items", "enum"}
	var walk func(at string, s map[string]any)
	walk = func(at string, s map[string]any) {
		for k := range s {
			if !slices.Contains(keys, k) {
				t.Errorf("%s has %s", at, k)
			}
		}
		if props, ok := s["properties"].(map[string]any); ok {
			if s["additionalProperties"] != false || len(s["required"].([]any)) != len(props) {
				t.Errorf("%s leaves members open", at)
			}
			for name, p := range props {
				walk(at+"."+name, p.(map[string]any))
			}
		} else if items, ok := s["items"].(map[string]any); ok {
			walk(at+"[]", items)
		} else if len(s["enum"].([]any)) < 2 {
			t.Errorf("%s is not enumerated", at)
		}
	}
	f := testFacts()
	f.Intent.Choices = []Label{"tea", "rice", "tea"}
	for task := range forms {
		r, err := Prompt(task, f)
		if err != nil {
			t.Fatal(err)
		}
		var s map[string]any
		if err := json.Unmarshal(r.schema, &s); err != nil {
			t.Fatal(err)
		}
		walk(string(task), s)
		if r.Task() != task {
			t.Errorf("%s became %s", task, r.Task())
		}
	}
}

func TestPromptRefuses(t *testing.T) {
	for name, ask := range map[string]func() (Request, error){
		"no facts":  func() (Request, error) { return Prompt(Reasoning, Facts{}) },
		"no task":   func() (Request, error) { return Prompt("poetry", testFacts()) },
		"no labels": func() (Request, error) { return Prompt(Intent, testFacts()) },
	} {
		if r, err := ask(); err == nil || r.task != "" {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
	}
}
