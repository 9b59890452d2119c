package e2e

import (
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// limit is a rule of this shop beside those that are shipped, of which none
// refuses a sale while the provider answers.
const limit = `
[[rule]]
id = "beyond-this-shop"
when = "amount >= CNY(30000.00)"
effect = "refuse"
hard = true
reason = { en = "More than this shop sells", zh = "超出本店单笔上限" }
`

// The sales of a judged till. By the shipped rules the large one waits for a
// manager, and no model may let it go; none has a fault of the provider.
const (
	ordinary = "12.80"
	large    = "6000.80"
	huge     = "30000.80"
)

// latest is when the till has a verdict from a model that does not answer, with
// what a machine full of other tests may take to note the time.
const latest = 600*time.Millisecond + 60*time.Millisecond

// modelNames are how a till calls its two providers of models.
var modelNames = []string{"mistral", "openai"}

// judged makes an installation that judges by the shipped rules and asks models,
// in a shop that is open whenever tests run. crew sets its providers apart from
// those of other tills.
func judged(t testing.TB, o *outside, exe, id, crew string) *till {
	t.Helper()
	text, err := os.ReadFile(o.config)
	if err != nil {
		t.Fatal(err)
	}
	_, models, ok := strings.Cut(string(text), "[models]\n")
	if !ok {
		t.Fatal("the simulator's configuration has no models")
	}
	for _, name := range modelNames {
		models = strings.ReplaceAll(models, "/models/"+name+"/", "/models/"+name+crew+"/")
	}
	d := newTill(t, o, exe, id, func(conf string) string { return conf + "[models]\n" + models })
	shipped, err := exec.Command(exe, "rules", "default").Output()
	if err != nil {
		t.Fatal(err)
	}
	const hours = "6*hour, 23*hour + 30*minute"
	if !strings.Contains(string(shipped), hours) {
		t.Fatal("the shipped rules keep other hours")
	}
	d.setRules(strings.Replace(string(shipped), hours, "0*hour, 24*hour", 1) + limit)
	return d
}

// rules is the till's rule file.
func (d *till) rules() string { return filepath.Join(filepath.Dir(d.config), "rules.toml") }

func (d *till) setRules(text string) {
	d.t.Helper()
	if err := os.WriteFile(d.rules(), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// open opens a till that has to open.
func (d *till) open() *till {
	d.t.Helper()
	if !d.start() {
		d.t.Fatalf("the till did not open:\n%s", d.log)
	}
	return d
}

// sell opens a sale and waits until it has a code, somebody to ask, or an end.
func (d *till) sell(flow sale.Flow, amount string) api.Sale {
	d.t.Helper()
	s, err := d.api.Open(soon(d.t), api.NewSale{Flow: flow, Amount: amount, Currency: "CNY"}, rand.Text(), 5*time.Second)
	if err != nil {
		d.t.Fatalf("a sale of %s: %v\n%s", amount, err, d.log)
	}
	return s
}

// pay has a customer pay what is on the screen, and waits for the money.
func (d *till) pay(o *outside, s api.Sale) api.Sale {
	d.t.Helper()
	if s.QR == nil {
		d.t.Fatalf("%s of %s is %s and shows no code: %+v\n%s", s.ID, s.Amount.Decimal, s.State, s.Reason, d.log)
	}
	o.do(http.MethodPost, "/sim/phone/scan", map[string]string{"code_url": s.QR.Text, "action": "pay"}, nil)
	s, err := rest(d.t.Context(), d, s.ID, nil)
	if err != nil || s.State != "paid" {
		d.t.Fatalf("%s, %v\n%s", s.State, err, d.log)
	}
	return s
}

// verdict is what `qrposd rules explain` says of a sale.
type verdict struct {
	owed, path, model, text string
	took                    time.Duration
	asked                   int
}

var (
	judgedLine = regexp.MustCompile(`was judged at \S+: (.*)`)
	byLine     = regexp.MustCompile(`by +(\w+) in ([0-9.]+) ms, ([0-9]) models asked`)
	modelLine  = regexp.MustCompile(`model +(.*)`)
)

// explain asks for a judgement in the store of a till that does not run.
func (d *till) explain(id sale.ID) verdict {
	d.t.Helper()
	out, err := exec.Command(d.exe, "rules", "explain", "-store", d.store, string(id)).CombinedOutput()
	if err != nil {
		d.t.Fatalf("rules explain %s: %v\n%s", id, err, out)
	}
	v := verdict{text: string(out)}
	owed, by := judgedLine.FindStringSubmatch(v.text), byLine.FindStringSubmatch(v.text)
	if owed == nil || by == nil {
		d.t.Fatalf("nobody can read how %s was judged:\n%s", id, v.text)
	}
	v.owed, v.path = owed[1], by[1]
	ms, err := strconv.ParseFloat(by[2], 64)
	if err != nil {
		d.t.Fatal(err)
	}
	v.took = time.Duration(ms * float64(time.Millisecond))
	v.asked = int(by[3][0] - '0')
	if m := modelLine.FindStringSubmatch(v.text); m != nil {
		v.model = m[1]
	}
	return v
}

// modelCount is what a provider of models saw.
type modelCount struct {
	Name       string `json:"name"`
	Calls      int    `json:"calls"`
	Violations []struct {
		What string `json:"what"`
	} `json:"violations"`
}

// models is what the providers of models saw, by name.
func (o *outside) models() map[string]modelCount {
	o.t.Helper()
	var all struct {
		Providers []modelCount `json:"providers"`
	}
	o.do(http.MethodGet, "/sim/models", nil, &all)
	by := make(map[string]modelCount)
	for _, m := range all.Providers {
		by[m.Name] = m
		for _, v := range m.Violations {
			o.t.Errorf("%s: %s", m.Name, v.What)
		}
	}
	return by
}

// asked counts the questions to the providers of a till.
func (o *outside) asked(crew string) int {
	o.t.Helper()
	n := 0
	for _, name := range modelNames {
		n += o.models()[name+crew].Calls
	}
	return n
}

// made counts the orders that were made, and not only asked about.
func (o *outside) made() (n int) {
	o.t.Helper()
	for _, c := range o.orders() {
		if c.Kind != "" {
			n++
		}
	}
	return n
}

// mode is the switch on the simulator's page.
func (o *outside) mode(mode string) {
	o.t.Helper()
	o.do(http.MethodPost, "/sim/models", map[string]string{"mode": mode}, nil)
}

// script tells the providers of a till how to answer.
func (o *outside) script(crew string, setting map[string]any) {
	o.t.Helper()
	for _, name := range modelNames {
		o.do(http.MethodPost, "/sim/models/"+name+crew, setting, nil)
	}
}

// problem is the refusal in an error, or a refusal of nothing.
func problem(err error) api.Problem {
	if p, ok := errors.AsType[*api.Problem](err); ok {
		return *p
	}
	return api.Problem{}
}
