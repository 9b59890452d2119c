package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// CheckInChild has another process check a file before this one opens it, by
// running "exe check -q -alone path": a damaged page can end the process that meets it
// with a signal that nobody can catch. What the page cache holds of the file is
// dropped first. A file that is not there yet is fine; one that is in use, newer
// or not a store is told from a damaged one before the child is asked, and one
// that came into use meanwhile by the child's exit with exitInUse.
func CheckInChild(ctx context.Context, exe, path string) error {
	if _, err := inspect(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var out head
	cmd := exec.CommandContext(ctx, exe, "check", "-q", "-alone", path)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), "GOTRACEBACK=none") // of a fault the first line says enough
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("store: the check of %s was stopped: %w", path, ctx.Err())
	case errors.As(err, &exit) && exit.ExitCode() == exitInUse:
		return ErrLocked.becausef("%s", path)
	case errors.As(err, &exit):
		return ErrCorrupt.becausef("the check ended with %s: %s", exit, out.text())
	}
	return fmt.Errorf("store: the check of %s could not run: %w", path, err)
}

// exitInUse is EX_TEMPFAIL of sysexits.h.
const exitInUse = 75

// head keeps the beginning of what a child prints and drops the rest.
type head struct{ buf bytes.Buffer }

const maxOutput = 8 << 10

func (h *head) Write(b []byte) (int, error) {
	if room := maxOutput - h.buf.Len(); room > 0 {
		h.buf.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func (h *head) text() string { return strings.TrimSpace(h.buf.String()) }
