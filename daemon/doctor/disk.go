package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How the flush test goes: many appends of the size of a small commit, each
// flushed. Flash takes a tenth of a millisecond at the very least to make a page
// stand; what answers below flushLeast has only said so.
const (
	flushes    = 48
	flushBytes = 4096
	flushLeast = 20 * time.Microsecond
)

// Disk examines the file system of the store. pretend says that the installation is
// a simulator's, where a disk in memory loses nothing that was ever owed.
func Disk(store string, reserveMB int64, pretend bool) Check {
	return Check{ID: "disk", Title: "The disk keeps what it says it keeps", Run: func(ctx context.Context) (t Tally) {
		dir := filepath.Dir(store)
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Unsure("", "mounts: %v", err)
		} else if real, err := filepath.EvalSymlinks(dir); err == nil {
			judgeMount(&t, mountOf(string(mounts), real), pretend)
		}
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != nil {
			t.Bad("make the directory of store.path, owned by the user that runs the till", "%s: %v", dir, err)
			return t
		}
		judgeRoom(&t, room{fs.Bavail * uint64(fs.Bsize), fs.Files, fs.Ffree}, reserveMB) //nolint:unconvert // the field's type differs by architecture
		bare, flushed, err := timeFlushes(ctx, dir)
		if err != nil {
			t.Unsure("run it as the user that runs the till", "flush test in %s: %v", dir, err)
			return t
		}
		judgeFlush(&t, bare, flushed)
		return t
	}}
}

// room is what a file system has left.
type room struct{ bytes, inodes, inodesFree uint64 }

func judgeRoom(t *Tally, r room, reserveMB int64) {
	mb := int64(r.bytes >> 20) // a disk of 8 EB is not on a till
	switch {
	case mb < 4*max(reserveMB, 1):
		t.Bad("free space on the disk of store.path", "%d MB free", mb)
	case mb < 256:
		t.Poor("free space on the disk of store.path", "%d MB free", mb)
	default:
		t.Good("%d MB free", mb)
	}
	if r.inodes > 0 && r.inodesFree < 256 {
		t.Poor("remove small files: backups cannot be made without inodes", "%d of %d inodes free", r.inodesFree, r.inodes)
	}
}

// mount is where a directory lives.
type mount struct{ kind, options string }

// mountOf finds the mount of an absolute path in the kernel's list. Later mounts
// cover earlier ones of the same length.
func mountOf(mountinfo, path string) (m mount) {
	longest := -1
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		head, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(head) < 6 || len(tail) < 3 {
			continue
		}
		at := unescape(head[4])
		if inside(path, at) && len(at) >= longest {
			longest, m = len(at), mount{tail[0], head[5] + "," + tail[2]}
		}
	}
	return m
}

func inside(path, root string) bool {
	return root == "/" || path == root || strings.HasPrefix(path, root+"/")
}

// unescape reads the octal escapes of blanks in a mount point.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func judgeMount(t *Tally, m mount, pretend bool) {
	options := strings.Split(m.options, ",")
	has := func(words ...string) string {
		for _, w := range words {
			if slices.Contains(options, w) {
				return w
			}
		}
		return ""
	}
	switch {
	case m.kind == "":
		t.Unsure("", "the mount of the store is not in /proc/self/mountinfo")
	case (m.kind == "tmpfs" || m.kind == "ramfs") && !pretend:
		t.Bad("point store.path at a disk", "the store is on %s: every sale is gone with the power", m.kind)
	case m.kind == "overlay" && !pretend:
		t.Poor("mount a volume for the directory of store.path", "the store is on an overlay, which goes with its container or its image's reset")
	case slices.Contains([]string{"nfs", "nfs4", "cifs", "9p", "fuse.sshfs", "vfat", "exfat"}, m.kind):
		t.Bad("use ext4 or f2fs on a disk of this machine", "the store is on %s, which keeps neither locks nor order", m.kind)
	default:
		t.Good("file system %s", m.kind)
	}
	if w := has("nobarrier", "barrier=0", "fsync_mode=nobarrier", "volatile"); w != "" {
		t.Bad("remount without "+w+" (/etc/fstab)", "mounted with %s: flushes do not reach the disk", w)
	}
	if has("ro") != "" {
		t.Bad("find out why the disk went read-only: `dmesg | grep -i -e ext4 -e f2fs -e mmc`", "mounted read-only")
	}
}

// timeFlushes is the median of an append without and with a flush, on a file that
// has no name and is gone when it is closed.
func timeFlushes(ctx context.Context, dir string) (bare, flushed time.Duration, err error) {
	f, err := nameless(dir)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	page := make([]byte, flushBytes)
	time1 := func(flush bool) (time.Duration, error) {
		took := make([]time.Duration, 0, flushes)
		for i := range flushes {
			if err := ctx.Err(); err != nil && i == 0 {
				return 0, err
			} else if err != nil {
				break // a very slow disk: fewer say the same
			}
			page[0] = byte(i)
			began := time.Now()
			_, err := f.Write(page)
			if err == nil && flush {
				err = unix.Fdatasync(int(f.Fd()))
			}
			if err != nil {
				return 0, err
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)/2], nil
	}
	if bare, err = time1(false); err == nil {
		flushed, err = time1(true)
	}
	return bare, flushed, err
}

func nameless(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), "nameless"), nil
	}
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return nil, err
	}
	return f, errors.Join(os.Remove(f.Name()))
}

func judgeFlush(t *Tally, bare, flushed time.Duration) {
	switch {
	case flushed < flushLeast:
		t.Poor("switch off the write cache (`hdparm -W0`) or use a disk that keeps its word; then pull the plug once and run `qrposd check`",
			"a flushed 4 KiB append takes %s in the median, a bare one %s: no disk is that fast", flushed, bare)
	case flushed > 250*time.Millisecond:
		t.Poor("replace the card: a sale costs up to three such writes", "a flushed 4 KiB append takes %s in the median", flushed.Round(time.Millisecond))
	default:
		t.Good("a flushed 4 KiB append takes %s in the median, a bare one %s", flushed.Round(time.Microsecond), bare.Round(time.Microsecond))
	}
}
