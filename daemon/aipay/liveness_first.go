package aipay

import (
	"sync"
	"time"

	"qrposd/rules/sale"
)

// first is the first of two vectors. It is nowhere but in memory: a restart asks for
// it again.
type first struct {
	session string
	vector  Vector
	asked   bool // the second session is open
	timer   *time.Timer
}

// firsts are the first vectors of the sales that wait for a second one.
type firsts struct {
	mu  sync.Mutex
	all map[sale.ID]*first
}

// of says whether there is a first vector of a session, and whether the second
// session is open.
func (f *firsts) of(id sale.ID, session string) (there, asked bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.all[id]
	return one != nil && one.session == session, one != nil && one.asked
}

// take hands the first vector to whoever compares it, and wipes it.
func (f *firsts) take(id sale.ID, session string) Vector {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.all[id]
	if one == nil || one.session != session {
		return Vector{}
	}
	one.timer.Stop()
	delete(f.all, id)
	return one.vector
}

// keep holds a vector for no longer than the second one is waited for.
func (f *firsts) keep(id sale.ID, session string, v Vector, lasts time.Duration) {
	f.drop(id)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = make(map[sale.ID]*first)
	}
	f.all[id] = &first{session, v, false, time.AfterFunc(lasts, func() { f.drop(id) })}
}

func (f *firsts) sent(id sale.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one := f.all[id]; one != nil {
		one.asked = true
	}
}

func (f *firsts) drop(id sale.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one := f.all[id]; one != nil {
		one.timer.Stop()
		one.vector.Zero()
		delete(f.all, id)
	}
}
