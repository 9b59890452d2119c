package powercut

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"qrposd/rules/sale"
	"qrposd/store"
)

// logOfRing lets a till sell and gives the log of its second record and its archives.
func logOfRing(t *testing.T) []op {
	t.Helper()
	t.Setenv(withRing, "1")
	return only(logOf(t, ""), func(name string) bool { return name == ringName || isArchive(name) })
}

// lookRing has a store put together of a second record and archives: its own file is gone.
func (f *found) lookRing(dir string) error {
	if err := f.lay(dir); err != nil {
		return err
	}
	path, o := filepath.Join(dir, storeName), options()
	o.Salvage = filepath.Join(dir, ringName)
	r, err := store.Recover(f.t.Context(), path, o, store.Recovering{Cause: store.ErrCorrupt})
	if err != nil {
		return fmt.Errorf("recovering: %w", err)
	}
	if s := r.Salvaged; !s.Whole {
		return fmt.Errorf("it is not whole: %+v", *s)
	}
	f.archives = r.Salvaged.Archives
	if err := f.holds(path, recovers); err != nil {
		return err
	}
	if f.resume {
		return f.goOn(path)
	}
	return nil
}

// recovers is what may differ in a sale that came back: a later fact that nobody was
// told, or the word that its record was lost.
func recovers(was, s sale.Sale) bool {
	more := s.Facts - was.Facts
	if s.Restored != nil {
		more--
	}
	return more >= 0 && more <= 1 && s.Amount == was.Amount && s.Key == was.Key && len(s.Attempts) >= len(was.Attempts)
}

// The plug is pulled at every write of the second record, and the store's own file is
// gone: every sale that was acknowledged comes back, and nobody is charged twice.
func TestPowerCutOfTheSecondRecord(t *testing.T) {
	log := logOfRing(t)
	var used atomic.Int64 // states that have archives which are used
	states, bad, first := judge(t, log, max(10, least()/1000), 0, func(f *found, dir string) error {
		err := f.lookRing(dir)
		used.Add(int64(min(f.archives, 1)))
		return err
	})
	if bad > 0 {
		t.Fatalf("%d of %d states are bad; the first: %v", bad, states, first)
	}
	if states < 50 || used.Load() < 20 {
		t.Fatalf("%d states are none, or %d of them that use an archive", states, used.Load())
	}
	t.Logf("%d lines of log, %d crash states of the second record without the store, %d with archives that are used, 0 bad", len(log), states, used.Load())
	// A disk that says that it has flushed and has not.
	states, bad, first = judge(t, log, 1, 4, (*found).lookRing)
	if bad*10 <= states {
		t.Errorf("%d of %d states are bad: this test would not notice", bad, states)
	}
	t.Logf("with a disk that lies %d of %d states are bad; the first: %.200v", bad, states, first)
}

// A ring that nobody wrote to says nothing, whatever else the sectors hold.
func TestRingOfZeros(t *testing.T) {
	path := t.TempDir() + "/till.db"
	o := options()
	o.Salvage = path + ".ring"
	if err := os.WriteFile(o.Salvage, bytes.Repeat([]byte{0}, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Recover(t.Context(), path, o, store.Recovering{Cause: store.ErrCorrupt}); !errors.Is(err, store.ErrNoProof) {
		t.Fatal(err)
	}
}
