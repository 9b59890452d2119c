// Package daemon puts the till together, runs it and takes it apart.
//
// It is the only place that sees every room. Open builds the parts in the order
// in which they need each other, Run starts them and waits, Close is Open
// backwards. A start needs no network: keys come from files, sales that a power
// cut left open are driven as soon as the provider answers again.
//
// Stopping has two phases. The first takes no new request and lets the steps on
// the wire end, because an answer that is heard saves the customer a minute of
// doubt; the second cuts them. Nothing is lost by the cut: an intent without an
// outcome is asked about after the next start.
//
// Rejected: a registry of services with dependencies to be sorted (there are six
// parts and their order is five lines), and reading the environment here: what
// the service manager provides comes in as an argument.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"qrposd/daemon/checkout"
	"qrposd/daemon/llm"
	"qrposd/daemon/web"
	"qrposd/daemon/wechat"
	"qrposd/hw/scanner"
	"qrposd/store"
	"qrposd/systemd"
)

// grace is how long a stop waits for the steps on the wire before it cuts them.
// The service manager kills at 10 s.
const grace = 7 * time.Second

// Options are what the process provides.
type Options struct {
	Version string
	Log     *slog.Logger
	Systemd systemd.Env                                  // what the service manager said; never nil
	Check   func(ctx context.Context, path string) error // integrity of the store, in another process
	Adopt   bool                                         // take over the store of another device
	Faults  Faults                                       // the zero value in every product
}

// Faults are the places where a test pulls the plug, or sets the clock.
type Faults struct {
	Store   func(op string) error
	Wire    func(point string)
	Journal func(checkout.Journal) checkout.Journal
	Clock   store.Clock
}

// Daemon is a till.
//
// budget: the composition root has every part of the till
type Daemon struct {
	cfg     Config
	o       Options
	store   *store.DB
	healed  *store.RestoreRecord // what the store was put together of in this run, nil for a whole one
	gateway *wechat.Client
	refused *rejections // nil where no model of the provider refuses
	vitals  *vitals
	// offline sells without the provider. It is there, with its exposure, where nothing
	// new is sold by it as well.
	offline *unprovided
	judge   *judge
	// sessions are how the sales under way were rung up.
	sessions *sessions
	pricer   checkout.Pricer // nil in a shop of one currency
	desk     *checkout.Desk
	owed     *owed
	scanner  *scanner.Reader
	web      *web.Server
	bills    *bills
	backups  *backups
	ln       net.Listener
}

// Open builds the till. Whatever was built is taken apart again if a later part
// fails.
func Open(ctx context.Context, cfg Config, o Options) (d *Daemon, err error) {
	d = &Daemon{cfg: cfg, o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	secret, err := readSecret(cfg.Till.SecretFile)
	if err != nil {
		return d, err
	}
	if d.gateway, err = wechat.Open(cfg.WeChat, cfg.Plan().QRLife, o.Log); err != nil {
		return d, &ConfigError{Err: err}
	}
	device := identify(cfg.Till, secret, o.Log)
	if err := d.openStore(ctx, secret, device); err != nil {
		return d, err
	}
	intents, err := openIntents(cfg.AIPay.Intents)
	if err != nil {
		return d, &ConfigError{Err: err}
	}
	if d.vitals, err = d.openVitals(); err != nil {
		return d, &ConfigError{Err: err}
	}
	if d.judge, err = openJudge(cfg, d.store, d.vitals, intents, o.Log); err != nil {
		return d, err
	}
	var naming *panel // without the AI API nobody is told what a sale is for
	if cfg.AIPay.Enabled {
		naming = newPanel(d.judge.models, llm.Intent, cfg.Rules.Mainland, o.Log)
	}
	d.sessions = newSessions(intents, naming, o.Log)
	d.judge.sessions = d.sessions
	gateway, err := openGateway(cfg, d.gateway, d.judge.models, d.sessions, checks(cfg.AIPay.Liveness, d.store, secret), device, o.Log)
	if err != nil {
		return d, &ConfigError{Err: err}
	}
	d.pricer = newPricer(cfg.AIPay.FX, gateway, newPanel(d.judge.models, llm.Pricing, cfg.Rules.Mainland, o.Log), o.Log)
	if cfg.AIPay.Enabled {
		d.refused = openRejections(gateway, cfg.AIPay.PreAuthorization, intents, d.store, o.Log)
		d.refused.sessions = d.sessions
		gateway = d.refused
	}
	d.vitals.Gateway = gateway
	d.openDesk()
	d.backups = newBackups(cfg, d.store, o.Log)
	reports := newDays(cfg, d.store, d.backups.soon, o.Log)
	d.bills = newBills(cfg, d.store, d.gateway, func(code, message string) { d.web.Tell(code, message) }, o.Log)
	if d.web, err = web.New(web.Options{
		Till: d.desk, Rung: d.sessions.rung, Book: d.store, Clock: d.store, Plan: cfg.Plan(), Health: d.health, Log: o.Log,
		Name: cfg.Till.ID, Shop: cfg.Till.Shop, Version: o.Version, Currency: cfg.Till.Currency, PayIn: payIn(cfg.AIPay.FX), Backup: d.backups.make, Judge: asRules{d.judge}, Cases: cases{d.store, d.o.Log}, Bills: d.bills, Offline: d.offline, Days: reports, Drawers: reports, Owed: d.owed, Metrics: d.metrics,
	}); err != nil {
		return d, err
	}
	if d.ln == nil { // nobody had to be told meanwhile
		d.ln, err = listen(cfg.API.Listen)
	}
	return d, err
}

// readSecret reads the merchant's secret. A short one signs nothing.
func readSecret(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err == nil && len(b) < 16 {
		err = fmt.Errorf("%s holds %d bytes", file, len(b))
	}
	if err != nil {
		return nil, &ConfigError{Err: fmt.Errorf("till.secret_file: %w; it takes at least 16 random bytes, such as `head -c 32 /dev/urandom`", err)}
	}
	return b, nil
}

func (d *Daemon) openDesk() {
	var journal checkout.Journal = d.store
	if d.o.Faults.Journal != nil {
		journal = d.o.Faults.Journal(journal)
	}
	journal = bell{overheard{journal, d.sessions}, func(code, message string) { d.web.Tell(code, message) }}
	var wallets []scanner.Wallet
	if d.cfg.Scanner.Path != "" {
		d.scanner = scanner.New(d.cfg.Scanner, d.o.Log)
		wallets = d.cfg.Scanner.Wallets
	}
	d.desk = checkout.New(checkout.Options{
		Gateway: d.vitals, Journal: journal, Clock: d.store, Adviser: d.judge, Pricer: d.pricer, Offline: d.ownCodes(), Plan: d.cfg.Plan(), Wallets: wallets, Wallet: "wechat",
		Notice: d.notice, Hook: d.o.Faults.Wire, Log: d.o.Log,
	})
	d.judge.desk, d.offline.desk = d.desk, d.desk
	d.owed = &owed{db: d.store, desk: d.desk, after: time.Duration(d.cfg.Queue.AlarmAfter), tell: func(code, message string) {
		d.o.Log.Warn("the alarm of the queue", "what", message)
		d.web.Tell(code, message)
	}}
}

func listen(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program; is a qrposd running? `ss -ltnp` says who: %w", addr, err)
	}
	return ln, err
}

// URL is where the cashier page is.
func (d *Daemon) URL() string { return "http://" + d.ln.Addr().String() + "/" }

// Run runs the till until ctx ends or a part of it fails.
func (d *Daemon) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	cut, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	parts := map[string]func() error{
		"checkout": func() error { return d.desk.Run(ctx, cut) },
		"web":      func() error { return d.web.Serve(d.ln) },
		"link": func() error {
			d.vitals.link.run(ctx, time.Duration(float64(probeEvery)/d.vitals.link.speed))
			return nil
		},
		"watchdog": func() error { return d.feed(ctx) },
		"probe":    func() error { d.probe(ctx); return nil },
		"bills":    func() error { d.bills.run(ctx); return nil },
		"backups":  func() error { d.backups.run(ctx); return nil },
		"rotation": func() error { d.store.Tend(ctx); return nil },
		"purge":    func() error { evidence{d.store, d.cfg.AIPay.Liveness}.purge(ctx, d.o.Log); return nil },
	}
	if d.scanner != nil {
		parts["scanner"] = func() error { return d.scanner.Run(ctx) }
		parts["scans"] = func() error { return d.takeScans(ctx) }
	}
	ended := make(chan error, len(parts))
	for name, run := range parts {
		go func() {
			err := run()
			if err != nil && ctx.Err() == nil {
				err = fmt.Errorf("%s: %w", name, err)
				stop(err)
			}
			ended <- err
		}()
	}
	d.o.Log.Info("the till is open", "till", d.cfg.Till.ID, "page", d.URL(), "version", d.o.Version)
	_ = d.o.Systemd.Notify(systemd.Ready, systemd.Status("open at "+d.URL()))
	<-ctx.Done()
	d.stop(end)
	for range parts {
		<-ended
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// stop takes nothing new, and cuts the wire when the grace is over.
func (d *Daemon) stop(cut func()) {
	_ = d.o.Systemd.Notify(systemd.Stopping)
	owing, driven := d.desk.Load()
	d.o.Log.Info("the till is closing", "owing", owing, "on_the_wire", driven)
	soon, cancel := context.WithTimeout(context.Background(), grace)
	time.AfterFunc(grace, cut)
	defer cancel()
	if err := d.web.Shutdown(soon); err != nil {
		d.o.Log.Warn("a request was cut", "err", err)
	}
}

// takeScans hands every scan to the desk, one after the other.
func (d *Daemon) takeScans(ctx context.Context) error {
	for {
		select {
		case scan := <-d.scanner.Scans():
			d.desk.Scanned(ctx, scan)
		case <-ctx.Done():
			return nil
		}
	}
}

// probe asks the provider once and connects to the models, so that a wrong clock,
// key or network shows before a payer stands there. Nothing waits for it.
func (d *Daemon) probe(ctx context.Context) {
	if err := d.gateway.Probe(ctx); err != nil && ctx.Err() == nil {
		d.o.Log.Warn("the provider cannot be used yet", "err", err)
	}
	d.vitals.link.stir()
	if err := d.judge.models.Warm(ctx); err != nil && ctx.Err() == nil {
		d.o.Log.Warn("a model cannot be reached yet", "err", err)
	}
	debug.FreeOSMemory() // what reading keys, rules and routes took is not needed again
}

// feed tells the service manager that the checkout loop turns, and nothing else:
// a till that serves pages and drives no sale is to be restarted.
func (d *Daemon) feed(ctx context.Context) error {
	every, ok := d.o.Systemd.Watchdog(os.Getpid())
	if !ok {
		return nil
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		alive, cancel := context.WithTimeout(ctx, every/2)
		if err := d.desk.Alive(alive); err == nil {
			_ = d.o.Systemd.Notify(systemd.Alive)
		} else if ctx.Err() == nil {
			d.o.Log.Error("the watchdog is not fed", "err", err)
		}
		cancel()
	}
}

// Reload reads the rule file again, all or nothing.
func (d *Daemon) Reload() {
	if err := d.judge.reload(d.cfg.Rules.File); err != nil {
		d.o.Log.Error("the rules stay as they are", "err", err)
		return
	}
	d.o.Log.Info("other rules are in force", "file", d.cfg.Rules.File, "hash", d.judge.Rules().Hash().String())
}

// Close takes the till apart.
func (d *Daemon) Close() error {
	var errs []error
	if d.judge != nil {
		d.judge.Advisor.Close()
		d.judge.models.Close()
	}
	if d.refused != nil {
		d.refused.Close()
	}
	if d.ln != nil {
		if err := d.ln.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	return errors.Join(errs...)
}
