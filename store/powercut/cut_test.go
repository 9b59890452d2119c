package powercut

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/record"
)

const sector = 512

// found is what a power cut left, and what was promised by then.
type found struct {
	image    []byte
	told     map[sale.ID]string // the sale as it was last acknowledged
	sent     map[string]bool    // orders whose charge left
	refunded map[string]bool    // refunds that left
	resume   bool               // go on from here to the end
	at       int                // line of the log
	t        *testing.T
}

// apply does part of an op to an image: all of it where part is negative.
func apply(image []byte, o op, part int) []byte {
	if o.kind == resize {
		if n := int(o.at) - len(image); n > 0 {
			return append(image, make([]byte, n)...)
		}
		return image[:o.at]
	}
	data := o.data
	if part >= 0 {
		data = data[:min(part, len(data))]
	}
	if n := int(o.at) + len(data) - len(image); n > 0 {
		image = append(image, make([]byte, n)...)
	}
	copy(image[o.at:], data)
	return image
}

// cuts walks a log and gives what the power can leave: at each write, what was
// flushed and parts of what was not. lag is by how many flushes the disk lies.
func cuts(log []op, each, lag int, r *rand.Rand, give func(found)) {
	var durable []byte
	var waiting [][]op // by flush
	f := found{told: map[sale.ID]string{}, sent: map[string]bool{}, refunded: map[string]bool{}}
	seen, seed := map[uint64]bool{}, maphash.MakeSeed()
	n := 0
	emit := func(image []byte) {
		sum := maphash.Bytes(seed, image) ^ uint64(len(f.told)+len(f.sent)<<20)
		if len(f.told) == 0 || seen[sum] {
			return // nothing was promised, or nothing is new
		}
		seen[sum] = true
		n++
		out := f
		out.image, out.resume = image, n%25 == 0
		out.told, out.sent, out.refunded = maps.Clone(f.told), maps.Clone(f.sent), maps.Clone(f.refunded)
		give(out)
	}
	open := func() (all []op) {
		for _, w := range waiting {
			all = append(all, w...)
		}
		return all
	}
	for at, o := range log {
		f.at = at
		switch o.kind {
		case word:
			f.hear(o.text)
			emit(bytes.Clone(durable))
			continue
		case flush:
			waiting = append(waiting, nil)
			for len(waiting) > lag+1 {
				for _, w := range waiting[0] {
					durable = apply(durable, w, -1)
				}
				waiting = waiting[1:]
			}
		default:
			if len(waiting) == 0 {
				waiting = append(waiting, nil)
			}
			waiting[len(waiting)-1] = append(waiting[len(waiting)-1], o)
		}
		all := open()
		image := bytes.Clone(durable)
		for _, w := range all { // everything written so far, in order
			image = apply(image, w, -1)
		}
		emit(image)
		for range each { // and any part of it, in any order
			image := bytes.Clone(durable)
			keep := r.IntN(len(all) + 1)
			for i, at := range r.Perm(len(all))[:keep] {
				part := -1
				if i == keep-1 && r.IntN(2) == 0 {
					part = sector * r.IntN(9)
				}
				image = apply(image, all[at], part)
			}
			emit(image)
		}
	}
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

// look says what is wrong with a state whose image is the store's file, or nil.
func (f *found) look(path string) error {
	if err := os.WriteFile(path, f.image, 0o600); err != nil {
		return err
	}
	return f.check(path)
}

// check says what is wrong with a store that a power cut left.
func (f *found) check(path string) error {
	report, err := store.CheckFile(path)
	if err = errors.Join(err, report.Err()); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	known := map[string]bool{}
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("sale")).ForEach(func(k, v []byte) error {
			body, err := record.Open(k, v)
			var s sale.Sale
			if err = errors.Join(err, json.Unmarshal(body, &s)); err != nil {
				return err
			}
			for _, a := range s.Attempts {
				known[a.OrderNo] = true
			}
			for _, r := range s.Refunds {
				known[r.No] = known[r.No] || r.Tries > 0
			}
			return f.keeps(s, body)
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	for id := range f.told {
		if f.told[id] != "" {
			return fmt.Errorf("sale %s was acknowledged and is lost", id)
		}
	}
	for _, sent := range []map[string]bool{f.sent, f.refunded} {
		for no := range sent {
			if !known[no] {
				return fmt.Errorf("%s left the till and is not on record", no)
			}
		}
	}
	if f.resume {
		return f.goOn(path)
	}
	return nil
}

// keeps holds a stored sale against what was acknowledged: the same bytes, or a
// later fact on top of it that nobody was told yet.
func (f *found) keeps(s sale.Sale, body []byte) error {
	told := f.told[s.ID]
	f.told[s.ID] = "" // here
	if told == "" || told == string(body) {
		return nil
	}
	var was sale.Sale
	if err := json.Unmarshal([]byte(told), &was); err != nil {
		return err
	}
	if s.Facts != was.Facts+1 {
		return fmt.Errorf("sale %s was acknowledged with %d facts and has %d", s.ID, was.Facts, s.Facts)
	}
	return nil
}

// goOn starts a till on what is left: nobody may be charged twice.
func (f *found) goOn(path string) error {
	db, err := open(path)
	if err != nil {
		return err
	}
	p := newProvider()
	maps.Copy(p.paid, f.sent)
	maps.Copy(p.refunds, f.refunded)
	ids, err := db.Unfinished()
	for _, id := range ids {
		s, e := db.Sale(id)
		if e == nil {
			s, e = drive(db, s, p, true, "", func(sale.Sale) {})
		}
		if e == nil && (s.State.Live() || s.State == sale.Refunding) {
			e = fmt.Errorf("sale %s still is %s", id, s.State)
		}
		taken := int64(0)
		for i := range s.Attempts {
			if p.paid[s.Attempts[i].OrderNo] {
				taken += s.Amount.Minor
			}
		}
		for i := range s.Refunds {
			if p.refunds[s.Refunds[i].No] {
				taken -= s.Refunds[i].Amount.Minor
			}
		}
		if e == nil && (taken != s.Net() || taken > s.Amount.Minor) {
			e = fmt.Errorf("sale %s: the provider took %d, the books have %d of %d", id, taken, s.Net(), s.Amount.Minor)
		}
		err = errors.Join(err, e)
	}
	if len(p.double) > 0 {
		err = errors.Join(err, fmt.Errorf("charged twice: %v", p.double))
	}
	return errors.Join(err, db.Close())
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

// The plug is pulled at every write of a till that sells: what is left is whole,
// has every word that was given, and leads to one charge.
func TestPowerCut(t *testing.T) {
	states, lines := 0, 0
	for states < least() {
		log := logOf(t, "")
		n, bad, first := judge(t, log, 40, 0, (*found).look)
		if bad > 0 {
			t.Fatalf("%d of %d states are bad; the first: %v", bad, n, first)
		}
		states, lines = states+n, lines+len(log)
	}
	t.Logf("%d lines of log, %d crash states, 0 bad", lines, states)
}

// Whoever finds nothing has to show that there was something to find.
func TestPowerCutIsNoticed(t *testing.T) {
	for _, c := range []struct {
		bug string
		lag int
	}{{noFlush, 0}, {blind, 0}, {lies, 4}} {
		t.Run(c.bug, func(t *testing.T) {
			states, bad, first := judge(t, logOf(t, c.bug), 3, c.lag, (*found).look)
			if bad*10 <= states {
				t.Errorf("%d of %d states are bad: this test would not notice", bad, states)
			}
			t.Logf("%d of %d states are bad; the first: %v", bad, states, first)
		})
	}
}
