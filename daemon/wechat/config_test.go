package wechat

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

func TestValidate(t *testing.T) {
	good := testConfig(t)
	if err := good.Validate(); err != nil {
		t.Errorf("a good configuration: %v", err)
	}
	for want, spoil := range map[string]func(*Config){
		"mchid":                 func(c *Config) { c.MchID = "abc" },
		"appid":                 func(c *Config) { c.AppID = "" },
		"serial":                func(c *Config) { c.Serial = "xyz" },
		"private_key_file":      func(c *Config) { c.PrivateKeyFile = "" },
		"platform_keys is":      func(c *Config) { c.PlatformKeys = nil },
		"platform_keys[0] has":  func(c *Config) { c.PlatformKeys = []PlatformKey{{ID: testKeyID}} },
		"platform_keys[0].id":   func(c *Config) { c.PlatformKeys = []PlatformKey{{ID: "a b", File: "x"}} },
		"notify_url":            func(c *Config) { c.NotifyURL = "http://shop.example/" },
		"notify_url \"https":    func(c *Config) { c.NotifyURL = "https://shop.example/?a=1" },
		"https; http":           func(c *Config) { c.BaseURLs = []string{"http://api.mch.weixin.qq.com"} },
		"a scheme and a host":   func(c *Config) { c.BaseURLs = []string{"https://h/v3"} },
		"driver":                func(c *Config) { c.Driver = "v4" },
		"v2.key_file":           func(c *Config) { c.Driver = V2 },
		"connect_timeout":       func(c *Config) { c.ConnectTimeout = Duration(time.Minute) },
		"total_timeout":         func(c *Config) { c.TotalTimeout = Duration(time.Hour) },
		"skew_limit":            func(c *Config) { c.SkewLimit = -1 },
		"scene.store_id":        func(c *Config) { c.Scene.StoreID = "" },
		"scene.wechat_store_id": func(c *Config) { c.Scene.WeChatStoreID = "a b" },
		"scene.device_id":       func(c *Config) { c.Scene.DeviceID = strings.Repeat("x", 33) },
		"scene.client_ip":       func(c *Config) { c.Scene.ClientIP = "till" },
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := (Config{}).Validate(); err == nil || strings.Count(err.Error(), "\n") < 5 {
		t.Errorf("an empty configuration has more faults than %v", err)
	}
	for _, u := range []string{"http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "https://apihk.mch.weixin.qq.com/"} {
		if err := checkBaseURL(u); err != nil {
			t.Error(err)
		}
	}
	for _, u := range []string{"http://127.0.0.1.evil.example", "ftp://127.0.0.1", "https://user@h", "", "https://", "https://h?x", "https://h#x", "//h"} {
		if err := checkBaseURL(u); err == nil {
			t.Errorf("%q was accepted", u)
		}
	}
}

func TestConfigFile(t *testing.T) {
	const text = `
mchid = "1900000109"
appid = "wxd678efh567hg6787"
serial = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
private_key_file = "/etc/qrposd/apiclient_key.pem"
platform_keys = [{id = "PUB_KEY_ID_1", file = "a.pem"}, {file = "b.pem"}]
notify_url = "https://shop.example/notify"
base_urls = ["https://api.wechatpay.cn"]
driver = "v2"
connect_timeout = "3s"
total_timeout = "20s"
skew_limit = "1h"
scene = {store_id = "S1"}
v2 = {key_file = "k", cert_file = "c"}
`
	var c Config
	d := toml.NewDecoder(strings.NewReader(text)).DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil || c.ConnectTimeout != Duration(3*time.Second) || len(c.PlatformKeys) != 2 || c.Driver != V2 {
		t.Errorf("%+v, %v", c, err)
	}
	if b, err := toml.Marshal(c); err != nil || !strings.Contains(string(b), "total_timeout = '20s'") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestOpenNamesTheFile(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	key := privatePEM(t, merchantKey())
	private := func(data []byte, mode os.FileMode) func(*Config) {
		return func(c *Config) { c.PrivateKeyFile = writeFile(t, "key.pem", data, mode) }
	}
	platform := func(id string, data []byte) func(*Config) {
		return func(c *Config) { c.PlatformKeys = []PlatformKey{{id, writeFile(t, "pub.pem", data, 0o644)}} }
	}
	short := []byte("short")
	for want, spoil := range map[string]func(*Config){
		"no such file":                   func(c *Config) { c.PrivateKeyFile = "/nonexistent/key.pem" },
		"others may read it (mode 0644)": private(key, 0o644),
		"others may read it (mode 0640)": private(key, 0o640),
		"is empty":                       private(nil, 0o600),
		"too large":                      private(make([]byte, maxKeyFile+1), 0o600),
		"no PEM block":                   private(short, 0o600),
		"not an RSA private key":         private(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: ecDER}), 0o600),
		"a PUBLIC KEY, not":              private(publicPEM(t, &merchantKey().PublicKey), 0o600),
		"needs its id":                   platform("", publicPEM(t, &providerKey().PublicKey)),
		"neither a public key":           platform(testKeyID, key),
		"is not a certificate":           platform("", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: short})),
		"is not a public key":            platform(testKeyID, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: short})),
		"has 5 bytes, not 32":            func(c *Config) { c.APIv3KeyFile = writeFile(t, "k", short, 0o600) },
		"holds no certificate":           func(c *Config) { c.CAFile = writeFile(t, "ca", short, 0o644) },
	} {
		conf := testConfig(t, "http://127.0.0.1:1")
		spoil(&conf)
		_, err := Open(conf, time.Minute, log)
		var keyErr *KeyError
		if !errors.As(err, &keyErr) || !strings.Contains(err.Error(), want) || keyErr.Hint == "" {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := Open(testConfig(t, "http://127.0.0.1:1"), 0, log); err == nil {
		t.Error("opened with codes that last for no time")
	}
	conf := testConfig(t, "http://127.0.0.1:1")
	conf.PrivateKeyFile = writeFile(t, "key.pem", pkcs1PEM(merchantKey()), 0o400)
	conf.PlatformKeys = append(conf.PlatformKeys, PlatformKey{File: "testdata/official_cert.pem"})
	c, err := Open(conf, time.Minute, log)
	if err != nil || len(c.keys) != 2 || c.asked != testKeyID {
		t.Errorf("PKCS #1 and a certificate: %v", err)
	}
}

// systemd lets the service's user in with an access list, whose mask shows as
// the group's bit.
func TestCredentialDirectory(t *testing.T) {
	name := writeFile(t, "apiclient_key.pem", privatePEM(t, merchantKey()), 0o440)
	if _, err := readPrivateKey(name); err == nil {
		t.Error("a key that the group may read was read")
	}
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(name))
	if key, err := readPrivateKey(name); err != nil || !key.Equal(merchantKey()) {
		t.Error(err)
	}
	if err := os.Chmod(name, 0o444); err != nil {
		t.Fatal(err)
	}
	if _, err := readPrivateKey(name); err == nil {
		t.Error("a key that everybody may read was read")
	}
}

// A key too short to sign with is refused by name.
func TestShortKey(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readPrivateKey(writeFile(t, "k", privatePEM(t, k), 0o600)); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Error(err)
	}
	if _, err := readPlatformKey(PlatformKey{testKeyID, writeFile(t, "p", publicPEM(t, &k.PublicKey), 0o600)}); err == nil {
		t.Error("accepted")
	}
}
