package checkout

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"time"

	"qrposd/rules/sale"
)

// work is what the desk remembers of a sale that owes something. Losing it
// costs a query.
type work struct {
	id      sale.ID
	due     sale.Instant
	place   int            // in the agenda; -1 outside
	driving bool           // one drive a sale
	again   bool           // something happened to it while it was driven
	code    sale.PayerCode // between the scanner and the charge; guarded by Desk.mu
	reply   chan error     // who waits for the charge's intent; guarded by Desk.mu
	watch   sale.Watch     // only its drive touches it
	said    *sale.Reason   // why its last step did not succeed; guarded by Desk.mu
}

// retryDisk is how long a sale rests after the disk refused it.
const retryDisk = 5 * time.Second

// Run drives every sale until ctx ends, and then those steps to their end that
// are on the wire. cut ends those too: what they would have heard is asked for
// after the next start.
func (d *Desk) Run(ctx, cut context.Context) error {
	ids, err := d.Journal.Unfinished()
	if err != nil {
		return fmt.Errorf("checkout: list the unfinished sales: %w", err)
	}
	for _, id := range ids {
		d.kick(id)
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if wait, any := d.start(ctx, cut); any {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return d.drain()
		case <-d.wake:
		case <-timer.C:
		case pong := <-d.ping:
			close(pong)
		}
	}
}

// start puts every due sale to work that a worker is free for, and says how
// long the rest can wait.
func (d *Desk) start(ctx, cut context.Context) (wait time.Duration, any bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.Clock.Now().At
	for len(d.waiting) > 0 && d.waiting[0].due <= now && d.running < d.Workers {
		w := heap.Pop(&d.waiting).(*work)
		w.driving, w.again = true, false
		d.running++
		go d.work(ctx, cut, w)
	}
	if len(d.waiting) == 0 || d.running >= d.Workers {
		return 0, false // a worker that ends wakes the loop
	}
	return max(d.waiting[0].due.Sub(now), 0), true
}

func (d *Desk) work(ctx, cut context.Context, w *work) {
	step, err := d.drive(ctx, cut, w)
	if err != nil {
		d.Log.Error("a sale rests on an error", "sale", w.id, "err", err)
		d.note(w, &sale.Reason{Code: "rests", Message: "the till could not go on: " + err.Error()})
		step = sale.Step{Do: sale.Query, Due: d.Clock.Now().At.Add(retryDisk)}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running--
	w.driving = false
	switch {
	case w.again:
		d.plan(w, d.Clock.Now().At)
	case step.Do != sale.Nothing:
		d.plan(w, step.Due)
	default:
		delete(d.sales, w.id)
	}
	d.nudge()
}

// kick has a sale looked at now.
func (d *Desk) kick(id sale.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.get(id)
	if w.driving {
		w.again = true
	} else {
		d.plan(w, 0)
	}
	d.nudge()
}

func (d *Desk) get(id sale.ID) *work {
	w := d.sales[id]
	if w == nil {
		w = &work{id: id, place: -1}
		d.sales[id] = w
	}
	return w
}

func (d *Desk) plan(w *work, due sale.Instant) {
	w.due = due
	if w.place < 0 {
		heap.Push(&d.waiting, w)
	} else {
		heap.Fix(&d.waiting, w.place)
	}
}

func (d *Desk) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// drain waits for the steps on the wire. Codes that are still in hand are given
// back to whoever scanned them: nothing was sent.
func (d *Desk) drain() error {
	d.mu.Lock()
	for _, w := range d.sales {
		if !w.driving {
			w.answer(errStopping)
		}
	}
	d.mu.Unlock()
	for {
		d.mu.Lock()
		n := d.running
		d.mu.Unlock()
		if n == 0 {
			return nil
		}
		<-d.wake
	}
}

// Alive says that the loop turns. The watchdog is fed on its word.
func (d *Desk) Alive(ctx context.Context) error {
	pong := make(chan struct{})
	select {
	case d.ping <- pong:
		return nil
	case <-ctx.Done():
		return errors.New("checkout: the desk does not answer")
	}
}

// Load is how many sales owe something and how many are on the wire.
func (d *Desk) Load() (owing, driven int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sales), d.running
}

// agenda is a heap of sales by when they owe something.
type agenda []*work

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due < a[j].due }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].place, a[j].place = i, j
}

// Push is for container/heap.
func (a *agenda) Push(x any) {
	w := x.(*work)
	w.place = len(*a)
	*a = append(*a, w)
}

// Pop is for container/heap.
func (a *agenda) Pop() any {
	old := *a
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*a = old[:len(old)-1]
	w.place = -1
	return w
}
