package world

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/rules/sale"
)

// world is everything outside of the tills, and what is known of them.
type world struct {
	seed  uint64
	bug   bug
	tills []*till
	began time.Time

	mu    sync.Mutex // guards what follows
	p     provider
	nth   map[string]int // how often something was asked, by name
	names map[sale.ID]string
	by    map[string]*terms // what has to be so before a sale is charged, by its name
	acks  acks
	codes map[string]bool // that payers showed
	bank  bank
	calm  bool // the network has healed, the power stays
	wrong []string
	sum   summary
}

// acks are what people were told is safe.
type acks struct {
	owed    map[string]sale.ID // sales, by name
	promise map[sale.ID]int    // refunds of a sale
	gone    map[string]bool    // sales that began after the copy that was put back
}

// roll is the chance of one thing: the same in every run of a seed.
func (w *world) roll(about ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintln(h, about...)
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

// again counts how often something was asked for.
func (w *world) again(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nth[what]++
	return w.nth[what]
}

// violate notes that something is as it must never be. w.mu is held.
func (w *world) violate(format string, args ...any) {
	if len(w.wrong) < 20 {
		w.wrong = append(w.wrong, fmt.Sprintf("at %s: ", time.Since(w.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
	}
}

func (w *world) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) isCalm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calm
}

// between is a time from lo to hi, to the nanosecond so that no two things happen at once.
func between(r *rand.Rand, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(r.Int64N(int64(hi-lo)+1))
}

// shm is where files cost no disk; elsewhere they cost one.
const shm = "/dev/shm"

// simulate runs one seed and says what it was worth and what was wrong.
func simulate(t *testing.T, seed uint64, customers int, b bug) (sum summary, wrong []string) {
	t.Helper()
	root := ""
	if _, err := os.Stat(shm); err == nil {
		root = shm
	}
	dir, err := os.MkdirTemp(root, "qrposd-world-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			seed: seed, bug: b, began: time.Now(), nth: map[string]int{}, names: map[sale.ID]string{}, by: map[string]*terms{},
			acks: acks{map[string]sale.ID{}, map[sale.ID]int{}, map[string]bool{}}, codes: map[string]bool{}, bank: bank{shown: map[string]map[int64]sale.ID{}},
		}
		w.p = provider{
			w: w, orders: map[string]*order{}, refunds: map[string]*refund{}, codes: map[string]string{}, sent: map[string]time.Time{},
			faces: map[string]*face{}, keys: map[string]string{}, key: map[string]string{},
		}
		for i, name := range []string{"T1", "T2"} {
			w.tills = append(w.tills, newTill(w, name, filepath.Join(dir, name+".db"), (customers+i)/2))
		}
		w.run()
		sum, wrong = w.sum, w.wrong
	})
	return sum, wrong
}

// The times within which everything has to end once the network has healed. A till
// that climbed the ladder to its last rung waits an hour for the next try, and asks
// before it; a concluded order is asked about for a week, in steps of up to six hours.
const (
	inDoubtBound = time.Hour + 10*time.Minute
	owingBound   = 7*24*time.Hour + 13*time.Hour
)

func (w *world) run() {
	var running, serving, telling sync.WaitGroup
	for _, t := range w.tills {
		running.Go(t.run)
		serving.Go(t.serve)
		running.Go(t.meddle)
		running.Go(t.copies)
		telling.Go(t.statements)
	}
	serving.Wait()
	w.locked(func() { w.calm = true })
	healed := time.Now()
	w.sum.settled = w.wait(healed, inDoubtBound, 30*time.Second, "in doubt", (*till).doubts)
	telling.Wait() // the last statement is handed in before the tills are taken away
	w.sum.done = w.wait(healed, owingBound, 10*time.Minute, "owing something", (*till).owes)
	for _, t := range w.tills {
		close(t.quit)
	}
	running.Wait()
	w.compare()
}

// wait lets time pass until no till is as asked, and says how long it took.
func (w *world) wait(since time.Time, bound, step time.Duration, what string, is func(*till) int) time.Duration {
	for {
		n := 0
		for _, t := range w.tills {
			n += is(t)
		}
		took := time.Since(since)
		if n == 0 {
			return took
		}
		if took > bound {
			w.locked(func() {
				w.violate("%d sales are still %s %s after the network healed", n, what, took.Round(time.Second))
			})
			return took
		}
		time.Sleep(step)
	}
}
