package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Kind is what a file is to the till.
type Kind int

// The kinds.
const (
	Plain  Kind = iota // may be read by all, written by its owner
	Secret             // read by its owner, or by a group that was given it
	Store              // its owner's alone; need not be there yet
)

// File is one that the installation names.
type File struct {
	Key, Path string // the key of the configuration, and where it leads
	Kind      Kind
}

// Credentials is where systemd keeps what it passes to the running till. Only root
// and the till see it, and only while the till runs.
const Credentials = "/run/credentials/qrposd.service/"

const withheldRemedy = "run it as root beside the running till"

// withheld says that a file could not be read because it is the service manager's.
func withheld(path string, err error) bool {
	return strings.HasPrefix(path, Credentials) && (errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist))
}

// Files examines who may read and write what the till lives on.
func Files(files []File) Check {
	return Check{ID: "files", Title: "Files belong to the till", Run: func(context.Context) (t Tally) {
		sound := 0
		for _, f := range files {
			info, err := os.Stat(f.Path)
			switch {
			case errors.Is(err, fs.ErrNotExist) && f.Kind == Store:
				t.Good("%s is made at the first start", f.Path)
				continue
			case withheld(f.Path, err):
				t.Unsure(withheldRemedy, "%s is a credential that this process does not get", f.Key)
				continue
			case errors.Is(err, fs.ErrPermission):
				t.Unsure("run it as root or as the user that runs the till", "%s: %s may not be read by this user", f.Key, f.Path)
				continue
			case err != nil:
				t.Bad("put the file there, or correct "+f.Key, "%s: %v", f.Key, err)
				continue
			}
			if !judgeFile(&t, f, info) {
				sound++
			}
		}
		t.Good("%d of %d files are as they should be", sound, len(files))
		return t
	}}
}

// judgeFile reports whether it found anything.
func judgeFile(t *Tally, f File, info fs.FileInfo) (found bool) {
	mode := info.Mode().Perm()
	bad := func(remedy, what string) {
		found = true
		t.Bad(remedy, "%s: %s %s (mode %04o)", f.Key, f.Path, what, mode)
	}
	switch {
	case !info.Mode().IsRegular():
		bad("name a file in "+f.Key, "is not a file")
	case mode&0o002 != 0:
		bad("chmod o-w "+f.Path, "can be changed by anybody")
	case f.Kind != Plain && mode&0o004 != 0:
		bad("chmod o-rwx "+f.Path, "can be read by anybody")
	case f.Kind != Plain && mode&0o020 != 0:
		found = true
		t.Poor("chmod g-w "+f.Path, "%s: %s can be changed by its group (mode %04o)", f.Key, f.Path, mode)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if me := os.Geteuid(); ok && me != 0 && int(st.Uid) != me && st.Uid != 0 {
		found = true
		t.Poor("run it as the user that runs the till, or `chown` the file", "%s: %s belongs to user %d, and this is user %d", f.Key, f.Path, st.Uid, me)
	}
	return found
}
