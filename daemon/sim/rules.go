package sim

import (
	"fmt"
	"slices"
	"time"
)

// Rule brings a fault, a delay or both to the requests it matches. Empty fields match everything; the first rule that
// matches and is not used up applies, and then the amount's own fault does not.
type Rule struct {
	ID         int    `json:"id"`
	Op         string `json:"op,omitempty"`
	Fault      string `json:"fault,omitempty"` // "" or "none": no fault, not even the amount's
	OutTradeNo string `json:"out_trade_no,omitempty"`
	Tail       *int   `json:"tail,omitempty"`     // total % 100
	Times      int    `json:"times,omitempty"`    // 0 is always
	DelayMS    int    `json:"delay_ms,omitempty"` // real milliseconds between executing and answering
	DripMS     int    `json:"drip_ms,omitempty"`  // real milliseconds between two bytes of slow_drip; 0 is 20 divided by TimeScale
	SkewS      int    `json:"skew_s,omitempty"`   // of clock_skew, negative is behind; 0 is 600
	TakesMS    int    `json:"takes_ms,omitempty"` // real milliseconds until the payer of a code is done; 0 is the behaviour's own
	Scenario   string `json:"scenario,omitempty"` // that brought it
	Used       int    `json:"used"`
}

type rules struct {
	list []*Rule
	last int
}

// AddRule appends a rule and returns it with its number.
func (w *WeChat) AddRule(r Rule) (Rule, error) {
	if r.Op != "" && !isOp(r.Op) {
		return r, fmt.Errorf("no operation %q, there are %v", r.Op, allOps)
	}
	if r.Fault != "" && r.Fault != "none" {
		f := faultNamed(r.Fault)
		if f == nil {
			return r, fmt.Errorf("no fault %q", r.Fault)
		}
		if r.Op != "" && !slices.Contains(f.Ops, r.Op) && !(r.Op == opAIPayment && touches(f.Ops)) {
			return r, fmt.Errorf("fault %q is for %v, not %q", r.Fault, f.Ops, r.Op)
		}
	}
	if min(r.DelayMS, r.DripMS, r.TakesMS, r.Times) < 0 {
		return r, fmt.Errorf("times, delay_ms, drip_ms and takes_ms are not negative")
	}
	w.lock()
	defer w.mu.Unlock()
	return w.addRule(r), nil
}

func (w *WeChat) addRule(r Rule) Rule {
	w.rules.last++
	r.ID, r.Used = w.rules.last, 0
	w.rules.list = append(w.rules.list, &r)
	return r
}

// ClearRules removes all rules.
func (w *WeChat) ClearRules() {
	w.lock()
	defer w.mu.Unlock()
	w.rules.list = nil
}

// Rules lists the rules and how often each applied.
func (w *WeChat) Rules() []Rule {
	w.lock()
	defer w.mu.Unlock()
	list := make([]Rule, 0, len(w.rules.list))
	for _, r := range w.rules.list {
		list = append(list, *r)
	}
	return list
}

// choose decides which fault a request meets.
func (w *WeChat) choose(c *call) {
	tail := int(c.total % 100)
	for _, r := range w.rules.list {
		f := faultNamed(r.Fault)
		switch {
		case r.Op != "" && r.Op != c.op,
			r.OutTradeNo != "" && r.OutTradeNo != c.no,
			r.Tail != nil && (*r.Tail != tail || c.total == 0),
			r.Times > 0 && r.Used >= r.Times,
			f != nil && !c.among(f.Ops):
			continue
		}
		r.Used++
		c.fault, c.delay, c.rule = f, time.Duration(r.DelayMS)*time.Millisecond, *r
		w.fired(c)
		return
	}
	if c.no == "" || tail == 0 {
		return
	}
	for _, f := range Faults() {
		if f.Tail != tail || !c.among(f.Amount) {
			continue
		}
		key := c.no + "\x00" + c.op
		if w.tally.fired[key] < f.Times {
			w.tally.fired[key]++
			c.fault = &f
			w.fired(c)
		}
		return
	}
}

func (w *WeChat) fired(c *call) {
	if c.fault != nil && c.no != "" {
		o := w.tally.of(c.no)
		o.Faults = append(o.Faults, c.op+":"+c.fault.Name)
	}
}

// touches tells whether an AI payment may stand for one of the operations.
func touches(ops []string) bool {
	return slices.Contains(ops, opNative) || slices.Contains(ops, opCodepay)
}
