package scanner

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Terminator says how the scanner ends a code.
type Terminator string

// The terminators. A configured one is safer than Auto where QR codes with several lines are scanned: with Auto every
// line is a code of its own.
const (
	TermAuto Terminator = "auto" // CR, LF, CRLF, TAB or ETX, whichever comes
	TermCR   Terminator = "cr"
	TermLF   Terminator = "lf"
	TermCRLF Terminator = "crlf"
	TermTab  Terminator = "tab"
	TermETX  Terminator = "etx" // STX ... ETX; what is outside is not data
	TermGap  Terminator = "gap" // none: silence ends the code. The last resort: a code is never known to be whole
)

// AIM says whether the scanner prefixes codes with their AIM identifier, "]" and two characters.
type AIM string

// The ways to treat AIM identifiers.
const (
	AIMAuto AIM = "auto" // taken off if something follows it
	AIMOn   AIM = "on"   // always taken off
	AIMOff  AIM = "off"  // part of the payload
)

// Duration is a [time.Duration] written as "2s" in a configuration file.
type Duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Config describes one scanner.
type Config struct {
	// Path of the port: a name bound to the device by udev, such as /dev/qrpos/scanner or one under /dev/serial/by-id.
	// A ttyACMn is accepted but changes its number when it is replugged.
	Path string `toml:"path"`

	// Baud rate. USB scanners of the CDC-ACM class ignore it.
	Baud int `toml:"baud"`

	// Terminator of a code: auto, cr, lf, crlf, tab, etx or gap.
	Terminator Terminator `toml:"terminator"`

	// AIM identifiers: auto, on or off.
	AIM AIM `toml:"aim"`

	// Debounce is the time within which the same payload is a repeat; each repeat renews it. 0 turns it off.
	Debounce Duration `toml:"debounce"`

	// Init lists commands, in hexadecimal, that are sent each time the port was opened, such as the trigger or AIM
	// command of the scanner. Prefer volatile commands: flash wears out.
	Init []string `toml:"init"`

	// Wallets replaces the table of payer codes.
	Wallets []Wallet `toml:"wallets"`
}

// DefaultConfig returns what works with most scanners as they come out of the box.
func DefaultConfig() Config {
	return Config{
		Path:       "/dev/qrpos/scanner",
		Baud:       9600,
		Terminator: TermAuto,
		AIM:        AIMAuto,
		Debounce:   Duration(2 * time.Second),
		Wallets:    DefaultWallets(),
	}
}

// maxDebounce is the life of a payer code: a longer window would refuse a customer who is right.
const maxDebounce = time.Minute

// The rates that tarm/serial knows on Linux.
var bauds = []int{
	50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800,
	500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
}

// Validate returns all that is wrong with the configuration, or nil.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf("scanner: "+format, args...)) }
	if !filepath.IsAbs(c.Path) {
		fault("path %q is not absolute", c.Path)
	}
	if !slices.Contains(bauds, c.Baud) {
		fault("baud %d is not one of %v", c.Baud, bauds)
	}
	if !slices.Contains([]Terminator{TermAuto, TermCR, TermLF, TermCRLF, TermTab, TermETX, TermGap}, c.Terminator) {
		fault("terminator %q is not auto, cr, lf, crlf, tab, etx or gap", c.Terminator)
	}
	if !slices.Contains([]AIM{AIMAuto, AIMOn, AIMOff}, c.AIM) {
		fault("aim %q is not auto, on or off", c.AIM)
	}
	if d := time.Duration(c.Debounce); d < 0 || d > maxDebounce {
		fault("debounce %v is not within 0-%v", d, maxDebounce)
	}
	for _, s := range c.Init {
		if b, err := parseCommand(s); err != nil || len(b) == 0 {
			fault("init %q is not hexadecimal bytes", s)
		}
	}
	if len(c.Wallets) == 0 {
		fault("no wallets: no payer code could be taken")
	}
	if err := validateWallets(c.Wallets); err != nil {
		fault("%w", err)
	}
	return errors.Join(errs...)
}

func parseCommand(s string) ([]byte, error) {
	return hex.DecodeString(strings.ReplaceAll(s, " ", ""))
}
