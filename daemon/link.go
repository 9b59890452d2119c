package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"qrposd/daemon/api"
	"qrposd/daemon/wechat"
	"qrposd/rules"
	"qrposd/rules/sale"
	"qrposd/store"
)

const (
	// probeEvery is how often a provider that cannot be reached is asked whether it can
	// be again; nothing is asked while it answers.
	probeEvery = 10 * time.Second
	// askFirst is how long a cashier who wants to sell offline waits for the provider to
	// be asked once more, where it last answered longer ago than freshAnswer.
	askFirst    = 3 * time.Second
	freshAnswer = 10 * time.Second
	// keepEvery is how precisely the provider's last answer is known after a restart. It
	// is known too early, and never too late.
	keepEvery = 5 * time.Minute
	// manyFailures tell a provider that is down from one that stumbled.
	manyFailures = 2
)

// prober is the provider's client, as far as the way to it is concerned.
type prober interface {
	Pulse() wechat.Pulse
	Skew() (time.Duration, bool)
	Probe(ctx context.Context) error
}

// link is the way to the provider: which kind of offline it is, and for how long.
type link struct {
	at      prober
	db      *store.DB
	local   bool // the provider is on this machine, as a simulator is
	speed   float64
	always  bool        // codes of the till's own are shown while it answers, too
	wired   func() bool // an interface is up and has an address
	changed chan struct{}

	mu    sync.Mutex
	kept  lastAnswer
	state rules.Connection
	since time.Time
}

// lastAnswer is what is kept of the link over restarts.
type lastAnswer struct {
	At sale.Instant `json:"at"`
}

// MarshalJSON is for the store.
func (l lastAnswer) MarshalJSON() ([]byte, error) {
	type plain lastAnswer
	return json.Marshal(plain(l))
}

// UnmarshalJSON is for the store.
func (l *lastAnswer) UnmarshalJSON(b []byte) error {
	type plain lastAnswer
	return json.Unmarshal(b, (*plain)(l))
}

func openLink(at prober, db *store.DB, bases []string, speed float64) (*link, error) {
	l := &link{at: at, db: db, local: true, speed: max(1, speed), wired: wired, changed: make(chan struct{}, 1), state: rules.Online}
	for _, base := range bases {
		u, err := url.Parse(base)
		if err != nil {
			return nil, err
		}
		ip, err := netip.ParseAddr(u.Hostname())
		l.local = l.local && (u.Hostname() == "localhost" || err == nil && ip.IsLoopback())
	}
	return l, db.Kept("link", &l.kept)
}

// wired says that an interface of the machine is up and has an address.
func wired() bool {
	list, err := net.Interfaces()
	if err != nil {
		return true // not known: the route is what is told
	}
	for _, i := range list {
		if i.Flags&net.FlagLoopback != 0 || i.Flags&net.FlagUp == 0 || i.Flags&net.FlagRunning == 0 {
			continue
		}
		if addrs, err := i.Addrs(); err == nil && len(addrs) > 0 {
			return true
		}
	}
	return false
}

// look says which kind of offline it is now, and what that rests on.
func (l *link) look() (state rules.Connection, evidence string) {
	p := l.at.Pulse()
	skew, known := l.at.Skew()
	few := p.Failures < manyFailures
	switch {
	case p.Failures == 0, few && (p.Trouble == wechat.Slow || p.Trouble == wechat.Faulty):
		state = rules.Online
	case p.Trouble == wechat.Clock, known && skew.Abs() >= skewDown, !known && l.behind():
		state = rules.ClockUntrusted
	case (p.Trouble == wechat.NoRoute || p.Trouble == wechat.NoName) && !l.local && !l.wired():
		state = rules.NoLink
	case p.Trouble == wechat.NoRoute || p.Trouble == wechat.NoName:
		state = rules.NoDNS
	case p.Trouble == wechat.Slow:
		state = rules.ProviderSlow
	default:
		state = rules.ProviderDown
	}
	if p.Failures > 0 {
		evidence = fmt.Sprintf("%d calls in a row failed, the last: %s (%s)", p.Failures, p.Detail, p.Trouble)
	}
	if state == rules.ClockUntrusted && known {
		evidence += fmt.Sprintf("; the clock is %s behind the provider's", skew.Round(time.Second))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if state != l.state {
		l.state, l.since = state, time.Now()
	}
	return state, evidence
}

// behind says that the wall clock cannot be right: it is before what the till has
// written down already.
func (l *link) behind() bool {
	list, err := l.db.Sales(1, "")
	return err == nil && len(list) > 0 && time.Now().Before(list[0].BegunWall.Add(-time.Minute))
}

// silence is how long ago the provider last answered, over restarts too. It is not
// known before it ever has.
func (l *link) silence() rules.Int {
	if p := l.at.Pulse(); !p.Answered.IsZero() && p.Failures == 0 {
		return rules.Seconds(max(0, time.Since(p.Answered)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept.At == 0 {
		return rules.Int{}
	}
	return rules.Seconds(max(0, l.db.Now().At.Sub(l.kept.At)))
}

// fact is the link as the rules have it. A sale at the provider is to be made online:
// it is tried, whatever became of the last call, or the till would never learn that
// the network is back. One without the provider may have been begun before a power cut:
// then nobody has heard of the provider since, and it is asked first, or the sale would
// be refused because the provider can be reached, which nobody knows.
func (l *link) fact(ctx context.Context, f sale.Flow) rules.Link {
	switch {
	case l == nil:
		return rules.Link{State: rules.Online}
	case f != sale.Offline:
		return rules.Link{State: rules.Online, Silence: l.silence()}
	}
	return rules.Link{State: l.asked(ctx), Silence: l.silence()}
}

// bars says that nothing is sold without the provider, since it can be reached.
func (l *link) bars(f sale.Flow, state rules.Connection) bool {
	return l != nil && f == sale.Offline && state == rules.Online && !l.always
}

// asked is the state for somebody who wants to sell offline. Where nobody has heard of
// the provider for a while, it is asked first: twice, since it may stumble once.
func (l *link) asked(ctx context.Context) rules.Connection {
	state, _ := l.look()
	p := l.at.Pulse()
	if state != rules.Online || p.Failures == 0 && time.Since(p.Answered) < freshAnswer {
		return state
	}
	ctx, cancel := context.WithTimeout(ctx, askFirst)
	defer cancel()
	for range manyFailures {
		if err := l.at.Probe(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	l.stir()
	state, _ = l.look()
	return state
}

// stir has the link looked after.
func (l *link) stir() {
	if l == nil {
		return
	}
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// run remembers the provider's last answer, and asks a provider that cannot be reached
// whether it can be again. While it answers and nobody sells, nothing wakes up.
func (l *link) run(ctx context.Context, every time.Duration) {
	for {
		l.keep(ctx)
		var again <-chan time.Time
		if l.at.Pulse().Failures > 0 {
			again = time.After(every)
		}
		select {
		case <-ctx.Done():
			return
		case <-l.changed:
		case <-again:
			soon, cancel := context.WithTimeout(ctx, every)
			_ = l.at.Probe(soon) // the pulse says how it went
			cancel()
		}
	}
}

// keep writes the time of the last answer down, seldom. Without room for it the time
// that is known stays too early, which is the safe side.
func (l *link) keep(ctx context.Context) {
	p := l.at.Pulse()
	if p.Answered.IsZero() || p.Failures > 0 {
		return
	}
	l.mu.Lock()
	now := lastAnswer{l.db.Now().At.Add(-max(0, time.Since(p.Answered)))}
	due := l.kept.At == 0 || now.At.Sub(l.kept.At) >= keepEvery
	l.mu.Unlock()
	if !due || l.db.Keep(ctx, "link", now) != nil {
		return
	}
	l.mu.Lock()
	l.kept = now
	l.mu.Unlock()
}

// view is the link as the API has it.
func (l *link) view() api.Link {
	state, evidence := l.look()
	v := api.Link{State: linkNames[state], Evidence: evidence}
	if n, ok := l.silence().Value(); ok {
		v.Silence = &n
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.since.IsZero() {
		at := l.since
		v.Since = &at
	}
	return v.Worded()
}

var linkNames = map[rules.Connection]string{
	rules.Online: "online", rules.NoLink: "no_link", rules.NoDNS: "no_dns", rules.ProviderDown: "provider_down",
	rules.ProviderSlow: "provider_slow", rules.ClockUntrusted: "clock_untrusted",
}

func (l *link) metrics(line func(string, ...any)) {
	state, _ := l.look()
	line("# TYPE qrposd_link gauge")
	for _, s := range []rules.Connection{rules.Online, rules.NoLink, rules.NoDNS, rules.ProviderDown, rules.ProviderSlow, rules.ClockUntrusted} {
		line("qrposd_link{state=%q} %d", linkNames[s], one(s == state))
	}
	if n, ok := l.silence().Value(); ok {
		line("# TYPE qrposd_link_silence_seconds gauge\nqrposd_link_silence_seconds %d", n)
	}
}
