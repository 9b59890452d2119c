package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Every refusal can be told to whoever asked: none is a fault without words.
func TestRefusalsHaveWords(t *testing.T) {
	for _, e := range []*Error{ErrNotFound, ErrOnceMismatch, ErrFull, ErrInDoubt, ErrClosed, ErrLocked, ErrNewer, ErrForeign, ErrCorrupt, ErrAccess} {
		status, code, message, hint := e.becausef("page %d", 7).Problem()
		if status < 400 || code == "" || message == "" || hint == "" {
			t.Errorf("%d %q %q %q", status, code, message, hint)
		}
	}
}

// What a check in another process ends with decides what the till says of the
// file: only a check that failed on the file calls it damaged.
func TestWhatTheChildEndsWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	db, err := Open(path, Options{Till: "T1", Secret: []byte("secret")})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]error{
		"exit 0": nil, "exit 75": ErrLocked, "echo 'page 3: rubbish'; exit 78": ErrCorrupt, "kill -BUS $$": ErrCorrupt,
	} {
		exe := filepath.Join(t.TempDir(), "check")
		if err := os.WriteFile(exe, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := CheckInChild(t.Context(), exe, path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", script, err, want)
		}
	}
	if err := CheckInChild(t.Context(), filepath.Join(t.TempDir(), "nothing"), path); err == nil || errors.Is(err, ErrCorrupt) {
		t.Errorf("a check that cannot run: %v", err)
	}
}
