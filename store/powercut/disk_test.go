package powercut

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// op is one line of the log.
type op struct {
	kind  kind
	file  *file  // whose content or name it is about; the flush of the directory has none
	at    int64  // of a write; the new size of a resize
	data  []byte // of a write
	text  string // of a word; the name that is given or taken
	was   string // the name that the file had before
	whole bool   // no disk tears it
}

type kind byte

const (
	write kind = iota
	resize
	flush
	word // said by the process, which went on when it was in the log

	// Of the directory.
	give // a name to a file; another one that had it loses it
	take // a name away
)

// ofNames says that an op waits for the flush of the directory, not of a file.
func (o op) ofNames() bool { return o.kind == give || o.kind == take }

// disk is a file system in memory that logs what happens to its files and their names.
type disk struct {
	fs.Inode

	mu  sync.Mutex // guards what follows
	log []op

	room room

	flushes map[bool]int                // of archives, and of all else
	fails   func(past bool, n int) bool // whether the n-th of them does; nil is none
}

func (d *disk) add(o op) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, o)
}

// say puts a word of the process into the log. One that says that there was no room is
// heard: room is made.
func (d *disk) say(text string) {
	d.add(op{kind: word, text: text})
	if verb, _, _ := strings.Cut(text, " "); verb == refused {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.room.made = true
	}
}

// file is one file of the disk.
type file struct {
	fs.MemRegularFile
	disk    *disk
	ballast bool // nobody reads it, and the next start makes it again
	past    bool // it is to be an archive
}

var (
	_ fs.NodeCreater  = (*disk)(nil)
	_ fs.NodeUnlinker = (*disk)(nil)
	_ fs.NodeRenamer  = (*disk)(nil)
	_ fs.NodeFsyncer  = (*disk)(nil)
	_ fs.NodeWriter   = (*file)(nil)
	_ fs.NodeFsyncer  = (*file)(nil)

	_ fs.NodeAllocater = (*file)(nil)
)

// Create is of the file system.
func (d *disk) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	f := &file{disk: d, ballast: strings.HasSuffix(name, ".ballast"), past: strings.Contains(name, ".archive-")}
	f.Attr.Mode = mode
	out.Mode = mode
	child := d.NewInode(ctx, f, fs.StableAttr{Mode: syscall.S_IFREG})
	d.AddChild(name, child, true)
	f.note(op{kind: give, text: name})
	return child, nil, 0, 0
}

// Unlink is of the file system.
func (d *disk) Unlink(_ context.Context, name string) syscall.Errno {
	if child := d.GetChild(name); child != nil {
		f := child.Operations().(*file)
		f.note(op{kind: take, text: name})
		if f.ballast && len(f.Data) > 0 {
			d.released()
		}
	}
	return 0
}

// Rename is of the file system, which moves the name by itself.
func (d *disk) Rename(_ context.Context, name string, _ fs.InodeEmbedder, to string, _ uint32) syscall.Errno {
	if child := d.GetChild(name); child != nil {
		child.Operations().(*file).note(op{kind: give, text: to, was: name})
	}
	return 0
}

// Fsync is of the directory.
func (d *disk) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	d.add(op{kind: flush})
	return 0
}

// note puts into the log what happens to a file.
func (f *file) note(o op) {
	if !f.ballast {
		o.file = f
		f.disk.add(o)
	}
}

// Write is of the file system.
func (f *file) Write(ctx context.Context, h fs.FileHandle, data []byte, at int64) (uint32, syscall.Errno) {
	full, part := f.disk.full(f)
	if full && (!part || f.ballast) {
		return 0, syscall.ENOSPC
	}
	if full { // some of it was written before there was no room
		data = data[:len(data)/2]
		f.note(op{kind: write, at: at, data: bytes.Clone(data)})
		_, _ = f.MemRegularFile.Write(ctx, h, data, at)
		return 0, syscall.ENOSPC
	}
	f.note(op{kind: write, at: at, data: bytes.Clone(data)})
	return f.MemRegularFile.Write(ctx, h, data, at)
}

// Allocate sets blocks aside, for the ballast.
func (f *file) Allocate(ctx context.Context, h fs.FileHandle, at, size uint64, mode uint32) syscall.Errno {
	if full, _ := f.disk.full(f); full {
		return syscall.ENOSPC
	}
	return f.MemRegularFile.Allocate(ctx, h, at, size, mode)
}

// Setattr is of the file system.
func (f *file) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		f.note(op{kind: resize, at: int64(size)})
	}
	return f.MemRegularFile.Setattr(ctx, h, in, out)
}

// Fsync is the flush that the store waits for.
func (f *file) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if !f.ballast && f.disk.refuses(f) {
		return syscall.EIO
	}
	f.note(op{kind: flush})
	return 0
}

// refuses says whether a flush fails. What was to be flushed is on the disk, or in part,
// or not: as after a flush that nobody asked for.
func (d *disk) refuses(f *file) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails == nil {
		return false
	}
	d.flushes[f.past]++
	return d.fails(f.past, d.flushes[f.past])
}

// mount puts a disk under a directory of the test's own.
func mount(t *testing.T) (*disk, string) {
	t.Helper()
	dir, d := t.TempDir(), &disk{flushes: map[bool]int{}}
	server, err := fs.Mount(dir, d, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: os.Geteuid() == 0, FsName: "powercut", Name: "powercut"}})
	if err != nil {
		t.Skipf("no file system can be mounted here, so no power is cut: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return d, dir
}
