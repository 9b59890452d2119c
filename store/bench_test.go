package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"qrposd/rules/sale"
	"qrposd/store"
)

// tills opens a store with n sales, each waiting for its provider.
func tills(b *testing.B, n int) (*store.DB, []sale.Sale) {
	b.Helper()
	db, err := store.Open(filepath.Join(b.TempDir(), "till.db"), options())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	sales := make([]sale.Sale, n)
	var all sync.WaitGroup
	for i := range sales {
		all.Go(func() {
			s := begin(b, db, payer())
			sales[i] = commit(b, db, s.ID, charge(s))
		})
	}
	all.Wait()
	return db, sales
}

// BenchmarkCommit is one fact on disk: alone, and with others who commit too.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(writers), func(b *testing.B) {
			db, sales := tills(b, writers)
			before, wrote := db.Stats(), written(b)
			var all sync.WaitGroup
			todo := make(chan struct{}, b.N)
			for range b.N {
				todo <- struct{}{}
			}
			close(todo)
			b.ResetTimer()
			for _, s := range sales {
				all.Go(func() {
					for range todo {
						commit(b, db, s.ID, sale.Event{Kind: sale.CancelRequested})
					}
				})
			}
			all.Wait()
			b.StopTimer()
			commits := db.Stats().Commits - before.Commits
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "facts/s")
			b.ReportMetric(float64(b.N)/float64(commits), "facts/commit")
			b.ReportMetric(float64(written(b)-wrote)/float64(b.N), "B/fact")
		})
	}
}

// BenchmarkCommitOverBare is what a durable fact costs in units of the least that
// any store could do: one 4 KiB page written in place and flushed, on the same
// disk in the same seconds.
func BenchmarkCommitOverBare(b *testing.B) {
	db, sales := tills(b, 1)
	f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	bare := func() {
		if _, err := f.WriteAt(page, 0); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	bare()
	var tBare, tCommit time.Duration
	for b.Loop() {
		t0 := time.Now()
		bare()
		t1 := time.Now()
		commit(b, db, sales[0].ID, sale.Event{Kind: sale.CancelRequested})
		tBare, tCommit = tBare+t1.Sub(t0), tCommit+time.Since(t1)
	}
	b.ReportMetric(float64(tBare.Microseconds())/float64(b.N), "us/bare")
	b.ReportMetric(float64(tCommit.Microseconds())/float64(b.N), "us/commit")
	b.ReportMetric(float64(tCommit)/float64(tBare), "commit/bare")
}

// BenchmarkSale is a payer-presented sale from the amount to the money.
func BenchmarkSale(b *testing.B) {
	db, _ := tills(b, 1)
	before, wrote := db.Stats(), written(b)
	for b.Loop() {
		paid(b, db)
	}
	after := db.Stats()
	b.ReportMetric(float64(written(b)-wrote)/float64(b.N), "B-written/sale")
	b.ReportMetric(float64(after.Bytes-before.Bytes)/float64(b.N), "B-kept/sale")
	b.ReportMetric(float64(after.Commits-before.Commits)/float64(b.N), "commits/sale")
}

// BenchmarkCheckFile is what each start pays, for a thousand sales.
func BenchmarkCheckFile(b *testing.B) {
	db, _ := tills(b, 1000)
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if r, err := store.CheckFile(db.Path()); errors.Join(err, r.Err()) != nil {
			b.Fatal(err, r.Err())
		}
	}
}

// written is how many bytes this process has handed to the kernel so far.
func written(b *testing.B) int64 {
	b.Helper()
	io, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(io)) {
		if n, ok := strings.CutPrefix(line, "wchar: "); ok {
			v, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return v
		}
	}
	b.Fatal("no wchar in /proc/self/io")
	return 0
}

// BenchmarkSecondRecord is a sale of three facts with and without the second record of
// the journal: its price is one more flush of the disk for each commit.
func BenchmarkSecondRecord(b *testing.B) {
	for _, ring := range []bool{false, true} {
		b.Run(map[bool]string{true: "twice", false: "once"}[ring], func(b *testing.B) {
			dir := b.TempDir()
			o := options()
			if ring {
				o.Salvage = filepath.Join(dir, "ring")
			}
			db, err := store.Open(filepath.Join(dir, "till.db"), o)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				paid(b, db)
			}
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
