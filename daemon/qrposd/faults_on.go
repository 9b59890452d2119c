//go:build faultpoints

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"

	"qrposd/daemon"
	"qrposd/daemon/checkout"
	"qrposd/rules/sale"
)

// faults are those that the environment of a crash test asks for:
//
//	QRPOSD_KILL=POINT[*N]  dies by SIGKILL at the N-th passing of a named point
//	QRPOSD_FORGET=intents  keeps intents in memory only, as a till would that had
//	                       not thought of power cuts; the failing control
//
// POINT "?" prints every point that is passed to standard error.
func faults() daemon.Faults {
	f := daemon.Faults{}
	if want := os.Getenv("QRPOSD_KILL"); want != "" {
		k := &killer{nth: 1}
		k.point, _, _ = strings.Cut(want, "*")
		_, _ = fmt.Sscanf(strings.TrimPrefix(want, k.point), "*%d", &k.nth)
		f.Store = func(op string) error { k.at(op); return nil }
		f.Wire = k.at
	}
	if os.Getenv("QRPOSD_FORGET") == "intents" {
		f.Journal = func(j checkout.Journal) checkout.Journal {
			return &forgetful{Journal: j, pending: make(map[sale.ID][]sale.Event)}
		}
	}
	return f
}

// killer pulls the plug at a point.
type killer struct {
	mu    sync.Mutex
	point string
	nth   int
}

func (k *killer) at(point string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.point == "?" {
		fmt.Fprintln(os.Stderr, "point", point)
	}
	if point != k.point {
		return
	}
	if k.nth--; k.nth == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}

// forgetful writes an intent down together with its outcome, when it is too late.
type forgetful struct {
	checkout.Journal
	mu      sync.Mutex
	pending map[sale.ID][]sale.Event
}

// Commit holds intents back.
func (f *forgetful) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.HasSuffix(string(ev.Kind), "_intended") {
		s, err := f.sale(id)
		if err != nil {
			return s, err
		}
		ev.At = s.Changed + 1
		if s, err = s.Apply(ev); err == nil {
			f.pending[id] = append(f.pending[id], ev)
		}
		return s, err
	}
	for _, held := range f.pending[id] {
		if _, err := f.Journal.Commit(ctx, id, held, sale.Once{}); err != nil {
			return sale.Sale{}, err
		}
	}
	delete(f.pending, id)
	return f.Journal.Commit(ctx, id, ev, once)
}

// Sale is the sale with what was held back.
func (f *forgetful) Sale(id sale.ID) (sale.Sale, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sale(id)
}

func (f *forgetful) sale(id sale.ID) (sale.Sale, error) {
	s, err := f.Journal.Sale(id)
	for _, held := range f.pending[id] {
		held.At = s.Changed + 1
		if err == nil {
			s, err = s.Apply(held)
		}
	}
	return s, err
}
