package doctor

import (
	"context"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Port examines the scanner's serial port. It opens it for an instant without
// waiting for a carrier and without changing how it is set; a port that the running
// till has for itself says so and that is well.
func Port(path string) Check {
	return Check{ID: "port", Title: "The scanner's port can be used", Run: func(context.Context) (t Tally) {
		if path == "" {
			t.Good("no scanner is configured")
			return t
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Bad("plug the scanner in; `ls -l /dev/serial/by-id` shows what is there", "scanner.path: %v", err)
			return t
		}
		if info.Mode()&os.ModeCharDevice == 0 {
			t.Bad("name the port in scanner.path, such as /dev/qrpos/scanner", "%s is not a serial port", path)
			return t
		}
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		switch {
		case errors.Is(err, unix.EBUSY):
			t.Good("%s is in use, and locked by who uses it", path)
			return t
		case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			t.Bad("add the user that runs the till to the group of the port (dialout), or run this as that user", "%s may not be opened by this user", path)
			return t
		case err != nil:
			t.Bad("unplug the scanner and plug it in again", "%s: %v", path, err)
			return t
		}
		defer unix.Close(fd)
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
			t.Bad("name the port in scanner.path, such as /dev/qrpos/scanner", "%s is no terminal: %v", path, err)
			return t
		}
		if strings.HasPrefix(path, "/dev/ttyUSB") || strings.HasPrefix(path, "/dev/ttyACM") {
			t.Poor("use /dev/qrpos/scanner (`qrposd config -print udev`): numbers change when something else is plugged in", "%s opens, but its name is not bound to the device", path)
			return t
		}
		t.Good("%s opens and is a terminal", path)
		return t
	}}
}
