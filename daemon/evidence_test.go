package daemon

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/advisor"
	"qrposd/daemon/aipay"
	"qrposd/rules"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// calendar is a machine whose date a test sets.
type calendar struct{ day int }

func (c *calendar) Wall() time.Time { return time.Date(2026, 1, 1+c.day, 12, 0, 0, 0, time.UTC) }

func (c *calendar) Boot() (string, time.Duration) {
	return "boot", time.Minute + time.Duration(c.day)*24*time.Hour
}

// What is kept of a check is deleted when the policy's time is over, and not a day
// before; the deletion is in the log and in the file. It is deleted after checks were
// switched off, too.
func TestEvidenceIsPurged(t *testing.T) {
	kept := aipay.LivenessConfig{Enabled: true, KeepDays: 30, RotateHours: 24}
	for name, conf := range map[string]aipay.LivenessConfig{"on": kept, "off": {}} {
		date := &calendar{}
		path := filepath.Join(t.TempDir(), "till.db")
		db := storetest.MustOpenAt(t, path, func(o *store.Options) { o.Clock = date })
		e := evidence{db, kept}
		number, key, err := e.Epoch()
		if err != nil || len(key) != 32 {
			t.Fatal(err)
		}
		s, _, err := db.Begin(t.Context(), sale.New{Flow: sale.Payer, Amount: money.Money{Minor: 1280, Currency: "CNY"}, Description: "tea"}, "s", sale.Once{})
		if err != nil {
			t.Fatal(err)
		}
		print := strings.Repeat("cd", 32)
		for _, ev := range []sale.Event{
			{Kind: sale.Assessed, Judgement: &sale.Judgement{Needs: []sale.Need{sale.NeedVerify}}},
			{Kind: sale.LivenessOpened, Liveness: &sale.Liveness{OrderNo: s.NextOrderNo(), Session: "LV0001", URL: "https://x.example", Lasts: time.Minute}},
			{Kind: sale.LivenessPassed, Audit: &sale.Audit{Epoch: number, Digest: strings.Repeat("ab", 32), Print: print}},
		} {
			if s, err = db.Commit(t.Context(), s.ID, ev, sale.Once{}); err != nil {
				t.Fatal(err)
			}
		}
		there := func() (audit string, told bool) {
			t.Helper()
			audit, err := e.Audit(s.ID, "LV0001")
			if err != nil {
				t.Fatal(err)
			}
			told, err = e.Told(func([]byte) (string, error) { return print, nil })
			if err != nil {
				t.Fatal(err)
			}
			return audit, told
		}
		var log bytes.Buffer
		purger := evidence{db, conf}
		for date.day = 1; date.day < 31; date.day++ { // a day of the key, and thirty
			purger.purgeOnce(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
			if audit, told := there(); audit == "" || !told || log.Len() > 0 {
				t.Fatalf("%s: on day %d there is %q, told %v: %s", name, date.day, audit, told, &log)
			}
		}
		purger.purgeOnce(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
		if audit, told := there(); audit != "" || told || !strings.Contains(log.String(), "digests=1 prints=1 keys=[1]") {
			t.Errorf("%s: after its time there is %q, told %v: %s", name, audit, told, &log)
		}
		list, err := db.Purges()
		if err != nil || len(list) != 1 || list[0].Digests != 1 || !slices.Equal(list[0].Epochs, []uint32{number}) || !strings.Contains(list[0].Policy, "keep_days 30") {
			t.Errorf("%s: on record is %+v, %v", name, list, err)
		}
	}
}

// What rules ask for is asked for in the order in which it is met, and a check only
// where payers can be checked: else a manager looks at the payer.
func TestNeedsAreInOrder(t *testing.T) {
	rule := func(effect string) string {
		return "[[rule]]\nid = \"" + effect + "\"\nwhen = \"amount >= CNY(1.00)\"\neffect = \"" + effect + "\"\nreason = { en = \"x\", zh = \"x\" }\n"
	}
	confirm, approve, verify := sale.NeedConfirm, sale.NeedApprove, sale.NeedVerify
	for _, c := range []struct {
		effects       []string
		with, without []sale.Need
	}{
		{[]string{"verify"}, []sale.Need{verify}, []sale.Need{approve}},
		{[]string{"verify", "approve"}, []sale.Need{approve, verify}, []sale.Need{approve}},
		{[]string{"verify", "approve", "confirm"}, []sale.Need{confirm, approve, verify}, []sale.Need{confirm, approve}},
		{[]string{"confirm"}, []sale.Need{confirm}, []sale.Need{confirm}},
	} {
		text := ""
		for _, e := range c.effects {
			text += rule(e)
		}
		set, err := rules.Load("test", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for verifies, want := range map[bool][]sale.Need{true: c.with, false: c.without} {
			log, intents := slog.New(slog.DiscardHandler), defaultIntents(t)
			j := &judge{
				Advisor: advisor.New(set, nil, nil, advisor.Limits{HedgeRate: 0.05, InFlight: 1}, log), store: storetest.MustOpen(t), vitals: &vitals{},
				intent: intents, sessions: newSessions(intents, nil, log), paths: map[advisor.Path]int{}, log: log, verifies: verifies,
			}
			ev := j.Judge(t.Context(), newSale(t, j, 1280))
			j.Advisor.Close()
			if !slices.Equal(ev.Judgement.Needs, want) {
				t.Errorf("%v, checks %v: %v, want %v", c.effects, verifies, ev.Judgement.Needs, want)
			}
		}
	}
}
