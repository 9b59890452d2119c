package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"qrposd/daemon"
	"qrposd/store"
	"qrposd/store/sealed"
	"qrposd/systemd"
)

// restore puts a backup in the place of the store of a till that does not run. What it
// would lose, and the machine that it replaces, somebody has to stand for by name.
func restore(ctx context.Context, c *call) error {
	file := c.flags.String("config", "/etc/qrposd/qrposd.toml", "the configuration `FILE`")
	from := c.flags.String("from", "", "the backup `FILE`")
	identity := c.flags.String("identity", "", "the `FILE` of the age identity that an encrypted backup is for")
	q := store.Restoring{}
	c.flags.StringVar(&q.By, "by", "", "who puts it back: a `NAME`, on record")
	c.flags.StringVar(&q.Why, "why", "", "why, in a few `WORDS`, on record")
	c.flags.BoolVar(&q.Moved, "moved", false, "the machine that it was made on is off for good, and this one takes its place")
	c.flags.BoolVar(&q.Discard, "discard", false, "put a store aside that owes something, is newer or is another till's; needs -why")
	if err := c.parse(); err != nil {
		return err
	}
	if *from == "" || len(c.args) > 0 {
		return usage("restore takes -from FILE and -by NAME")
	}
	cfg, err := daemon.Load(*file, systemd.Env(os.Getenv).Credential)
	if err != nil {
		return err
	}
	f, err := os.Open(*from)
	if err != nil {
		return err
	}
	defer f.Close()
	if q.From, err = opened(f, *identity); err != nil {
		return err
	}
	// First what never changes: a file that came before its archives would not know its past.
	if _, err := store.BringArchives(ctx, filepath.Dir(*from), filepath.Dir(cfg.Store.Path), func(in io.Reader) (io.Reader, error) { return opened(in, *identity) }); err != nil {
		return err
	}
	r, err := daemon.Restore(ctx, cfg, daemon.Options{Log: logger(c, cfg.Log.Level)}, q)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s is the backup of %s with %d entries; the provider is asked about %d sales at the next start\n",
		cfg.Store.Path, r.Made.Format(time.RFC3339), r.Entries, r.Asked)
	if r.Replaced != nil {
		fmt.Fprintf(c.out, "the store that was there is kept as %s\n", r.Replaced.Aside)
	}
	_, err = fmt.Fprintln(c.out, "sales that were made after the backup are not in it: look for them in the provider's bills (`qrposd case ls`)")
	return err
}

// opened is what a backup holds, decrypted where it is encrypted.
func opened(backup io.Reader, identity string) (io.Reader, error) {
	var keys io.Reader
	if identity != "" {
		f, err := os.Open(identity)
		if err != nil {
			return nil, err
		}
		defer f.Close() // it is read at once
		keys = f
	}
	r, err := sealed.Open(backup, keys)
	if errors.Is(err, sealed.ErrNoKey) {
		return nil, usage("the backup is encrypted: name the file of the identity that it is for with -identity")
	}
	if err != nil {
		return nil, fmt.Errorf("the backup was not opened: %w", err)
	}
	return r, nil
}
