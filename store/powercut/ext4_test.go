package powercut

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const imageName = "disk.img"

// run is a command of the system, which is root's.
func run(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", errors.Join(err, errors.New(name+": "+text))
	}
	return text, nil
}

// attach mounts the file system in an image, and gives what undoes it.
func attach(image, dir string) (undo func() error, err error) {
	loop, err := run("losetup", "--find", "--show", image)
	if err != nil {
		return nil, err
	}
	free := func() error {
		_, err := run("losetup", "--detach", loop)
		return err
	}
	if _, err := run("mount", "-t", "ext4", loop, dir); err != nil {
		return nil, errors.Join(err, free())
	}
	return func() error {
		_, err := run("umount", dir)
		// A process that is just being started holds what is open here for a moment.
		for range 100 {
			if err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
			_, err = run("umount", dir)
		}
		return errors.Join(err, free())
	}, nil
}

// logOfExt4 is what ext4 does to its block device while a till sells on it, or why there
// can be none here.
func logOfExt4(t *testing.T) (log []op, why error) {
	t.Helper()
	d, under := mount(t)
	image, dir := filepath.Join(under, imageName), t.TempDir()
	err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 16<<20))
	if err == nil {
		_, err = run("mkfs.ext4", "-q", "-F", "-b", "4096", image)
	}
	if err == nil {
		_, err = run("sync", image, under) // it has a disk
	}
	var undo func() error
	if err == nil {
		undo, err = attach(image, dir)
	}
	if err != nil {
		return nil, err
	}
	sellAt(t, d, dir, "")
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	keepSuperblock(d.log)
	return d.log, nil
}

// The same under a real file system: what is cut are the writes of ext4 to its
// block device, and what is left is mounted, which replays its journal.
func TestPowerCutUnderExt4(t *testing.T) {
	states, lines := 0, 0
	for states < leastExt4() {
		log, why := logOfExt4(t)
		if why != nil {
			t.Skipf("no ext4 on a loop device can be had here, so this one is not looked at: %v", why)
		}
		n, bad, first := judge(t, log, 2, 0, (*found).lookExt4)
		if bad > 0 {
			t.Fatalf("%d of %d states are bad; the first: %v", bad, n, first)
		}
		states, lines = states+n, lines+len(log)
	}
	t.Logf("%d lines of log, %d crash states, 0 bad", lines, states)
}

// keepSuperblock says of the file system's first block that it is written or not. Its
// superblock lies in two sectors under one checksum, and an ext4 of this size has no
// second one: a disk that tears it leaves what nothing can mount, whatever a till does.
func keepSuperblock(log []op) {
	for i := range log {
		o := &log[i]
		o.whole = o.at < 2048 && int(o.at)+len(o.data) > 1024
	}
}

// lookExt4 mounts a state whose image is a disk.
func (f *found) lookExt4(path string) (err error) {
	dir := path + ".d"
	if err := errors.Join(f.lay(path), os.MkdirAll(dir, 0o700)); err != nil {
		return err
	}
	undo, err := attach(filepath.Join(path, imageName), dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, undo()) }()
	return f.check(filepath.Join(dir, storeName))
}
