package store_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"qrposd/store"
	"qrposd/store/storetest"
)

// putBack is the child whose plug is pulled.
func putBack(from, path string) int {
	f, err := os.Open(from)
	if err == nil {
		_, err = store.Restore(context.Background(), path, options(on(newBox)), store.Restoring{From: f, By: "zhang", Why: "a trial", Moved: true, Discard: true})
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// Whenever the plug is pulled, one whole store is in the place: the one that was there
// or the one that is put back. The next call puts it back and leaves nothing behind.
func TestARestoreThatIsCutShort(t *testing.T) {
	l := lose(t)
	from, was := filepath.Join(t.TempDir(), "backup.db"), specimen(t)
	if err := os.WriteFile(from, l.backup, 0o600); err != nil {
		t.Fatal(err)
	}
	old := read(t, was)
	lay := func() string {
		path := newPath(t)
		if err := os.WriteFile(path, old, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := func(path string) *exec.Cmd { return exec.Command(exe(t), "put-back", from, path) }
	began := time.Now()
	if out, err := run(lay()).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole, seed := time.Since(began), rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	kept, done := 0, 0
	for range 25 {
		path := lay()
		cmd := run(path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Int64N(int64(whole) * 6 / 5)))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if report := storetest.MustCheck(t, path); len(report.Restores) > 0 {
			done++
		} else if kept++; !bytes.Equal(read(t, path), old) {
			t.Error("the store that was there has changed")
		}
		if out, err := run(path).CombinedOutput(); err != nil {
			t.Errorf("the next call: %v\n%s", err, out)
		}
		if left, err := filepath.Glob(path + ".restore-*"); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		if report := storetest.MustCheck(t, path); len(report.Restores) == 0 {
			t.Error("the next call put nothing back")
		}
	}
	t.Logf("cut short %d times before and %d times after the place was taken", kept, done)
}
