package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"qrposd/daemon/aipay"
	"qrposd/daemon/checkout"
	"qrposd/daemon/sim"
	"qrposd/rules/sale"
)

// route is what the till does about an error inside a 200.
type route string

const (
	toPayer   route = "payer"    // friendly words: what the payer can do now
	toManager route = "manager"  // a rule of the service refused it
	another   route = "rerouted" // asked of the fallback
	noCause   route = "no cause" // refused, and nobody is told that it is theirs
	askedOn   route = "held"     // nothing is told before the provider was asked
)

// routes are the reasons of a first answer by where they lead.
func routeOf(ev sale.Event) route {
	switch {
	case ev.Reroute:
		return another
	case ev.Why == nil:
		return route("told " + string(ev.Kind))
	}
	switch ev.Why.Code {
	case "code_expired", "not_enough", "card_unsupported", "ai_payer":
		return toPayer
	case "ai_policy":
		return toManager
	case "ai_refused":
		return noCause
	case "ai_unclear":
		return askedOn
	}
	return route(ev.Why.Code)
}

// rightRoutes are where an error of a class belongs. The other two are safe for all.
var rightRoutes = map[string][]route{
	"user": {toPayer}, "policy": {toManager}, "intent": {toManager}, "hallucination": {another}, "unknown": {noCause, askedOn},
}

var classesOfErrors = []string{"user", "policy", "intent", "hallucination", "unknown"}

// talk is everything that was heard at tills whose API answers with errors of one
// class, which only the API knows.
type talk struct {
	mu     sync.Mutex
	first  map[sale.ID]sale.Event
	orders map[string]string // explanations by order number

	routes   map[route]int
	wordings map[string]map[route]int
	sales    int
	untrue   []string // sales whose state is not what the provider's books say
}

// errorSeeds is R7: where every wording of every class leads, in both flows, and
// whether the till's word about the money is the provider's.
func errorSeeds(t *testing.T, n int) []seed {
	keys := newKeys(t)
	var lines []seed
	var all, fooled tally
	for _, class := range classesOfErrors {
		told := &talk{first: map[sale.ID]sale.Event{}, orders: map[string]string{}, routes: map[route]int{}, wordings: map[string]map[route]int{}}
		for _, executed := range []bool{false, true} {
			share := map[bool]int{false: n, true: max(n/3, 2)}[executed]
			told.at(t, keys, class, executed, share, func(_ *Daemon, g checkout.Gateway) checkout.Gateway {
				return heard{g, &told.mu, told.first}
			})
		}
		naive := &talk{first: map[sale.ID]sale.Event{}, orders: map[string]string{}, routes: map[route]int{}, wordings: map[string]map[route]int{}}
		naive.at(t, keys, class, false, max(n/5, 2), func(d *Daemon, g checkout.Gateway) checkout.Gateway {
			return heard{boolean{g, d}, &naive.mu, naive.first}
		})
		lines = append(lines, told.line(t, class, naive))
		all.add(told.tally(class))
		fooled.add(naive.tally(class))
	}
	return append([]seed{{
		"6", "11",
		figure{
			"nested errors on the right path, no monitoring model", all.sales,
			fmt.Sprintf("%s right, %s with no cause told, %s on another cause's, %d untrue about money", percent(all.right, all.sales), percent(all.safe, all.sales), percent(all.wrong, all.sales), all.untrue),
		},
		figure{"a 200 read as yes", fooled.sales, percent(fooled.untrue, fooled.sales) + " told paid and not charged"},
	}}, lines...)
}

// at sells at a till that hears errors of one class.
func (k *talk) at(t *testing.T, keys *sim.Credentials, class string, executed bool, n int, through func(*Daemon, checkout.Gateway) checkout.Gateway) {
	settings := fmt.Sprintf(`{"seed":11,"errors":[{"class":%q,"executed":%v}]}`, class, executed)
	d, err := stand{keys, speed, settings, through, k.note}.open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer ending(t, d)
	abreast(t, 2*n, 24, func(i int) error {
		s, err := d.begin([]sale.Flow{sale.Merchant, sale.Payer}[i%2], 1800)
		if err == nil {
			s, err = d.pay(s)
		}
		if err == nil && s.State == sale.AwaitingApproval {
			if s, err = d.d.desk.Consent(context.Background(), s.ID, 0, "Wang"); err == nil {
				s, err = d.pay(s)
			}
		}
		if a := s.Current(); err == nil && s.State == sale.Declined && s.Rerouted && a.End.Retryable() {
			if err = d.scan(s.ID); err == nil { // the payer holds out the next code, which goes the other way
				s, err = d.until(s.ID, func(s sale.Sale) bool { return s.State == sale.Paid })
			}
		}
		if err != nil {
			return err
		}
		k.count(d, s)
		return nil
	})
	if by := d.wx.AIReport().Counts; len(by.ByClass) != 1 || by.Errors < 2*n {
		t.Errorf("%s: the API told %v", class, by.ByClass)
	}
}

// note keeps an explanation as it passes.
func (k *talk) note(request, answer []byte) {
	var q struct {
		OutTradeNo string `json:"out_trade_no"`
	}
	var a struct {
		Error struct {
			Explanation string `json:"explanation"`
		} `json:"error"`
	}
	if json.Unmarshal(request, &q) != nil || json.Unmarshal(answer, &a) != nil || a.Error.Explanation == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.orders[q.OutTradeNo] = a.Error.Explanation
}

var figures = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// count holds a sale against the provider's books.
func (k *talk) count(d *till, s sale.Sale) {
	taken := 0
	for _, a := range s.Attempts {
		o, _ := d.wx.OrderReport(a.OrderNo)
		taken += o.Charges - o.Reversals - o.Refunds
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	r, wording := routeOf(k.first[s.ID]), ""
	if len(s.Attempts) > 0 {
		wording = figures.ReplaceAllString(k.orders[s.Attempts[0].OrderNo], "#")
	}
	if k.wordings[wording] == nil {
		k.wordings[wording] = map[route]int{}
	}
	k.wordings[wording][r]++
	k.routes[r]++
	k.sales++
	if paid := s.State == sale.Paid; paid != (taken == 1) || taken > 1 || taken < 0 {
		k.untrue = append(k.untrue, fmt.Sprintf("%s (%s) is %s, the provider has taken %d; %q led to %s", s.ID, s.Flow, s.State, taken, wording, r))
	}
}

// tally is how many sales took which kind of path: the right one, one that tells
// nobody a cause, and that of another cause.
type tally struct{ sales, right, safe, wrong, untrue int }

func (a *tally) add(b tally) {
	a.sales, a.right, a.safe, a.wrong, a.untrue = a.sales+b.sales, a.right+b.right, a.safe+b.safe, a.wrong+b.wrong, a.untrue+b.untrue
}

func (k *talk) tally(class string) tally {
	a := tally{sales: k.sales, untrue: len(k.untrue)}
	for r, n := range k.routes {
		switch {
		case slices.Contains(rightRoutes[class], r):
			a.right += n
		case r == noCause || r == askedOn:
			a.safe += n
		default:
			a.wrong += n
		}
	}
	return a
}

// line is the row of a class.
func (k *talk) line(t *testing.T, class string, naive *talk) seed {
	sum := k.tally(class)
	var parts []string
	for _, r := range slices.Sorted(maps.Keys(k.routes)) {
		parts = append(parts, fmt.Sprintf("%s %d", r, k.routes[r]))
	}
	for _, u := range k.untrue[:min(len(k.untrue), 5)] {
		t.Errorf("%s: %s", class, u)
	}
	if mute := class == "hallucination" || class == "unknown"; mute && sum.wrong > 0 {
		t.Errorf("%s: %d were told as somebody's", class, sum.wrong)
	}
	for wording, by := range k.wordings {
		for r, n := range by {
			if !slices.Contains(rightRoutes[class], r) {
				t.Logf("%s: %d times %s: %s", class, n, r, wording)
			}
		}
	}
	if len(naive.untrue) == 0 {
		t.Errorf("%s: a client that reads a 200 as yes was right about the money", class)
	}
	return seed{
		"6", "11",
		figure{
			fmt.Sprintf("nested errors on the right path: %s, %d wordings", class, len(k.wordings)), k.sales,
			fmt.Sprintf("%s right, %d on another cause's, %d untrue about money (%s)", percent(sum.right, k.sales), sum.wrong, len(k.untrue), strings.Join(parts, ", ")),
		},
		figure{"a 200 read as yes", naive.sales, percent(len(naive.untrue), naive.sales) + " told paid and not charged"},
	}
}

// boolean reads an answer 200 as yes and any other as no, as many clients do.
type boolean struct {
	checkout.Gateway
	d *Daemon
}

func (b boolean) Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	a := s.Attempt(step.OrderNo)
	if req.Path != aipay.PathPayments || a == nil {
		return b.Gateway.Do(ctx, step, s, req)
	}
	if b.d.gateway.CallUnder(ctx, req, a.Key).Good() {
		return sale.Event{Kind: sale.Received, OrderNo: step.OrderNo, Amount: s.Amount, TransactionID: "4200000000"}
	}
	return sale.Event{Kind: sale.ChargeRefused, OrderNo: step.OrderNo, Why: &sale.Reason{Code: "no"}}
}
