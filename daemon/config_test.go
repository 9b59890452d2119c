package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The printed example is the default: whoever deletes a line changes nothing.
func TestExampleIsTheDefault(t *testing.T) {
	var c, want Config
	c, want = Default(), Default()
	if err := c.parse("example", Example); err != nil {
		t.Fatal(err)
	}
	want.Till.SecretFile, want.WeChat.PrivateKeyFile = "credential:merchant-secret", "credential:wechat-key"
	want.WeChat.BaseURLs = []string{"https://api.mch.weixin.qq.com", "https://api2.mch.weixin.qq.com"}
	want.Scanner.Init = c.Scanner.Init // empty or absent is the same
	if !reflect.DeepEqual(c, want) {
		t.Errorf("the example says\n%+v\nthe default is\n%+v", c, want)
	}
}

// valid is a configuration of a simulated till.
const valid = `
[till]
id = "T01"
secret_file = "secret"
[wechat]
mchid = "1900000001"
appid = "wx0000000000000001"
serial = "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C"
private_key_file = "key.pem"
notify_url = "https://pay.example.com/notify"
base_urls = ["http://127.0.0.1:1"]
[wechat.scene]
store_id = "S1"
[[wechat.platform_keys]]
id = "PUB_KEY_ID_0000000000000001"
file = "pub.pem"
`

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "qrposd.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(file, func(name string) (string, bool, error) { return "/run/credentials/" + name, true, nil })
}

func TestLoad(t *testing.T) {
	c, err := load(t, valid)
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(c.Till.SecretFile) || filepath.Base(c.Till.SecretFile) != "secret" || !filepath.IsAbs(c.WeChat.PlatformKeys[0].File) {
		t.Errorf("names are not beside the file: %+v", c)
	}
	c, err = load(t, strings.Replace(valid, `"secret"`, `"credential:merchant-secret"`, 1))
	if err != nil || c.Till.SecretFile != "/run/credentials/merchant-secret" {
		t.Errorf("a credential is %q, %v", c.Till.SecretFile, err)
	}
}

// Every mistake is named with its place, and all of them at once.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"a typo":                    {`mchid = `, `mchdi = `, "qrposd.toml:6: there is no key wechat.mchdi"},
		"a table that is not there": {`[till]`, "[tell]\n[till]", "qrposd.toml:2: there is no key tell"},
		"broken TOML":               {`id = "T01"`, `id = "T01`, "qrposd.toml:3:"},
		"a wrong type":              {`id = "T01"`, `id = 1`, "qrposd.toml:3:"},
		"a till that is no till":    {`id = "T01"`, `id = "till one"`, "till.id"},
		"no secret":                 {`secret_file = "secret"`, ``, "till.secret_file is missing"},
		"an address for everybody":  {`[till]`, "[api]\nlisten = \"0.0.0.0:80\"\n[till]", "api.listen"},
		"an unknown currency":       {`id = "T01"`, "id = \"T01\"\ncurrency = \"XXX\"", "till.currency"},
		"a shop like a sentence":    {`[till]`, "[till]\nshop = \"" + strings.Repeat("街", 41) + "\"", "till.shop"},
		"a hurry that is forbidden": {`[till]`, "[timing]\nreverse_earliest = \"1s\"\n[till]", "reverse_earliest"},
		"a speed below one":         {`[till]`, "[timing]\nspeed = 0.5\n[till]", "timing.speed"},
		"a hedge beyond reason":     {`[till]`, "[rules]\nhedge_rate = 2.0\n[till]", "rules.hedge_rate"},
		"nobody in flight":          {`[till]`, "[rules]\nin_flight = 0\n[till]", "rules.in_flight"},
		"a rate of one's own":       {`[till]`, "[aipay.fx]\nrate = \"7.1\"\n[till]", "fixed_rate: aipay.fx.rate is a rate of the till's own"},
		"a table of rates":          {`[till]`, "[aipay.fx.rates]\nHKD = 0.91\n[till]", "fixed_rate: aipay.fx.rates is a rate of the till's own"},
		"a rate by another name":    {`[till]`, "[till]\nexchange_rate = 7.1", "fixed_rate: till.exchange_rate is a rate"},
		"a rate as a currency":      {`[till]`, "[aipay]\nenabled = true\n[aipay.fx]\npay_in = \"7.1023\"\n[till]", "aipay.fx.pay_in: "},
		"two currencies in one":     {`[till]`, "[aipay.fx]\npay_in = \"CNY\"\n[till]", "aipay.fx.pay_in is CNY, which is till.currency"},
		"a currency without an API": {`[till]`, "[aipay.fx]\npay_in = \"HKD\"\n[till]", "aipay.fx.pay_in needs aipay.enabled"},
		"a currency of no account":  {`[till]`, "[aipay]\nenabled = true\n[aipay.fx]\npay_in = \"HKD\"\n[till]", "aipay.fx.pay_in is HKD, and an account at WeChat Pay takes CNY"},
		"a default of nothing":      {`[till]`, "[aipay]\nenabled = true\n[aipay.fx]\ndefault = true\n[till]", "aipay.fx.default needs aipay.fx.pay_in"},
		"a price for a day":         {`[till]`, "[aipay]\nenabled = true\n[aipay.fx]\npay_in = \"HKD\"\nhorizon_s = 86400\n[till]", "aipay.fx.horizon_s is 86400"},
		"a width below nothing":     {`[till]`, "[aipay]\nenabled = true\n[aipay.fx]\npay_in = \"HKD\"\nconfirm_width_bps = -1\n[till]", "aipay.fx.confirm_width_bps is -1"},
		"a move beyond all":         {`[till]`, "[aipay]\nenabled = true\n[aipay.fx]\npay_in = \"HKD\"\nconfirm_moved_bps = 10001\n[till]", "aipay.fx.confirm_moved_bps is 10001"},
		"a tiny disk":               {`[till]`, "[store]\nmax_mb = 1\n[till]", "store.max_mb"},
		"a plain http provider":     {`http://127.0.0.1:1`, `http://pay.example.com`, "base_urls"},
	} {
		_, err := load(t, strings.Replace(valid, c.old, c.new, 1))
		var bad *ConfigError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
	_, err := load(t, strings.NewReplacer(`id = "T01"`, `id = "t"`, `appid = "wx0000000000000001"`, `appid = ""`).Replace(valid))
	if err == nil || !strings.Contains(err.Error(), "till.id") || !strings.Contains(err.Error(), "appid") {
		t.Errorf("two mistakes: %v", err)
	}
	fast := strings.Replace(valid, "[till]", "[timing]\nspeed = 50.0\n[till]", 1)
	if _, err := load(t, fast); err != nil {
		t.Errorf("speed at a simulator: %v", err)
	}
	if _, err := load(t, strings.Replace(fast, "http://127.0.0.1:1", "https://api.mch.weixin.qq.com", 1)); err == nil || !strings.Contains(err.Error(), "timing.speed") {
		t.Errorf("speed at a real provider: %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(valid)
	f.Add(string(Example))
	f.Add("[till]\nid = 5\n[[wechat.platform_keys]]\n[timing]\nspeed = nan")
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		if err := c.parse("fuzz", []byte(text)); err != nil {
			if err.Error() == "" {
				t.Error("a mistake without words")
			}
			return
		}
		if err := c.resolve("/etc/qrposd", func(string) (string, bool, error) { return "/x", true, nil }); err != nil {
			return
		}
		if c.Validate() == nil {
			if err := c.Plan().Validate(); c.Timing.Speed == 1 && err != nil {
				t.Errorf("let through a plan outside of the provider's limits: %v", err)
			}
		}
	})
}
