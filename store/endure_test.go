package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"qrposd/rules/sale"
	"qrposd/store"
)

// endurance is a till that sells for a year: quickly, with many sales in a commit, up
// to where it is measured, and there one by one, as a till sells.
type endurance struct {
	path  string
	clock *fakeClock
	opts  store.Options
	db    *store.DB
	sold  int
	bare  *os.File
}

// window is what one by one is measured over: all that a rotation costs is in it once.
type window struct {
	sales             int
	perSale, toDisk   int64 // bytes: handed to the kernel, and what it says it writes
	commit, bare      []time.Duration
	file, archives    int64
	free              int
	check, open       time.Duration
	resident, private int64 // bytes
	archived, inFile  int
	commits           int
}

func endure(t *testing.T, r store.Rotation) *endurance {
	t.Helper()
	dir := t.TempDir()
	e := &endurance{path: filepath.Join(dir, "till.db"), clock: newFakeClock()}
	e.opts = options(withClock(e.clock), func(o *store.Options) { o.Rotation = r })
	var err error
	if e.db, err = store.Open(e.path, e.opts); err != nil {
		t.Fatal(err)
	}
	if e.bare, err = os.Create(filepath.Join(dir, "bare")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(e.db.Close(), e.bare.Close()); err != nil {
			t.Error(err)
		}
	})
	e.sync(t)
	return e
}

// life is a sale as tills make most: a code is scanned, and it is paid. One in twenty
// is given back.
func (e *endurance) life(t testing.TB, i int, timed func(func())) {
	do := func(id sale.ID, ev sale.Event) (s sale.Sale) {
		timed(func() {
			var err error
			if s, err = e.db.Commit(t.Context(), id, ev, sale.Once{}); err != nil {
				t.Fatalf("sale %d: %s: %v", i, ev.Kind, err)
			}
		})
		return s
	}
	var s sale.Sale
	timed(func() {
		var err error
		if s, _, err = e.db.Begin(t.Context(), payer(), fmt.Sprint("session", i), onceOf(i)); err != nil {
			t.Fatalf("sale %d: %v", i, err)
		}
	})
	code := sale.NewPayerCode(fmt.Sprintf("13%016d", i))
	body := fmt.Sprintf(`{"appid":"wx8888888888888888","mchid":"1900000001","description":"tea and cake","out_trade_no":%q,"scene_info":{"device_id":"T1","store_info":{"id":"0001"}},"payer":{"auth_code":%q},"amount":{"total":1280,"currency":"CNY"}}`, s.NextOrderNo(), code.Reveal())
	req := sale.NewRequest("POST", "/v3/pay/transactions/codepay", []byte(body), code)
	do(s.ID, sale.Event{Kind: sale.ChargeIntended, OrderNo: s.NextOrderNo(), Request: &req, CodeID: code.ID()})
	s = do(s.ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: fmt.Sprintf("42000%023d", i), Verdict: sale.Unanswered})
	if i%20 > 0 {
		return
	}
	s = do(s.ID, sale.Event{Kind: sale.RefundRequested, Amount: cny, By: "c1"})
	req = sale.NewRequest("POST", "/v3/refund/domestic/refunds", []byte(`{}`), sale.PayerCode{})
	do(s.ID, sale.Event{Kind: sale.RefundIntended, RefundNo: s.Refunds[0].No, Request: &req})
	do(s.ID, sale.Event{Kind: sale.RefundDone, RefundNo: s.Refunds[0].No})
}

// every is how far apart sales are where a million make a year.
const every = 365 * 24 * time.Hour / 1_000_000

// sell sells quickly until so many were sold.
func (e *endurance) sell(t *testing.T, upTo int) {
	t.Helper()
	for e.sold < upTo {
		var all sync.WaitGroup
		n := min(16, upTo-e.sold) // more would give up more pages in a commit than any till does
		for i := range n {
			all.Go(func() { e.life(t, e.sold+i, func(f func()) { f() }) })
		}
		all.Wait()
		if t.Failed() {
			t.FailNow()
		}
		e.sold += n
		e.clock.pass(time.Duration(n) * every)
		for range 4 {
			e.rotate(t)
		}
	}
}

func (e *endurance) rotate(t *testing.T) {
	t.Helper()
	if _, err := e.db.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (e *endurance) sync(t *testing.T) {
	t.Helper()
	if _, err := e.bare.WriteAt(make([]byte, 4096), 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fdatasync(int(e.bare.Fd())); err != nil {
		t.Fatal(err)
	}
}

// measure sells n one by one, with as many bare writes between the commits, and then
// starts the till anew.
func (e *endurance) measure(t *testing.T, n int) (w window) {
	t.Helper()
	before, wrote, disk := e.db.Stats().Commits, counter(t, "wchar: "), counter(t, "write_bytes: ")
	timed := func(f func()) {
		t0 := time.Now()
		e.sync(t)
		t1 := time.Now()
		f()
		w.bare, w.commit = append(w.bare, t1.Sub(t0)), append(w.commit, time.Since(t1))
	}
	for i := range n {
		e.life(t, e.sold+i, timed)
		e.clock.pass(every)
		if i%16 == 0 {
			e.rotate(t)
		}
	}
	e.sold += n
	st := e.db.Stats()
	bare := int64(len(w.bare)) * 4096
	w.sales, w.commits = n, int(st.Commits-before)
	w.perSale, w.toDisk = (counter(t, "wchar: ")-wrote-bare)/int64(n), (counter(t, "write_bytes: ")-disk-bare)/int64(n)
	w.file, w.free = st.Bytes, st.FreePages
	slices.Sort(w.bare)
	slices.Sort(w.commit)
	if err := e.db.Close(); err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory()
	t0 := time.Now()
	r, err := store.CheckAlone(e.path)
	if err = errors.Join(err, r.Err()); err != nil {
		t.Fatal(err)
	}
	t1 := time.Now()
	if e.db, err = store.Open(e.path, e.opts); err != nil {
		t.Fatal(err)
	}
	w.check, w.open, w.archived, w.archives, w.inFile = t1.Sub(t0), time.Since(t1), r.Archives, r.ArchiveBytes, e.sold
	debug.FreeOSMemory()
	w.resident, w.private = resident(t, "VmRSS:"), resident(t, "RssAnon:")
	return w
}

func at(of []time.Duration, share float64) time.Duration {
	return of[min(len(of)-1, int(float64(len(of))*share))]
}

func (w window) String() string {
	ratio := func(share float64) float64 { return float64(at(w.commit, share)) / float64(at(w.bare, share)) }
	return fmt.Sprintf("%8d sales | %6.1f kB written a sale (disk: %6.1f) in %.2f commits | commit p50 %v = %.1fx bare, p99 %v = %.1fx | file %5.1f MB, %3d free pages | %3d archives, %6.1f MB | open %v, check of the file %v | resident %5.1f MB (own %5.1f)",
		w.inFile, float64(w.perSale)/1e3, float64(w.toDisk)/1e3, float64(w.commits)/float64(w.sales), at(w.commit, 0.5).Round(time.Microsecond), ratio(0.5), at(w.commit, 0.99).Round(time.Microsecond), ratio(0.99),
		float64(w.file)/1e6, w.free, w.archived, float64(w.archives)/1e6, w.open.Round(100*time.Microsecond), w.check.Round(time.Millisecond), float64(w.resident)/1e6, float64(w.private)/1e6)
}

func counter(t *testing.T, name string) int64 { return proc(t, "/proc/self/io", name) }

func resident(t *testing.T, name string) int64 { return proc(t, "/proc/self/status", name) * 1024 }

func proc(t *testing.T, file, name string) int64 {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			v, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatal("no ", name, " in ", file)
	return 0
}

// A till that has sold a hundred times what its file keeps writes as much for a sale
// as at the beginning of that, has a file of the same size, and all that it has sold.
// With nothing moved the file would be six times as large: the control.
func TestEndures(t *testing.T) {
	if n, err := strconv.Atoi(os.Getenv("QRPOSD_ENDURE")); err == nil && n > 0 {
		endureFor(t, n)
		return
	}
	small := store.Rotation{Keep: 128, Batch: 64, After: 10 * time.Minute}
	sizes := make(map[bool][2]window)
	for _, never := range []bool{false, true} {
		small.Never = never
		e := endure(t, small)
		e.sell(t, 400)
		first := e.measure(t, 64)
		e.sell(t, 1600)
		sizes[never] = [2]window{first, e.measure(t, 64)}
		for _, w := range sizes[never] {
			t.Logf("nothing is moved: %v | %v", never, w)
		}
		for _, i := range []int{0, 1, 63, 64, 700, e.sold - 1} {
			if _, replayed, err := e.db.Begin(t.Context(), payer(), "session", onceOf(i)); err != nil || !replayed {
				t.Errorf("sale %d is not found by its key: %v", i, err)
			}
		}
		if err := e.db.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := store.CheckFile(e.path)
		if err = errors.Join(err, r.Err()); err != nil || r.Sales != e.sold {
			t.Errorf("%d sales of %d, %v", r.Sales, e.sold, err)
		}
	}
	moved, kept := sizes[false], sizes[true]
	if moved[1].perSale*10 > moved[0].perSale*12 {
		t.Errorf("a sale writes %d bytes in the end, %d in the beginning", moved[1].perSale, moved[0].perSale)
	}
	if moved[1].file > moved[0].file*2 {
		t.Errorf("the file has %d bytes in the end, %d in the beginning", moved[1].file, moved[0].file)
	}
	if kept[1].file < moved[1].file*2 {
		t.Errorf("a file that nothing leaves has %d bytes, one that is rotated %d: this test would notice nothing", kept[1].file, moved[1].file)
	}
}

// endureFor is the long run, with the rotation that tills have.
func endureFor(t *testing.T, n int) {
	t.Helper()
	e := endure(t, store.Rotation{}) // as tills have it
	for _, upTo := range []int{1_000, 10_000, 100_000, 1_000_000} {
		if upTo > n {
			break
		}
		size := min(4096, upTo/4)
		began := time.Now()
		e.sell(t, upTo-size)
		w := e.measure(t, size)
		t.Log(w)
		fmt.Fprintln(os.Stderr, w, "| took", time.Since(began).Round(time.Second))
	}
	besideAYoungOne(t, e)
	if os.Getenv("QRPOSD_ENDURE_CHECK") == "" {
		return
	}
	if err := e.db.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r, err := store.CheckFile(e.path)
	if err = errors.Join(err, r.Err()); err != nil || r.Sales != e.sold {
		t.Errorf("%d sales of %d, %v", r.Sales, e.sold, err)
	}
	fmt.Fprintf(os.Stderr, "all of it checked in %v: %d sales, %d lines, %d archives\n", time.Since(began).Round(time.Second), r.Sales, r.Entries, r.Archives)
}

// besideAYoungOne sells at the old till and at one in its first days, a sale of each in
// turn: what the machine does beside it, and how fast its disk is at that time of day,
// is then the same for both, which two windows an hour apart cannot promise.
func besideAYoungOne(t *testing.T, old *endurance) {
	t.Helper()
	young := endure(t, store.Rotation{})
	young.sell(t, 500)
	const sales = 1000
	tills, took := [2]*endurance{young, old}, [2][]time.Duration{}
	for i := range sales {
		for j := range tills {
			which := (i + j) % 2
			e := tills[which]
			e.life(t, e.sold, func(f func()) {
				t0 := time.Now()
				f()
				took[which] = append(took[which], time.Since(t0))
			})
			e.sold++
			e.clock.pass(every)
			if i%16 == 0 {
				e.rotate(t)
			}
		}
	}
	var mean [2]time.Duration
	for i, all := range took {
		for _, d := range all {
			mean[i] += d / time.Duration(len(all))
		}
		slices.Sort(all)
	}
	line := fmt.Sprintf("a sale of each in turn, %d times: commit of the old till and of a young one", sales)
	for _, share := range []float64{0.5, 0.9, 0.99} {
		o, y := at(took[1], share), at(took[0], share)
		line += fmt.Sprintf(" | p%.0f %v and %v = %.2fx", 100*share, o.Round(time.Microsecond), y.Round(time.Microsecond), float64(o)/float64(y))
	}
	fmt.Fprintf(os.Stderr, "%s | mean %v and %v = %.2fx\n", line, mean[1].Round(time.Microsecond), mean[0].Round(time.Microsecond), float64(mean[1])/float64(mean[0]))
}
