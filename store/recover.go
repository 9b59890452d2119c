package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"qrposd/store/salvage"
)

// A store that cannot be read is kept under another name, and a new one is built of what
// can be proven: of its own pages, of the second record, and of backups (evidence.go,
// rebuild.go). It takes the place as a backup would that somebody puts back, and says so
// in the same record: numbers go on above everything that was seen, and every sale that
// was under way is asked about before anything else is done with it.
//
// Where the power goes meanwhile, the damaged file is in its place or the new one is, and
// the next start begins again or has nothing to do.

// Recovering says where to look besides the damaged file itself.
type Recovering struct {
	Cause   error    // what is wrong with it
	Backups []string // copies of the store, of any time
	By      string   // who says that a new store may begin where nothing is proven; "" is nobody

	replay bool // every line is applied again, those of the oldest archives, too
}

// Recover puts a store in the place of a damaged one, or of one that is gone, and says
// what it is made of. ErrNoProof is that there is nothing to make one of; the place then
// is as it was.
func Recover(ctx context.Context, path string, o Options, q Recovering) (r RestoreRecord, err error) {
	if err := o.complete(); err != nil {
		return r, err
	}
	release, err := hold(path)
	if err != nil {
		return r, err
	}
	defer release()
	e, err := newEvidence(path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	there, err := e.gather(path, o, q)
	if err != nil {
		return r, err
	}
	sweep(path, ".rebuilt-*")
	temp, err := tempName(path, ".rebuilt-*")
	if err != nil {
		return r, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp) // what it would have been is told by err
		}
	}()
	return e.install(ctx, path, temp, o, q, there)
}

// gather looks at everything that may know something.
func (e *evidence) gather(path string, o Options, q Recovering) (there *Replaced, err error) {
	if o.Salvage != "" {
		if err := e.ring(o.Salvage); err != nil && !errors.Is(err, fs.ErrNotExist) {
			o.Log.Error("the second record of the journal cannot be read", "path", o.Salvage, "err", err)
		}
	}
	if _, err := os.Lstat(path); err == nil {
		there = &Replaced{Damaged: q.Cause.Error()}
		if err := e.carve(path); err != nil {
			return there, err
		}
	}
	for _, name := range q.Backups {
		if err := e.carve(name); err != nil {
			o.Log.Warn("a backup cannot be read", "path", name, "err", err)
		}
	}
	return there, e.archived(filepath.Dir(path)) // last: now it is known whose
}

// install builds the new store and gives it the place.
func (e *evidence) install(ctx context.Context, path, temp string, o Options, q Recovering, there *Replaced) (r RestoreRecord, err error) {
	by := salvager
	built := &rebuild{}
	if len(e.origin) > 0 && e.tip > 0 {
		if built, err = e.build(ctx, temp, o, q); err != nil {
			return r, fmt.Errorf("store: what is left of %s: %w", path, err)
		}
	}
	if built.done.Lines == 0 {
		if by = q.By; by == "" {
			return r, ErrNoProof.because(q.Cause)
		}
		if built, err = fresh(temp); err != nil {
			return r, err
		}
	}
	built.done.Cause = q.Cause.Error()
	word := Restoring{By: by, salvaged: &built.done, floor: built.highest}
	if r, err = tell(ctx, temp, path, o, word, there); err != nil {
		return r, err
	}
	if err := built.check(temp); err != nil {
		return r, fmt.Errorf("store: what was made of %s: %w", path, err)
	}
	return r, install(temp, path, r.Replaced)
}

// fresh makes a store with nothing in it: somebody has said that it may begin.
func fresh(temp string) (*rebuild, error) {
	if err := os.Remove(temp); err != nil {
		return nil, ErrAccess.because(err)
	}
	return &rebuild{}, create(temp)
}

// salvager is who puts a store back without being asked.
const salvager = "the till"

func tempName(path, pattern string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+pattern) // 0600
	if err != nil {
		return "", ErrAccess.because(err)
	}
	if err := f.Close(); err != nil {
		return "", ErrAccess.because(err)
	}
	return f.Name(), nil
}

// hold keeps others away from a file that bbolt cannot open: it takes the lock that bbolt
// would take.
func hold(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, ErrAccess.because(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(ErrLocked.becausef("%s", path), f.Close())
	}
	return func() { _ = f.Close() }, nil // nothing was written to it
}

// Gone is ErrCorrupt where there is no file and the second record has lines of one: an
// empty store in its place would know nothing of what is owed.
func Gone(path, ring string) error {
	lines := 0
	err := salvage.Read(ring, func(salvage.Frame) error { lines++; return nil })
	if err != nil || lines == 0 {
		return nil // whoever writes to it says what is wrong with it
	}
	return ErrCorrupt.becausef("%s is gone, and the second record of the journal has %d lines of it", path, lines)
}
