package powercut

import (
	"bytes"
	"context"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// op is one line of the log.
type op struct {
	kind kind
	at   int64  // of a write; the new size of a resize
	data []byte // of a write
	text string // of a word
}

type kind byte

const (
	write kind = iota
	resize
	flush
	word // said by the process, which went on when it was in the log
)

// disk is a file system in memory that logs what happens to the file under one name.
type disk struct {
	fs.Inode
	name string

	mu   sync.Mutex
	file *file // that has the name
	log  []op

	flushes int
	fails   func(n int) bool // whether the n-th flush does; nil is none
}

func (d *disk) add(f *file, o op) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == f {
		d.log = append(d.log, o)
	}
}

// say puts a word of the process into the log.
func (d *disk) say(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, op{kind: word, text: text})
}

// named takes the file that now has the name; what is in it was flushed before.
func (d *disk) named(f *file) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.file = f
	d.log = append(d.log, op{kind: write, data: bytes.Clone(f.Data)}, op{kind: flush})
}

// file is one file of the disk.
type file struct {
	fs.MemRegularFile
	disk *disk
}

var (
	_ fs.NodeCreater  = (*disk)(nil)
	_ fs.NodeUnlinker = (*disk)(nil)
	_ fs.NodeRenamer  = (*disk)(nil)
	_ fs.NodeFsyncer  = (*disk)(nil)
	_ fs.NodeWriter   = (*file)(nil)
	_ fs.NodeFsyncer  = (*file)(nil)
)

// Create is of the file system.
func (d *disk) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	f := &file{disk: d}
	f.Attr.Mode = mode
	out.Mode = mode
	child := d.NewInode(ctx, f, fs.StableAttr{Mode: syscall.S_IFREG})
	d.AddChild(name, child, true)
	if name == d.name {
		d.named(f)
	}
	return child, nil, 0, 0
}

// Unlink is of the file system.
func (d *disk) Unlink(context.Context, string) syscall.Errno { return 0 }

// Rename is of the file system, which moves the name by itself.
func (d *disk) Rename(_ context.Context, name string, _ fs.InodeEmbedder, to string, _ uint32) syscall.Errno {
	if child := d.GetChild(name); child != nil && to == d.name {
		d.named(child.Operations().(*file))
	}
	return 0
}

// Fsync is of the directory.
func (d *disk) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return 0 }

// Write is of the file system.
func (f *file) Write(ctx context.Context, h fs.FileHandle, data []byte, at int64) (uint32, syscall.Errno) {
	f.disk.add(f, op{kind: write, at: at, data: bytes.Clone(data)})
	return f.MemRegularFile.Write(ctx, h, data, at)
}

// Setattr is of the file system.
func (f *file) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		f.disk.add(f, op{kind: resize, at: int64(size)})
	}
	return f.MemRegularFile.Setattr(ctx, h, in, out)
}

// Fsync is the flush that the store waits for.
func (f *file) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if f.disk.refuses(f) {
		return syscall.EIO
	}
	f.disk.add(f, op{kind: flush})
	return 0
}

// refuses says whether a flush fails. What was to be flushed is on the disk, or in part,
// or not: as after a flush that nobody asked for.
func (d *disk) refuses(f *file) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file != f || d.fails == nil {
		return false
	}
	d.flushes++
	return d.fails(d.flushes)
}

// mount puts a disk under a directory of the test's own.
func mount(t *testing.T, name string) (*disk, string) {
	t.Helper()
	dir, d := t.TempDir(), &disk{name: name}
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
