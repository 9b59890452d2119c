package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"qrposd/daemon/sim"
	"qrposd/rules/sale"
)

// settable is the clock of a machine that people, servers and flat batteries set.
type settable struct {
	mu    sync.Mutex
	ahead time.Duration // of the real time of day
	boots int
	began time.Time
}

func (c *settable) Wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *settable) Boot() (string, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strconv.Itoa(c.boots), time.Since(c.began)
}

// set moves the time of day, and starts the machine again where boot says so.
func (c *settable) set(ahead time.Duration, boot bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = ahead
	if boot {
		c.boots, c.began = c.boots+1, time.Now()
	}
}

// shop is a till that is opened again and again before one and the same API.
type shop struct {
	t     *testing.T
	st    stand
	wx    *sim.WeChat
	url   string
	dir   string
	clock *settable
	adapt func(*Config) // nil is nothing
}

func newShop(t *testing.T) *shop {
	s := &shop{t: t, st: stand{speed: 20, keys: newKeys(t)}, dir: t.TempDir(), clock: &settable{began: time.Now()}}
	s.wx = &sim.WeChat{Credentials: s.st.keys, TimeScale: s.st.speed, AISecret: []byte("the merchant's secret, at least 16 bytes")}
	srv := httptest.NewServer(s.wx)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	// Every payment takes the API too long, so the API replays every one.
	if _, err := s.wx.SetAI(json.RawMessage(`{"replay_after_ms":40,"latency":{"ai_payment":{"kind":"fixed","ms":60}}}`)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) open(wire func(string)) *till {
	s.t.Helper()
	k, err := s.st.at(s.dir, s.url, s.wx, Faults{Clock: s.clock, Wire: wire}, s.adapt)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// paid has a customer pay, and gives the sale as the till then has it.
func (s *shop) paid(k *till, v sale.Sale) sale.Sale {
	s.t.Helper()
	v, err := k.pay(v)
	if err != nil || v.State != sale.Paid {
		s.t.Fatalf("%s: %v, %v", v.State, v.Why, err)
	}
	return v
}

// once holds that the provider charged each sale once, and that keys only go up.
func (s *shop) once(sales ...sale.Sale) {
	s.t.Helper()
	charges := map[string]int{}
	for _, o := range s.wx.Report().Orders {
		charges[o.OutTradeNo] += o.Charges
	}
	last := int64(0)
	for _, v := range sales {
		n := 0
		for _, a := range v.Attempts {
			n += charges[a.OrderNo]
			part := strings.Split(a.Key, ".")
			at, err := strconv.ParseInt(part[min(2, len(part)-1)], 10, 64)
			if err != nil || at <= last {
				s.t.Errorf("key %.90q after %d", a.Key, last)
			}
			last = at
		}
		if n != 1 {
			s.t.Errorf("sale %s was charged %d times", v.ID, n)
		}
	}
	ai := s.wx.AIReport().Counts
	if ai.ServerReplays == 0 || ai.Opaque > 0 {
		s.t.Errorf("%d replays, %d keys not verified", ai.ServerReplays, ai.Opaque)
	}
}

// Whatever the clock does, before a sale, while its payment is on the wire or over
// a restart: keys go up, and a sale charges once although the API replays each.
func TestClocksChargeNobodyTwice(t *testing.T) {
	steps := map[string]time.Duration{"an hour back": -time.Hour, "a day on": 24 * time.Hour, "1970": -56 * 365 * 24 * time.Hour, "beyond 2200": 200 * 365 * 24 * time.Hour}
	for name, step := range steps {
		for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
			t.Run(fmt.Sprint(name, " ", flow), func(t *testing.T) {
				t.Parallel()
				s := newShop(t)
				onWire := false
				k := s.open(func(point string) {
					if onWire && strings.HasSuffix(point, ":before-send") {
						s.clock.set(step, false)
					}
				})
				var sold []sale.Sale
				sell := func() {
					t.Helper()
					v, err := k.begin(flow, 1800)
					if err != nil {
						t.Fatal(err)
					}
					sold = append(sold, s.paid(k, v))
				}
				sell()
				s.clock.set(step, false)
				sell()
				s.clock.set(0, false)
				onWire = true
				sell()
				onWire = false
				if err := k.close(); err != nil {
					t.Fatal(err)
				}
				s.clock.set(-step, true)
				k = s.open(nil)
				sell()
				if err := k.close(); err != nil {
					t.Fatal(err)
				}
				s.clock.set(0, true)
				k = s.open(nil)
				sell()
				ending(t, k)
				s.once(sold...)
			})
		}
	}
}

// A backup that is put back knows less than the provider. The sale that was open
// in it ends as the provider has it, also where a fresh code is scanned for it.
func TestARestoredBackupChargesNobodyTwice(t *testing.T) {
	for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
		t.Run(string(flow), func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			k := s.open(nil)
			v, err := k.begin(flow, 1800)
			if err == nil {
				v, err = k.until(v.ID, func(v sale.Sale) bool {
					return v.State == sale.Judged && flow == sale.Payer || v.State == sale.Presented
				})
			}
			backup := filepath.Join(s.dir, "backup.db")
			if err == nil {
				_, err = k.d.store.Backup(t.Context(), backup, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			s.paid(k, v)
			path := k.d.store.Path()
			// With its second record the till would know what the backup lacks.
			if err := errors.Join(k.close(), os.Rename(backup, path), os.Remove(path+".salvage")); err != nil {
				t.Fatal(err)
			}
			s.clock.set(-time.Hour, true)
			k = s.open(nil)
			if v, err = k.d.store.Sale(v.ID); err != nil || v.State == sale.Paid {
				t.Fatalf("the backup has the sale as %s, %v", v.State, err)
			}
			if flow == sale.Payer { // the cashier does not know that it was paid
				if err := k.scan(v.ID); err != nil {
					t.Fatal(err)
				}
			}
			if v, err = k.until(v.ID, func(v sale.Sale) bool { return v.State == sale.Paid }); err != nil || v.State != sale.Paid {
				t.Errorf("it ends %s: %v, %v", v.State, v.Why, err)
			}
			ending(t, k)
			s.once(v)
		})
	}
}
