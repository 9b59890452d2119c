package daemon

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"qrposd/daemon/aipay"
	"qrposd/daemon/llm"
	"qrposd/daemon/wechat"
	"qrposd/hw/scanner"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Example is the configuration file with every key, its default and what it is
// for. It is what `qrposd config` prints.
//
//go:embed qrposd.toml
var Example []byte

// Config is the whole configuration of a till: one file, read strictly.
type Config struct {
	Till    Till           `toml:"till"`
	API     API            `toml:"api"`
	Store   Store          `toml:"store"`
	Backup  BackupConfig   `toml:"backup"`
	WeChat  wechat.Config  `toml:"wechat"`
	AIPay   aipay.Config   `toml:"aipay"`
	Scanner scanner.Config `toml:"scanner"`
	Rules   Rules          `toml:"rules"`
	Models  llm.Models     `toml:"models"`
	Offline Offline        `toml:"offline"`
	Timing  Timing         `toml:"timing"`
	Queue   Queue          `toml:"queue"`
	Bill    Bill           `toml:"bill"`
	Log     Log            `toml:"log"`
}

// Till says which till this is and whose.
type Till struct {
	ID         string         `toml:"id"`          // 1 to 8 capitals and digits, unique among the merchant's tills
	Shop       string         `toml:"shop"`        // what customers know the shop by, on their screen
	Currency   money.Currency `toml:"currency"`    // what the page offers
	SecretFile string         `toml:"secret_file"` // signs the idempotency keys; at least 16 bytes
	// SignKeyFile signs closed days; empty is a file beside the store, which is made.
	SignKeyFile string `toml:"sign_key_file"`
	// DeviceFiles are what this machine is known by, where the kernel knows no serial
	// number: files that a copy of its disk does not have.
	DeviceFiles []string `toml:"device_files"`
}

// API is where the cashier page and the POS find the till.
type API struct {
	Listen string `toml:"listen"` // a loopback address
}

// Store is where everything owed is kept.
type Store struct {
	Path      string `toml:"path"`
	MaxMB     int64  `toml:"max_mb"`     // the file never grows beyond this
	ReserveMB int64  `toml:"reserve_mb"` // kept for refunds and resolutions when new sales no longer fit
	Salvage   string `toml:"salvage"`    // the second record of the journal; empty is beside the file
	SalvageMB int64  `toml:"salvage_mb"` // how large it is; 0 is none
}

// Rules say how sales are judged.
type Rules struct {
	File     string `toml:"file"`     // the rule file; empty is the one that comes with the program
	Mainland bool   `toml:"mainland"` // sales happen in mainland China: models elsewhere are not asked
	// HedgeRate is the share of judgements that may ask a second provider while the
	// first is still thinking; InFlight how many judgements may wait for models at once.
	HedgeRate float64 `toml:"hedge_rate"`
	InFlight  int     `toml:"in_flight"`
}

// Timing is the schedule, within the provider's limits.
type Timing struct {
	PollFirst       wechat.Duration `toml:"poll_first"`
	Poll            wechat.Duration `toml:"poll"`
	Deadline        wechat.Duration `toml:"deadline"`
	ReverseEarliest wechat.Duration `toml:"reverse_earliest"`
	QRPoll          wechat.Duration `toml:"qr_poll"`
	QRLife          wechat.Duration `toml:"qr_life"`
	ScanWindow      wechat.Duration `toml:"scan_window"`
	// Speed divides every wait, for a simulator that runs as much faster. Refused
	// unless every provider address is on this machine.
	Speed float64 `toml:"speed"`
}

// Log is what the journal of the machine gets to read.
type Log struct {
	Level string `toml:"level"` // debug, info, warn, error
}

// Default is the configuration of Example.
func Default() Config {
	p := sale.DefaultPlan()
	d := func(t time.Duration) wechat.Duration { return wechat.Duration(t) }
	sc := scanner.DefaultConfig()
	sc.Path = ""
	return Config{
		Till:    Till{Currency: "CNY", DeviceFiles: []string{}},
		API:     API{Listen: "127.0.0.1:8430"},
		Store:   Store{Path: "/var/lib/qrposd/till.db", MaxMB: 256, ReserveMB: 2, SalvageMB: 8},
		Backup:  BackupConfig{Recipients: []string{}, EveryH: 24, Keep: 14},
		Scanner: sc,
		WeChat:  wechat.Config{Driver: wechat.V3, ConnectTimeout: d(5 * time.Second), TotalTimeout: d(10 * time.Second), SkewLimit: d(24 * time.Hour), Scene: wechat.Scene{ClientIP: "127.0.0.1"}},
		AIPay:   aipay.Config{TimeoutMS: 400, Liveness: aipay.DefaultLiveness(), FX: aipay.DefaultFX()},
		Offline: Offline{Window: d(24 * time.Hour), Distinct: "0"},
		Rules:   Rules{Mainland: true, HedgeRate: 1, InFlight: 50},
		Timing: Timing{
			d(p.PollFirst), d(p.Poll), d(p.Deadline), d(p.ReverseEarliest), d(p.QRPoll), d(p.QRLife), d(p.ScanWindow), 1,
		},
		Bill:  Bill{Enabled: true, KeepDays: 180},
		Queue: Queue{AlarmAfter: d(24 * time.Hour)},
		Log:   Log{Level: "info"},
	}
}

// ConfigError is a configuration that cannot be used. No restart mends it.
type ConfigError struct {
	File string
	Err  error
}

func (e *ConfigError) Error() string { return e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

// Load reads a configuration file. A key that does not exist is an error with
// its line, because a mistyped limit is a limit that is not there. Relative
// names are beside the file; "credential:NAME" is the service manager's.
func Load(file string, credential func(name string) (string, bool, error)) (Config, error) {
	c := Default()
	text, err := os.ReadFile(file)
	if err != nil {
		return c, &ConfigError{file, fmt.Errorf("configuration: %w", err)}
	}
	if err := c.parse(file, text); err != nil {
		return c, &ConfigError{file, err}
	}
	if err := errors.Join(c.resolve(filepath.Dir(file), credential), c.Validate()); err != nil {
		return c, &ConfigError{file, err}
	}
	return c, nil
}

func (c *Config) parse(file string, text []byte) error {
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(c)
	var strict *toml.StrictMissingError
	var syntax *toml.DecodeError
	switch {
	case errors.As(err, &strict):
		var errs []error
		for i := range strict.Errors {
			row, _ := strict.Errors[i].Position()
			key := strict.Errors[i].Key()
			if ownRate(key) {
				errs = append(errs, fmt.Errorf("%s:%d: fixed_rate: %s is a rate of the till's own, which no sale is charged at; take it out, and name the currency in aipay.fx.pay_in: every sale asks for its rate", file, row, strings.Join(key, ".")))
				continue
			}
			errs = append(errs, fmt.Errorf("%s:%d: there is no key %s; `qrposd config` prints every key", file, row, strings.Join(key, ".")))
		}
		return errors.Join(errs...)
	case errors.As(err, &syntax):
		row, col := syntax.Position()
		return fmt.Errorf("%s:%d:%d: %s", file, row, col, strings.TrimPrefix(syntax.Error(), "toml: "))
	case err != nil:
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

var ownRateForm = regexp.MustCompile(`(?i)(^|_)(rates?|fixed|exchange|kurs)(_|$)|(exchange|fx|fixed)-?rates?$`)

// ownRate says that a key that does not exist is a try to fix an exchange rate. The
// rules have a rate of another kind.
func ownRate(key []string) bool {
	return key[0] != "rules" && slices.ContainsFunc(key, ownRateForm.MatchString)
}

// resolve turns the file names of the configuration into paths.
func (c *Config) resolve(dir string, credential func(string) (string, bool, error)) error {
	names := []*string{
		&c.Till.SecretFile, &c.Rules.File, &c.AIPay.Intents, &c.Models.CAFile, &c.Store.Path, &c.Store.Salvage, &c.Backup.To, &c.WeChat.PrivateKeyFile, &c.WeChat.APIv3KeyFile, &c.WeChat.CAFile, &c.Bill.Dir, &c.Till.SignKeyFile,
		&c.WeChat.V2.KeyFile, &c.WeChat.V2.CertFile,
	}
	for i := range c.WeChat.PlatformKeys {
		names = append(names, &c.WeChat.PlatformKeys[i].File)
	}
	for i := range c.Models.Providers {
		names = append(names, &c.Models.Providers[i].KeyFile)
	}
	for i := range c.Till.DeviceFiles {
		names = append(names, &c.Till.DeviceFiles[i])
	}
	var errs []error
	for _, p := range names {
		name, secret := strings.CutPrefix(*p, "credential:")
		switch {
		case secret:
			path, ok, err := credential(name)
			if err == nil && !ok {
				err = fmt.Errorf("the service manager passes no credentials; name a file instead of %q, or start with systemd", *p)
			}
			errs = append(errs, err)
			*p = path
		case *p != "" && !filepath.IsAbs(*p):
			*p = filepath.Join(dir, *p)
		}
	}
	return errors.Join(errs...)
}

var tillForm = regexp.MustCompile(`^[0-9A-Z]{1,8}$`)

// Validate names everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(!tillForm.MatchString(c.Till.ID), "till.id is %q; 1 to 8 capitals and digits, one for each till of the merchant", c.Till.ID)
	fault(utf8.RuneCountInString(c.Till.Shop) > 40, "till.shop has more than 40 characters; it is one line of the customer's screen")
	fault(c.Till.SecretFile == "", "till.secret_file is missing; a file of at least 16 random bytes, the same as at the API")
	if _, err := money.Exponent(c.Till.Currency); err != nil {
		errs = append(errs, fmt.Errorf("till.currency: %w", err))
	}
	addr, err := netip.ParseAddrPort(c.API.Listen)
	fault(err != nil || !addr.Addr().IsLoopback(), "api.listen is %q; a loopback address such as 127.0.0.1:8430, since whoever reaches it can take money", c.API.Listen)
	fault(c.Store.Path == "", "store.path is missing")
	fault(c.Store.MaxMB < 8 || c.Store.ReserveMB < 1 || c.Store.ReserveMB > c.Store.MaxMB/4, "store.max_mb is %d and store.reserve_mb %d; at least 8, and at most a quarter of it in reserve", c.Store.MaxMB, c.Store.ReserveMB)
	fault(c.Store.SalvageMB < 0 || c.Store.SalvageMB > 1024, "store.salvage_mb is %d; 0 to 1024, and 0 is no second record", c.Store.SalvageMB)
	if c.Scanner.Path != "" {
		errs = append(errs, c.Scanner.Validate())
	}
	errs = append(errs, c.WeChat.Validate(), c.AIPay.Validate(), c.Models.Validate(), c.Offline.Validate())
	fault(c.AIPay.FX.On() && c.AIPay.FX.PayIn != "CNY", "aipay.fx.pay_in is %s, and an account at WeChat Pay takes CNY; name CNY, or leave it out", c.AIPay.FX.PayIn)
	fault(c.AIPay.FX.On() && c.AIPay.FX.PayIn == c.Till.Currency, "aipay.fx.pay_in is %s, which is till.currency; name the other currency, or leave it out", c.AIPay.FX.PayIn)
	fault(c.AIPay.Enabled && c.WeChat.Driver != wechat.V3, "aipay.enabled needs wechat.driver v3: v2 knows nothing of the payment AI API")
	fault(!(c.Timing.Speed >= 1), "timing.speed is %v; 1, or more for a simulator", c.Timing.Speed)
	fault(c.Timing.Speed > 1 && !c.simulated(), "timing.speed is %v, which only a simulator on this machine allows", c.Timing.Speed)
	fault(!(c.Rules.HedgeRate >= 0.01 && c.Rules.HedgeRate <= 1), "rules.hedge_rate is %v; 0.01 to 1, the share of sales that may ask a second provider", c.Rules.HedgeRate)
	fault(c.Bill.KeepDays < 1 || c.Bill.KeepDays > 3660, "bill.keep_days is %d; 1 to 3660", c.Bill.KeepDays)
	errs = append(errs, c.Backup.validate())
	fault(c.Rules.InFlight < 1 || c.Rules.InFlight > 1000, "rules.in_flight is %d; 1 to 1000", c.Rules.InFlight)
	fault(c.Queue.AlarmAfter < wechat.Duration(time.Minute) || c.Queue.AlarmAfter > wechat.Duration(30*24*time.Hour), "queue.alarm_after is %s; 1m to 720h", time.Duration(c.Queue.AlarmAfter))
	if err := c.Timing.plan().Validate(); err != nil {
		errs = append(errs, fmt.Errorf("timing: %w", err))
	}
	return errors.Join(errs...)
}

// simulated says that every provider address is on this machine.
func (c Config) simulated() bool {
	for _, raw := range c.WeChat.BaseURLs {
		u, err := url.Parse(raw)
		if err != nil {
			return false
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return len(c.WeChat.BaseURLs) > 0
}

func (t Timing) plan() sale.Plan {
	p := sale.DefaultPlan()
	p.PollFirst, p.Poll, p.Deadline = time.Duration(t.PollFirst), time.Duration(t.Poll), time.Duration(t.Deadline)
	p.ReverseEarliest, p.QRPoll, p.QRLife = time.Duration(t.ReverseEarliest), time.Duration(t.QRPoll), time.Duration(t.QRLife)
	p.ScanWindow = time.Duration(t.ScanWindow)
	return p
}

// Plan is the schedule that the till keeps.
func (c Config) Plan() sale.Plan {
	p := c.Timing.plan()
	p.Judge = true
	if c.Timing.Speed > 1 {
		p = p.Scale(c.Timing.Speed)
	}
	return p
}
