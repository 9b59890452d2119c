package daemon

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"qrposd/daemon/advisor"
	"qrposd/daemon/llm"
	"qrposd/daemon/sim"
	"qrposd/rules"
	"qrposd/rules/intent"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store/storetest"
)

// stays are the facts of a case that no model hears, each with its reason.
var stays = map[string]string{
	"Draw":           "who knows it knows which sale is picked",
	"Local.Time":     "the hour is told, not the second",
	"Link.Silence":   "the state of the link says it",
	"Payer.Denied":   "it is about one person",
	"Payer.Verified": "nothing of a liveness check leaves the till",
	"Payer.SumSplit": "its span is the shop's secret",
}

// elsewhere are the facts of a question that do not come out of a case.
var elsewhere = map[string]string{
	"Local.Hour": "of Local.Time", "Currency": "of Amount", "Rules": "of the verdict", "Asks": "of the verdict", "Decision": "of the verdict",
	"Price.Low": "for pricing", "Price.High": "for pricing", "Intent.Choices": "for naming an intent",
	"Fault.Status": "for naming a cause", "Fault.Code": "for naming a cause", "Fault.Words": "for naming a cause", "Intent.Basket": "for naming an intent",
}

// leaves are the facts in v by their path.
func leaves(v reflect.Value, path string, found map[string]reflect.Value) map[string]reflect.Value {
	whole := v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[rules.Int]() || v.Type() == reflect.TypeFor[llm.Int]() || v.Type() == reflect.TypeFor[money.Money]()
	if whole {
		found[path] = v
		return found
	}
	for i := range v.NumField() {
		leaves(v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), found)
	}
	return found
}

// fill gives a fact a value.
func fill(t *testing.T, path string, v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[rules.Int]():
		v.Set(reflect.ValueOf(rules.Known(7)))
	case v.Type() == reflect.TypeFor[money.Money]():
		v.Set(reflect.ValueOf(money.Money{Minor: 1280, Currency: "CNY"}))
	case v.Type() == reflect.TypeFor[sale.Flow]():
		v.SetString(string(sale.Payer))
	case v.Kind() == reflect.String:
		v.SetString("purchase")
	case v.Kind() == reflect.Uint8:
		v.SetUint(2)
	default:
		t.Fatalf("%s is of a type that nobody thought of: %s", path, v.Type())
	}
}

// Every fact of a case reaches a model under its own name or stays for a reason,
// and a model hears nothing that has no place here: a field that is added to
// either has to be thought about.
func TestWhatModelsHear(t *testing.T) {
	var nothing rules.Case
	base := factsOf(&nothing, rules.Record{})
	heard := map[string]bool{}
	told := leaves(reflect.ValueOf(&base).Elem(), "", map[string]reflect.Value{})
	for path := range leaves(reflect.ValueOf(&nothing).Elem(), "", map[string]reflect.Value{}) {
		var c rules.Case
		fill(t, path, leaves(reflect.ValueOf(&c).Elem(), "", map[string]reflect.Value{})[path])
		facts := factsOf(&c, rules.Record{})
		var changed []string
		for at, v := range leaves(reflect.ValueOf(&facts).Elem(), "", map[string]reflect.Value{}) {
			if !reflect.DeepEqual(v.Interface(), told[at].Interface()) {
				changed = append(changed, at)
				heard[at] = true
			}
		}
		slices.Sort(changed)
		name := strings.TrimSuffix(path, ".State") // a link is its state
		want := []string{name}
		switch {
		case path == "Amount":
			want = []string{"Amount", "Currency"}
		case path == "Local.Time":
			want = []string{"Local.Hour"}
		case stays[path] != "":
			want = nil
		}
		if !slices.Equal(changed, want) {
			t.Errorf("of %s a model hears %v, want %v", path, changed, want)
		}
		if req, err := llm.Prompt(llm.Reasoning, facts); err != nil || len(req.Input()) == 0 {
			t.Errorf("nobody can ask about %s: %v", path, err)
		}
	}
	for at := range told {
		if !heard[at] && elsewhere[at] == "" {
			t.Errorf("a model could hear %s and the till never says it", at)
		}
	}
}

// A rule with a name that is no label keeps nobody from asking.
func TestARuleWithALongName(t *testing.T) {
	long := "a-rule-of-more-than-thirty-two-letters"
	c := rules.Case{Amount: money.Money{Minor: 1280, Currency: "CNY"}, Intent: rules.Intent{Label: long}}
	req, err := llm.Prompt(llm.Reasoning, factsOf(&c, rules.Record{Fired: []string{long, "limit-1000000", "short"}, Owed: rules.Effects(0).With(rules.Review)}))
	if got := string(req.Input()); err != nil || strings.Contains(got, long) || !strings.Contains(got, `"rules":["short"]`) || !strings.Contains(got, `"asks":["review"]`) {
		t.Errorf("%s, %v", got, err)
	}
}

// rulesOfCourt have all that the properties are about: hard and soft, for
// tightening, relaxing, and closed to models.
const rulesOfCourt = `
[[rule]]
id = "huge"
when = "amount >= CNY(9000.00)"
effect = "refuse"
hard = true
reason = { en = "huge", zh = "巨额" }
[[rule]]
id = "large"
when = "amount >= CNY(5000.00)"
effect = "approve"
hard = true
reason = { en = "large", zh = "大额" }
[[rule]]
id = "notable"
when = "amount >= CNY(500.00)"
effect = "confirm"
model = "relax"
reason = { en = "notable", zh = "较大" }
[[rule]]
id = "odd"
when = "amount < CNY(10.00)"
effect = "approve"
model = "ignore"
reason = { en = "odd", zh = "异常" }
`

// newCourt opens a judge over a store and one provider, of a region.
func newCourt(t testing.TB, handler http.Handler, region string, mainland bool) *judge {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := Config{Rules: Rules{File: file("rules.toml", rulesOfCourt), Mainland: mainland}}
	c.Models = llm.Models{
		Region:    "home",
		Providers: []llm.Provider{{Name: "p", BaseURL: server.URL + "/models/p/v1", KeyFile: file("key", "sk-0123456789"), Region: region}},
		Tasks:     llm.Tasks{Reasoning: []llm.Choice{{Provider: "p", Model: "m"}}},
	}
	j, err := openJudge(c, storetest.MustOpen(t), &vitals{}, defaultIntents(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Advisor.Close(); j.models.Close() })
	return j
}

func newSale(t testing.TB, j *judge, minor int64) sale.Sale {
	t.Helper()
	n := sale.New{Flow: sale.Merchant, Amount: money.Money{Minor: minor, Currency: "CNY"}, Description: "tea", Operator: "Li"}
	s, _, err := j.store.Begin(t.Context(), n, "session", sale.Once{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Sales of the mainland are told to nobody outside of their region, others to
// anybody.
func TestSalesStayInTheirRegion(t *testing.T) {
	for _, c := range []struct {
		region   string
		mainland bool
		path     advisor.Path
	}{{"home", true, advisor.ByModel}, {"abroad", true, advisor.ByRules}, {"", true, advisor.ByRules}, {"abroad", false, advisor.ByModel}, {"", false, advisor.ByModel}} {
		models := &sim.Models{}
		calls := 0
		j := newCourt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { calls++; models.ServeHTTP(w, r) }), c.region, c.mainland)
		ev := j.Judge(t.Context(), newSale(t, j, 1280))
		if ev.Judgement.By != string(c.path) || (calls > 0) != (c.path == advisor.ByModel) {
			t.Errorf("region %q, mainland %v: judged by %s after %d calls", c.region, c.mainland, ev.Judgement.By, calls)
		}
	}
}

// What the journal keeps of a judgement is the judgement: it reads back whole, and
// the same rules on the same facts say the same again.
func TestAJudgementReadsBack(t *testing.T) {
	j := newCourt(t, &sim.Models{}, "home", true)
	for _, minor := range []int64{1280, 60000, 500000, 900000} {
		s := newSale(t, j, minor)
		ev := j.Judge(t.Context(), s)
		var rec Judgement
		if err := json.Unmarshal(ev.Judgement.Record, &rec); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(rec); err != nil || string(again) != string(ev.Judgement.Record) {
			t.Errorf("%v\n%s\nreads back as\n%s", err, ev.Judgement.Record, again)
		}
		v := j.Rules().Decide(&rec.Case)
		now, err := json.Marshal(j.Rules().Record(v))
		if then, _ := json.Marshal(rec.Rules); err != nil || string(now) != string(then) || rec.Case.Amount != s.Amount {
			t.Errorf("%s was recorded, %s is decided", then, now)
		}
		if strings.Contains(string(ev.Judgement.Record), string(s.ID)) || strings.Contains(string(ev.Judgement.Record), "Li") {
			t.Errorf("the record names somebody: %s", ev.Judgement.Record)
		}
	}
}

func defaultIntents(t testing.TB) *intent.Classifier {
	t.Helper()
	c, err := openIntents("")
	if err != nil {
		t.Fatal(err)
	}
	return c
}
