package world

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"qrposd/rules/sale"
	"qrposd/store"
)

// copies is the owner of one till in four: it takes a copy of the store at some moment
// of the day, and later the disk ends and the copy is put back. The provider knows
// what happened in between; the till does not.
func (t *till) copies() {
	r := t.w.roll("copy", t.name)
	often, first := 4, 50*time.Minute
	if t.w.bug.copied {
		often, first = 1, 15*time.Minute
	}
	if r.IntN(often) > 0 || !t.idle(between(r, 5*time.Minute, first)) {
		return
	}
	for {
		if l := t.now(); l != nil {
			if _, err := l.db.Backup(context.Background(), t.path+".copy", nil); err == nil {
				break
			}
		}
		if !t.idle(time.Second) {
			return
		}
	}
	if !t.idle(between(r, time.Second, 30*time.Minute)) {
		return
	}
	t.broken.Store(true)
	if l := t.now(); l != nil {
		l.die()
	}
}

// idle lets time pass and says whether the day goes on.
func (t *till) idle(d time.Duration) bool {
	select {
	case <-time.After(d):
	case <-t.quit:
		return false
	}
	return !t.w.isCalm()
}

// putBack is what the owner does about a disk that has ended.
func (t *till) putBack() error {
	restore := putBack
	if b := t.w.bug.restore; b != nil {
		restore = b
	}
	for range 30 {
		err := restore(t)
		if err == nil {
			break
		}
		if !errors.Is(err, store.ErrRestoreClock) {
			return err
		}
		t.clock.mu.Lock() // the owner is told to look at the clock, and sets it
		t.clock.off += 20 * 365 * 24 * time.Hour
		t.clock.mu.Unlock()
	}
	db, err := store.Open(t.path, t.options())
	if err != nil {
		return err
	}
	list, err := db.Sales(t.sales+10, "")
	if err = errors.Join(err, db.Close()); err == nil {
		t.w.locked(func() { t.w.forget(t.name, list) })
	}
	return err
}

func putBack(t *till) error {
	f, err := os.Open(t.path + ".copy")
	if err != nil {
		return err
	}
	q := store.Restoring{From: f, By: "owner", Why: "the disk has ended", Discard: true}
	_, err = store.Restore(context.Background(), t.path, t.options(), q)
	return errors.Join(err, f.Close())
}

// forget notes what a till was told and cannot know any more. w.mu is held.
func (w *world) forget(till string, list []sale.Sale) {
	w.sum.n[restores]++
	delete(w.bank.shown, till+" "+unnamed) // what the lost part has shown nobody knows
	there := map[string]bool{}
	for i := range list {
		s := &list[i]
		there[string(s.ID)] = true
		kept := 0
		for j := range s.Refunds {
			if !s.Refunds[j].Auto {
				kept++
			}
		}
		w.acks.promise[s.ID] = min(w.acks.promise[s.ID], kept)
	}
	for id, name := range w.names {
		if strings.HasPrefix(name, till+"-") && !there[string(id)] && !w.acks.gone[name] {
			w.acks.gone[name] = true
			w.sum.n[lostSales]++
			delete(w.acks.owed, name)
		}
	}
}
