package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
)

// Options are how a store is opened.
type Options struct {
	Till    string    // 1..8 of [0-9A-Z]: the stem of order numbers
	Secret  []byte    // the merchant's, for sale.Mint
	Device  string    // keyed digest of this machine's identity; "" is not asked for
	Adopt   bool      // take over a file of another device
	Plan    sale.Plan // when a sale's next step is due; the zero Plan is sale.DefaultPlan
	MaxSize int64     // budget of the file; 0 is 256 MiB
	Reserve int64     // kept back for refunds and outcomes; 0 is 2 MiB
	Clock   Clock     // nil is the machine's
	Salvage string    // file of the second record of the journal; "" is none
	// SalvageSize is how large that is made; 0 is 8 MiB.
	SalvageSize int64

	Hook func(op string) error // called at named points of a commit; an error before it fails it, one after it changes nothing
	Exit func(code int)        // nil is os.Exit; called with 70 when a commit is in doubt
	Log  *slog.Logger          // nil is none

	Rotation Rotation // when older sales leave the file
}

// exitInDoubt is EX_SOFTWARE of sysexits.h. The unit restarts the till on it.
const exitInDoubt = 70

func (o *Options) complete() error {
	if !regexp.MustCompile(`^[0-9A-Z]{1,8}$`).MatchString(o.Till) {
		return fmt.Errorf("store: till %.16q is not 1 to 8 of 0-9 and A-Z", o.Till)
	}
	if len(o.Secret) == 0 {
		return errors.New("store: there is no merchant secret to mint keys with")
	}
	if o.Plan.Poll == 0 {
		o.Plan = sale.DefaultPlan()
	}
	if o.MaxSize == 0 {
		o.MaxSize = 256 << 20
	}
	o.Rotation.complete(o.MaxSize)
	if o.Reserve == 0 {
		o.Reserve = 2 << 20
	}
	if o.SalvageSize == 0 {
		o.SalvageSize = 8 << 20
	}
	if o.MaxSize > math.MaxInt || o.MaxSize-o.Reserve < 2*allocSize {
		return fmt.Errorf("store: a budget of %d bytes less a reserve of %d is none", o.MaxSize, o.Reserve)
	}
	if o.Hook == nil {
		o.Hook = func(string) error { return nil }
	}
	if o.Exit == nil {
		o.Exit = os.Exit
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		m, err := newMachine()
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		o.Clock = m
	}
	return nil
}

// DB is an open store. Its methods may be called from any goroutine.
type DB struct {
	path    string
	opts    Options
	bolt    *bbolt.DB
	clock   tillClock
	budget  budget
	ballast ballast

	second second // record of the journal; the writer's alone

	requests chan *request
	closing  chan struct{}
	stopped  chan struct{}
	close    sync.Once
	watchers watchers
	state    state
	recall   recall
	past
}

// past is what has left the file, what is leaving, and what the file was before.
type past struct {
	restores restores // of this file; never written to while it is open

	old    archives
	moving sync.Mutex  // guards rest; one at a time moves
	rest   *forgetting // of the latest archive
}

// Open opens the store at path, or makes one. A file that is damaged, newer or
// not a store is refused and left as it is.
func Open(path string, o Options) (*DB, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	version, err := prepare(path)
	if err != nil {
		return nil, err
	}
	bolt, err := openFile(path, false, o.MaxSize)
	if err != nil {
		return nil, err
	}
	db := &DB{
		path: path, opts: o, bolt: bolt, clock: tillClock{src: o.Clock},
		budget:   budget{o.MaxSize, o.Reserve},
		ballast:  ballast{path + ".ballast", o.Reserve},
		requests: make(chan *request), closing: make(chan struct{}), stopped: make(chan struct{}),
		recall: recall{sales: make(map[sale.ID]remembered)}, past: past{old: archives{dir: filepath.Dir(path)}},
	}
	if err := db.resume(version); err != nil {
		return nil, errors.Join(err, bolt.Close())
	}
	if err := db.openSecond(); err != nil {
		return nil, errors.Join(err, db.second.close(), bolt.Close())
	}
	if !db.ballast.there() {
		o.Log.Warn("no room for the ballast; new sales are refused", "path", db.ballast.path)
	}
	go db.run()
	return db, nil
}

// prepare makes the file if there is none, and says which layout it has.
func prepare(path string) (int, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return 0, err
		}
	} else if err != nil {
		return 0, ErrAccess.because(err)
	}
	return inspect(path)
}

// resume brings the layout up to date and takes up the clock and the counters.
func (db *DB) resume(version int) error {
	if version < len(migrations) {
		if err := db.bolt.Update(func(tx *bbolt.Tx) error { return migrate(tx, version) }); err != nil {
			return fmt.Errorf("store: migration from layout %d: %w", version, err)
		}
	}
	if err := db.bind(); err != nil {
		return err
	}
	return db.bolt.View(func(tx *bbolt.Tx) error {
		var last reading
		if err := getMeta(tx, clockKey, &last); err != nil {
			return err
		}
		if err := ledger.CheckTip(tx); err != nil {
			return ErrCorrupt.because(err)
		}
		all, err := catalogue(tx)
		db.old.set(all)
		db.clock.resume(last)
		var lost error
		db.restores, lost = loadRestores(tx)
		err = errors.Join(err, lost)
		return err
	})
}

// Close waits for the commit under way and closes the file. Later calls are
// refused; a second Close does nothing.
func (db *DB) Close() (err error) {
	db.close.Do(func() {
		close(db.closing)
		<-db.stopped
		db.moving.Lock()
		defer db.moving.Unlock()
		if db.rest != nil {
			db.rest.close()
			db.rest = nil
		}
		err = errors.Join(db.bolt.Close(), db.second.close())
	})
	return err
}

// Now is the till's own time.
func (db *DB) Now() sale.Now { return db.clock.now() }

// Path is where the file is.
func (db *DB) Path() string { return db.path }
