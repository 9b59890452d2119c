package powercut

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"qrposd/rules/sale"
)

const sector = 512

// found is what a power cut left, and what was promised by then.
type found struct {
	files    map[string]content
	told     map[sale.ID]string // the sale as it was last acknowledged
	sent     map[string]bool    // orders whose charge left
	refunded map[string]bool    // refunds that left
	resume   bool               // go on from here to the end
	at       int                // line of the log
	archives int                // that the file knows
	gone     int                // sales that are in them alone
	t        *testing.T
}

// cuts walks a log and gives what the power can leave: at each write, what was
// flushed and parts of what was not. Names are kept in the order in which they were
// given, as the journal of a file system does; contents in any. lag is by how many
// flushes the disk lies.
func cuts(log []op, each, lag int, r *rand.Rand, give func(found)) {
	d := newDurable()
	f := found{told: map[sale.ID]string{}, sent: map[string]bool{}, refunded: map[string]bool{}}
	seen, seed := map[uint64]bool{}, maphash.MakeSeed()
	n := 0
	emit := func(state *durable) {
		files := state.files()
		sum := uint64(len(f.told) + len(f.sent)<<20)
		for name, c := range files {
			sum ^= (maphash.Bytes(seed, c.data) + uint64(c.size)) * (1 + 2*maphash.String(seed, name))
		}
		if len(f.told) == 0 || seen[sum] {
			return // nothing was promised, or nothing is new
		}
		seen[sum] = true
		n++
		out := f
		out.files, out.resume = files, n%25 == 0
		out.told, out.sent, out.refunded = maps.Clone(f.told), maps.Clone(f.sent), maps.Clone(f.refunded)
		give(out)
	}
	for at, o := range log {
		f.at = at
		if o.kind == word {
			f.hear(o.text)
			emit(d)
			continue
		}
		d.take(o, lag)
		state := d.clone()
		for _, w := range d.order { // everything so far, in order
			state.apply(w, -1)
		}
		emit(state)
		for range each { // and any part of it, in any order
			emit(d.part(r))
		}
	}
}

// part is what is flushed with some of what is not: contents as they come, the last
// of them torn, and of the names the first ones.
func (d *durable) part(r *rand.Rand) *durable {
	state := d.clone()
	keep, names := r.IntN(len(d.order)+1), r.IntN(len(d.order)+1)
	for i, at := range r.Perm(len(d.order))[:keep] {
		part := -1
		if i == keep-1 && !d.order[at].whole && r.IntN(2) == 0 {
			part = sector * r.IntN(9)
		}
		if !d.order[at].ofNames() {
			state.apply(d.order[at], part)
		}
	}
	for _, w := range d.order[:names] {
		if w.ofNames() {
			state.apply(w, -1)
		}
	}
	return state
}

// hear takes a word of the till into what was promised.
func (f *found) hear(text string) {
	verb, what, _ := strings.Cut(text, " ")
	switch verb {
	case "done":
		var s sale.Sale
		if err := json.Unmarshal([]byte(what), &s); err != nil {
			panic(err)
		}
		f.told[s.ID] = what
	case "sent":
		f.sent[what] = true
	case "refunded":
		f.refunded[what] = true
	}
}

// judge looks at every state that a log can leave.
func judge(t *testing.T, log []op, each, lag int, look func(*found, string) error) (states, bad int, first error) {
	t.Helper()
	seed := uint64(20260102)
	work := make(chan found, 16)
	var looked, wrong atomic.Int64
	var once sync.Once
	var wait sync.WaitGroup
	dir := t.TempDir()
	if ram, err := os.MkdirTemp("/dev/shm", "powercut-*"); err == nil {
		dir = ram
		t.Cleanup(func() { _ = os.RemoveAll(ram) })
	}
	for i := range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			path := filepath.Join(dir, fmt.Sprint(i))
			for f := range work {
				looked.Add(1)
				if err := look(&f, path); err != nil {
					wrong.Add(1)
					once.Do(func() { first = err })
				}
			}
		})
	}
	cuts(log, each, lag, rand.New(rand.NewPCG(seed, 1)), func(f found) { f.t = t; work <- f })
	close(work)
	wait.Wait()
	return int(looked.Load()), int(wrong.Load()), first
}

// The plug is pulled at every write of a till that sells, and whose older sales leave
// for archives meanwhile: what is left is whole, has every word that was given, in the
// file or in an archive, and leads to one charge.
func TestPowerCut(t *testing.T) {
	states, lines := 0, 0
	var archives, gone atomic.Int64 // states that have some
	for states < least() {
		log := logOf(t, "")
		n, bad, first := judge(t, log, 26, 0, func(f *found, dir string) error {
			err := f.look(dir)
			archives.Add(int64(min(f.archives, 1)))
			gone.Add(int64(min(f.gone, 1)))
			return err
		})
		if bad > 0 {
			t.Fatalf("%d of %d states are bad; the first: %v", bad, n, first)
		}
		if made := archivesIn(log); made < 3 {
			t.Fatalf("%d archives were written", made)
		}
		states, lines = states+n, lines+len(log)
	}
	if int(gone.Load()) < states/4 {
		t.Errorf("of %d states %d have sales in archives alone", states, gone.Load())
	}
	t.Logf("%d lines of log, %d crash states, %d of them with archives and %d with sales in them alone, 0 bad", lines, states, archives.Load(), gone.Load())
}

// Whoever finds nothing has to show that there was something to find.
func TestPowerCutIsNoticed(t *testing.T) {
	for _, c := range []struct {
		bug string
		lag int
	}{{noFlush, 0}, {blind, 0}, {lies, 4}, {unsaved, 0}, {unnamed, 0}} {
		t.Run(c.bug, func(t *testing.T) {
			states, bad, first := judge(t, liesOf(c.bug, logOf(t, c.bug)), 3, c.lag, (*found).look)
			if bad*10 <= states {
				t.Errorf("%d of %d states are bad: this test would not notice", bad, states)
			}
			t.Logf("%d of %d states are bad; the first: %v", bad, states, first)
		})
	}
}

// liesOf is the log of a disk that says of archives, or of the names of archives, that
// they are flushed, and has not: to the disk it is what a store does that does not flush.
func liesOf(bug string, log []op) []op {
	past, waits := map[*file]bool{}, false
	for _, o := range log {
		if o.kind == give && isArchive(o.text) {
			past[o.file] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(log), func(o op) bool {
		waits = waits || o.kind == give && isArchive(o.text)
		switch {
		case o.kind != flush:
			return false
		case o.file == nil:
			return waits && bug == unnamed
		}
		return past[o.file] && bug == unsaved
	})
}

func archivesIn(log []op) (n int) {
	for _, o := range log {
		if o.kind == give && isArchive(o.text) {
			n++
		}
	}
	return n
}

func isArchive(name string) bool { return strings.HasSuffix(name, ".archive") }
