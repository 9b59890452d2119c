package store_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"qrposd/store"
)

// What a part keeps for itself is there after a restart, beside a file that
// checks, and never takes the room that refunds are promised.
func TestKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	full := false
	o := options(func(o *store.Options) {
		o.Hook = func(point string) error {
			if full && point == "keep:before-commit" {
				return unix.ENOSPC
			}
			return nil
		}
	})
	open := func() *store.DB {
		db, err := store.Open(path, o)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	var memory json.RawMessage
	if err := db.Kept("watch", &memory); err != nil || memory != nil {
		t.Fatalf("before: %s, %v", memory, err)
	}
	keep := func(text string) error { return db.Keep(t.Context(), "watch", json.RawMessage(text)) }
	if err := errors.Join(keep(`{"n":1}`), keep(`{"n":2}`)); err != nil {
		t.Fatal(err)
	}
	full = true
	if err := keep(`{"n":3}`); err == nil {
		t.Fatal("it was kept on a full disk")
	}
	if info, err := os.Stat(path + ".ballast"); err != nil || info.Size() == 0 {
		t.Fatalf("it took the reserve: %v", err)
	}
	full = false
	paid(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open()
	if err := db.Kept("watch", &memory); err != nil || string(memory) != `{"n":2}` {
		t.Fatalf("after: %s, %v", memory, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := store.CheckFile(path); err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
}
