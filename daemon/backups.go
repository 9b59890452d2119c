package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"qrposd/daemon/api"
	"qrposd/store"
	"qrposd/store/sealed"
)

const (
	// backupRest is how long a till that starts sells before it copies anything.
	backupRest = time.Minute
	// backupAgain is when a backup that failed is tried again, at the latest.
	backupAgain = 15 * time.Minute
)

// BackupConfig says where backups go, to whom, and how often.
type BackupConfig struct {
	To         string   `toml:"to"`         // a directory; empty is beside the store, and only when somebody asks
	Recipients []string `toml:"recipients"` // age public keys; none is not encrypted
	EveryH     int      `toml:"every_h"`    // hours; 0 is only when somebody asks, and after a day was closed
	Keep       int      `toml:"keep"`       // how many; older ones are removed
}

func (c BackupConfig) validate() error {
	if _, err := sealed.Parse(c.Recipients); err != nil {
		return fmt.Errorf("backup.recipients: %w", err)
	}
	if c.EveryH < 0 || c.EveryH > 7*24 || c.Keep < 1 || c.Keep > 1000 {
		return fmt.Errorf("backup.every_h is %d and backup.keep %d; 0 to 168, and 1 to 1000", c.EveryH, c.Keep)
	}
	return nil
}

// backups makes backups: when somebody asks, after so many hours and after a day was
// closed. The hours count from the last one that is there, over restarts as well.
type backups struct {
	conf  BackupConfig
	till  string
	db    *store.DB
	seal  store.Seal // nil is not encrypted
	log   *slog.Logger
	apart bool // they have a place of their own
	wake  chan struct{}
	alone sync.Mutex // one at a time

	mu     sync.Mutex // guards what follows
	last   time.Time  // of the last good one
	tried  time.Time  // when the last one ended
	failed error      // of the last try
	fails  int
}

func newBackups(cfg Config, db *store.DB, log *slog.Logger) *backups {
	b := &backups{conf: cfg.Backup, till: cfg.Till.ID, db: db, log: log, wake: make(chan struct{}, 1)}
	if r, err := sealed.Parse(b.conf.Recipients); err == nil && len(r) > 0 { // validated with the configuration
		b.seal = r.Seal
	}
	if b.apart = b.conf.To != ""; !b.apart {
		b.conf.To, b.conf.EveryH = filepath.Dir(cfg.Store.Path), 0
	}
	if names := b.there(); len(names) > 0 {
		if info, err := os.Stat(filepath.Join(b.conf.To, names[len(names)-1])); err == nil {
			b.last = info.ModTime()
		}
	}
	return b
}

// run makes a backup whenever one is due.
func (b *backups) run(ctx context.Context) {
	for wait := backupRest; ; wait = b.wait() {
		due := time.NewTimer(max(wait, backupRest))
		select {
		case <-ctx.Done():
			due.Stop()
			return
		case <-b.wake:
			due.Stop()
		case <-due.C:
			if b.wait() > 0 {
				continue
			}
		}
		if _, err := b.make(ctx); err != nil && ctx.Err() == nil {
			b.log.Error("the backup was not made", "err", err)
		}
	}
}

// soon asks for a backup that nobody waits for, where they are made by themselves.
func (b *backups) soon() {
	if !b.apart {
		return
	}
	select {
	case b.wake <- struct{}{}:
	default: // one is to be made already
	}
}

// wait is how long it takes until the next one is due. A clock that was set back makes
// nobody wait longer than from now.
func (b *backups) wait() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	every := time.Duration(b.conf.EveryH) * time.Hour
	switch {
	case every == 0:
		return 365 * 24 * time.Hour
	case b.failed != nil:
		return min(every, backupAgain) - time.Since(b.tried)
	}
	return min(every, every-time.Since(b.last))
}

// make makes one, and removes the oldest ones once it is complete.
func (b *backups) make(ctx context.Context) (api.Backup, error) {
	b.alone.Lock()
	defer b.alone.Unlock()
	b.sweep()
	name := b.till + time.Now().UTC().Format("-20060102-150405") + ".db"
	if b.seal != nil {
		name += ".age"
	}
	r, err := b.db.Backup(ctx, filepath.Join(b.conf.To, name), b.seal)
	b.mu.Lock()
	b.tried, b.failed = time.Now(), err
	if err == nil {
		b.last = b.tried
	} else {
		b.fails++
	}
	b.mu.Unlock()
	if err != nil {
		return api.Backup{}, err
	}
	b.log.Info("a backup was made", "file", name, "sales", r.Sales, "entries", r.Entries)
	b.prune(name)
	return api.Backup{Path: r.Path, Bytes: r.Bytes, Sales: r.Sales, Entries: r.Entries, Head: r.Head, Encrypted: b.seal != nil}, nil
}

var backupForm = regexp.MustCompile(`^([0-9A-Z]{1,8})-[0-9]{8}-[0-9]{6}\.db(\.age)?(\.new-.*)?$`)

// there are this till's backups, the oldest first. Others may use the directory too.
func (b *backups) there() []string { return b.list(false) }

func (b *backups) list(unfinished bool) (names []string) {
	entries, err := os.ReadDir(b.conf.To) // sorted by name, which is by time
	if err != nil {
		return nil // whoever makes one is told
	}
	for _, e := range entries {
		if m := backupForm.FindStringSubmatch(e.Name()); m != nil && m[1] == b.till && (m[3] != "") == unfinished {
			names = append(names, e.Name())
		}
	}
	return names
}

// sweep removes what a power cut left of one that was being made.
func (b *backups) sweep() {
	for _, name := range b.list(true) {
		b.remove(name)
	}
}

// prune keeps as many as are configured, and the new one whatever its name says of the
// time.
func (b *backups) prune(made string) {
	names := slices.DeleteFunc(b.there(), func(name string) bool { return name == made })
	for len(names) >= b.conf.Keep {
		b.remove(names[0])
		names = names[1:]
	}
}

func (b *backups) remove(name string) {
	if err := os.Remove(filepath.Join(b.conf.To, name)); err != nil {
		b.log.Warn("an old backup stays", "err", err)
	}
}

// part is what people are told: a shop that sells on without a backup has a problem
// that nobody sees.
func (b *backups) part() api.Part {
	wait := b.wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	p := api.Part{Level: api.OK, Detail: "the last one was made " + b.last.UTC().Format(time.RFC3339)}
	if b.last.IsZero() {
		p.Detail = "none was made yet"
	}
	switch {
	case b.conf.EveryH == 0:
		p.Level = api.Off
	case b.failed != nil:
		p.Level, p.Detail = api.Trouble, p.Detail+"; the last try: "+b.failed.Error()
	case wait < -time.Duration(b.conf.EveryH)*time.Hour:
		p.Level = api.Trouble
	}
	return p
}

func (b *backups) metrics(line func(string, ...any)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.last.IsZero() {
		line("# TYPE qrposd_backup_age_seconds gauge\nqrposd_backup_age_seconds %.0f", max(0, time.Since(b.last).Seconds()))
	}
	line("# TYPE qrposd_backup_failures_total counter\nqrposd_backup_failures_total %d", b.fails)
}
