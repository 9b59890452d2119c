package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is wrong with an account shows when the till starts, with its place.
func TestOfflineConfig(t *testing.T) {
	for text, want := range map[string]string{
		"enabled = true": "at least one",
		"enabled = true\nwindow = \"3s\"\n[[offline.account]]\nscheme = \"pix\"\nlabel = \"b\"\nkey = \"k\"":                        "offline.window is 3s",
		"enabled = true\n[[offline.account]]\nscheme = \"cash\"\nlabel = \"b\"":                                                     "account 1 (cash): scheme is",
		"enabled = true\nname = \"S\"\ncity = \"C\"\n[[offline.account]]\nscheme = \"pix\"\nlabel = \"b\"\nkey = \"no key!\"":       "account 1 (pix)",
		"enabled = true\nname = \"S\"\ncity = \"C\"\n[[offline.account]]\nscheme = \"pix\"\nkey = \"k\"":                            "label is",
		"enabled = true\n[[offline.account]]\nscheme = \"promptpay\"\nlabel = \"b\"\nmobile = \"0801234567\"\ncurrency = \"CNY\"":   "the scheme pays in THB",
		"enabled = true\ndistinct = \"0.001\"\n[[offline.account]]\nscheme = \"promptpay\"\nlabel = \"b\"\nmobile = \"0801234567\"": "distinct",
		"enabled = true\n[[offline.account]]\nscheme = \"static\"\nlabel = \"b\"\ncode = \"000201\"":                                "account 1 (static)",
		"enable = true": "offline.enable",
		"enabled = true\n[[offline.account]]\nscheme = \"promptpay\"\nlabel = \"b\"\nmobile = \"0801234567\"\ndistinct = \"x\"":                                                            "there is no key",
		"enabled = true\n[[offline.account]]\nscheme = \"promptpay\"\nlabel = \"b\"\nmobile = \"0801234567\"":                                                                              "",
		"enabled = true\nname = \"S\"\ncity = \"C\"\n[[offline.account]]\nscheme = \"pix\"\nlabel = \"b\"\nkey = \"k\"\n[[offline.account]]\nscheme = \"pix\"\nlabel = \"b\"\nkey = \"k\"": "one of this scheme already",
	} {
		file := filepath.Join(t.TempDir(), "c.toml")
		if err := os.WriteFile(file, []byte("[offline]\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file, nil)
		if err == nil {
			t.Fatal("the rest of it is missing")
		}
		if got := strings.Contains(err.Error(), "offline"); want != "" && !strings.Contains(err.Error(), want) || want == "" && got {
			t.Errorf("%s\n\tgives %v, want %q", text, err, want)
		}
	}
}
