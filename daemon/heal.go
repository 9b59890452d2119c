package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"qrposd/daemon/api"
	"qrposd/store"
)

// storeOptions are how this till's store is opened, by whoever opens it.
func storeOptions(cfg Config, secret []byte, device string, log *slog.Logger) store.Options {
	o := store.Options{
		Till: cfg.Till.ID, Secret: secret, Device: device, Plan: cfg.Plan(), MaxSize: cfg.Store.MaxMB << 20, Reserve: cfg.Store.ReserveMB << 20, Log: log,
	}
	if cfg.Store.SalvageMB > 0 {
		o.Salvage, o.SalvageSize = cfg.Store.Salvage, cfg.Store.SalvageMB<<20
		if o.Salvage == "" {
			o.Salvage = cfg.Store.Path + ".salvage"
		}
	}
	return o
}

// openStore checks the file in another process first: what a torn page does to a
// reader, it should not do to the till. What is damaged is built again of what can be
// proven, and the till sells on and says so; the damaged file is kept.
//
// If the power goes meanwhile, the next start finds the damaged file or the new one.
func (d *Daemon) openStore(ctx context.Context, secret []byte, device string) (err error) {
	path, o := d.cfg.Store.Path, storeOptions(d.cfg, secret, device, d.o.Log)
	o.Adopt, o.Hook, o.Clock = d.o.Adopt, d.o.Faults.Store, d.o.Faults.Clock
	if err = examined(ctx, path, o.Salvage, d.o.Check); err == nil {
		if d.store, err = store.Open(path, o); err == nil {
			return nil
		}
	}
	if !damaged(err) {
		return err
	}
	d.o.Log.Error("the store is damaged; what can be proven is put together", "err", err)
	over := d.meanwhile(ctx)
	r, err := store.Recover(ctx, path, o, store.Recovering{Cause: err, Backups: latestBackup(d.cfg)})
	if err = errors.Join(err, over()); err != nil {
		return err
	}
	tellHealed(d.o.Log, r)
	d.healed = &r
	d.store, err = store.Open(path, o)
	return err
}

// examined has the file looked at. One that is gone while the second record has lines of
// it is damaged: an empty store in its place would know nothing of what is owed.
func examined(ctx context.Context, path, ring string, check func(context.Context, string) error) error {
	_, err := os.Stat(path)
	switch {
	case err == nil && check != nil:
		return check(ctx, path)
	case errors.Is(err, fs.ErrNotExist) && ring != "":
		return store.Gone(path, ring)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// damaged says that a store may be built again of what is left. A newer one and one of
// another machine are whole, and stay as they are.
func damaged(err error) bool {
	for _, e := range []error{store.ErrCorrupt, store.ErrForeign, store.ErrBehind} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// latestBackup is the last copy that can be read here: one that is encrypted cannot.
func latestBackup(cfg Config) []string {
	b := backups{conf: cfg.Backup, till: cfg.Till.ID}
	if b.conf.To == "" {
		b.conf.To = filepath.Dir(cfg.Store.Path)
	}
	names := b.there()
	for i := len(names) - 1; i >= 0; i-- {
		if filepath.Ext(names[i]) == ".db" {
			return []string{filepath.Join(b.conf.To, names[i])}
		}
	}
	return nil
}

func tellHealed(log *slog.Logger, r store.RestoreRecord) {
	s, aside := r.Salvaged, ""
	if r.Replaced != nil {
		aside = r.Replaced.Aside
	}
	log.Warn("the store was put together again", "whole", s.Whole, "lines", s.Lines, "missing", s.Missing, "unproven", s.Unproven,
		"asked", r.Asked, "books", s.Books, "archives", s.Archives, "unread", s.Unread, "short", s.Short, "kept", aside)
}

// salvageHealth is what people are told of the second record, and of a store that was
// put together in this run. The next start finds a store that is whole.
func (d *Daemon) salvageHealth() api.Part {
	p := api.Part{Level: api.OK, Detail: "every line is written a second time"}
	second := d.store.Second()
	switch {
	case !second.On:
		p = api.Part{Level: api.Off}
	case second.Fault != "":
		p = api.Part{Level: api.Down, Detail: second.Fault}
	}
	if d.healed == nil {
		return p
	}
	s, detail := d.healed.Salvaged, "nothing of a sale that was acknowledged is missing"
	if !s.Whole {
		detail = fmt.Sprintf("%d lines are missing, %d belong to sales that are cut short, and what came after the last line is not known", s.Missing, s.Unproven)
	}
	detail = fmt.Sprintf("the file was damaged (%s) and was put together of %d lines; %s; %d sales are asked about first and are not charged again", s.Cause, s.Lines, detail, d.healed.Asked)
	if !s.Books {
		detail += "; what people entered is lost: closed days, drawers, answers to cases, receipts of no sale"
	}
	if s.Unread > 0 {
		detail += fmt.Sprintf("; %d archives can be read in part only, and a caller's key that was used for one of their sales may be free again", s.Unread)
	}
	if second.Fault != "" {
		detail += "; there is no second record: " + second.Fault
	}
	return api.Part{Level: api.Trouble, Detail: detail, Since: d.healed.Wall}
}

func (d *Daemon) salvageMetrics(line func(string, ...any)) {
	second := d.store.Second()
	line("# TYPE qrposd_second_record_up gauge\nqrposd_second_record_up %d", one(second.On && second.Fault == ""))
	lost := uint64(0)
	if d.healed != nil {
		lost = d.healed.Salvaged.Missing + d.healed.Salvaged.Unproven
	}
	line("# TYPE qrposd_store_rebuilt gauge\nqrposd_store_rebuilt %d", one(d.healed != nil))
	line("# TYPE qrposd_store_rebuilt_lost_lines gauge\nqrposd_store_rebuilt_lost_lines %d", lost)
}

// Salvage puts a damaged store together while the till does not run, or begins a new one
// where nothing is proven and somebody says so.
func Salvage(ctx context.Context, cfg Config, o Options, by string) (r store.RestoreRecord, err error) {
	secret, err := readSecret(cfg.Till.SecretFile)
	if err != nil {
		return r, err
	}
	so := storeOptions(cfg, secret, identify(cfg.Till, secret, o.Log), o.Log)
	cause := examined(ctx, cfg.Store.Path, so.Salvage, o.Check)
	if cause == nil {
		return r, store.ErrUnhurt
	}
	if !damaged(cause) {
		return r, cause
	}
	return store.Recover(ctx, cfg.Store.Path, so, store.Recovering{Cause: cause, Backups: latestBackup(cfg), By: by})
}
