// Package storetest opens stores for tests and checks what they leave behind.
package storetest

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"qrposd/rules/sale"
	"qrposd/store"
)

// MustOpen opens a new store in a directory of the test's own. When the test
// ends the store is closed and its file has to be without a violation. The
// options may be changed before it is opened.
func MustOpen(tb testing.TB, change ...func(*store.Options)) *store.DB {
	tb.Helper()
	return MustOpenAt(tb, filepath.Join(tb.TempDir(), "till.db"), change...)
}

// MustOpenAt is MustOpen for a path of the test's choice, where a store may
// already be.
func MustOpenAt(tb testing.TB, path string, change ...func(*store.Options)) *store.DB {
	tb.Helper()
	o := store.Options{Till: "T1", Secret: []byte("merchant secret of a test"), Plan: sale.DefaultPlan()}
	for _, f := range change {
		f(&o)
	}
	db, err := store.Open(path, o)
	if err != nil {
		tb.Fatalf("opening %s: %v", path, err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("closing %s: %v", path, err)
		}
		MustCheck(tb, path)
	})
	return db
}

// MustCheck fails the test for every violation in a closed file.
func MustCheck(tb testing.TB, path string) store.Report {
	tb.Helper()
	r, err := store.CheckFile(path)
	if err != nil {
		tb.Errorf("checking %s: %v", path, err)
	}
	for _, v := range r.Violations {
		tb.Errorf("%s: %s", path, v)
	}
	return r
}

// Crash opens the store that the end of this process at this moment would leave:
// a copy of the file as it is. db goes on and must not commit meanwhile.
func Crash(tb testing.TB, db *store.DB, change ...func(*store.Options)) *store.DB {
	tb.Helper()
	return MustOpenAt(tb, MustCopy(tb, db.Path()), change...)
}

// MustCopy copies a file, and the archives beside it, to a directory of the test's own.
func MustCopy(tb testing.TB, path string) string {
	tb.Helper()
	to := filepath.Join(tb.TempDir(), "copy.db")
	mustCopy(tb, path, to)
	archives, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.archive"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, a := range archives {
		mustCopy(tb, a, filepath.Join(filepath.Dir(to), filepath.Base(a)))
	}
	return to
}

func mustCopy(tb testing.TB, path, to string) {
	tb.Helper()
	in, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		tb.Fatal(err)
	}
	if err := out.Close(); err != nil {
		tb.Fatal(err)
	}
}
