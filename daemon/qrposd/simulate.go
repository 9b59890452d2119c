//go:build !till

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"qrposd/daemon/sim"
)

// simulate runs what is outside of the till until it is told to stop, and leaves
// a configuration with which `qrposd serve` finds it.
func simulate(ctx context.Context, c *call) error {
	dir := c.flags.String("dir", "", "where keys and configuration go (default: a temporary `DIR`)")
	speed := c.flags.Float64("speed", 1, "how much faster than the real provider everything is")
	ai := c.flags.Bool("ai", false, "payments go through the payment AI API")
	currency := shopCurrency(c)
	c.flags.Usage = faultUsage(c)
	if err := c.parse(); err != nil {
		return err
	}
	s, err := openSimulation(*dir, *speed, *ai, *currency)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "simulator  %s/sim/\n%sserve with qrposd serve -config %s\n", s.url, s.hint("scenarios  "), s.config)
	<-ctx.Done()
	return s.close()
}

func shopCurrency(c *call) *string {
	return c.flags.String("currency", "CNY", "what the shop's prices are in, such as HKD; customers pay in CNY")
}

// simulation is a provider, payers' telephones and a scanner, with the files of
// a till that belongs to them.
type simulation struct {
	world  sim.World
	server *http.Server
	quit   context.CancelFunc // of what runs beside the server
	dir    string
	temp   bool // the directory is ours and goes with us
	ai     bool // payments go through the AI API
	url    string
	config string

	currency string // of the shop; what is not CNY is paid in CNY
}

func openSimulation(dir string, speed float64, ai bool, currency string) (s *simulation, err error) {
	if currency != "CNY" && !ai {
		return nil, errors.New("a shop of another currency than CNY needs -ai, which has the rates")
	}
	s = &simulation{dir: dir, ai: ai, currency: currency}
	if dir == "" {
		s.temp = true
		if s.dir, err = os.MkdirTemp("", "qrposd-"); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.url = "http://" + ln.Addr().String()
	s.world.WeChat.TimeScale = speed
	s.world.Scanner = &sim.Scanner{}
	if err := errors.Join(s.equip(speed), s.world.Scanner.Open(filepath.Join(s.dir, "scanner"))); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	s.server = &http.Server{Handler: &s.world, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(ln) }() // ends with close
	if err := s.serveSite(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	ctx, quit := context.WithCancel(context.Background())
	s.quit = quit
	go s.world.WeChat.RunNotices(ctx)
	return s, nil
}

// serveSite answers by TLS too, as a payer's phone is only shown https addresses.
// Nobody vouches for the certificate: a browser asks before it opens the page.
func (s *simulation) serveSite() error {
	keys, err := s.world.WeChat.Keys()
	if err != nil {
		return err
	}
	cert, err := keys.SiteCertificate()
	if err != nil {
		return err
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return err
	}
	s.world.WeChat.Site = "https://" + ln.Addr().String()
	go func() { _ = s.server.Serve(ln) }() // ends with close
	return nil
}

// hint says where a person finds what can go wrong.
func (s *simulation) hint(label string) string {
	if s.ai {
		return label + "on that page, a button each and one for all off\n"
	}
	return label + "on that page; those of the payment AI API need -ai\n"
}

// equip writes the keys and the configuration of the till.
func (s *simulation) equip(speed float64) error {
	keys, err := s.world.WeChat.Keys()
	if err != nil {
		return err
	}
	inst, err := keys.WriteDir(s.dir)
	if err != nil {
		return err
	}
	secret, device := filepath.Join(s.dir, "merchant.secret"), filepath.Join(s.dir, "device.serial")
	s.world.WeChat.AISecret = []byte(keys.APIv3Key)
	if err := errors.Join(os.WriteFile(secret, s.world.WeChat.AISecret, 0o600), os.WriteFile(device, []byte(rand.Text()), 0o600)); err != nil {
		return err
	}
	total := max(time.Duration(float64(10*time.Second)/speed), 500*time.Millisecond)
	s.config = filepath.Join(s.dir, "qrposd.toml")
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# A till of the simulator at %s/sim/. Not for a shop.", s.url)
	line("[till]\nid = \"T01\"\nshop = \"Corner Café 街角咖啡\"\nsecret_file = %q\ndevice_files = [%q]", secret, device)
	if s.currency != "CNY" {
		line("currency = %q", s.currency)
	}
	line("[api]\nlisten = \"127.0.0.1:0\"")
	line("[store]\npath = \"till.db\"")
	line("[scanner]\npath = %q", filepath.Join(s.dir, "scanner"))
	line("[timing]\nspeed = %.1f", max(speed, 1))
	line("[aipay]\npre_authorization = \"sim/fast-reasoner\"\nreconciliation = \"sim/reconciler\"\nfallback = \"plain\"")
	if s.ai {
		line("enabled = true")
	}
	if s.currency != "CNY" {
		line("fx.pay_in = \"CNY\"")
	}
	line("liveness.enabled = true\nliveness.dim = 128")
	line("[wechat]\nmchid = %q\nappid = %q\nserial = %q\nprivate_key_file = %q", inst.MchID, inst.AppID, inst.MerchantSerial, inst.KeyFile)
	line("notify_url = \"https://pay.example.com/notify\"\nbase_urls = [%q]\nconnect_timeout = %q\ntotal_timeout = %q", s.url, min(total, 2*time.Second).String(), total.String())
	line("apiv3_key_file = %q", inst.APIv3KeyFile)
	line("[wechat.scene]\nstore_id = \"S1\"\ndevice_id = \"T01\"")
	line("[wechat.v2]\nkey_file = %q\ncert_file = %q", inst.APIv2KeyFile, inst.CertFile)
	line("[[wechat.platform_keys]]\nid = %q\nfile = %q", inst.PublicKeyID, inst.PublicKeyFile)
	line("[[wechat.platform_keys]]\nfile = %q", inst.PlatformCertFile)
	equipOffline(line)
	return errors.Join(s.equipModels(line), os.WriteFile(s.config, []byte(b.String()), 0o600))
}

// equipOffline writes an account of the shop's own at every scheme.
func equipOffline(line func(format string, args ...any)) {
	line("[offline]\nenabled = true\ndistinct = \"0.09\"\nname = \"CORNER CAFE\"\ncity = \"SHANGHAI\"\ncategory = \"5814\"")
	for _, a := range [][3]string{
		{"static", "code", "00020101021126410017cn.example.corner011662258801000012345204581453031565802CN5911CORNER CAFE6008SHANGHAI6304E321"},
		{"promptpay", "mobile", "0801234567"},
		{"promptpay_bill", "biller", "010553509091512"},
		{"pix", "key", "123e4567-e12b-12d1-a456-426655440000"},
		{"paynow", "company", "201403121W"},
		{"upi", "address", "corner.cafe@bank"},
	} {
		line("[[offline.account]]\nscheme = %q\nlabel = \"Corner Café, %[1]s\"\n%[2]s = %[3]q", a[0], a[1], a[2])
	}
}

// equipModels writes the last part of the configuration: two providers of the
// simulator, as strict as those whose names they bear, in a region of its own.
func (s *simulation) equipModels(line func(format string, args ...any)) error {
	key := filepath.Join(s.dir, "model.key")
	line("[models]\nregion = \"sim\"")
	for _, name := range []string{"mistral", "openai"} {
		line("[[models.providers]]\nname = %q\npreset = %[1]q\nregion = \"sim\"", name)
		line("base_url = \"%s/models/%s/v1\"\nkey_file = %q", s.url, name, key)
	}
	line("[models.tasks]")
	line(`reasoning = [{ provider = "mistral", model = "mistral-small-latest" }, { provider = "openai", model = "gpt-5-mini" }]`)
	line(`validation = [{ provider = "openai", model = "gpt-5-mini" }]`)
	return os.WriteFile(key, []byte(rand.Text()), 0o600)
}

func (s *simulation) close() error {
	if s.quit != nil {
		s.quit()
	}
	errs := []error{s.server.Close(), s.world.Scanner.Close()}
	if s.temp {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// faultUsage adds the faults that an amount can choose to a verb's help.
func faultUsage(c *call) func() {
	short := c.flags.Usage
	return func() {
		short()
		fmt.Fprintln(c.errOut)
		_ = sim.WriteFaults(c.errOut)
	}
}
