package wechat

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Duration is a [time.Duration] written as "5s" in a configuration file.
type Duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Driver is the protocol in which a payer's code is charged.
type Driver string

// The drivers. QR codes are made through v3 with either.
const (
	V3 Driver = "v3"
	V2 Driver = "v2" // for merchants to whom code payment was not opened in v3
)

// Config is a merchant's account at WeChat Pay. Secrets are named by their
// files, never written here.
type Config struct {
	// MchID is the merchant number, AppID the application bound to it.
	MchID string `toml:"mchid"`
	AppID string `toml:"appid"`
	// Serial of the merchant's API certificate, in hexadecimal; PrivateKeyFile is
	// the key to it (apiclient_key.pem).
	Serial         string `toml:"serial"`
	PrivateKeyFile string `toml:"private_key_file"`
	// PlatformKeys verify the provider's answers. The first is the one in which
	// answers are asked for; the others are for the weeks of a change of keys.
	PlatformKeys []PlatformKey `toml:"platform_keys"`
	// APIv3KeyFile holds the 32 bytes that open notifications. Optional: the till
	// asks and does not wait to be told.
	APIv3KeyFile string `toml:"apiv3_key_file"`
	// NotifyURL is where the provider reports payments of QR codes. It demands one:
	// https, without a query.
	NotifyURL string `toml:"notify_url"`
	// BaseURLs are the provider's domains, the first first. The next one is used
	// when no connection to those before it can be made. Default: both domestic ones.
	BaseURLs []string `toml:"base_urls"`
	// Driver for charging payer codes: "v3" (default) or "v2".
	Driver Driver `toml:"driver"`
	// ConnectTimeout ends a connection attempt to one domain (default 5s),
	// TotalTimeout the whole call (default 30s: a slow card takes seconds).
	ConnectTimeout Duration `toml:"connect_timeout"`
	TotalTimeout   Duration `toml:"total_timeout"`
	// CAFile pins the certificate authorities of the provider's domains, in PEM.
	// Default: those of the system, which cost 4 MB of memory.
	CAFile string `toml:"ca_file"`
	// SkewLimit is how far the till's clock is corrected on the word of an answer
	// that nobody signed (default 24h). A clock farther off has to be set.
	SkewLimit Duration `toml:"skew_limit"`
	Scene     Scene    `toml:"scene"`
	V2        V2Config `toml:"v2"`
}

// PlatformKey is a public key or a certificate of the provider.
type PlatformKey struct {
	// ID is what answers call it: PUB_KEY_ID_... of a public key. A certificate's is
	// its serial number and can be left out.
	ID   string `toml:"id"`
	File string `toml:"file"`
}

// Scene says where payments are taken. The provider shows it to the merchant and
// feeds its risk rules with it.
type Scene struct {
	// StoreID is the shop's own number for this shop.
	StoreID string `toml:"store_id"`
	// WeChatStoreID is the number that WeChat Pay gave it, if it did.
	WeChatStoreID string `toml:"wechat_store_id"`
	// DeviceID names the till.
	DeviceID string `toml:"device_id"`
	// ClientIP of the till (default 127.0.0.1).
	ClientIP string `toml:"client_ip"`
}

// V2Config is what the v2 driver needs besides.
type V2Config struct {
	// KeyFile holds the APIv2 key. CertFile is the merchant's API certificate
	// (apiclient_cert.pem), shown with PrivateKeyFile to reverse and to refund.
	KeyFile  string `toml:"key_file"`
	CertFile string `toml:"cert_file"`
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if len(c.BaseURLs) == 0 {
		c.BaseURLs = []string{"https://api.mch.weixin.qq.com", "https://api2.mch.weixin.qq.com"}
	}
	if c.Driver == "" {
		c.Driver = V3
	}
	for _, d := range []struct {
		at   *Duration
		less time.Duration
	}{{&c.ConnectTimeout, 5 * time.Second}, {&c.TotalTimeout, 30 * time.Second}, {&c.SkewLimit, 24 * time.Hour}} {
		if *d.at == 0 {
			*d.at = Duration(d.less)
		}
	}
	if c.Scene.ClientIP == "" {
		c.Scene.ClientIP = "127.0.0.1"
	}
	return c
}

var (
	merchantForm = regexp.MustCompile(`^[0-9]{6,32}$`)
	appForm      = regexp.MustCompile(`^[0-9A-Za-z_-]{1,32}$`)
	serialForm   = regexp.MustCompile(`^[0-9A-Fa-f]{8,64}$`)
	keyIDForm    = regexp.MustCompile(`^[0-9A-Za-z_]{8,64}$`)
	sceneForm    = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,32}$`)
)

// Validate names everything that is wrong with the configuration. It reads no
// file; Open does.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("wechat: "+format, args...))
		}
	}
	fault(!merchantForm.MatchString(c.MchID), "mchid %.40q is not a merchant number; it is on the first page of pay.weixin.qq.com", c.MchID)
	fault(!appForm.MatchString(c.AppID), "appid %.40q is not an application id; it begins with wx", c.AppID)
	fault(!serialForm.MatchString(c.Serial), "serial %.70q is not hexadecimal; it is the serial number of apiclient_cert.pem", c.Serial)
	fault(c.PrivateKeyFile == "", "private_key_file is missing; it is apiclient_key.pem")
	fault(len(c.PlatformKeys) == 0, "platform_keys is empty; without the provider's key no answer can be believed")
	for i, k := range c.PlatformKeys {
		fault(k.File == "", "platform_keys[%d] has no file", i)
		fault(k.ID != "" && !keyIDForm.MatchString(k.ID), "platform_keys[%d].id %.70q is neither PUB_KEY_ID_... nor a serial number", i, k.ID)
	}
	fault(!validNotifyURL(c.NotifyURL), "notify_url %.80q must be https, without a query, at most 255 bytes", c.NotifyURL)
	for _, u := range c.BaseURLs {
		if err := checkBaseURL(u); err != nil {
			errs = append(errs, fmt.Errorf("wechat: base_urls: %w", err))
		}
	}
	fault(c.Driver != V3 && c.Driver != V2, "driver %.20q is neither v3 nor v2", string(c.Driver))
	fault(c.Driver == V2 && (c.V2.KeyFile == "" || c.V2.CertFile == ""), "driver v2 needs v2.key_file and v2.cert_file")
	connect, total := time.Duration(c.ConnectTimeout), time.Duration(c.TotalTimeout)
	fault(connect < 0 || connect > total, "connect_timeout %s must be positive and at most total_timeout %s", connect, total)
	fault(total > time.Minute, "total_timeout %s is more than a minute: the payer has left", total)
	fault(c.SkewLimit < 0, "skew_limit must be positive")
	fault(!sceneForm.MatchString(c.Scene.StoreID), "scene.store_id %.40q must be 1 to 32 letters and digits; the provider requires it", c.Scene.StoreID)
	fault(c.Scene.WeChatStoreID != "" && !sceneForm.MatchString(c.Scene.WeChatStoreID), "scene.wechat_store_id %.40q must be letters and digits", c.Scene.WeChatStoreID)
	fault(c.Scene.DeviceID != "" && !sceneForm.MatchString(c.Scene.DeviceID), "scene.device_id %.40q must be 1 to 32 letters and digits", c.Scene.DeviceID)
	_, err := netip.ParseAddr(c.Scene.ClientIP)
	fault(err != nil, "scene.client_ip %.40q is not an IP address", c.Scene.ClientIP)
	return errors.Join(errs...)
}

func validNotifyURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && len(s) <= 255
}

// checkBaseURL lets unencrypted HTTP through to this machine only: a simulator
// is there, a provider never.
func checkBaseURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.TrimRight(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%.80q must be a scheme and a host, such as https://api.mch.weixin.qq.com", s)
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%.80q must be https; http is for this machine only", s)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
