// Package doctor examines an installation and changes nothing.
//
// A till that was put together wrongly sells for weeks before anybody notices:
// payments are refused that need not be, a copied key charges twice, a disk that
// lies about flushing loses the last sale. Each of these leaves a trace that can
// be measured in a second, before a customer stands there. A finding is what was
// measured and where, what it means, and the one thing to do.
//
// Checks know their own piece of configuration and nothing of each other, so they
// run at once, each within its time, and a broken configuration stops only those
// that need what is broken. What could not be measured is "unknown" and never
// "ok". Nothing here charges, takes the store for writing, or prints what is in a
// secret: a finding names files and counts bytes.
//
// Rejected: checks inside the daemon's start (a till opens without a network, and
// the doctor's questions are about the network), and repairs (whoever reads
// "fixed" does not learn what was wrong).
package doctor

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Verdict is what a finding comes to.
type Verdict string

// The verdicts, from best to worst.
const (
	OK      Verdict = "ok"
	Unknown Verdict = "unknown" // it could not be measured
	Warn    Verdict = "warn"    // the till sells; somebody should look
	Fail    Verdict = "fail"    // money or customers are at risk
)

func (v Verdict) rank() int {
	switch v {
	case OK:
		return 0
	case Unknown:
		return 1
	case Warn:
		return 2
	}
	return 3
}

// Finding is what a check found.
type Finding struct {
	ID       string  `json:"id"`
	Title    string  `json:"title"`
	Verdict  Verdict `json:"verdict"`
	Evidence string  `json:"evidence"`         // what was measured or read, and where
	Remedy   string  `json:"remedy,omitempty"` // what to do
	TookMS   int64   `json:"took_ms"`
}

// Check is one examination. Run returns soon after its context ends; one that does
// not is left behind and counts as unknown.
type Check struct {
	ID, Title string
	Within    time.Duration // 0 is the usual limit
	Alone     bool          // measures time, and goes last with nothing beside it
	Run       func(ctx context.Context) Tally
}

// limit is how long a check may take that does not say.
const limit = 8 * time.Second

// Tally collects what a check sees; the worst of it is the verdict.
type Tally struct {
	verdict  Verdict
	evidence []string
	remedies []string
}

// Good notes that something is as it should be.
func (t *Tally) Good(format string, args ...any) { t.note(OK, "", format, args...) }

// Unsure notes what could not be measured.
func (t *Tally) Unsure(remedy, format string, args ...any) { t.note(Unknown, remedy, format, args...) }

// Poor notes what somebody should look at.
func (t *Tally) Poor(remedy, format string, args ...any) { t.note(Warn, remedy, format, args...) }

// Bad notes what must not stay.
func (t *Tally) Bad(remedy, format string, args ...any) { t.note(Fail, remedy, format, args...) }

func (t *Tally) note(v Verdict, remedy, format string, args ...any) {
	if t.verdict == "" || v.rank() > t.verdict.rank() {
		t.verdict = v
	}
	t.evidence = append(t.evidence, oneLine(fmt.Sprintf(format, args...)))
	if remedy != "" {
		t.remedies = append(t.remedies, remedy)
	}
}

// oneLine keeps what came from outside on its line of the terminal.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "..."
	}
	return strings.TrimSpace(s)
}

// Examine runs all checks, and gives their findings in the same order.
func Examine(ctx context.Context, checks []Check) []Finding {
	found := make([]Finding, len(checks))
	done := make(chan struct{})
	beside := 0
	for i, c := range checks {
		if c.Alone {
			continue
		}
		beside++
		go func() {
			found[i] = c.examine(ctx)
			done <- struct{}{}
		}()
	}
	for range beside {
		<-done
	}
	for i, c := range checks {
		if c.Alone {
			found[i] = c.examine(ctx)
		}
	}
	return found
}

func (c Check) examine(ctx context.Context) Finding {
	within := c.Within
	if within == 0 {
		within = limit
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	began := time.Now()
	heard := make(chan Tally, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				var t Tally
				t.Bad("report it with this line", "the check itself broke: %v", r)
				heard <- t
			}
		}()
		heard <- c.Run(ctx)
	}()
	var t Tally
	select {
	case t = <-heard:
	case <-ctx.Done():
		t.Unsure("find out what hangs, and run it again", "no result within %s", within)
	}
	if t.verdict == "" {
		t.Unsure("", "nothing was measured")
	}
	return Finding{c.ID, c.Title, t.verdict, strings.Join(t.evidence, "; "), strings.Join(t.remedies, "; "), time.Since(began).Milliseconds()}
}

// Worst is the worst verdict of all.
func Worst(found []Finding) Verdict {
	worst := OK
	for _, f := range found {
		if f.Verdict.rank() > worst.rank() {
			worst = f.Verdict
		}
	}
	return worst
}

// Write prints findings for people: one aligned line each, what to do below it,
// and what it comes to at the end, where a terminal stands still.
func Write(w io.Writer, found []Finding) error {
	var b strings.Builder
	count := map[Verdict]int{}
	var worst []string
	for _, f := range found {
		count[f.Verdict]++
		fmt.Fprintf(&b, "%-7s  %-12s  %s\n", f.Verdict, f.ID, f.Title)
		for part := range strings.SplitSeq(f.Evidence, "; ") {
			fmt.Fprintf(&b, "%23s  %s\n", "", part)
		}
		if f.Remedy != "" && f.Verdict != OK {
			for part := range strings.SplitSeq(f.Remedy, "; ") {
				fmt.Fprintf(&b, "%23s  -> %s\n", "", part)
			}
		}
		if f.Verdict == Worst(found) && f.Verdict != OK {
			worst = append(worst, f.ID)
		}
	}
	fmt.Fprintf(&b, "%d ok, %d unknown, %d warn, %d fail", count[OK], count[Unknown], count[Warn], count[Fail])
	if len(worst) > 0 {
		fmt.Fprintf(&b, "; %s: %s", Worst(found), strings.Join(worst, ", "))
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}
