package scanner

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/tarm/serial"
)

func TestConfigDefaultIsValid(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestConfigValidate(t *testing.T) {
	for _, tt := range []struct {
		fault string
		edit  func(*Config)
	}{
		{"path", func(c *Config) { c.Path = "ttyACM0" }},
		{"path", func(c *Config) { c.Path = "" }},
		{"baud", func(c *Config) { c.Baud = 250000 }},
		{"baud", func(c *Config) { c.Baud = 0 }},
		{"terminator", func(c *Config) { c.Terminator = "" }},
		{"terminator", func(c *Config) { c.Terminator = "CR" }},
		{"aim", func(c *Config) { c.AIM = "yes" }},
		{"debounce", func(c *Config) { c.Debounce = -1 }},
		{"debounce", func(c *Config) { c.Debounce = Duration(time.Hour) }},
		{"init", func(c *Config) { c.Init = []string{"16 54 0D", "xyz"} }},
		{"init", func(c *Config) { c.Init = []string{" "} }},
		{"no wallets", func(c *Config) { c.Wallets = nil }},
		{"has no name", func(c *Config) { c.Wallets[0].Name = "" }},
		{"has no prefixes", func(c *Config) { c.Wallets[0].Prefixes = nil }},
		{"has no lengths", func(c *Config) { c.Wallets[0].Lengths = nil }},
		{"prefix", func(c *Config) { c.Wallets[0].Prefixes[1] = "1x" }},
		{"prefix", func(c *Config) { c.Wallets[0].Prefixes[1] = "" }},
		{"goods", func(c *Config) { c.Wallets[0].Lengths[0] = 13 }},
		{"goods", func(c *Config) { c.Wallets[0].Lengths[0] = 33 }},
		{"twice", func(c *Config) { c.Wallets = append(c.Wallets, c.Wallets[0]) }},
		{"claim the same", func(c *Config) {
			c.Wallets = append(c.Wallets, Wallet{Name: "other", Prefixes: []string{"131"}, Lengths: []int{18}})
		}},
	} {
		c := DefaultConfig()
		tt.edit(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("Validate = %v, want a fault about %q", err, tt.fault)
		}
	}
}

func TestConfigValidateJoins(t *testing.T) {
	err := Config{Debounce: -1}.Validate()
	if err == nil {
		t.Fatal("zero config is valid")
	}
	for _, want := range []string{"path", "baud", "terminator", "aim", "debounce", "wallets"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in: %v", want, err)
		}
	}
}

// The table of rates must be the library's, in both directions.
func TestConfigBauds(t *testing.T) {
	known := map[int]bool{}
	for _, b := range append([]int{0, 1, 250000, 14400, 28800, 74880, 5000000}, bauds...) {
		_, err := serial.OpenPort(&serial.Config{Name: "/dev/null", Baud: b, ReadTimeout: readTimeout})
		known[b] = err != nil && !strings.Contains(err.Error(), "baud") // /dev/null fails later, as no tty
	}
	for b, ok := range known {
		c := DefaultConfig()
		c.Baud = b
		if valid := c.Validate() == nil; valid != ok {
			t.Errorf("baud %d: valid = %v, tarm/serial knows it = %v", b, valid, ok)
		}
	}
}

func TestConfigTOML(t *testing.T) {
	c := DefaultConfig()
	err := toml.Unmarshal([]byte(`
path = "/dev/serial/by-id/usb-Newland-if00"
baud = 115200
terminator = "cr"
aim = "on"
debounce = "1500ms"
init = ["7E 00 08 01 00 D0 80 AB CD"]
[[wallets]]
name = "jd"
prefixes = ["18"]
lengths = [18]
`), &c)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Path: "/dev/serial/by-id/usb-Newland-if00", Baud: 115200, Terminator: TermCR, AIM: AIMOn,
		Debounce: Duration(1500 * time.Millisecond), Init: []string{"7E 00 08 01 00 D0 80 AB CD"},
		Wallets: []Wallet{{Name: "jd", Prefixes: []string{"18"}, Lengths: []int{18}}},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v", c)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if err := toml.Unmarshal([]byte(`debounce = "soon"`), &c); err == nil {
		t.Error("a debounce of soon was taken")
	}
	if b, err := Duration(2 * time.Second).MarshalText(); err != nil || string(b) != "2s" {
		t.Errorf("MarshalText = %s, %v", b, err)
	}
}
