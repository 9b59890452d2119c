package store_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"qrposd/store"
)

// A sale that was just written is not read from the file again, and nobody can tell:
// what one reader does to it no other sees, and a file that rots is not covered up.
func TestRecallIsTheFile(t *testing.T) {
	path := newPath(t)
	db := open(t, path, newFakeClock())
	s := refunded(t, db)
	for range 2 { // remembered by the writer, then as it was read
		one, err := db.Sale(s.ID)
		if err != nil {
			t.Fatal(err)
		}
		one.Attempts[0].TransactionID, one.Refunds[0].No = "another", "another"
		two, err := db.Sale(s.ID)
		if err != nil || two.Attempts[0].TransactionID == "another" || two.Refunds[0].No == "another" {
			t.Fatalf("one reader's sale is another's: %+v, %v", two, err)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	whole, rotten := read(t, path), 0
	for from := 0; ; from++ { // in every page that ever held it
		i := bytes.Index(whole[from:], []byte(`"refunded"`))
		if i < 0 {
			break
		}
		from += i
		if _, err := f.WriteAt([]byte{whole[from+1] ^ 1}, int64(from+1)); err != nil {
			t.Fatal(err)
		}
		rotten++
	}
	defer func() { _, _ = f.WriteAt(whole, 0) }() // what is open has to be whole when it is closed
	if got, err := db.Sale(s.ID); rotten == 0 || !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("after %d bits flipped the sale reads as %s, %v", rotten, got.State, err)
	}
}
