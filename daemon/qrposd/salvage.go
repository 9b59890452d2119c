package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"qrposd/daemon"
	"qrposd/systemd"
)

// salvage puts a damaged store together while the till does not run. A start does the
// same by itself; what it never does by itself is to begin a new store.
func salvage(ctx context.Context, c *call) error {
	file := c.flags.String("config", "/etc/qrposd/qrposd.toml", "the configuration `FILE`")
	by := c.flags.String("by", "", "who says so: a `NAME`, on record; needed with -fresh")
	fresh := c.flags.Bool("fresh", false, "begin a new store where nothing can be proven of the old one, which is kept")
	if err := c.parse(); err != nil {
		return err
	}
	if len(c.args) > 0 || *fresh != (*by != "") {
		return usage("salvage takes -config FILE and, to begin a new store, -fresh and -by NAME")
	}
	cfg, err := daemon.Load(*file, systemd.Env(os.Getenv).Credential)
	if err != nil {
		return err
	}
	r, err := daemon.Salvage(ctx, cfg, daemon.Options{Version: version, Log: logger(c, cfg.Log.Level), Check: checkInChild}, *by)
	if err != nil {
		return err
	}
	s := r.Salvaged
	fmt.Fprintf(c.out, "%s is put together of %d lines; %d are missing, %d belong to sales that are cut short; the provider is asked about %d sales at the next start\n",
		cfg.Store.Path, s.Lines, s.Missing, s.Unproven, r.Asked)
	if s.Archives > 0 {
		fmt.Fprintf(c.out, "%d archives of older sales are used as they are\n", s.Archives)
	}
	if !s.Books {
		fmt.Fprintln(c.out, "what people entered is lost: closed days, drawers, answers to cases, receipts of no sale")
	}
	if s.Unread > 0 {
		fmt.Fprintf(c.out, "%d archives can be read in part only: a caller's key that was used for one of their sales may be free again\n", s.Unread)
	}
	if len(s.Short) > 0 {
		fmt.Fprintf(c.out, "cut short, or known by their number alone: %s\n", strings.Join(s.Short, " "))
	}
	if r.Replaced != nil {
		fmt.Fprintf(c.out, "the damaged file is kept as %s\n", r.Replaced.Aside)
	}
	if !s.Whole {
		_, err = fmt.Fprintln(c.out, "what came after the last line is not known: look in the provider's bills (`qrposd case ls`)")
	}
	return err
}
