package e2e

import (
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// A till that has no room left refuses new sales in words, and still gives money
// back; with more room it sells again, and nothing that it said is lost.
func TestNoRoom(t *testing.T) {
	o := startOutside(t, brisk)
	t.Run("the file's budget is used up", func(t *testing.T) {
		d := newTill(t, o, built(t).product, "FULL", func(conf string) string { return limited(conf, 8) })
		noRoom(t, o, d, func() {
			if err := os.WriteFile(d.config, []byte(strings.Replace(read(t, d.config), "max_mb = 8", "max_mb = 16", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("the disk is full", func(t *testing.T) {
		disk := t.TempDir()
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=6m"); err != nil {
			t.Logf("NOT TESTED: a disk of 6 MB cannot be had here, which takes root: %v", err)
			return
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(disk, 0); err != nil {
				t.Error(err)
			}
		})
		d := newTill(t, o, built(t).product, "DISK", func(conf string) string {
			return strings.Replace(limited(conf, 256), `path = "till.db"`, `path = "`+filepath.Join(disk, "till.db")+`"`, 1)
		})
		d.store = filepath.Join(disk, "till.db")
		noRoom(t, o, d, func() {
			if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=32m"); err != nil {
				t.Fatal(err)
			}
		})
		d.kill() // before its disk goes
	})
}

// limited is a till with little room whose sales wait long for a customer.
func limited(conf string, mb int) string {
	conf = strings.Replace(conf, "[store]\n", "[store]\nreserve_mb = 1\nmax_mb = "+map[int]string{8: "8", 256: "256"}[mb]+"\n", 1)
	return strings.Replace(conf, "[timing]\n", "[timing]\nscan_window = \"1h\"\n", 1)
}

func noRoom(t *testing.T, o *outside, d *till, more func()) {
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	paid, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: "12.80", Currency: "CNY", Code: o.payerCode("pay")}, rand.Text(), 10*time.Second)
	if err != nil || paid.State != "paid" {
		t.Fatalf("%v, %s", err, paid.State)
	}
	sold, full := fill(d)
	refused(t, "a sale too many", full, http.StatusInsufficientStorage, "disk_full", "refunds and sales under way go on")
	if st, err := d.api.Status(soon(t)); err != nil || st.Health.Store.Level != api.Down || len(st.Notices) == 0 || st.Notices[0].Code != "store_down" {
		t.Errorf("the page is told %+v, %v", st, err)
	}
	if _, err = d.api.Refund(soon(t), paid.ID, api.NewRefund{Amount: "12.80"}, rand.Text()); err != nil {
		t.Fatalf("no refund: %v\n%s", err, d.log)
	}
	if paid, err = rest(t.Context(), d, paid.ID, nil); err != nil || paid.State != "refunded" {
		t.Errorf("the refund: %s, %v\n%s", paid.State, err, d.log)
	}
	if c := o.orders()[paid.History.Attempts[0].OrderNo]; c.Refunds != 1 || c.Net != 0 {
		t.Errorf("the provider saw %+v", c)
	}
	d.stop()
	d.check()
	more()
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	if s, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: "3.00", Currency: "CNY", Code: o.payerCode("pay")}, rand.Text(), 10*time.Second); err != nil || s.State != "paid" {
		t.Errorf("with more room: %s, %v\n%s", s.State, err, d.log)
	}
	found := 0
	for page := (api.Sales{}); found == 0 || page.Next != ""; {
		if page, err = d.api.Sales(soon(t), 100, page.Next); err != nil {
			t.Fatal(err)
		}
		found += len(page.Sales)
	}
	if found != int(sold)+2 {
		t.Errorf("%d sales were acknowledged, %d are there", sold+2, found)
	}
	d.stop()
	d.check()
}

// fill opens sales until every cashier was refused one: where the last page goes,
// one sale may still fit that is smaller than its neighbour.
func fill(d *till) (sold int64, full error) {
	var n atomic.Int64
	var once sync.Once
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			client := &api.Client{Base: d.api.Base, HTTP: &http.Client{Transport: &http.Transport{}}}
			defer client.HTTP.CloseIdleConnections()
			for {
				_, err := client.Open(d.t.Context(), api.NewSale{
					Flow: sale.Payer, Amount: "1.00", Currency: "CNY",
					Description: strings.Repeat("茶", 42), Operator: strings.Repeat("L", 64),
				}, rand.Text(), 0)
				if err == nil {
					n.Add(1)
					continue
				}
				once.Do(func() { full = err })
				return
			}
		})
	}
	group.Wait()
	return n.Load(), full
}
