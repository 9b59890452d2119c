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

// The same under a real file system: what is cut are the writes of ext4 to its
// block device, and what is left is mounted, which replays its journal.
func TestPowerCutUnderExt4(t *testing.T) {
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
		t.Skipf("no ext4 on a loop device can be had here, so this one is not looked at: %v", err)
	}
	sellAt(t, d, dir, "")
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	keepSuperblock(d.log)
	states, bad, first := judge(t, d.log, max(1, leastExt4()/75), 0, (*found).lookExt4)
	if bad > 0 {
		t.Errorf("%d of %d states are bad; the first: %v", bad, states, first)
	}
	if states < leastExt4() {
		t.Errorf("%d states, at least %d were wanted", states, leastExt4())
	}
	t.Logf("%d lines of log, %d crash states, %d bad", len(d.log), states, bad)
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
