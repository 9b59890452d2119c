package scanner

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// watcher wakes the reader when a name appears. It watches the directory of the path and the one above, since udev
// removes a directory of links, such as /dev/serial/by-id, together with its last link.
type watcher struct {
	C chan struct{} // holds one wake-up

	file  *os.File
	dirs  [2]string // the directory and its parent
	names [2]string // what is awaited in each
	done  chan struct{}
}

func newWatcher(path string) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	dir := filepath.Dir(path)
	w := &watcher{
		C:     make(chan struct{}, 1),
		file:  os.NewFile(uintptr(fd), "inotify"), // non-blocking, so that Close ends the read
		dirs:  [2]string{dir, filepath.Dir(dir)},
		names: [2]string{filepath.Base(path), filepath.Base(dir)},
		done:  make(chan struct{}),
	}
	go w.run()
	return w, nil
}

// arm watches what exists of the directories by now. It must come before a look at the path, or what appears in between
// would go unseen. Arming what is armed changes nothing.
func (w *watcher) arm() {
	const mask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ATTRIB | unix.IN_ONLYDIR
	raw, err := w.file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		for _, dir := range w.dirs {
			_, _ = unix.InotifyAddWatch(int(fd), dir, mask) // absent: its parent tells; else the reader still polls
		}
	})
}

func (w *watcher) run() {
	defer close(w.done)
	buf := make([]byte, 16*(unix.SizeofInotifyEvent+unix.NAME_MAX+1))
	for {
		n, err := w.file.Read(buf)
		if err != nil {
			return
		}
		if w.concerns(buf[:n]) {
			select {
			case w.C <- struct{}{}:
			default:
			}
		}
	}
}

// concerns reports whether an event names what is awaited. /dev is a busy directory.
func (w *watcher) concerns(b []byte) bool {
	for len(b) >= unix.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(b[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
		if size > len(b) {
			return false
		}
		name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:size]), "\x00")
		if name == w.names[0] || name == w.names[1] || mask&unix.IN_Q_OVERFLOW != 0 {
			return true
		}
		b = b[size:]
	}
	return false
}

func (w *watcher) close() {
	_ = w.file.Close()
	<-w.done
}
