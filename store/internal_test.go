package store

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// A lack of space is a clean refusal only if the header did not get through: one
// that is met after that leaves the transaction on disk.
func TestNoSpaceBehindTheHeaderIsInDoubt(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "till.db"), Options{Till: "T1", Secret: []byte("s")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	last := 0
	if err := db.bolt.View(func(tx *bbolt.Tx) error { last = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	var f *failure
	if err := db.judge(last, unix.ENOSPC); !errors.As(err, &f) || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("the transaction is on disk and the verdict is %v", err)
	}
	if err := db.judge(last+1, unix.ENOSPC); errors.As(err, &f) || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("the transaction is not on disk and the verdict is %v", err)
	}
	if err := db.judge(last+1, unix.EIO); !errors.As(err, &f) {
		t.Errorf("the disk has failed and the verdict is %v", err)
	}
}

// Where the file system cannot reserve blocks, zeros do.
func TestZeroFill(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 100_001
	if err := errors.Join(zeroFill(f, size), f.Sync()); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Size != size || st.Blocks*512 < size {
		t.Errorf("%d bytes in %d blocks, %v", st.Size, st.Blocks, err)
	}
}

// A disk that holds something else than was written is found before the backup gets
// its name.
func TestReadBack(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("written"); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]error{"written": nil, "writteN": ErrAccess, "": ErrAccess} {
		sum := sha256.Sum256([]byte(text))
		if err := readBack(f, sum[:]); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
