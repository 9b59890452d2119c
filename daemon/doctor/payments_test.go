package doctor

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/api"
	"qrposd/daemon/wechat"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const secret = "0123456789abcdef0123456789abcdef"

func TestContext(t *testing.T) {
	board := fstest.MapFS{"serial": {Data: []byte("1000000012345678"), Mode: 0o444}}
	good := Merchant{SecretFile: write(t, secret), Root: board, DeviceFiles: []string{"/serial"}, Enabled: true}
	for name, c := range map[string]struct {
		edit func(*Merchant)
		v    Verdict
		word string
	}{
		"good":           {func(*Merchant) {}, OK, "embeds a session"},
		"no secret":      {func(m *Merchant) { m.SecretFile += "x" }, Fail, "secret_file"},
		"short secret":   {func(m *Merchant) { m.SecretFile = write(t, "short") }, Fail, "5 bytes"},
		"withheld":       {func(m *Merchant) { m.SecretFile = Credentials + "none" }, Unknown, "credential"},
		"no device":      {func(m *Merchant) { m.DeviceFiles = []string{"/none"} }, Fail, "device"},
		"no device, off": {func(m *Merchant) { m.DeviceFiles, m.Enabled = []string{"/none"}, false }, Warn, "device"},
		"no intents":     {func(m *Merchant) { m.Intents = "/none" }, Fail, "aipay.intents"},
		"bad intents":    {func(m *Merchant) { m.Intents = write(t, "nonsense = [") }, Fail, "intents"},
	} {
		m := good
		c.edit(&m)
		f := verdict(t, Context(m))
		want(t, name, f, c.v, c.word)
		if strings.Contains(f.Evidence+f.Remedy, secret[:8]) || strings.Contains(f.Evidence, "12345678") {
			t.Errorf("%s: it quotes a secret: %s", name, f.Evidence)
		}
	}
}

func TestCurrency(t *testing.T) {
	want(t, "a rate", verdict(t, Currency(errors.New("f:3: fixed_rate: aipay.fx_rate is a rate of the till"), true, nil)), Fail, "aipay.fx_rate")
	want(t, "another", verdict(t, Currency(errors.New("f:3: fixed_rate: till.exchange_usd is a rate of the till"), true, nil)), Fail, "till.exchange_usd")
	want(t, "a mistyped key", verdict(t, Currency(errors.New("f:3: there is no key rules.hedge_rates; see"), true, nil)), Unknown, "refused")
	want(t, "off", verdict(t, Currency(nil, false, nil)), OK, "one currency")
	want(t, "offline", verdict(t, Currency(nil, true, nil)), Unknown, "not asked")

	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	body := func(low, high, until string) []byte {
		return fmt.Appendf(nil, `{"projection_id":"fx-0001","base":"USD","quote":"CNY","low":%q,"mid":"7.10","high":%q,"confidence":0.9,"volatility":0.01,"valid_until":%q}`, low, high, until)
	}
	for name, c := range map[string]struct {
		a    wechat.Answer
		v    Verdict
		word string
	}{
		"a range":    {wechat.Answer{Status: 200, Body: body("7.05", "7.15", until)}, OK, "projected"},
		"inverted":   {wechat.Answer{Status: 200, Body: body("7.15", "7.05", until)}, Fail, "not an answer"},
		"expired":    {wechat.Answer{Status: 200, Body: body("7.05", "7.15", "2020-01-01T00:00:00Z")}, Fail, "not an answer"},
		"garbage":    {wechat.Answer{Status: 200, Body: []byte("{")}, Fail, "not an answer"},
		"unsigned":   {wechat.Answer{Status: 200, Body: body("7.05", "7.15", until), Unverified: errors.New("no")}, Warn, "signed: false"},
		"no network": {wechat.Answer{Lost: errors.New("unplugged")}, Warn, "unplugged"},
		"not there":  {wechat.Answer{Status: 404}, Warn, "404"},
	} {
		want(t, name, verdict(t, Currency(nil, true, func(_ context.Context, r sale.Request) wechat.Answer {
			if r.Method != http.MethodPost || r.Path != aipay.PathProjections {
				t.Errorf("it called %s %s", r.Method, r.Path)
			}
			return c.a
		})), c.v, c.word)
	}
}

func entries(list ...sale.Event) iter.Seq2[sale.Entry, error] {
	return func(yield func(sale.Entry, error) bool) {
		for i, ev := range list {
			if !yield(sale.Entry{Seq: uint64(i + 1), Event: ev}, nil) {
				return
			}
		}
	}
}

func TestIdempotency(t *testing.T) {
	file, session := write(t, secret), strings.Repeat("ab", 32)
	key := func(secret string, at sale.Instant) sale.Event {
		return sale.Event{At: at, Key: sale.MintKey([]byte(secret), session, at)}
	}
	for name, c := range map[string]struct {
		secret  string
		running Running
		journal iter.Seq2[sale.Entry, error]
		v       Verdict
		word    string
	}{
		"good":           {file, Running{}, entries(key(secret, 1), sale.Event{At: 2}, key(secret, 3)), OK, "3 entries in order of time, 2 keys"},
		"new":            {file, Running{}, nil, OK, "no store yet"},
		"running":        {file, Running{Open: true, Health: &api.Health{}}, nil, OK, "bound to this machine"},
		"mute":           {file, Running{Open: true, Why: "no port"}, nil, Unknown, "no port"},
		"other secret":   {file, Running{}, entries(key("another secret of some bytes", 1)), Fail, "not signed"},
		"an opaque key":  {file, Running{}, entries(sale.Event{At: 1, Key: "5f0c2a9e-8a5b-4ed0-9d41-000000000000"}), Fail, "not signed"},
		"time goes back": {file, Running{}, entries(key(secret, 5), sale.Event{At: 4}), Fail, "goes back at entry 2"},
		"keys go back":   {file, Running{}, entries(key(secret, 5), sale.Event{At: 6, Key: sale.MintKey([]byte(secret), session, 4)}), Fail, "keys' time goes back"},
		"torn":           {file, Running{}, func(yield func(sale.Entry, error) bool) { yield(sale.Entry{}, errors.New("torn page")) }, Unknown, "torn page"},
		"no secret":      {file + "x", Running{}, nil, Fail, "secret_file"},
	} {
		want(t, name, verdict(t, Idempotency(c.secret, c.running, c.journal)), c.v, c.word)
	}
}

func TestBiometrics(t *testing.T) {
	want(t, "good", verdict(t, Biometrics("")), OK, "nothing of a vector")
	want(t, "dumps", verdict(t, Biometrics("\nType=notify")), Warn, "dump")
	want(t, "no dumps", verdict(t, Biometrics("\nLimitCORE=0")), OK, "nothing of a vector")
	// What finds nothing in a vector finds numbers where they are.
	for name, v := range map[string]any{
		"numbers": []float64{0.73519482, -0.91730562}, "a field": struct{ v []float64 }{[]float64{0.73519482}}, "text": "0.91730562",
	} {
		if len(spill(v)) == 0 {
			t.Errorf("%s pass unseen", name)
		}
	}
}

func TestRefusals(t *testing.T) {
	health := func(p api.Part) Running { return Running{Open: true, Health: &api.Health{Rejections: p}} }
	for name, c := range map[string]struct {
		enabled bool
		r       Running
		v       Verdict
		word    string
	}{
		"off":       {false, Running{}, OK, "no model"},
		"watched":   {true, health(api.Part{Level: api.OK}), OK, "none is unusual"},
		"alarm":     {true, health(api.Part{Level: api.Trouble, Detail: "coffee by shop/1: 8 of 100"}), Fail, "coffee by shop/1"},
		"unwatched": {true, health(api.Part{Level: api.Off}), Fail, "watches no refusals"},
		"stopped":   {true, Running{}, Unknown, "does not run"},
	} {
		f := verdict(t, Refusals(c.enabled, c.r))
		want(t, name, f, c.v, c.word)
		if !strings.Contains(f.Evidence, "4 of 4 made-up errors") {
			t.Errorf("%s: errors are not read: %s", name, f.Evidence)
		}
	}
}

func TestProjectionIsOfTheQuestion(t *testing.T) {
	ask := aipay.Ask{Base: "USD", Quote: "CNY", Amount: money.Money{Minor: 1000, Currency: "USD"}, Horizon: time.Minute}
	a := wechat.Answer{Status: 200, Body: []byte(`{"projection_id":"fx-0001","base":"EUR","quote":"CNY","low":"7.0","mid":"7.1","high":"7.2","confidence":0.9,"volatility":0.01,"valid_until":"2999-01-01T00:00:00Z"}`)}
	want(t, "other currencies", judged(func(t *Tally) { judgeProjection(t, a, ask, time.Now()) }), Fail, "not an answer")
}
