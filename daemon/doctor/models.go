package doctor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"qrposd/daemon/llm"
	"qrposd/rules/sale"
)

// The time that a judgement has: the models until answerBy, and with validation
// totalBy (R6).
const (
	answerBy = 600 * time.Millisecond
	totalBy  = time.Second
	rounds   = 12
)

// Diversity examines whether one vendor's bad day is the shop's (R4).
func Diversity(m llm.Models, mainland bool) Check {
	return Check{ID: "models", Title: "Judgement does not hang on one vendor", Run: func(context.Context) (t Tally) {
		const add = "add a second provider of another vendor to models.providers and models.tasks.reasoning"
		vendors, keys := map[string]string{}, map[[32]byte]string{}
		bases := map[string]string{}
		for _, p := range m.Providers {
			bases[p.Name] = p.Address()
		}
		usable := 0
		for _, c := range m.Tasks.For(llm.Reasoning) {
			i := slices.IndexFunc(m.Providers, func(p llm.Provider) bool { return p.Name == c.Provider })
			if i < 0 {
				continue
			}
			p := m.Providers[i]
			if mainland && (m.Region == "" || p.Region != m.Region) {
				t.Poor("give it the region of models.region if it is there, or take it out", "%s is never asked: its region is %q, and sales of the mainland stay in %q", p.Name, p.Region, m.Region)
				continue
			}
			usable++
			vendors[vendor(bases[p.Name])] = p.Name
		}
		for _, p := range m.Providers {
			if p.KeyFile == "" {
				continue
			}
			key, err := os.ReadFile(p.KeyFile)
			if withheld(p.KeyFile, err) {
				t.Unsure(withheldRemedy, "the key of %s is a credential that this process does not get", p.Name)
				continue
			} else if err != nil {
				t.Bad("put the key of "+p.Name+" into the file of its key_file", "%s: %v", p.Name, err)
				continue
			}
			sum := sha256.Sum256(bytes.TrimSpace(key))
			clear(key)
			if other, ok := keys[sum]; ok && vendor(bases[other]) != vendor(bases[p.Name]) {
				t.Bad("give "+p.Name+" a key of its own, and revoke the shared one", "%s is shown the key of %s", p.Name, other)
			}
			keys[sum] = p.Name
		}
		configured := len(m.Tasks.For(llm.Reasoning))
		switch {
		case configured == 0:
			t.Poor(add, "no model is configured: the rules judge alone")
		case usable == 0:
			t.Bad("put models.region and the providers' regions right", "none of %d models may be asked", configured)
		case len(vendors) < 2:
			t.Poor(add, "%d models may be asked, all of one vendor", usable)
		default:
			t.Good("%d models of %d vendors may be asked", usable, len(vendors))
		}
		return t
	}}
}

// vendor is who runs an address: the last two labels of its host's name.
func vendor(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	if net.ParseIP(u.Hostname()) != nil {
		return u.Host
	}
	labels := strings.Split(u.Hostname(), ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

// thinker matches models that think before they answer, which takes seconds.
var thinker = regexp.MustCompile(`(?i)(^|[/_-])(o[134](-|$)|r1(-|$)|reasoner|thinking|think|qwq)`)

// Chain examines the time that is configured and the connections that wait (R6).
// client is nil where the network is not to be used or the models cannot be opened.
func Chain(m llm.Models, apiTimeoutMS int, client *llm.Client) Check {
	return Check{ID: "time", Title: "The queue never waits for a model", Run: func(ctx context.Context) (t Tally) {
		t.Good("the models are cut off at %s, with validation at %s; the API's model at %d ms", answerBy, totalBy, apiTimeoutMS)
		if apiTimeoutMS > int(answerBy.Milliseconds()) {
			t.Bad("set aipay.timeout_ms to 400", "aipay.timeout_ms is %d", apiTimeoutMS)
		}
		slow := func(task llm.Task) (names []string) {
			for _, c := range m.Tasks.For(task) {
				if thinker.MatchString(c.Model) {
					names = append(names, c.Model)
				}
			}
			return names
		}
		reasoning, validation := slow(llm.Reasoning), slow(llm.Validation)
		switch {
		case len(reasoning) > 0 && len(validation) > 0:
			t.Bad("validate with a small model that does not think", "%s is validated by %s: two models that think take more than 2 s", reasoning[0], validation[0])
		case len(reasoning)+len(validation) > 0:
			t.Poor("use one that answers at once", "%s thinks before it answers", append(reasoning, validation...)[0])
		}
		if client == nil || len(m.Providers) == 0 {
			return t
		}
		first, err := warm(ctx, client)
		if err != nil {
			t.Poor("see the finding reach", "a model's provider cannot be reached: %v", err)
			return t
		}
		again, err := warm(ctx, client)
		if err != nil {
			t.Poor("see the finding reach", "a model's provider cannot be reached twice: %v", err)
			return t
		}
		t.Good("connecting to all providers takes %s, the next call %s", ms(first), ms(again))
		return t
	}}
}

func warm(ctx context.Context, client *llm.Client) (time.Duration, error) {
	began := time.Now()
	err := client.Warm(ctx)
	return time.Since(began), err
}

// Live measures judgements of a made-up coffee. It costs as many calls as there are
// rounds, for each model that is asked about sales.
func Live(client *llm.Client, mainland bool) Check {
	return Check{ID: "live", Title: "Models answer in time", Within: 30 * time.Second, Alone: true, Run: func(ctx context.Context) (t Tally) {
		req, err := llm.Prompt(llm.Reasoning, llm.Facts{Amount: llm.Known(1800), Currency: "CNY", Flow: sale.Merchant, Link: "online", Decision: llm.Allow})
		if err != nil {
			t.Bad("report it with this line", "%v", err)
			return t
		}
		req.Abroad = !mainland
		if len(client.Choices(llm.Reasoning)) == 0 {
			t.Unsure("name one in models.tasks.reasoning", "no model is configured")
		}
		for _, c := range client.Choices(llm.Reasoning) {
			if !client.Allowed(c.Provider, mainland) {
				continue
			}
			_ = client.Warm(ctx) // as the daemon does when it starts; who is not there fails below
			var took []time.Duration
			lost := 0
			var why error
			for range rounds {
				d, err := judgeOnce(ctx, client, c, req)
				if err != nil {
					lost, why = lost+1, err
				}
				took = append(took, d)
			}
			judgeTimes(&t, c.Provider+" "+c.Model, took, lost, why)
		}
		return t
	}}
}

func judgeOnce(ctx context.Context, client *llm.Client, c llm.Choice, req llm.Request) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, totalBy)
	defer cancel()
	began := time.Now()
	a, err := client.Ask(ctx, c, req)
	if err == nil {
		_, err = llm.Decode(req, a)
	}
	if f := (*llm.Failure)(nil); errors.As(err, &f) {
		err = fmt.Errorf("%s %s", f.Class, f.Code)
	}
	return time.Since(began), err
}

func judgeTimes(t *Tally, who string, took []time.Duration, lost int, why error) {
	slices.Sort(took)
	p50, p95 := took[(len(took)-1)/2], took[(len(took)*95+99)/100-1]
	said := fmt.Sprintf("%s: p50 %s, p95 %s of %d, %d without a usable answer", who, ms(p50), ms(p95), len(took), lost)
	switch {
	case lost == len(took):
		t.Bad("see key, model name and region of it", "%s: %v", said, why)
	case p50 >= answerBy:
		t.Bad("choose a faster model or a nearer endpoint: most sales are judged by the rules alone", "%s", said)
	case p95 >= answerBy || lost > 0:
		t.Poor("choose a faster model, or put a second one beside it", "%s (%v)", said, why)
	default:
		t.Good("%s", said)
	}
}
