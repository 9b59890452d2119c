package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"qrposd/daemon"
	"qrposd/daemon/api"
	"qrposd/daemon/doctor"
	"qrposd/daemon/llm"
	"qrposd/daemon/wechat"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/systemd"
)

// unwell is what a verb ends with that has found what must not stay as it is, and has
// said all of it.
type unwell struct {
	code int
	what string
}

func (u unwell) Error() string { return u.what }

const notInOrder = "the installation is not in order"

// examine checks the installation and the machine, beside a till that runs or not.
func examine(ctx context.Context, c *call) error {
	file := c.flags.String("config", "/etc/qrposd/qrposd.toml", "the configuration `FILE`")
	asJSON := c.flags.Bool("json", false, "print the findings as JSON")
	live := c.flags.Bool("live", false, "measure the models; costs twelve calls of each that judges")
	offline := c.flags.Bool("offline", false, "use no network")
	if err := c.parse(); err != nil {
		return err
	}
	if len(c.args) > 0 {
		return usage("doctor takes no words, only flags")
	}
	if *live && *offline {
		return usage("-live needs the network that -offline forbids")
	}
	p := openPatient(ctx, *file, *offline)
	defer p.close()
	found := doctor.Examine(ctx, p.checks(*live))
	var err error
	if *asJSON {
		err = json.NewEncoder(c.out).Encode(struct {
			Verdict  doctor.Verdict   `json:"verdict"`
			Findings []doctor.Finding `json:"findings"`
		}{doctor.Worst(found), found})
	} else {
		err = doctor.Write(c.out, found)
	}
	switch {
	case err != nil:
		return err
	case p.broken != nil:
		return unwell{exitConfig, notInOrder}
	case doctor.Worst(found) == doctor.Fail:
		return unwell{exitFailed, notInOrder}
	}
	return nil
}

// patient is what the checks look at.
type patient struct {
	cfg     daemon.Config
	file    string
	broken  error // what the configuration is refused for
	named   bool  // files of the configuration are paths
	offline bool
	gateway *wechat.Client
	opened  error // what the gateway objects to
	models  *llm.Client
	refused error // what the models' client objects to
	running doctor.Running
	unit    string
}

func openPatient(ctx context.Context, file string, offline bool) *patient {
	p := &patient{file: file, offline: offline}
	env := systemd.Env(os.Getenv)
	p.cfg, p.broken = daemon.Load(file, func(name string) (string, bool, error) {
		if path, ok, err := env.Credential(name); err == nil && ok {
			return path, true, nil
		}
		return doctor.Credentials + filepath.Base(name), true, nil
	})
	p.named = filepath.IsAbs(p.cfg.Till.SecretFile) && filepath.IsAbs(p.cfg.WeChat.PrivateKeyFile)
	for _, dir := range []string{"/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/"} {
		if text, err := os.ReadFile(dir + "qrposd.service"); err == nil {
			p.unit = "\n" + string(text)
			break
		}
	}
	quiet := slog.New(slog.DiscardHandler)
	if p.named {
		p.gateway, p.opened = wechat.Open(p.cfg.WeChat, 5*time.Minute, quiet)
		if p.models, p.refused = llm.Open(p.cfg.Models); p.refused != nil {
			p.models = nil
		}
		p.running = askTill(ctx, p.cfg)
	}
	return p
}

func (p *patient) close() {
	if p.models != nil {
		p.models.Close()
	}
	if p.opened == nil && p.gateway != nil {
		p.gateway.Close()
	}
}

// askTill asks whoever has the store how it is. Taking the lock for reading and
// letting it go at once changes nothing; a till that starts meanwhile waits longer.
func askTill(ctx context.Context, cfg daemon.Config) (r doctor.Running) {
	f, err := os.Open(cfg.Store.Path)
	if err != nil {
		return r
	}
	defer f.Close() // gives the lock back
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return r
	}
	r.Open = true
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	till := &api.Client{Base: "http://" + cfg.API.Listen}
	s, err := till.Status(ctx)
	switch {
	case err != nil:
		r.Why = err.Error()
	case s.Till != cfg.Till.ID:
		r.Why = fmt.Sprintf("at %s answers the till %s", cfg.API.Listen, s.Till)
	default:
		r.Health = &s.Health
	}
	return r
}

func (p *patient) checks(live bool) []doctor.Check {
	cfg := p.cfg
	list := []doctor.Check{p.config()}
	if p.named {
		journal, file := p.journal()
		list = append(list,
			doctor.Context(doctor.Merchant{SecretFile: cfg.Till.SecretFile, Root: os.DirFS("/"), DeviceFiles: cfg.Till.DeviceFiles, Intents: cfg.AIPay.Intents, Enabled: cfg.AIPay.Enabled}),
			p.currency(), doctor.Idempotency(cfg.Till.SecretFile, p.running, journal), doctor.Diversity(cfg.Models, cfg.Rules.Mainland),
			file, doctor.Files(p.files()), doctor.Keys(cfg.WeChat, p.opened, time.Now()),
			doctor.Disk(cfg.Store.Path, cfg.Store.ReserveMB, cfg.Timing.Speed > 1 || p.here()))
	} else {
		list = append(list, doctor.Currency(p.broken, cfg.AIPay.Enabled, nil))
	}
	client := p.models
	if p.offline {
		client = nil
	}
	url := ""
	if len(cfg.WeChat.BaseURLs) > 0 && !p.offline {
		url = cfg.WeChat.BaseURLs[0]
	}
	list = append(list,
		doctor.Biometrics(p.unit), doctor.Chain(cfg.Models, cfg.AIPay.TimeoutMS, client), doctor.Refusals(cfg.AIPay.Enabled, p.running),
		doctor.Reach(p.endpoints(), p.offline, time.Now()), p.provider(), doctor.Clock(cfg.WeChat.CAFile, url),
		doctor.Port(cfg.Scanner.Path), doctor.Listening(cfg.API.Listen), doctor.Entropy(), doctor.Memory("/proc", p.unit), doctor.Service(p.unit))
	if live && client != nil {
		list = append(list, doctor.Live(client, cfg.Rules.Mainland))
	}
	return list
}

func (p *patient) config() doctor.Check {
	return doctor.Check{ID: "config", Title: "The configuration can be used", Run: func(context.Context) (t doctor.Tally) {
		if p.broken == nil {
			t.Good("%s is in order", p.file)
		} else {
			for line := range strings.Lines(p.broken.Error()) {
				t.Bad("", "%s", line)
			}
			t.Bad("`qrposd config` prints every key with its default; `qrposd config FILE` checks a file", "%s is refused; what needs it was not examined", p.file)
		}
		if p.refused != nil {
			t.Bad("correct [models]", "%v", p.refused)
		}
		return t
	}}
}

func (p *patient) currency() doctor.Check {
	var ask func(context.Context, sale.Request) wechat.Answer
	if p.opened == nil && !p.offline {
		ask = p.gateway.Call
	}
	return doctor.Currency(p.broken, p.cfg.AIPay.Enabled, ask)
}

// provider asks the provider, signed, about an order that cannot exist.
func (p *patient) provider() doctor.Check {
	return doctor.Check{ID: "provider", Title: "The provider knows the merchant and its key", Within: 15 * time.Second, Run: func(ctx context.Context) (t doctor.Tally) {
		switch {
		case p.gateway == nil || p.opened != nil:
			t.Unsure("mend keys and configuration first", "not asked")
		case p.offline:
			t.Unsure("run it without -offline", "not asked")
		default:
			if err := p.gateway.Probe(ctx); err != nil {
				t.Bad("see the findings keys, clock and reach; then wechat.mchid and wechat.serial", "%v", err)
				return t
			}
			t.Good("a signed query was answered, and the answer's signature verifies")
		}
		return t
	}}
}

// journal is the journal of a till that is stopped, nil where there is none, and the
// check of its file. Another process reads the file first: what a torn page does to
// a reader, it should not do to this one.
func (p *patient) journal() (iter.Seq2[sale.Entry, error], doctor.Check) {
	path := p.cfg.Store.Path
	_, missing := os.Stat(path)
	const within = 20 * time.Second
	read := sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		return store.CheckInChild(ctx, exe, path)
	})
	var entries iter.Seq2[sale.Entry, error]
	if missing == nil && !p.running.Open {
		entries = func(yield func(sale.Entry, error) bool) {
			if err := read(); err != nil {
				yield(sale.Entry{}, err)
				return
			}
			store.ReadJournal(path)(yield)
		}
	}
	return entries, doctor.Check{ID: "store", Title: "The store is whole", Within: within, Run: func(context.Context) (t doctor.Tally) {
		switch h := p.running.Health; {
		case errors.Is(missing, fs.ErrNotExist):
			t.Good("%s is made at the first start", path)
		case missing != nil:
			t.Unsure("run it as the user that runs the till", "%v", missing)
		case h != nil && h.Store.Level == api.OK:
			t.Good("the running till has it and says: %s", h.Store.Detail)
		case h != nil:
			t.Bad("free space, or see what the till logs: `journalctl -u qrposd`", "the running till says: %s", h.Store.Detail)
		case p.running.Open:
			t.Unsure("see api.listen", "somebody has it, and is no till that answers: %s", p.running.Why)
		default:
			if err := read(); errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrForeign) || errors.Is(err, store.ErrNewer) {
				t.Bad(daemon.Hint(err), "%v", err)
			} else if err != nil {
				t.Unsure("run `qrposd check "+path+"`", "%v", err)
			} else {
				t.Good("%s was read from end to end, no till has it open", path)
			}
		}
		return t
	}}
}

func (p *patient) files() []doctor.File {
	cfg := p.cfg
	list := []doctor.File{{Key: "configuration", Path: p.file}, {Key: "store.path", Path: cfg.Store.Path, Kind: doctor.Store}}
	add := func(kind doctor.Kind, key, path string) {
		if path != "" {
			list = append(list, doctor.File{Key: key, Path: path, Kind: kind})
		}
	}
	add(doctor.Secret, "till.secret_file", cfg.Till.SecretFile)
	add(doctor.Secret, "wechat.private_key_file", cfg.WeChat.PrivateKeyFile)
	add(doctor.Secret, "wechat.apiv3_key_file", cfg.WeChat.APIv3KeyFile)
	add(doctor.Secret, "wechat.v2.key_file", cfg.WeChat.V2.KeyFile)
	for _, m := range cfg.Models.Providers {
		add(doctor.Secret, "key_file of "+m.Name, m.KeyFile)
	}
	add(doctor.Plain, "rules.file", cfg.Rules.File)
	add(doctor.Plain, "aipay.intents", cfg.AIPay.Intents)
	for _, k := range cfg.WeChat.PlatformKeys {
		add(doctor.Plain, "wechat.platform_keys", k.File)
	}
	return list
}

func (p *patient) endpoints() (list []doctor.Endpoint) {
	for i, base := range p.cfg.WeChat.BaseURLs {
		list = append(list, doctor.Endpoint{Name: fmt.Sprintf("provider %d", i+1), URL: base, CAFile: p.cfg.WeChat.CAFile, Needed: i == 0})
	}
	for _, m := range p.cfg.Models.Providers {
		list = append(list, doctor.Endpoint{Name: "model " + m.Name, URL: m.Address(), CAFile: p.cfg.Models.CAFile})
	}
	return list
}

// here says that payments are a simulator's on this machine.
func (p *patient) here() bool {
	for _, base := range p.cfg.WeChat.BaseURLs {
		if !strings.HasPrefix(base, "http://") { // which the configuration allows to this machine only
			return false
		}
	}
	return len(p.cfg.WeChat.BaseURLs) > 0
}
