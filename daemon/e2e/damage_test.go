package e2e

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

var idleLine = regexp.MustCompile(`msg="the till does not sell" page=(http://\S+?)/?\s`)

// standsBy runs a till that has nothing to sell with: it stays up, its page and its API
// say why, and it ends in order. What it logged is given.
func standsBy(t *testing.T, d *till) string {
	t.Helper()
	d.launch()
	base := ""
	for limit := time.Now().Add(30 * time.Second); base == ""; time.Sleep(20 * time.Millisecond) {
		if m := idleLine.FindStringSubmatch(d.log.String() + "\n"); m != nil {
			base = m[1]
		} else if time.Now().After(limit) {
			t.Fatalf("the till says nothing:\n%s", d.log)
		}
	}
	page := func(path, accept string) string {
		req, err := http.NewRequest(http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || path != "/metrics" && res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %s, %v", path, res.Status, err)
		}
		return string(b)
	}
	if text := page("/", "text/html"); !strings.Contains(text, "This till does not sell") || !strings.Contains(text, "本机不能收款") || !strings.Contains(text, "qrposd salvage -fresh") {
		t.Errorf("the page says\n%s", text)
	}
	if text := page("/customer", "text/html"); !strings.Contains(text, "Please ask the cashier") || strings.Contains(text, "store") {
		t.Errorf("the customer reads\n%s", text)
	}
	if text := page("/v1/health", "application/json"); !strings.Contains(text, `"store_no_proof"`) {
		t.Errorf("the API says\n%s", text)
	}
	if text := page("/metrics", "*/*"); !strings.Contains(text, "qrposd_selling 0") {
		t.Errorf("the metrics say\n%s", text)
	}
	d.stop()
	return d.log.String()
}

// A till whose file is damaged starts, says so, has every sale, sells on, and gives out
// no number again; the damaged file is kept as it was, and the next start has forgotten
// the trouble, but not the owner's case.
func TestDamagedStore(t *testing.T) {
	o := startOutside(t, brisk)
	for what, hurt := range map[string]func(b []byte) []byte{
		"rubbish":   func(b []byte) []byte { return bytes.Repeat([]byte{0xa5}, len(b)) },
		"cut off":   func(b []byte) []byte { return b[:3*4096+7] },
		"a letter":  func([]byte) []byte { return []byte("Dear customer,\n") },
		"gone":      nil,
		"half gone": func(b []byte) []byte { clear(b[2*4096 : len(b)/2]); return b },
	} {
		t.Run(what, func(t *testing.T) {
			d := newTill(t, o, built(t).product, "HURT", nil)
			sold := sellThree(t, d)
			d.kill()
			var was []byte
			if hurt == nil {
				if err := os.Remove(d.store); err != nil {
					t.Fatal(err)
				}
			} else {
				was = hurt([]byte(read(t, d.store)))
				if err := os.WriteFile(d.store, was, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if !d.start() {
				t.Fatalf("the till does not open:\n%s", d.log)
			}
			degraded(t, d, true)
			for _, id := range sold {
				if _, err := d.api.Sale(soon(t), id, 0); err != nil {
					t.Errorf("sale %s: %v", id, err)
				}
			}
			for _, id := range sellThree(t, d) {
				for _, before := range sold {
					if id[:len(id)-11] <= before[:len(before)-11] {
						t.Errorf("%s was given out after %s", id, before)
					}
				}
			}
			kept, err := filepath.Glob(d.store + ".damaged-*")
			if err != nil || len(kept) != 1 && hurt != nil || hurt != nil && read(t, kept[0]) != string(was) {
				t.Errorf("what is kept is not what was there: %v %v", kept, err)
			}
			d.stop()
			d.check()
			if out, err := exec.Command(d.exe, "check", d.store+".salvage").CombinedOutput(); err != nil || !strings.Contains(string(out), "is a second record in order") {
				t.Errorf("qrposd check: %v\n%s", err, out)
			}
			if !d.start() {
				t.Fatalf("the till does not open again:\n%s", d.log)
			}
			degraded(t, d, false)
			cases, err := d.api.Cases(soon(t), "open", 10, 0)
			if err != nil || len(cases.Cases) != 1 || cases.Cases[0].Kind != "store_salvaged" {
				t.Errorf("the owner has %+v, %v", cases, err)
			}
			d.stop()
		})
	}
}

// degraded says whether health, page and metrics of a till say that it was damaged.
func degraded(t *testing.T, d *till, want bool) {
	t.Helper()
	st, err := d.api.Status(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	said := false
	for _, n := range st.Notices {
		said = said || n.Code == "salvage_trouble"
	}
	if said != want || (st.Health.Salvage.Level == api.Trouble) != want {
		t.Errorf("damaged: %v, and it says %v, %+v", want, st.Notices, st.Health.Salvage)
	}
	res, err := http.Get(d.api.Base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || strings.Contains(string(text), "qrposd_store_rebuilt 1") != want {
		t.Errorf("damaged: %v, and the metrics say otherwise (%v)", want, err)
	}
}

func sellThree(t *testing.T, d *till) (ids []sale.ID) {
	t.Helper()
	if d.cmd == nil && !d.start() {
		t.Fatalf("the till does not open:\n%s", d.log)
	}
	for range 3 {
		s, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Merchant, Amount: "12.80", Currency: "CNY"}, rand.Text(), 5*time.Second)
		if err != nil || s.QR == nil {
			t.Fatalf("%v, %s", err, s.State)
		}
		ids = append(ids, s.ID)
	}
	return ids
}

// A till of which nothing is left stays down until somebody says that a new store may
// begin, and then sells under numbers that it never gave out.
func TestAFreshStoreOnSomebodysWord(t *testing.T) {
	o := startOutside(t, brisk)
	d := newTill(t, o, built(t).product, "GONE", nil)
	sold := sellThree(t, d)
	d.kill()
	rubbish := bytes.Repeat([]byte{0xa5}, 64<<10)
	for _, path := range []string{d.store, d.store + ".salvage"} {
		if err := os.WriteFile(path, rubbish, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	standsBy(t, d)
	salvage := func(args ...string) (string, error) {
		out, err := exec.Command(d.exe, append([]string{"salvage", "-config", d.config}, args...)...).CombinedOutput()
		return string(out), err
	}
	if text, err := salvage(); err == nil || !strings.Contains(text, "nothing says what was in it") {
		t.Fatalf("%v\n%s", err, text)
	}
	if text, err := salvage("-fresh", "-by", "zhang"); err != nil || !strings.Contains(text, "the damaged file is kept as") {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, id := range sellThree(t, d) {
		for _, before := range sold {
			if id[:len(id)-11] <= before[:len(before)-11] {
				t.Errorf("%s was given out after %s", id, before)
			}
		}
	}
	d.stop()
	d.check()
}
