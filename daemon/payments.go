package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/checkout"
	"qrposd/daemon/llm"
	"qrposd/daemon/wechat"
	"qrposd/hw/device"
	"qrposd/rules"
	"qrposd/rules/intent"
	"qrposd/rules/sale"
)

// identify is the keyed digest of this machine. One that cannot be told from its
// copy sells all the same, and the log says so.
func identify(c Till, secret []byte, log *slog.Logger) string {
	id, err := device.Fingerprint(os.DirFS("/"), secret, c.DeviceFiles)
	if err != nil {
		log.Warn("this machine cannot be told from a copy of its disk", "err", err)
		return ""
	}
	return id.Hash()
}

// openIntents reads the shop's classifier of what a sale is for.
func openIntents(file string) (*intent.Classifier, error) {
	name, text := "the program's own", intent.Default
	if file != "" {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("aipay.intents: %w", err)
		}
		name = file
	}
	return intent.Load(name, text)
}

// classify is what a sale is for, by what was known when it began and what lies in
// its basket.
func classify(c *intent.Classifier, s sale.Sale, basket []string) intent.Verdict {
	clock, _ := rules.LocalTime(s.BegunWall.Local()).Time.Value()
	return c.Classify(intent.In{Basket: basket, Amount: s.Amount, Clock: int(clock), Flow: string(s.Flow)})
}

// openGateway is the provider as the desk knows it: WeChat Pay's plain API, or the
// payment AI API over the same signed transport.
func openGateway(cfg Config, api *wechat.Client, models *llm.Client, m *sessions, k *aipay.Checks, device string, log *slog.Logger) (checkout.Gateway, error) {
	if !cfg.AIPay.Enabled {
		return api, nil
	}
	if device == "" {
		return nil, errors.New("aipay.enabled: the API wants to know the device, and nothing here tells this machine from others; name a file in till.device_files")
	}
	return aipay.Open(cfg.AIPay, api, aipay.Options{
		AppID: cfg.WeChat.AppID, MchID: cfg.WeChat.MchID, Device: device, Checks: k, QRLife: time.Duration(cfg.Plan().QRLife), Log: log,
		Monitor:  monitor(newPanel(models, llm.Classification, cfg.Rules.Mainland, log)),
		Embedder: newEmbedder(newPanel(models, llm.Embedding, cfg.Rules.Mainland, log)),
		Rung:     m.told,
		Intent: func(s sale.Sale) aipay.Intent {
			v := m.intent(m.intents, s)
			return aipay.Intent{Classifier: v.Version, Label: v.Label, Confidence: float64(v.Confidence) / 100}
		},
	})
}

// Adopt gives the store of another machine to this one: for the box that replaces
// a broken till and got its disk. The other must never sell again.
func Adopt(ctx context.Context, cfg Config, o Options) error {
	o.Adopt = true
	d := &Daemon{cfg: cfg, o: o}
	secret, err := readSecret(cfg.Till.SecretFile)
	if err != nil {
		return err
	}
	id := identify(cfg.Till, secret, o.Log)
	if id == "" {
		return &ConfigError{Err: errors.New("till.device_files: nothing here tells this machine from others")}
	}
	return errors.Join(d.openStore(ctx, secret, id), d.Close())
}
