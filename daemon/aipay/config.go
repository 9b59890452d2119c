package aipay

import (
	"errors"
	"fmt"
)

// Config says whether payments go through the AI API, and which models it chains.
type Config struct {
	// Enabled creates payments through the AI API. Everything after that, queries and
	// refunds, is WeChat Pay's plain API either way.
	Enabled bool `toml:"enabled"`
	// PreAuthorization names the API's model that looks at a payment first, and
	// TimeoutMS how long the API lets it think: a slow one costs more than the 800 ms
	// after which the API begins to replay.
	PreAuthorization string `toml:"pre_authorization"`
	TimeoutMS        int    `toml:"timeout_ms"`
	// Reconciliation names the model that looks at it afterwards.
	Reconciliation string `toml:"reconciliation"`
	// Fallback is where a payment goes, once, that a model of the API refused by
	// mistake: another pre-authorisation model, or "plain" for the API without models.
	Fallback string `toml:"fallback"`
	// Intents is the file of the merchant's intent classifier; empty is the one that
	// comes with the program.
	Intents string `toml:"intents"`
	// Liveness is what a check of the payer has to show.
	Liveness LivenessConfig `toml:"liveness"`
	// FX is the second currency, if there is one.
	FX FXConfig `toml:"fx"`
}

// Plain is the fallback to WeChat Pay's API without models.
const Plain = "plain"

// Validate names everything that is wrong.
func (c Config) Validate() error {
	if !c.Enabled {
		if c.FX.On() {
			return errors.New("aipay.fx.pay_in needs aipay.enabled: the payment AI API projects the rates, and there are no others")
		}
		return nil
	}
	errs := []error{c.Liveness.Validate(), c.FX.Validate()}
	for _, m := range []struct{ key, value string }{{"pre_authorization", c.PreAuthorization}, {"reconciliation", c.Reconciliation}, {"fallback", c.Fallback}} {
		if !modelForm.MatchString(m.value) {
			errs = append(errs, fmt.Errorf("aipay.%s is %.70q; the name of a model of the payment AI API", m.key, m.value))
		}
	}
	if c.TimeoutMS < 50 || c.TimeoutMS > longestTimeout {
		errs = append(errs, fmt.Errorf("aipay.timeout_ms is %d; 50 to %d, since the API replays what takes it 800 ms", c.TimeoutMS, longestTimeout))
	}
	if c.Fallback == c.PreAuthorization && c.Fallback != "" {
		errs = append(errs, fmt.Errorf("aipay.fallback is the model that would have just been wrong; name another, or %q", Plain))
	}
	return errors.Join(errs...)
}
