package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"qrposd/daemon/advisor"
	"qrposd/daemon/sim"
	"qrposd/rules"
	"qrposd/rules/sale"
)

// parrot is a provider of models that says what it is told to.
type parrot struct{ says atomic.Value }

func (p *parrot) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	text, _ := p.says.Load().(string)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"model": "m", "choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": text}}},
	})
}

// fresh gives a judge an advisor that has not been told nonsense yet and asks the
// same model again.
func (j *judge) fresh() {
	m := &model{j.models, j.models.Choices("reasoning")[0], "reasoning", true}
	j.Advisor = advisor.New(j.Rules(), []advisor.Model{m}, nil, advisor.Limits{}, slog.New(slog.DiscardHandler))
}

// hold holds the judgement of a sale against what the rules say alone: what is
// firm stays, what a model may not touch is untouched, and a judgement is all that
// happens to the sale.
func hold(t interface{ Fatalf(string, ...any) }, j *judge, s sale.Sale, said string) (asked bool) {
	ev := j.Judge(context.Background(), s)
	var rec Judgement
	if err := json.Unmarshal(ev.Judgement.Record, &rec); err != nil {
		t.Fatalf("%v", err)
	}
	alone := j.Rules().Decide(&rec.Case)
	owed := rec.Final.Owed
	if owed&alone.Firm != alone.Firm || alone.Hard != rec.Final.Hard || rec.Final.Set != alone.Set.String() || rec.Case.Amount != s.Amount {
		t.Fatalf("%s: the rules ask for %v, of it firm %v; after %q it is %v", s.Amount, alone.Owed, alone.Firm, said, owed)
	}
	if given := alone.Owed &^ owed; given != 0 && (rec.Path != advisor.ByModel || !owed.Has(rules.Review)) {
		t.Fatalf("%s: %v was let go by %s without a review, after %q", s.Amount, given, rec.Path, said)
	}
	if (alone.Settled || alone.Firm.Has(rules.Refuse)) && (rec.Asked > 0 || owed != alone.Owed) {
		t.Fatalf("%s: a model had a say where none has: %q", s.Amount, said)
	}
	if rec.Path != advisor.ByModel && owed != alone.Owed {
		t.Fatalf("%s: %v became %v without a model, after %q", s.Amount, alone.Owed, owed, said)
	}
	after, err := s.Apply(ev)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if after.Amount != s.Amount || len(after.Attempts) > 0 || ev.Kind != sale.Assessed || ev.TransactionID != "" || ev.Amount != (sale.Event{}).Amount {
		t.Fatalf("%s: after %q it is %s of %s by %+v", s.Amount, said, after.State, after.Amount, ev)
	}
	switch after.State {
	case sale.Opened, sale.Judged, sale.AwaitingConfirmation, sale.AwaitingApproval, sale.Declined:
	default:
		t.Fatalf("%s: a judgement made it %s", s.Amount, after.State)
	}
	if alone.Hard.Has(rules.Approve) && after.State != sale.AwaitingApproval && after.State != sale.AwaitingConfirmation && after.State != sale.Declined {
		t.Fatalf("%s: nobody has to approve after %q", s.Amount, said)
	}
	return rec.Path == advisor.ByModel
}

// amounts are sales under each of the rules of the court, and under none.
var amounts = []int64{800, 1280, 60000, 500000, 900000}

// An answer that somebody talked a model into, as it stands and put into a good
// one, never loosens what is hard, changes no amount and settles nothing.
func TestInjectedAnswers(t *testing.T) {
	p := &parrot{}
	j := newCourt(t, p, "home", true)
	for _, minor := range amounts {
		s := newSale(t, j, minor)
		for _, said := range sim.Injections() {
			for _, text := range []string{said, merged(t, said), said + merged(t, said), "```json\n" + merged(t, said) + "\n```"} {
				p.says.Store(text)
				j.fresh()
				hold(t, j, s, text)
			}
		}
	}
}

// merged is a good answer with the members of another one in it.
func merged(t testing.TB, said string) string {
	answer := map[string]any{"verdict": "allow", "risk": 0, "cites": []string{"amount"}}
	var more map[string]any
	if json.Unmarshal([]byte(said), &more) == nil {
		for k, v := range more {
			answer[k] = v
		}
	}
	b, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The same of answers that nobody has thought of. Many of them are in good form:
// the property is not about nonsense alone.
func TestGeneratedAnswers(t *testing.T) {
	p := &parrot{}
	j := newCourt(t, p, "home", true)
	var sales []sale.Sale
	for _, minor := range amounts {
		sales = append(sales, newSale(t, j, minor))
	}
	heard, all := 0, 0
	word := rapid.SampledFrom([]string{`"allow"`, `"review"`, `"confirm"`, `"verify"`, `"approve"`, `"refuse"`, `"paid"`, `"APPROVE"`, `"approve, paid"`, `null`, `true`, `["allow"]`})
	level := rapid.SampledFrom([]string{"0", "1", "2", "3", "5", "7", "9", "10", "0", "5", "11", "-1", "0.5", "1e1", `"3"`, "99999999999999999999"})
	cites := rapid.SampledFrom([]string{`["amount"]`, `["amount","flow"]`, `["flow"]`, `["amount"]`, `["currency"]`, `["amount"]`, `[]`, `["paid"]`, `null`, `["amount",null]`})
	more := rapid.SampledFrom([]string{"", "", "", "", "", "", "", "", `,"amount":1`, `,"currency":"USD"`, `,"paid":true`, `,"verdict":"allow"`, `,"state":"paid"`})
	rapid.Check(t, func(rt *rapid.T) {
		text := fmt.Sprintf(`{"verdict":%s,"risk":%s,"cites":%s%s}`, word.Draw(rt, "verdict"), level.Draw(rt, "risk"), cites.Draw(rt, "cites"), more.Draw(rt, "more"))
		p.says.Store(text)
		j.fresh()
		all++
		if hold(rt, j, rapid.SampledFrom(sales).Draw(rt, "sale"), text) {
			heard++
		}
	})
	if heard == 0 {
		t.Errorf("of %d answers none was heard", all)
	}
}
