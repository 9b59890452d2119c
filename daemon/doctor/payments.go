package doctor

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/api"
	"qrposd/daemon/wechat"
	"qrposd/hw/device"
	"qrposd/rules/explain"
	"qrposd/rules/intent"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// leastSecret is the fewest bytes that sign anything.
const leastSecret = 16

const secretRemedy = "`head -c 32 /dev/urandom` into the file of till.secret_file, and the same bytes at the API"

// Merchant is what payments are signed and described with.
type Merchant struct {
	SecretFile  string
	Root        fs.FS    // of the machine
	DeviceFiles []string // till.device_files
	Intents     string   // the file of aipay.intents, or empty
	Enabled     bool     // aipay.enabled
}

// Context examines whether a payment's context can be complete (R1).
func Context(m Merchant) Check {
	return Check{ID: "context", Title: "Every payment has its whole context", Run: func(context.Context) (t Tally) {
		hash := fingerprint(&t, m)
		v, ok := classify(&t, m.Intents)
		if hash == "" || !ok {
			return t
		}
		now := time.Unix(1_700_000_000, 0)
		s := aipay.Session{
			ID: strings.Repeat("0d", 16), Flow: sale.Merchant, Amount: money.Money{Minor: 1800, Currency: "CNY"}, Started: now,
			Interactions: []aipay.Interaction{{Kind: aipay.Keypad, At: now}, {Kind: aipay.Pay, At: now.Add(time.Second)}},
		}
		in := aipay.Intent{Classifier: v.Version, Label: v.Label, Confidence: float64(v.Confidence) / 100}
		one, err := aipay.NewContext(s, hash, in)
		two, again := aipay.NewContext(s, hash, in)
		_, lacking := aipay.NewContext(s, "", in)
		switch {
		case err != nil || again != nil:
			t.Bad("report it with this line", "no context is made of a plain session: %v", errors.Join(err, again))
		case one.SessionHash() != two.SessionHash() || len(one.SessionHash()) != 64:
			t.Bad("report it with this line", "the same session is embedded in two ways")
		case lacking == nil:
			t.Bad("report it with this line", "a context without a device was made")
		default:
			t.Good("%s embeds a session, the same each time (%.8s), and refuses one without a device", aipay.Model, one.SessionHash())
		}
		return t
	}}
}

func judgeSecret(t *Tally, file string, secret []byte, err error) bool {
	switch {
	case withheld(file, err):
		t.Unsure(withheldRemedy, "till.secret_file is a credential that this process does not get")
	case err != nil:
		t.Bad(secretRemedy, "till.secret_file: %v", err)
	case len(secret) < leastSecret:
		t.Bad(secretRemedy, "till.secret_file has %d bytes, fewer than %d", len(secret), leastSecret)
	default:
		return true
	}
	return false
}

func fingerprint(t *Tally, m Merchant) string {
	secret, err := os.ReadFile(m.SecretFile)
	defer clear(secret)
	if !judgeSecret(t, m.SecretFile, secret, err) {
		return ""
	}
	id, err := device.Fingerprint(m.Root, secret, m.DeviceFiles)
	if err == nil {
		t.Good("the device is known by %s", strings.Join(id.Sources(), ", "))
		return id.Hash()
	}
	remedy := "name a file with a serial number in till.device_files"
	if e := (*device.Error)(nil); errors.As(err, &e) {
		remedy = e.Hint
	}
	if m.Enabled {
		t.Bad(remedy, "device: %v", err)
	} else {
		t.Poor(remedy, "device: %v", err)
	}
	return ""
}

func classify(t *Tally, file string) (v intent.Verdict, ok bool) {
	name, text := "the program's own", intent.Default
	if file != "" {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			t.Bad("correct aipay.intents, or leave it empty", "aipay.intents: %v", err)
			return v, false
		}
		name = file
	}
	c, err := intent.Load(name, text)
	if err != nil {
		t.Bad("correct the file of aipay.intents", "intents: %v", err)
		return v, false
	}
	v = c.Classify(intent.In{Amount: money.Money{Minor: 1800, Currency: "CNY"}, Clock: 12 * 3600, Flow: string(sale.Merchant)})
	t.Good("intents of %s: %d labels; a sale without a basket is %q", name, len(c.Labels()), v.Label)
	return v, v.Label != ""
}

var fixedRate = regexp.MustCompile(`fixed_rate: (\S+) is `) // as the configuration refuses it

// Currency examines where the price of a foreign currency comes from (R2). configured
// is what the configuration was refused for, if it was; call asks the projection
// endpoint, and is nil where it is not to be asked.
func Currency(configured error, enabled bool, call func(ctx context.Context, req sale.Request) wechat.Answer) Check {
	return Check{ID: "currency", Title: "No rate is fixed; ranges come from the API", Run: func(ctx context.Context) (t Tally) {
		if configured != nil {
			if m := fixedRate.FindStringSubmatch(configured.Error()); m != nil {
				t.Bad("remove "+m[1]+": a rate from a file is a price that nobody agreed to; the API projects a range", "the configuration has the key %s", m[1])
			} else {
				t.Unsure("mend the configuration first", "the configuration is refused, for no rate")
			}
			return t
		}
		t.Good("the configuration is read strictly, and no key of it is a rate")
		switch {
		case !enabled:
			t.Good("aipay.enabled is false: sales are in one currency")
			return t
		case call == nil:
			t.Unsure("run it without -offline", "the projection endpoint was not asked")
			return t
		}
		ask := aipay.Ask{Base: "USD", Quote: "CNY", Amount: money.Money{Minor: 1000, Currency: "USD"}, Horizon: 5 * time.Minute}
		body, err := ask.Body()
		if err != nil {
			t.Bad("report it with this line", "%v", err)
			return t
		}
		a := call(ctx, sale.NewRequest(http.MethodPost, aipay.PathProjections, body, sale.PayerCode{}))
		judgeProjection(&t, a, ask, time.Now())
		return t
	}}
}

func judgeProjection(t *Tally, a wechat.Answer, ask aipay.Ask, now time.Time) {
	const remedy = "ask the API's operator; until then a sale in two currencies stops with words"
	switch {
	case a.Lost != nil:
		t.Poor("see the finding reach", "the projection endpoint gives no answer: %v", plain(a.Lost))
		return
	case a.Unverified != nil || a.Status != http.StatusOK:
		t.Poor(remedy, "the projection endpoint answers %d, signed: %t", a.Status, a.Unverified == nil)
		return
	}
	p, err := aipay.ReadProjection(a.Body, ask, now)
	if err != nil {
		t.Bad(remedy, "%s: %v", aipay.PathProjections, err)
		return
	}
	t.Good("%s/%s is projected as %v to %v, confidence %.2f, until %s", p.Base, p.Quote, p.Low, p.High, p.Confidence, p.ValidUntil.UTC().Format(time.RFC3339))
}

// Running is what the till that has the store says of itself.
type Running struct {
	Open   bool // somebody has the store
	Health *api.Health
	Why    string // why it says nothing
}

// Idempotency examines what makes a repeated charge the same charge (R3): the secret,
// and the journal where nobody has the file. A till that runs has compared the
// file's machine with this one when it opened.
func Idempotency(secretFile string, running Running, journal iter.Seq2[sale.Entry, error]) Check {
	return Check{ID: "idempotency", Title: "A repeated charge is the same charge", Within: 20 * time.Second, Run: func(ctx context.Context) (t Tally) {
		secret, err := os.ReadFile(secretFile)
		defer clear(secret)
		if !judgeSecret(&t, secretFile, secret, err) {
			return t
		}
		t.Good("the merchant's secret has %d bytes", len(secret))
		switch {
		case running.Health != nil:
			t.Good("the running till found the file bound to this machine when it opened it")
		case running.Open:
			t.Unsure("", "the store is in use, and the till does not answer: %s", running.Why)
		case journal == nil:
			t.Good("there is no store yet")
		default:
			readJournal(ctx, &t, secret, journal)
		}
		return t
	}}
}

func readJournal(ctx context.Context, t *Tally, secret []byte, journal iter.Seq2[sale.Entry, error]) {
	const stop = "stop selling, keep the file, run `qrposd check FILE`, and compare with the provider"
	var last, lastKey sale.Instant
	entries, keys := 0, 0
	for e, err := range journal {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			t.Unsure("run `qrposd check FILE`", "the journal was read up to entry %d: %v", entries, err)
			return
		}
		entries++
		if e.Event.At < last {
			t.Bad(stop, "the till's own time goes back at entry %d", e.Seq)
			return
		}
		last = e.Event.At
		if e.Event.Key == "" {
			continue
		}
		at, ok := verifyKey(secret, e.Event.Key)
		switch {
		case !ok:
			t.Bad("put the secret back that the file was written with; the API takes other keys for new payments", "the key of entry %d is not signed with till.secret_file", e.Seq)
			return
		case at < lastKey:
			t.Bad(stop, "the keys' time goes back at entry %d", e.Seq)
			return
		}
		keys, lastKey = keys+1, at
	}
	t.Good("the stopped till's journal: %d entries in order of time, %d keys signed with the secret", entries, keys)
	t.Good("the file's machine is compared when the till opens it")
}

// verifyKey reads an idempotency key and makes it again.
func verifyKey(secret []byte, key string) (at sale.Instant, ok bool) {
	parts := strings.Split(key, ".")
	if len(parts) != 4 {
		return 0, false
	}
	n, err := strconv.ParseInt(parts[2], 10, 64)
	at = sale.Instant(n)
	return at, err == nil && hmac.Equal([]byte(sale.MintKey(secret, parts[1], at)), []byte(key))
}

// Biometrics tries to get the numbers of a made-up face out of the type that holds
// faces (R5). unit is what the installed unit says about core dumps.
func Biometrics(unit string) Check {
	return Check{ID: "biometrics", Title: "A face cannot be printed, logged or kept", Run: func(context.Context) (t Tally) {
		l, err := aipay.ReadLiveness([]byte(`{"state":"DONE","liveness":0.99,"nonce":"doctor-self-test-0001","embedding":[0.73519482,-0.91730562]}`))
		if err != nil {
			t.Bad("report it with this line", "a vector cannot be read: %v", err)
			return t
		}
		leaks := spill(l.Vector)
		if l.Vector.Zero(); l.Vector.Dim() != 0 {
			leaks = append(leaks, "it outlives being wiped")
		}
		for _, leak := range leaks {
			t.Bad("do not use this build; report it", "a vector can be seen: %s", leak)
		}
		if len(leaks) == 0 {
			t.Good("fmt, encoding/json and log/slog show nothing of a vector, and wiping leaves nothing")
		}
		if unit != "" && !strings.Contains(unit, "\nLimitCORE=0") {
			t.Poor("take LimitCORE=0 from `qrposd config -print unit`", "the unit lets the till dump its memory")
		}
		return t
	}}
}

// spill shows a value in every way that a program shows values, and names those in
// which the self-test's numbers appear: eight digits, which no time of day and no
// address has by chance.
func spill(v any) (leaks []string) {
	type record struct{ hidden any }
	shown := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%g"} {
		shown["fmt "+verb] = fmt.Sprintf(verb, v) + fmt.Sprintf(verb, record{v})
	}
	b, err := json.Marshal(map[string]any{"v": v})
	shown["json"] = string(b)
	if err == nil {
		leaks = append(leaks, "json takes it")
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("v", "v", v)
	slog.New(slog.NewJSONHandler(io.MultiWriter(&logged), nil)).Info("v", "v", v)
	shown["slog"] = logged.String()
	for how, text := range shown {
		if strings.Contains(text, "73519482") || strings.Contains(text, "91730562") {
			leaks = append(leaks, how)
		}
	}
	return leaks
}

// Refusals examines how errors inside a 200 are read (R7), and whether refusals are
// being watched.
func Refusals(enabled bool, running Running) Check {
	return Check{ID: "refusals", Title: "Errors inside a 200 are understood and counted", Run: func(context.Context) (t Tally) {
		judgeReading(&t)
		switch h := running.Health; {
		case !enabled:
			t.Good("aipay.enabled is false: no model of the API refuses")
		case h == nil:
			t.Unsure("run it beside the running till", "the till does not run: its alarms are not known")
		case h.Rejections.Level == api.OK:
			t.Good("the running till watches refusals, and none is unusual")
		case h.Rejections.Level == api.Off:
			t.Bad("restart the till: it runs with another configuration", "the running till watches no refusals")
		default:
			t.Bad("look at the intent classifier that is named, and its examples", "refusals: %s", h.Rejections.Detail)
		}
		return t
	}}
}

// judgeReading reads one made-up answer of each class.
func judgeReading(t *Tally) {
	sent := explain.Sent{Amounts: []money.Money{{Minor: 1800, Currency: "CNY"}}, Thresholds: []string{"0.85"}}
	right := 0
	cases := []struct {
		words string
		want  explain.Cause
	}{
		{"The payer's balance is insufficient for this purchase.", explain.User},
		{"risk score 0.91 exceeds the configured threshold of 0.85", explain.Policy},
		{"insufficient balance for the amount of CNY 9,999.00", explain.Hallucination},
		{"the card has not expired", explain.Unknown},
	}
	for _, c := range cases {
		words, err := json.Marshal(c.words)
		if err != nil {
			t.Bad("report it with this line", "%v", err)
			return
		}
		body := `{"error":{"explanation":` + string(words) + `,"model":"self-test","stage":"pre_authorization"}}`
		a, err := aipay.ReadPayment([]byte(body), "T0100000001")
		if err != nil || a.Refusal == nil || a.Payment != nil {
			t.Bad("report it with this line", "an error inside a 200 is not read: %v", err)
			continue
		}
		if f := explain.Read(a.Refusal.Explanation, sent); f.Cause != c.want {
			t.Bad("report it with this line", "%q is read as %s, and is %s", c.words, f.Cause, c.want)
			continue
		}
		right++
	}
	if _, err := aipay.ReadPayment([]byte(`{"state":"SUCCESS"}`), "T0100000001"); !errors.Is(err, aipay.ErrUnknown) {
		t.Bad("report it with this line", "a 200 that is no answer counts as one")
	}
	t.Good("%d of %d made-up errors reach their class, and a 200 that is none of the three is unknown", right, len(cases))
}
