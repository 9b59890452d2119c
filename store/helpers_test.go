package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
)

// TestMain lets the test binary be the child that checks a file.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "check" && os.Args[2] == "-q" {
		os.Exit(check(os.Args[4]))
	}
	if len(os.Args) == 4 && os.Args[1] == "put-back" {
		os.Exit(putBack(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

func check(path string) int {
	r, err := store.CheckAlone(path)
	for _, v := range r.Violations {
		fmt.Println(v)
	}
	if err != nil {
		fmt.Println(err)
	}
	if err != nil || r.Err() != nil {
		return 1
	}
	return 0
}

// exe is a program that runs this test binary. Under an emulator the kernel does
// not know how to run it, so that is a script which does.
func exe(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return runnable(t, path, t.TempDir())
}

func runnable(t testing.TB, path, dir string) string {
	t.Helper()
	if err := exec.Command(path, "-test.run=^$").Run(); !errors.Is(err, unix.ENOEXEC) {
		return path
	}
	emulator, ok := map[string]string{"arm": "qemu-arm-static", "arm64": "qemu-aarch64-static"}[runtime.GOARCH]
	if !ok {
		t.Fatalf("this machine does not run %s", runtime.GOARCH)
	}
	script := filepath.Join(dir, "run")
	if err := os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nexec %s %s \"$@\"\n", emulator, path), 0o755); err != nil {
		t.Fatal(err)
	}
	return script
}

var cny = money.Money{Minor: 1280, Currency: "CNY"}

func payer() sale.New {
	return sale.New{Flow: sale.Payer, Amount: cny, Description: "tea", Operator: "c1"}
}

func begin(t testing.TB, db *store.DB, n sale.New) sale.Sale {
	t.Helper()
	s, replayed, err := db.Begin(t.Context(), n, "session", sale.Once{})
	if err != nil || replayed {
		t.Fatalf("begin: %v, replayed %v", err, replayed)
	}
	return s
}

func commit(t testing.TB, db *store.DB, id sale.ID, ev sale.Event) sale.Sale {
	t.Helper()
	s, err := db.Commit(t.Context(), id, ev, sale.Once{})
	if err != nil {
		t.Fatalf("%s: %v", ev.Kind, err)
	}
	return s
}

// charge is the intent of the sale's next attempt, with a code of its own.
func charge(s sale.Sale) sale.Event {
	code := sale.NewPayerCode(fmt.Sprintf("13%016d", s.Begun%1e16))
	req := sale.NewRequest("POST", "/v3/pay/transactions/codepay", []byte(`{"auth_code":"`+code.Reveal()+`"}`), code)
	return sale.Event{Kind: sale.ChargeIntended, OrderNo: s.NextOrderNo(), Request: &req, CodeID: code.ID()}
}

// paid drives a new sale until the payer has paid.
func paid(t testing.TB, db *store.DB) sale.Sale {
	t.Helper()
	s := begin(t, db, payer())
	s = commit(t, db, s.ID, charge(s))
	return commit(t, db, s.ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "4200001"})
}

// refunded drives a new sale through all that money can do.
func refunded(t testing.TB, db *store.DB) sale.Sale {
	t.Helper()
	s := paid(t, db)
	s = commit(t, db, s.ID, sale.Event{Kind: sale.RefundRequested, Amount: cny, By: "c1"})
	no := s.Refunds[0].No
	req := sale.NewRequest("POST", "/v3/refund/domestic/refunds", []byte(`{}`), sale.PayerCode{})
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundIntended, RefundNo: no, Request: &req})
	return commit(t, db, s.ID, sale.Event{Kind: sale.RefundDone, RefundNo: no})
}

// stored is a sale as a file has it.
func stored(t interface{ Fatal(...any) }, s sale.Sale) string {
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// edit changes a closed file behind the store's back.
func edit(t testing.TB, path string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "till.db") }

func options(change ...func(*store.Options)) store.Options {
	o := store.Options{Till: "T1", Secret: []byte("merchant secret of a test")}
	for _, f := range change {
		f(&o)
	}
	return o
}

// fakeClock is a machine whose clocks are set by the test.
type fakeClock struct {
	mu   sync.Mutex
	wall time.Time
	boot string
	up   time.Duration
}

func newFakeClock() *fakeClock {
	return &fakeClock{wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), boot: "first", up: time.Minute}
}

func (c *fakeClock) Wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *fakeClock) Boot() (string, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.boot, c.up
}

// pass lets time pass.
func (c *fakeClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.up = c.wall.Add(d), c.up+d
}

// step sets the time of day, as a server or a person does.
func (c *fakeClock) step(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = to
}

// reboot starts the machine again at a time of day that it believes in.
func (c *fakeClock) reboot(id string, wall time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.boot, c.up, c.wall = id, time.Second, wall
}

func withClock(c store.Clock) func(*store.Options) {
	return func(o *store.Options) { o.Clock = c }
}
