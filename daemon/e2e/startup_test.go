package e2e

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
	"qrposd/store/record"
)

// place is an installation before its start: what is wrong is done to it.
type place struct {
	t    *testing.T
	dir  string
	conf string // the text of the configuration
	file string // the store; empty until a till has run
}

// set changes a value of the configuration.
func (p *place) set(key, value string) {
	p.t.Helper()
	line := regexp.MustCompile(`(?m)^` + key + ` = .*$`)
	if !line.MatchString(p.conf) {
		p.t.Fatalf("the configuration has no %s", key)
	}
	p.conf = line.ReplaceAllLiteralString(p.conf, key+" = "+value)
}

// write makes a file beside the configuration and gives its name for it.
func (p *place) write(name, text string, mode os.FileMode) string {
	path := filepath.Join(p.dir, name)
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
		p.t.Fatal(err)
	}
	return `"` + name + `"`
}

// edit changes the bytes of the store.
func (p *place) edit(change func([]byte) []byte) {
	b, err := os.ReadFile(p.file)
	if err == nil {
		err = os.WriteFile(p.file, change(b), 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// update changes a value of the store as another version of the program might.
func (p *place) update(change func(tx *bbolt.Tx) error) {
	db, err := bbolt.Open(p.file, 0o600, &bbolt.Options{Timeout: time.Second})
	if err == nil {
		err = errors.Join(db.Update(change), db.Close())
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// misstart is something that keeps a till from starting, how it ends, and what
// whoever stands before it reads. 78 tells the service manager that no restart
// mends it; 1 that the next may. 0 is a till that stays up and says why it does not sell.
type misstart struct {
	wrong string
	do    func(p *place)
	exit  int
	reads []string
}

func misconfigured(key string) []misstart {
	return []misstart{
		{"a key of the configuration is misspelled", func(p *place) { p.conf += "\n[log]\nlevle = \"info\"\n" }, 78, []string{"qrposd.toml:LAST: there is no key log.levle", "hint: `qrposd config`"}},
		{"the configuration breaks off", func(p *place) { p.conf += "\n[log" }, 78, []string{"qrposd.toml:", "hint: `qrposd config` prints every key"}},
		{"the configuration is empty", func(p *place) { p.conf = "" }, 78, []string{"till.id is \"\"", "wechat: mchid", "hint:"}},
		{"the till's name is not one", func(p *place) { p.set("id", `"till 1"`) }, 78, []string{`till.id is "till 1"; 1 to 8 capitals and digits`}},
		{"the secret is short", func(p *place) { p.set("secret_file", p.write("short", "12345", 0o600)) }, 78, []string{"short holds 5 bytes", "at least 16 random bytes"}},
		{"the whole shop could reach the till", func(p *place) { p.set("listen", `"0.0.0.0:8430"`) }, 78, []string{"api.listen is \"0.0.0.0:8430\"", "whoever reaches it can take money"}},
		{"the simulator's speed at the real provider", func(p *place) { p.set("base_urls", `["https://api.mch.weixin.qq.com"]`) }, 78, []string{"timing.speed is 20, which only a simulator"}},
		{"an unencrypted provider", func(p *place) { p.set("base_urls", `["http://pay.example.com"]`) }, 78, []string{"must be https"}},
		{"a charge is taken back too early", func(p *place) {
			p.conf = strings.Replace(p.conf, "[timing]\n", "[timing]\nreverse_earliest = \"10s\"\n", 1)
		}, 78, []string{"reverse_earliest is 10s; the provider's rules allow 15s to 30s"}},
		{"the key is not there", func(p *place) { p.set("private_key_file", `"nothing.pem"`) }, 78, []string{"nothing.pem: no such file", "apiclient_key.pem from the merchant platform"}},
		{"the key is a certificate", func(p *place) {
			p.set("private_key_file", p.write("cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o600))
		}, 78, []string{"cert.pem: it holds a CERTIFICATE, not a private key"}},
		{"the key is text", func(p *place) { p.set("private_key_file", p.write("key.txt", "the key is in the safe", 0o600)) }, 78, []string{"key.txt: it holds no PEM block"}},
		{"everybody may read the key", func(p *place) { p.set("private_key_file", p.write("open.pem", key, 0o644)) }, 78, []string{"open.pem: others may read it (mode 0644); chmod 600 it"}},
		{"another program has the port", func(p *place) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				p.t.Fatal(err)
			}
			p.t.Cleanup(func() { _ = ln.Close() })
			p.set("listen", `"`+ln.Addr().String()+`"`)
		}, 1, []string{"is taken by another program; is a qrposd running? `ss -ltnp` says who"}},
	}
}

func misstored() []misstart {
	corrupt := []string{"the till does not sell", "the file is damaged and nothing says what was in it", "put a backup back with `qrposd restore`"}
	return []misstart{
		{"a page of the store is rubbish", func(p *place) {
			p.edit(func(b []byte) []byte {
				for at := 3 * 4096; at < len(b); at += 4096 {
					copy(b[at:at+512], bytes.Repeat([]byte{0xa5}, 512))
				}
				return b
			})
		}, 0, corrupt},
		{"a bit of a sale has flipped", func(p *place) {
			p.edit(func(b []byte) []byte {
				at := bytes.LastIndex(b, []byte(`"flow":"merchant"`))
				if at < 0 {
					p.t.Fatal("the store has no sale in it")
				}
				for ; at >= 0; at = bytes.LastIndex(b[:at], []byte(`"flow":"merchant"`)) {
					b[at+9] ^= 1
				}
				return b
			})
		}, 0, corrupt},
		{"the store is cut off", func(p *place) { p.edit(func(b []byte) []byte { return b[:2*4096+100] }) }, 0, corrupt},
		{"the store is empty", func(p *place) { p.edit(func([]byte) []byte { return nil }) }, 0, corrupt},
		{"the store is a letter", func(p *place) { p.edit(func([]byte) []byte { return []byte("Dear customer,\n") }) }, 0, append(corrupt, "the file is not a store of this till")},
		{"the store is another program's", func(p *place) {
			p.edit(func([]byte) []byte { return nil })
			if err := os.Remove(p.file); err != nil {
				p.t.Fatal(err)
			}
			p.update(func(tx *bbolt.Tx) error {
				_, err := tx.CreateBucket([]byte("contacts"))
				return err
			})
		}, 0, append(corrupt, "it is a bbolt file of another program")},
		{"the store is of next year's version", func(p *place) {
			p.update(func(tx *bbolt.Tx) error {
				value, err := record.Marshal([]byte("schema"), map[string]any{"product": "qrposd", "version": 99})
				return errors.Join(err, tx.Bucket([]byte("meta")).Put([]byte("schema"), value))
			})
		}, 78, []string{"error: the file was written by a newer version: it has layout 99", "hint: install that version again; the file was not touched"}},
	}
}

// A till that cannot start says what is wrong in one line and what to do in the
// next, ends with the code that the unit file knows, and leaves the store as it
// was found.
func TestMisstarts(t *testing.T) {
	o := startOutside(t, brisk)
	key, err := os.ReadFile(regexp.MustCompile(`private_key_file = "(.*)"`).FindStringSubmatch(read(t, o.config))[1])
	if err != nil {
		t.Fatal(err)
	}
	used := usedStore(t, o)
	for _, m := range append(misconfigured(string(key)), misstored()...) {
		t.Run(m.wrong, func(t *testing.T) {
			d := newTill(t, o, built(t).product, "NEW", nil)
			p := &place{t: t, dir: filepath.Dir(d.config), conf: read(t, d.config), file: d.store}
			if err := os.WriteFile(d.store, used, 0o600); err != nil {
				t.Fatal(err)
			}
			m.do(p)
			if err := os.WriteFile(d.config, []byte(p.conf), 0o600); err != nil {
				t.Fatal(err)
			}
			before := read(t, d.store)
			exit, text := 0, ""
			if m.exit == 0 {
				text = standsBy(t, d)
			} else {
				exit, text = ends(t, d)
			}
			if exit != m.exit {
				t.Errorf("exit %d, want %d", exit, m.exit)
			}
			last := fmt.Sprint(strings.Count(p.conf, "\n"))
			for _, words := range m.reads {
				if words = strings.Replace(words, "LAST", last, 1); !strings.Contains(text, words) {
					t.Errorf("nobody reads %q in\n%s", words, text)
				}
			}
			if strings.Contains(text, "goroutine ") || len(text) > 4000 {
				t.Errorf("%d bytes are not what a person reads:\n%s", len(text), text)
			}
			if m.exit != 1 && read(t, d.store) != before {
				t.Error("the store was touched")
			}
		})
	}
}

// ends runs a till that should not open, and gives its exit code and its words.
func ends(t *testing.T, d *till) (int, string) {
	t.Helper()
	if d.start() {
		t.Fatal("the till opened")
	}
	err := d.wait(10 * time.Second)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("ended with %v:\n%s", err, d.log)
	}
	return exit.ExitCode(), d.log.String()
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// usedStore is the store of a till that has sold something.
func usedStore(t *testing.T, o *outside) []byte {
	t.Helper()
	d := newTill(t, o, built(t).product, "NEW", nil)
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	for range 3 {
		s, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Merchant, Amount: "12.80", Currency: "CNY"}, rand.Text(), 5*time.Second)
		if err != nil || s.QR == nil {
			t.Fatalf("%v, %s", err, s.State)
		}
	}
	d.stop()
	d.check()
	return []byte(read(t, d.store))
}

// Two daemons on one file would be two tills with one name. The second says so,
// and neither says of a file in use that it is damaged.
func TestASecondDaemon(t *testing.T) {
	o := startOutside(t, brisk)
	first := newTill(t, o, built(t).product, "ONE", nil)
	if !first.start() {
		t.Fatalf("the till did not open:\n%s", first.log)
	}
	second := newTill(t, o, built(t).product, "ONE", func(conf string) string {
		return strings.Replace(conf, `path = "till.db"`, `path = "`+first.store+`"`, 1)
	})
	exit, text := ends(t, second)
	out, err := exec.Command(first.exe, "check", first.store).CombinedOutput()
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		t.Fatalf("check of a file in use: %v\n%s", err, out)
	}
	for who, said := range map[string]struct {
		exit int
		text string
	}{"the second daemon": {exit, text}, "check": {failed.ExitCode(), string(out)}} {
		if said.exit != 75 || strings.Contains(said.text, "damaged") { // EX_TEMPFAIL
			t.Errorf("%s ends with %d:\n%s", who, said.exit, said.text)
		}
		if !strings.Contains(said.text, "the file is in use") || !strings.Contains(said.text, "a qrposd daemon is running; ask it, or stop it first") {
			t.Errorf("%s says\n%s", who, said.text)
		}
	}
	if _, err := first.api.Open(soon(t), api.NewSale{Flow: sale.Merchant, Amount: "12.80", Currency: "CNY"}, rand.Text(), 0); err != nil {
		t.Errorf("the first sells no more: %v", err)
	}
	first.stop()
	first.check()
}
