package powercut

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"testing"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/record"
)

// logOfRing lets a till sell and gives the log of its second record.
func logOfRing(t *testing.T) []op {
	t.Helper()
	t.Setenv(withRing, "1")
	d, dir := mount(t, ringName)
	sellAt(t, d, dir, "")
	return d.log
}

// lookRing has a store put together of a second record alone: its own file is gone.
func (f *found) lookRing(path string) error {
	o := options()
	o.Salvage = path + ".ring"
	_ = os.Remove(path) // of the state before
	if err := os.WriteFile(o.Salvage, f.image, 0o600); err != nil {
		return err
	}
	r, err := store.Recover(f.t.Context(), path, o, store.Recovering{Cause: store.ErrCorrupt})
	if err != nil {
		return fmt.Errorf("recovering: %w", err)
	}
	if s := r.Salvaged; !s.Whole {
		return fmt.Errorf("it is not whole: %+v", *s)
	}
	if err := f.same(path); err != nil {
		return err
	}
	if f.resume {
		return f.goOn(path)
	}
	return nil
}

// same holds every sale that was acknowledged against what came back: the same bytes,
// with a later fact that nobody was told, or with the word that its record was lost.
func (f *found) same(path string) error {
	report, err := store.CheckFile(path)
	if err = errors.Join(err, report.Err()); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	told, known := maps.Clone(f.told), map[string]bool{}
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("sale")).ForEach(func(k, v []byte) error {
			body, err := record.Open(k, v)
			var s, was sale.Sale
			if err = errors.Join(err, json.Unmarshal(body, &s)); err != nil {
				return err
			}
			for _, a := range s.Attempts {
				known[a.OrderNo] = true
			}
			for _, r := range s.Refunds {
				known[r.No] = known[r.No] || r.Tries > 0
			}
			text := told[s.ID]
			delete(told, s.ID)
			if text == "" || text == string(body) {
				return nil
			}
			if err := json.Unmarshal([]byte(text), &was); err != nil {
				return err
			}
			more := s.Facts - was.Facts
			if s.Restored != nil {
				more--
			}
			if more < 0 || more > 1 || s.Amount != was.Amount || s.Key != was.Key || len(s.Attempts) < len(was.Attempts) {
				return fmt.Errorf("sale %s was acknowledged as %s and is %s", s.ID, text, body)
			}
			return nil
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	for id := range told {
		return fmt.Errorf("sale %s was acknowledged and is lost", id)
	}
	for _, sent := range []map[string]bool{f.sent, f.refunded} {
		for no := range sent {
			if !known[no] {
				return fmt.Errorf("%s left the till and is not on record", no)
			}
		}
	}
	return nil
}

// The plug is pulled at every write of the second record, and the store's own file is
// gone: every sale that was acknowledged comes back, and nobody is charged twice.
func TestPowerCutOfTheSecondRecord(t *testing.T) {
	log := logOfRing(t)
	states, bad, first := judge(t, log, max(10, least()/1000), 0, (*found).lookRing)
	if bad > 0 {
		t.Fatalf("%d of %d states are bad; the first: %v", bad, states, first)
	}
	if states < 50 {
		t.Fatalf("%d states are none", states)
	}
	t.Logf("%d lines of log, %d crash states of the second record without the store, 0 bad", len(log), states)
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
