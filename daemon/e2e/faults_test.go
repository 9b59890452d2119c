package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// faultSpeed makes the 45 s of a charge 4.5 s and leaves a second for a call, which
// a busy machine with two cores still keeps.
const faultSpeed = 10

// brisk is for tests with one sale at a time.
const brisk = 20

// atOnce bounds the sales under way: more of them, and the machine is what is tested.
const atOnce = 32

// story is one sale as it was played, and what the cashier was shown of it.
type story struct {
	row
	drv    string
	id     sale.ID
	end    api.Sale
	err    error
	states []string
	said   []string
}

func (s *story) name() string {
	return fmt.Sprintf("%s/%s/%s/%s", s.fault, s.flow, s.plot, s.drv)
}

// Every fault of the provider meets every flow that can meet it. Each row of the
// table says where the sale ends, what the cashier sees on the way, what the
// provider is asked and how often, and where the money is.
func TestEveryFault(t *testing.T) {
	o := startOutside(t, faultSpeed)
	var table []simFault
	o.do(http.MethodGet, "/sim/faults", nil, &table)
	tails := make(map[string]int)
	for _, f := range table {
		tails[f.Name] = f.Tail
	}
	// A domain is passed over after three calls in a row that were lost. Each sale
	// here loses one, and they are neighbours; with as many entrances as there are
	// sales no sale is turned away for another's sake.
	entrances := slices.Repeat([]string{o.url}, atOnce)
	tills := map[string]*till{"v3": faultTill(t, o, "F3", "v3", entrances...), "v2": faultTill(t, o, "F2", "v2", entrances...)}
	stories := cast(o, tails)
	shown := make(map[string]*journal)
	for drv, d := range tills {
		shown[drv] = follow(t, d)
	}
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for i, s := range stories {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			s.end, s.err = s.play(t, o, tills[s.drv], 1000+100*int64(i)+int64(s.tail))
			s.id = s.end.ID
		})
	}
	group.Wait()
	time.Sleep(time.Second) // 10 s of the provider's: money that comes late has come
	books := o.orders()
	fired := make(map[string]bool)
	for _, s := range stories {
		s.states, s.said = shown[s.drv].of(s.id)
		s.check(t, tills[s.drv], books)
		for _, a := range s.end.History.Attempts {
			for _, f := range books[a.OrderNo].Faults {
				fired[string(s.flow)+" "+f] = true
			}
		}
	}
	for _, f := range table {
		f.covered(t, fired)
	}
	for _, d := range tills {
		d.stop()
		d.check()
	}
}

// simFault is a fault as the simulator tells it.
type simFault struct {
	Name   string   `json:"name"`
	Tail   int      `json:"tail"`
	Amount []string `json:"amount_ops"`
	Ops    []string `json:"ops"`
}

// asks are the operations that a flow can make. Certificates are files here, and
// nobody asks for them.
var asks = map[sale.Flow][]string{
	sale.Merchant: {"native", "query", "close", "refund", "query_refund"},
	sale.Payer:    {"codepay", "query", "reverse", "refund", "query_refund"},
}

// covered holds the rows against the simulator's own table: a fault that is new
// there, or an operation of it that no row has met, fails.
func (f simFault) covered(t *testing.T, fired map[string]bool) {
	for flow, ops := range asks {
		met := false
		for _, op := range f.Ops {
			if !slices.Contains(ops, op) {
				continue
			}
			here, there := fired[string(flow)+" "+op+":"+f.Name], false
			for other := range asks {
				there = there || fired[string(other)+" "+op+":"+f.Name]
			}
			refund := strings.HasSuffix(op, "refund") // the same for both flows
			if met = met || here; !here && !(refund && there) {
				t.Errorf("no row of the %s flow met %s at %s", flow, f.Name, op)
			}
		}
		why, named := notFor[f.Name]
		reachable := slices.ContainsFunc(f.Ops, func(op string) bool { return slices.Contains(ops, op) })
		if named && why.flow == flow == reachable {
			t.Errorf("%s is said not to be for the %s flow (%s)", f.Name, flow, why.because)
		}
		if !reachable && (!named || why.flow != flow) {
			t.Errorf("nobody says why %s is not for the %s flow", f.Name, flow)
		}
	}
}

// faultTill is a till whose waits keep away from the provider's limits (15 s before
// a reversal, 45 s until it voids a charge by itself) by more than the shipped
// ones do: a second of the provider's is 100 ms here, and a shared disk takes that long.
func faultTill(t *testing.T, o *outside, id, driver string, provider ...string) *till {
	quoted := make([]string, len(provider))
	for i, url := range provider {
		quoted[i] = strconv.Quote(url)
	}
	d := newTill(t, o, built(t).product, id, func(conf string) string {
		conf = strings.Replace(conf, "[timing]\n", "[timing]\nreverse_earliest = \"22s\"\ndeadline = \"40s\"\n", 1)
		conf = strings.Replace(conf, "[wechat]\n", "[wechat]\ndriver = \""+driver+"\"\n", 1)
		return regexp.MustCompile(`base_urls = .*`).ReplaceAllLiteralString(conf, "base_urls = ["+strings.Join(quoted, ", ")+"]")
	})
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	return d
}

// play is what the people at the counter do in a row's plot.
func (s *story) play(t *testing.T, o *outside, d *till, fen int64) (v api.Sale, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	n := api.NewSale{Flow: s.flow, Amount: fmt.Sprintf("%d.%02d", fen/100, fen%100), Currency: "CNY", Operator: s.plot.String()}
	if s.flow == sale.Payer {
		n.Code = o.payerCode(s.plot.payer)
	}
	wait := 10 * time.Second
	if s.plot.doubts {
		wait = 0
	}
	v, err = d.api.Open(ctx, n, rand.Text(), wait)
	for err == nil && s.plot.doubts && v.State != "in_doubt" {
		v, err = d.api.Sale(ctx, v.ID, 0)
	}
	switch {
	case err != nil:
		return v, err
	case s.plot.doubts:
		_, err = d.api.Cancel(ctx, v.ID, "")
	case v.QR == nil && s.flow == sale.Merchant:
		return v, fmt.Errorf("no QR code: %s", v.State)
	case v.QR != nil && s.plot.cancels:
		_, err = d.api.Cancel(ctx, v.ID, "")
	case v.QR != nil:
		err = o.ask(http.MethodPost, "/sim/phone/scan", map[string]string{"code_url": v.QR.Text, "action": "pay"}, nil)
	}
	for range s.plot.refunds {
		if v, err = rest(ctx, d, v.ID, err); err == nil {
			_, err = d.api.Refund(ctx, v.ID, api.NewRefund{Amount: n.Amount}, rand.Text())
		}
	}
	for err == nil {
		if v, err = rest(ctx, d, v.ID, err); s.plot.until == "" || v.State == s.plot.until {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return v, err
}

// rest waits until the sale has an outcome, or waits for somebody's word.
func rest(ctx context.Context, d *till, id sale.ID, err error) (api.Sale, error) {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	for err == nil {
		var v api.Sale
		if v, err = d.api.Sale(ctx, id, time.Second); err == nil && (v.Rests() || v.Can.Consent) {
			return v, nil
		}
	}
	return api.Sale{ID: id}, err
}

// check holds the story against its row.
func (s *story) check(t *testing.T, d *till, books map[string]orderCount) {
	t.Run(s.name(), func(t *testing.T) {
		now, err := d.api.Sale(soon(t), s.id, 0)
		if s.err != nil || err != nil || len(now.History.Attempts) != 1 {
			t.Fatalf("%v, %v, %+v; states %v", s.err, err, now.History, s.states)
		}
		if !matches(s.path.states, s.states) {
			t.Errorf("states\n %v, want\n %s", s.states, s.path.states)
		}
		want := strings.Fields(s.path.saw)
		if last := now.Says.Code; last != want[len(want)-1] || !within(want, s.said) {
			t.Errorf("the cashier saw\n %v and last %s, want\n %v", s.said, last, want)
		}
		saw := books[now.History.Attempts[0].OrderNo]
		if got := (purse{saw.Charges, saw.Reversals, saw.Refunds, saw.Net != 0}); got != s.purse || saw.Net != 0 && saw.Net != now.Amount.Minor {
			t.Errorf("money %+v, net %d, want %+v", got, saw.Net, s.purse)
		}
		if why := counted(s.calls, saw.Requests); why != "" {
			t.Errorf("%s; want %q, got %v", why, s.calls, saw.Requests)
		}
		for _, op := range []string{"native", "codepay", "refund"} {
			if n := len(saw.Bodies[op]); n > max(1, len(now.History.Refunds)) {
				t.Errorf("%d different bodies of %s", n, op)
			}
		}
		if len(saw.Violations) > 0 {
			t.Errorf("the provider's rules were broken: %v", saw.Violations)
		}
	})
}

// matches compares states with a path; one with a question mark may be missing.
func matches(path string, states []string) bool {
	want := strings.Fields(path)
	for len(want) > 0 {
		name, maybe := strings.CutSuffix(want[0], "?")
		switch {
		case len(states) > 0 && states[0] == name:
			states = states[1:]
		case !maybe:
			return false
		}
		want = want[1:]
	}
	return len(states) == 0
}

// within says that got is a part of want in the same order: a page that is slow
// skips what is over and never sees anything else.
func within(want, got []string) bool {
	for _, g := range got {
		i := slices.Index(want, g)
		if i < 0 {
			return false
		}
		want = want[i:]
	}
	return true
}

// counted compares requests with "native 2, query 1-4, close 1+". What is not
// named was not asked.
func counted(want string, got map[string]int) string {
	left := make(map[string]int)
	for op, n := range got {
		left[op] = n
	}
	for _, part := range strings.Split(want, ", ") {
		op, span, _ := strings.Cut(part, " ")
		lo, hi, isRange := strings.Cut(span, "-")
		lo, more := strings.CutSuffix(lo, "+")
		least, _ := strconv.Atoi(lo)
		most := least
		if isRange {
			most, _ = strconv.Atoi(hi)
		}
		if n := left[op]; n < least || n > most && !more {
			return fmt.Sprintf("%d %s", n, op)
		}
		delete(left, op)
	}
	for op, n := range left {
		return fmt.Sprintf("%d %s", n, op)
	}
	return ""
}

// journal is the till's events as a page would have followed them.
type journal struct {
	mu     sync.Mutex
	states map[sale.ID][]string
	said   map[sale.ID][]string
}

func follow(t *testing.T, d *till) *journal {
	j := &journal{states: make(map[sale.ID][]string), said: make(map[sale.ID][]string)}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = d.api.Events(ctx, 0, func(ev api.Event) error {
			j.mu.Lock()
			defer j.mu.Unlock()
			id := ev.Sale.ID
			j.states[id] = append(j.states[id], ev.State)
			j.said[id] = append(j.said[id], ev.Sale.Says.Code)
			return nil
		})
	}()
	t.Cleanup(func() { stop(); <-done })
	return j
}

func (j *journal) of(id sale.ID) (states, said []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Compact(slices.Clone(j.states[id])), slices.Compact(slices.Clone(j.said[id]))
}
