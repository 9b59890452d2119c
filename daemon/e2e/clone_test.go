package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qrposd/rules/sale"
)

// A till with the copy of another's disk does not start: it would take back what
// the other one has just charged. The box that replaces a broken one is told how.
func TestAClonedDiskDoesNotSell(t *testing.T) {
	o := startOutside(t, speed)
	d := newTill(t, o, built(t).product, "C01", nil)
	if !d.start() {
		t.Fatal(d.log)
	}
	s := d.sell(sale.Merchant, "12.80")
	d.kill()
	// The other machine has the same files and another serial number.
	text, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "device.serial")
	if err := os.WriteFile(other, []byte("SN-0042-OTHER"), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "device_files") {
			lines[i] = `device_files = ["` + other + `"]`
		}
	}
	if err := os.WriteFile(d.config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if d.start() {
		t.Fatal("the clone opened")
	}
	if err := d.wait(10 * time.Second); err == nil || !strings.Contains(err.Error(), "78") {
		t.Fatalf("the clone ended with %v", err)
	}
	for _, want := range []string{"belongs to another till", "qrposd adopt"} {
		if !strings.Contains(d.log.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, d.log)
		}
	}
	if out, err := exec.Command(d.exe, "adopt", "-config", d.config).CombinedOutput(); err != nil {
		t.Fatalf("adopt: %v\n%s", err, out)
	}
	if !d.start() {
		t.Fatalf("the successor did not open:\n%s", d.log)
	}
	if got, err := d.api.Sale(soon(t), s.ID, 0); err != nil || got.ID != s.ID {
		t.Fatalf("the successor does not know the sale: %v", err)
	}
	d.stop()
	d.check()
}
