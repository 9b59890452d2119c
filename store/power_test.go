package store_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"qrposd/store"
)

// cut is one commit as the disk sees it: the file before and after, and which
// pages differ. bbolt writes the data pages in no particular order, flushes, then
// writes one header and flushes.
type cut struct {
	before, after []byte
	data          []int // pages
	header        int   // 0 or 1
}

func newCut(t *testing.T, before, after []byte) cut {
	t.Helper()
	c := cut{before: before, after: after, header: -1}
	for page := range len(after) / 4096 {
		at := page * 4096
		old := make([]byte, 4096)
		if at < len(before) {
			copy(old, before[at:])
		}
		switch same := bytes.Equal(old, after[at:at+4096]); {
		case same:
		case page > 1:
			c.data = append(c.data, page)
		case c.header >= 0:
			t.Fatal("a commit wrote both headers")
		default:
			c.header = page
		}
	}
	if c.header < 0 || len(c.data) == 0 {
		t.Fatalf("a commit wrote %d pages and header %d", len(c.data), c.header)
	}
	return c
}

// state is what is on the disk if only some data pages arrived, the last of them
// torn at a sector, and torn bytes of the header.
func (c cut) state(pages []int, tear, header int) []byte {
	b := make([]byte, len(c.after))
	copy(b, c.before)
	for i, page := range pages {
		n := 4096
		if i == len(pages)-1 {
			n = tear
		}
		copy(b[page*4096:page*4096+n], c.after[page*4096:])
	}
	copy(b[c.header*4096:c.header*4096+header], c.after[c.header*4096:])
	return b
}

// The power fails at any moment of any commit: what is found is the store before
// it or after it, whole, and never anything else.
func TestPowerCut(t *testing.T) {
	path := newPath(t)
	var copies [][]byte
	db, err := store.Open(path, options(func(o *store.Options) {
		o.Hook = func(op string) error {
			copies = append(copies, read(t, path)) // before-commit and after-commit
			return nil
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		refunded(t, db)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	states, wrong := 0, 0
	for i := 0; i < len(copies); i += 2 {
		c := newCut(t, copies[i], copies[i+1])
		before, after := contents(t, c.before), contents(t, c.after)
		for range 8 { // before the first flush: some of the data, in any order
			pages := slices.Clone(c.data)
			r.Shuffle(len(pages), func(i, j int) { pages[i], pages[j] = pages[j], pages[i] })
			b := c.state(pages[:r.IntN(len(pages)+1)], 512*r.IntN(9), 0)
			if !bytes.Equal(contents(t, b), before) {
				t.Errorf("commit %d: without its header it shows", i/2)
			}
			states++
		}
		for _, n := range []int{16, 40, 64, 72, 79} { // the header torn anywhere
			if got := contents(t, c.state(c.data, 4096, n)); !bytes.Equal(got, before) && !bytes.Equal(got, after) {
				t.Errorf("commit %d: with %d bytes of its header it is neither", i/2, n)
			}
			states++
		}
		// The control: a disk that lies about the flush has the header and not the data.
		for _, page := range c.data {
			rest := slices.DeleteFunc(slices.Clone(c.data), func(p int) bool { return p == page })
			if got := contents(t, c.state(rest, 4096, 4096)); !bytes.Equal(got, after) {
				wrong++
			}
		}
	}
	if wrong == 0 {
		t.Error("the control shows nothing: this test cannot fail")
	}
	t.Logf("%d crash states, all whole; %d of a disk that lies, broken", states, wrong)
}

// contents is what a file says that passes the check, else the reason.
func contents(t *testing.T, b []byte) []byte {
	t.Helper()
	path := newPath(t)
	write(t, path, b)
	r, err := store.CheckFile(path)
	if err = errors.Join(err, r.Err()); err != nil {
		return []byte("broken: " + err.Error())
	}
	return dump(t, path)
}
