package daemon_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "qrposd/"

// everything is for the composition root: it may import every room but those apart.
const everything = "*"

// room is a package of this module and those of the module that it may import.
type room struct {
	name string
	may  []string
}

// rooms runs downwards: no row names one that follows it.
var rooms = []room{
	{"rules/money", nil},
	{"rules/document", nil},
	{"rules/sale", []string{"rules/money"}},
	{"rules/sale/diagram", []string{"rules/sale"}}, // writes sale.md for go generate
	{"rules", []string{"rules/money", "rules/document", "rules/sale"}},

	{"rules/explain", []string{"rules/money"}},
	{"rules/intent", []string{"rules/money", "rules/document"}},
	{"rules/rejection", nil},
	{"rules/offline", []string{"rules/money", "rules/sale"}},
	{"rules/day", []string{"rules/money", "rules/sale"}},

	{"hw/scanner", nil},
	{"hw/qr", nil},
	{"hw/device", nil},
	{"hw/printer", []string{"hw/qr"}},
	{"systemd", nil},

	{"store/record", nil},
	{"store/archive", nil},
	{"store/salvage", nil},
	{"store/ledger", []string{"rules/money", "rules/sale", "store/record"}},
	{"store/queue", []string{"rules/money", "rules/sale", "store/record"}},
	{"store", []string{"rules", "rules/offline", "rules/money", "rules/sale", "rules/day", "store/archive", "store/record", "store/salvage", "store/ledger", "store/queue"}},
	{"store/storetest", []string{"rules/money", "rules/sale", "store"}},
	{"store/powercut", nil}, // tests only
	{"store/sealed", nil},

	{"daemon/sim", nil}, // the outsider: an error of ours copied into it would be confirmed by it
	{"daemon/api", []string{"rules/money", "rules/sale", "rules/day"}},
	{"daemon/wechat", []string{"rules/money", "rules/sale"}},
	{"daemon/aipay", []string{"rules/money", "rules/sale", "rules/explain", "daemon/wechat"}}, // its requests are signed like WeChat's
	{"daemon/llm", []string{"rules/money", "rules/sale", "rules/explain"}},                    // holds what leaves against the closed vocabulary
	{"daemon/emvqr", []string{"rules/money", "rules/sale"}},
	{"daemon/bill", []string{"rules/money", "rules/sale"}},
	{"daemon/fleet", []string{"rules/money", "rules/sale", "store/queue"}},
	{"daemon/advisor", []string{"rules", "rules/money", "rules/sale"}},                // models through its own interface
	{"daemon/checkout", []string{"rules", "rules/money", "rules/sale", "hw/scanner"}}, // a Scan is its input
	{"daemon/web", []string{"rules", "rules/money", "rules/sale", "rules/day", "hw/qr", "daemon/api"}},
	{"daemon/doctor", []string{ // what a till is made of, looked at from beside it
		"rules/money", "rules/sale", "rules/explain", "rules/intent", "hw/device", "daemon/api", "daemon/wechat", "daemon/aipay", "daemon/llm",
	}},

	{"daemon", []string{everything}},
	{"daemon/qrposd", []string{everything, "daemon", "daemon/sim"}},
	{"daemon/e2e", nil},
	{"daemon/world", nil}, // tests only
}

// apart are the rooms that everything leaves out.
var apart = []string{"rules/sale/diagram", "store/storetest", "store/powercut", "daemon/sim", "daemon", "daemon/qrposd", "daemon/e2e"}

// modules says which rooms may import a module from outside. One that is not listed may be imported by tests only.
var modules = []struct {
	name string
	by   []string
	why  string
}{
	{"go.etcd.io/bbolt", []string{"store", "store/ledger", "store/queue"}, "one room opens the file, or nobody knows what is in it"},
	{"filippo.io/age", []string{"store/sealed"}, "one room knows how to seal and to whom"},
	{"github.com/tarm/serial", []string{"hw/scanner", "hw/printer"}, "its Close blocks beside a Read: the wrapper knows how to live with that"},
	{"github.com/skip2/go-qrcode", []string{"hw/qr"}, "symbols are painted in one way"},
	{
		"github.com/sony/gobreaker/v2",
		[]string{"daemon/advisor", "daemon/wechat", "daemon/aipay", "daemon/fleet", "daemon"},
		"a breaker stands before an endpoint outside",
	},
	{"github.com/danielgtaylor/huma/v2", []string{"daemon/api", "daemon/web"}, "HTTP ends there"},
	{"github.com/pelletier/go-toml/v2", []string{"rules/document", "daemon", "daemon/qrposd"}, "one room reads what is strict to the column, and the configuration is decoded"},
	{
		"golang.org/x/sys",
		[]string{"store/archive", "store/salvage", "hw/scanner", "hw/printer", "store", "daemon/doctor", "daemon", "daemon/qrposd", "daemon/sim"},
		"system calls belong to devices and files",
	},
	{"github.com/creack/pty", []string{"daemon/sim"}, "only a simulated scanner makes its own port"},
}

// bans are packages of the standard library, with everything below them, that rooms may not import.
var bans = []struct {
	what, in string // in "" is everywhere
	but      []string
	why      string
}{
	{"os", "rules", []string{"rules/sale/diagram"}, "rules have no I/O"},
	{"net", "rules", nil, "rules have no I/O"},
	{"syscall", "rules", nil, "rules have no I/O"},
	{"log", "rules", []string{"rules/sale"}, "rules explain themselves in what they return"}, // a payer code masks itself
	{"context", "rules", nil, "nothing in the rules waits"},
	{"math/rand", "rules", nil, "rules are replayed: chance is an argument"},
	{"crypto/rand", "rules", nil, "rules are replayed: chance is an argument"},
	{"net", "store", nil, "the file is local"},
	{"net", "hw", nil, "devices hang on this machine"},
	{"net/http", "systemd", nil, "systemd speaks datagrams"},
	{"net/http", "daemon/checkout", nil, "the desk talks through its interfaces"},
	{"text/template", "", nil, "calls methods by name: the linker then keeps all, 1.9 MB"},
	{"html/template", "", nil, "calls methods by name: the linker then keeps all, 1.9 MB"},
	{"testing", "", []string{"store/storetest"}, "test code stays in tests"},
	{"net/http/httptest", "", nil, "test code stays in tests"},
}

func TestLayers(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), module+"rules/sale") {
		t.Fatalf("go list sees none of the tree:\n%s", out)
	}
	for _, v := range violations(string(out)) {
		t.Error(v)
	}
}

func TestLayersRunDownwards(t *testing.T) {
	above := []string{everything}
	for _, r := range rooms {
		for _, name := range r.may {
			if !slices.Contains(above, name) {
				t.Errorf("the row of %s names %s, which is not above it", r.name, name)
			}
		}
		above = append(above, r.name)
	}
}

// The checker sees what it is there to see.
func TestLayersControl(t *testing.T) {
	for line, want := range map[string]string{
		"qrposd/daemon/wechat qrposd/store":                        "daemon/wechat may not import store",
		"qrposd/daemon/wechat qrposd/daemon/llm":                   "daemon/wechat may not import daemon/llm",
		"qrposd/daemon/fleet qrposd/store":                         "daemon/fleet may not import store",
		"qrposd/daemon/sim qrposd/rules/money":                     "daemon/sim may not import rules/money",
		"qrposd/daemon qrposd/daemon/sim":                          "daemon may not import daemon/sim",
		"qrposd/daemon qrposd/store/storetest":                     "daemon may not import store/storetest",
		"qrposd/daemon/qrposd qrposd/store/storetest":              "daemon/qrposd may not import store/storetest",
		"qrposd/daemon/newroom fmt":                                "daemon/newroom is in no row",
		"qrposd/daemon/web go.etcd.io/bbolt":                       "daemon/web may not import go.etcd.io/bbolt",
		"qrposd/daemon/web golang.org/x/system":                    "daemon/web may not import golang.org/x/system",
		"qrposd/store pgregory.net/rapid":                          "store may not import pgregory.net/rapid",
		"qrposd/rules os/exec":                                     "rules may not import os/exec",
		"qrposd/rules log/slog":                                    "rules may not import log/slog",
		"qrposd/daemon/web html/template":                          "daemon/web may not import html/template",
		"qrposd/daemon/sim testing/synctest":                       "daemon/sim may not import testing/synctest",
		"qrposd/hw/scanner net":                                    "hw/scanner may not import net:",
		"qrposd/hw/scanner net/url os github.com/tarm/serial":      "",
		"qrposd/rules fmt time qrposd/rules/sale strings":          "",
		"qrposd/store/storetest testing qrposd/store":              "",
		"qrposd/daemon qrposd/store qrposd/hw/qr":                  "",
		"qrposd/daemon/qrposd qrposd/daemon qrposd/daemon/sim":     "",
		"qrposd/daemon/aipay qrposd/daemon/wechat net/http":        "",
		"qrposd/store go.etcd.io/bbolt golang.org/x/sys/unix os":   "",
		"qrposd/daemon/web embed net/http qrposd/daemon/api":       "",
		"qrposd/daemon/fleet qrposd/store/queue crypto/rand bufio": "",
	} {
		got := violations(line)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)) {
			t.Errorf("%s\n\tgives %q, want %q", line, got, want)
		}
	}
}

// violations reads lines of a package and its imports, and says which of them the tables above do not allow.
func violations(list string) []string {
	var found []string
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], module)
		row := slices.IndexFunc(rooms, func(r room) bool { return r.name == name })
		if row < 0 {
			found = append(found, name+" is in no row: say what it may import")
			continue
		}
		for _, imported := range words[1:] {
			if why := rooms[row].refuse(imported); why != "" {
				found = append(found, fmt.Sprintf("%s may not import %s: %s", name, strings.TrimPrefix(imported, module), why))
			}
		}
	}
	return found
}

// refuse says why the room may not import a package, or "".
func (r room) refuse(imported string) string {
	if ours, ok := strings.CutPrefix(imported, module); ok {
		if slices.Contains(r.may, ours) || slices.Contains(r.may, everything) && !slices.Contains(apart, ours) {
			return ""
		}
		return "imports run downwards, its row names what it may see"
	}
	if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
		for _, m := range modules {
			if within(imported, m.name) {
				if slices.Contains(m.by, r.name) {
					return ""
				}
				return m.why
			}
		}
		return "no row gives this module to anybody but tests"
	}
	for _, b := range bans {
		if within(imported, b.what) && !slices.Contains(pure, imported) && (b.in == "" || within(r.name, b.in)) && !slices.Contains(b.but, r.name) {
			return b.why
		}
	}
	return ""
}

// pure packages lie below net but open nothing.
var pure = []string{"net/url", "net/netip"}

// within says whether path is root or below it.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }
