package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"qrposd/store"
)

// audits says what is kept of liveness checks and every deletion of it.
func audits(out io.Writer, r store.Report) {
	if r.Epochs+r.Digests+len(r.Purges) == 0 {
		return
	}
	fmt.Fprintf(out, "liveness: %d digests under %d keys; %d deletions on record\n", r.Digests, r.Epochs, len(r.Purges))
	for _, p := range r.Purges {
		fmt.Fprintf(out, "  %s deleted %d digests, %d prints and the keys of %v (%s)\n", p.At.Format(time.RFC3339), p.Digests, p.Prints, p.Epochs, p.Policy)
	}
}

// check verifies a store file: structure, checksums, chain, and every invariant
// that a file can show.
func check(_ context.Context, c *call) error {
	quiet := c.flags.Bool("q", false, "say something only if something is wrong")
	alone := c.flags.Bool("alone", false, "leave out the archives beside the file: what a start asks for")
	if err := c.parse(); err != nil {
		return err
	}
	if len(c.args) != 1 {
		return usage("check takes one file")
	}
	look := store.CheckFile
	if *alone {
		look = store.CheckAlone
	}
	report, err := look(c.args[0])
	if errors.Is(err, store.ErrForeign) {
		if ring, bad := store.CheckRing(c.args[0]); bad == nil {
			return checkRing(c, ring, *quiet)
		}
	}
	if err != nil {
		return err
	}
	for _, v := range report.Violations {
		fmt.Fprintln(c.errOut, v)
	}
	if err := report.Err(); err != nil {
		return err
	}
	if !*quiet {
		fmt.Fprintf(c.out, "%s is in order: %d sales, %d entries up to %.16s, %d postings, %d jobs (%d retired), %d keys, %d payer codes, %d bytes\n",
			report.Path, report.Sales, report.Entries, report.Head, report.Postings, report.Jobs, report.Retired, report.Once, report.Codes, report.Bytes)
		if report.Archives > 0 {
			fmt.Fprintf(c.out, "%d archives beside it, %d bytes, are a part of this%s\n", report.Archives, report.ArchiveBytes, map[bool]string{true: " and were not looked at"}[report.Unchecked])
		}
		audits(c.out, report)
		for _, r := range report.Restores {
			fmt.Fprintf(c.out, "put back by %s on %s from a backup of %s with %d entries %s\n", r.By, r.Wall.Format(time.RFC3339), r.Made.Format(time.RFC3339), r.Entries, r.Why)
		}
		if report.Cases > 0 {
			fmt.Fprintf(c.out, "%d cases for the owner, %d of them open\n", report.Cases, report.OpenCases)
		}
		if report.Days+report.DrawerLines > 0 {
			fmt.Fprintf(c.out, "%d days closed, %d lines about drawers\n", report.Days, report.DrawerLines)
		}
		for _, key := range report.DayKeys {
			fmt.Fprintf(c.out, "  signed with the key %x\n", key)
		}
	}
	return nil
}

// checkRing says what a second record of the journal holds.
func checkRing(c *call, r store.RingReport, quiet bool) error {
	for _, v := range r.Violations {
		fmt.Fprintln(c.errOut, v)
	}
	if n := len(r.Violations); n > 0 {
		return fmt.Errorf("the second record has lines %d to %d with %d faults; the next start of the till writes on behind them", r.First, r.Last, n)
	}
	if quiet {
		return nil
	}
	_, err := fmt.Fprintf(c.out, "%s is a second record in order: %d lines, %d to %d, up to %.16s\n", c.args[0], r.Lines, r.First, r.Last, r.Head)
	return err
}
