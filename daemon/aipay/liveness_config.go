package aipay

import (
	"errors"
	"fmt"
	"time"

	"qrposd/rules/sale"
)

// LivenessConfig says what a liveness check has to show, and how long what is left
// of it is kept.
type LivenessConfig struct {
	// Enabled lets rules and the API ask for a check. Without it a manager approves
	// where a rule asks, and what the API asks for is refused in words.
	Enabled bool `toml:"enabled"`
	// Least is the lowest score that passes, WithinS how long after the check was
	// opened an answer counts, and Dim how many numbers the model gives; 0 is any.
	Least   float64 `toml:"least"`
	WithinS int     `toml:"within_s"`
	Dim     int     `toml:"dim"`
	// TwiceFrom is the amount, in minor units, from which two vectors are asked for,
	// and Alike the least cosine between them; 0 is never.
	TwiceFrom int64   `toml:"twice_from"`
	Alike     float64 `toml:"alike"`
	// KeepDays is how long digests are kept, RotateHours how long one key makes them.
	KeepDays    int `toml:"keep_days"`
	RotateHours int `toml:"rotate_hours"`
}

// DefaultLiveness is a check that has not been enabled.
func DefaultLiveness() LivenessConfig {
	return LivenessConfig{Least: 0.8, WithinS: 180, Alike: 0.8, KeepDays: 30, RotateHours: 24}
}

// Keep is how long digests are kept.
func (c LivenessConfig) Keep() time.Duration { return time.Duration(c.KeepDays) * 24 * time.Hour }

// Rotate is how long one key makes them.
func (c LivenessConfig) Rotate() time.Duration { return time.Duration(c.RotateHours) * time.Hour }

// Validate names everything that is wrong.
func (c LivenessConfig) Validate() error {
	if !c.Enabled {
		return nil
	}
	var errs []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("aipay.liveness."+format, args...))
		}
	}
	fault(c.KeepDays < 1 || c.KeepDays > 365, "keep_days is %d; 1 to 365, after which digests and their keys are deleted", c.KeepDays)
	fault(c.RotateHours < 1 || c.RotateHours > 24*c.KeepDays, "rotate_hours is %d; 1 to keep_days", c.RotateHours)
	fault(!(c.Least > 0 && c.Least <= 1), "least is %g; above 0, to 1: a check that everybody passes is none", c.Least)
	fault(c.WithinS < 10 || c.WithinS > 600, "within_s is %d; 10 to 600", c.WithinS)
	fault(c.Dim < 0 || c.Dim > maxDim, "dim is %d; 0 for any, to %d", c.Dim, maxDim)
	fault(c.TwiceFrom < 0, "twice_from is %d; an amount in minor units, or 0 for never", c.TwiceFrom)
	fault(c.TwiceFrom > 0 && !(c.Alike > 0 && c.Alike <= 1), "alike is %g; above 0, to 1", c.Alike)
	return errors.Join(errs...)
}

// Evidence is where that is kept which is left of a check.
type Evidence interface {
	// Epoch is the key to make a digest under now, and its number.
	Epoch() (uint32, []byte, error)
	// Told says whether a vector was told in a check that is still kept. print makes
	// its print under one of the keys.
	Told(print func(key []byte) (string, error)) (bool, error)
	// Audit is the digest of the check that a sale has passed; empty is none.
	Audit(id sale.ID, session string) (string, error)
}

// Checks are what a client needs to check payers.
type Checks struct {
	Conf     LivenessConfig
	Evidence Evidence
	Secret   []byte          // the till's
	Clock    func() sale.Now // the till's
	firsts   firsts
}

func (k *Checks) on() bool { return k != nil && k.Conf.Enabled }
