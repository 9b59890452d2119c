package store_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"qrposd/store"
	"qrposd/store/record"
	"qrposd/store/storetest"
)

// specimen is a closed file with a few sales.
func specimen(t testing.TB) string {
	t.Helper()
	path := newPath(t)
	db, err := store.Open(path, options())
	if err != nil {
		t.Fatal(err)
	}
	refunded(t, db)
	s := begin(t, db, payer())
	commit(t, db, s.ID, charge(s))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// spoilt is a way to make a file that is no store, and what is said of it.
type spoilt struct {
	spoil func(t *testing.T, path string)
	want  error
	says  string
}

// setSchema makes a file claim a product and a version.
func setSchema(t *testing.T, path, product string, version int) {
	edit(t, path, func(tx *bbolt.Tx) error {
		value, err := record.Marshal([]byte("schema"), map[string]any{"product": product, "version": version})
		if err != nil {
			return err
		}
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), value)
	})
}

func spoiltFiles() map[string]spoilt {
	return map[string]spoilt{
		"empty":         {func(t *testing.T, p string) { write(t, p, nil) }, store.ErrCorrupt, "empty"},
		"text":          {func(t *testing.T, p string) { write(t, p, []byte("till = 1\n")) }, store.ErrForeign, "not a bbolt file"},
		"zeros":         {func(t *testing.T, p string) { write(t, p, make([]byte, 1<<16)) }, store.ErrForeign, "not a bbolt file"},
		"newer":         {func(t *testing.T, p string) { setSchema(t, p, "qrposd", 99) }, store.ErrNewer, "layout 99, this program knows up to 7"},
		"other product": {func(t *testing.T, p string) { setSchema(t, p, "etcd", 1) }, store.ErrForeign, "etcd"},
		"layout zero":   {func(t *testing.T, p string) { setSchema(t, p, "qrposd", 0) }, store.ErrCorrupt, "layout 0"},
		"other bbolt file": {func(t *testing.T, p string) {
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
			edit(t, p, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("dogs")); return err })
		}, store.ErrForeign, "another program"},
		"no schema": {func(t *testing.T, p string) {
			edit(t, p, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Delete([]byte("schema")) })
		}, store.ErrForeign, "no schema"},
		"rotten schema": {func(t *testing.T, p string) {
			edit(t, p, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("?")) })
		}, store.ErrCorrupt, "meta/schema"},
		"other page size": {func(t *testing.T, p string) {
			db, err := bbolt.Open(p+"16k", 0o600, &bbolt.Options{PageSize: 16384})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(db.Close(), os.Rename(p+"16k", p)); err != nil {
				t.Fatal(err)
			}
		}, store.ErrForeign, "16384"},
		"both headers torn": {func(t *testing.T, p string) {
			b := read(t, p)
			b[70]++
			b[4096+70]++
			write(t, p, b)
		}, store.ErrCorrupt, "both of its headers"},
		"cut off":           {func(t *testing.T, p string) { write(t, p, read(t, p)[:5*4096]) }, store.ErrCorrupt, "cut off"},
		"one page":          {func(t *testing.T, p string) { write(t, p, read(t, p)[:4096]) }, store.ErrCorrupt, "cut off"},
		"the last byte off": {func(t *testing.T, p string) { write(t, p, lastPageShort(t, p)) }, store.ErrCorrupt, "cut off"},
		"root page wiped": {func(t *testing.T, p string) {
			b := read(t, p)
			clear(b[2*4096:])
			write(t, p, b)
		}, store.ErrCorrupt, ""},
	}
}

// Whatever is not a whole store of a version we know is refused by Open and by
// both checks, with a reason, and stays as it is to the last bit.
func TestForeignFilesAreRefusedUntouched(t *testing.T) {
	for name, c := range spoiltFiles() {
		t.Run(name, func(t *testing.T) {
			path := specimen(t)
			c.spoil(t, path)
			before := read(t, path)
			db, err := store.Open(path, options())
			refusedAs(t, "Open", err, c.want, c.says)
			if err == nil {
				_ = db.Close()
			}
			_, err = store.CheckFile(path)
			refusedAs(t, "CheckFile", err, c.want, c.says)
			refusedAs(t, "CheckInChild", store.CheckInChild(t.Context(), exe(t), path), c.want, c.says)
			if !bytes.Equal(before, read(t, path)) {
				t.Error("it was changed")
			}
		})
	}
}

// lastPageShort is a file without the last byte that its header counts on.
func lastPageShort(t *testing.T, path string) []byte {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	if err := db.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return read(t, path)[:size-1]
}

func refusedAs(t *testing.T, who string, err, want error, says string) {
	t.Helper()
	var e *store.Error
	if !errors.Is(err, want) || !strings.Contains(err.Error(), says) || !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("%s: %v, want %v that says %q", who, err, want, says)
	}
}

// One torn header is what a power cut leaves; the other one is the truth.
func TestOneTornHeaderIsFine(t *testing.T) {
	for _, at := range []int{70, 4096 + 70} {
		path := specimen(t)
		b := read(t, path)
		b[at]++
		write(t, path, b)
		db, err := store.Open(path, options())
		if err != nil {
			t.Errorf("header at %d torn: %v", at, err)
			continue
		}
		if list, err := db.Sales(10, ""); err != nil || len(list) != 2 {
			t.Errorf("header at %d torn: %d sales, %v", at, len(list), err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		storetest.MustCheck(t, path)
	}
}

func TestLockedFile(t *testing.T) {
	db := storetest.MustOpen(t)
	_, err := store.Open(db.Path(), options())
	refusedAs(t, "Open", err, store.ErrLocked, "in use")
	_, err = store.CheckFile(db.Path())
	refusedAs(t, "CheckFile", err, store.ErrLocked, "in use")
	refusedAs(t, "CheckInChild", store.CheckInChild(t.Context(), exe(t), db.Path()), store.ErrLocked, "in use")
	begin(t, db, payer())
}

// Places that cannot be used are refused with a hint and left without debris.
func TestPlacesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), []byte("x"))
	for name, path := range map[string]string{
		"a directory that is not there": filepath.Join(dir, "none", "till.db"),
		"below a file":                  filepath.Join(dir, "file", "till.db"),
		"a directory":                   dir,
		"a device":                      "/dev/null",
	} {
		_, err := store.Open(path, options())
		var e *store.Error
		if !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("left behind: %v %v", list, err)
	}
}

// Root may do anything, so another user has to be refused: in a process of its own.
func TestPermissions(t *testing.T) {
	if os.Getenv("STORE_TEST_OPEN") != "" {
		_, err := store.Open(os.Getenv("STORE_TEST_OPEN"), options())
		refusedAs(t, "Open", err, store.ErrAccess, "permission denied")
		return
	}
	dir, err := os.MkdirTemp("/tmp", "store-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	unreadable, readOnly := filepath.Join(dir, "till.db"), filepath.Join(dir, "read-only.db")
	for _, p := range []string{unreadable, readOnly} {
		write(t, p, read(t, specimen(t)))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "store.test")
	write(t, bin, read(t, self))
	mode := func(p string, mode os.FileMode) {
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
	mode(bin, 0o755)
	program := runnable(t, bin, dir)
	mode(unreadable, 0)
	mode(readOnly, 0o444)
	mode(dir, 0o555)
	for _, path := range []string{unreadable, readOnly, filepath.Join(dir, "new.db")} {
		cmd := exec.Command(program, "-test.run=^TestPermissions$", "-test.v")
		cmd.Env = append(os.Environ(), "STORE_TEST_OPEN="+path)
		cmd.Dir = "/"
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
}

// A new store appears under its name whole, over nothing, and with an identity of its own.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	ids := make(map[string]bool)
	for _, name := range []string{"a.db", "b.db"} {
		path := filepath.Join(dir, name)
		db, err := store.Open(path, options())
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		r := storetest.MustCheck(t, path)
		ids[r.Identity] = true
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s, %v", info.Mode(), err)
		}
	}
	if len(ids) != 2 {
		t.Errorf("two files have the identity %v", ids)
	}
	if list, err := filepath.Glob(filepath.Join(dir, "*.new-*")); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v %v", list, err)
	}
}

func TestOptions(t *testing.T) {
	for name, change := range map[string]func(*store.Options){
		"no till":         func(o *store.Options) { o.Till = "" },
		"a long till":     func(o *store.Options) { o.Till = "123456789" },
		"a till in small": func(o *store.Options) { o.Till = "t1" },
		"no secret":       func(o *store.Options) { o.Secret = nil },
		"no budget":       func(o *store.Options) { o.MaxSize = 3 << 20 },
	} {
		path := newPath(t)
		if _, err := store.Open(path, options(change)); err == nil {
			t.Errorf("%s is accepted", name)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s made a file", name)
		}
	}
}
