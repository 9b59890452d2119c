package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"qrposd/store"
)

// A copied disk is refused on the machine that it was copied to, whatever is in
// the copy, and the file is as it was.
func TestACopiedDiskIsRefused(t *testing.T) {
	const original, clone = "5f1c0000", "a0b20000"
	on := func(device string) store.Options {
		return options(func(o *store.Options) { o.Device = device })
	}
	path := filepath.Join(t.TempDir(), "till.db")
	reopen := func(o store.Options) error {
		db, err := store.Open(path, o)
		if err != nil {
			return err
		}
		return db.Close()
	}
	for _, device := range []string{"", original, original, ""} { // bound at the first start that knows its device
		if err := reopen(on(device)); err != nil {
			t.Fatalf("on %q: %v", device, err)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := reopen(on(clone)); !errors.Is(err, store.ErrOtherDevice) {
		t.Fatalf("the clone opened it: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Fatal("the refusal changed the file")
	}
	adopt := on(clone)
	adopt.Adopt = true
	if err := errors.Join(reopen(adopt), reopen(on(clone))); err != nil {
		t.Fatalf("the successor: %v", err)
	}
	if err := reopen(on(original)); !errors.Is(err, store.ErrOtherDevice) {
		t.Fatalf("the predecessor came back: %v", err)
	}
	if r, err := store.CheckFile(path); err != nil || len(r.Violations) > 0 {
		t.Fatal(err, r.Violations)
	}
}
