package store

import (
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"qrposd/rules/sale"
)

// Clock is what the machine knows of time. Tests have their own.
type Clock interface {
	// Wall is the time of day, which people and servers set as they like.
	Wall() time.Time
	// Boot names the present boot and says how long it has lasted, sleep included.
	Boot() (id string, up time.Duration)
}

// machine is the clock of this computer.
type machine struct{ boot string }

func newMachine() (machine, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return machine{strings.TrimSpace(string(b))}, err
}

func (m machine) Wall() time.Time { return time.Now() }

func (m machine) Boot() (string, time.Duration) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(err) // the clock exists since Linux 2.6.39
	}
	return m.boot, time.Duration(ts.Nano())
}

// reading is the till's own time at a commit, as it is stored.
type reading struct {
	At    sale.Instant  `json:"at"`
	Since sale.Instant  `json:"since"`
	Boot  string        `json:"boot"`
	Up    time.Duration `json:"up"`
}

// tillClock never goes back: within a boot it follows the time since boot, and
// a new boot goes on after the last instant on record, or at the time of day
// where that is later. Setting the time of day does nothing to it.
type tillClock struct {
	src   Clock
	mu    sync.Mutex // guards last
	last  sale.Instant
	start reading
}

// latest is the last time of day that is believed, the year 2200: a clock beyond
// it is broken, and nanoseconds end in 2262.
const latest = 7258118400

// wall is the time of day as it is recorded.
func (c *tillClock) wall() time.Time {
	w := c.src.Wall().Round(0).UTC()
	if w.Unix() < 0 || w.Unix() > latest {
		return time.Unix(0, 0).UTC()
	}
	return w
}

// resume begins at what the file says.
func (c *tillClock) resume(saved reading) {
	boot, up := c.src.Boot()
	c.start = reading{At: saved.At, Since: saved.Since, Boot: boot, Up: up}
	if saved.Boot == boot && saved.At > 0 {
		c.start.At = saved.At.Add(max(0, up-saved.Up))
	} else {
		c.start.At = max(saved.At+1, sale.Instant(c.wall().UnixNano()))
		c.start.Since = c.start.At
	}
	c.last = c.start.At
}

// now is the till's time. Two readings may be equal.
func (c *tillClock) now() sale.Now {
	n := c.reading()
	return sale.Now{At: n.At, Since: n.Since}
}

// stamp is an instant after every other that was given out.
func (c *tillClock) stamp() sale.Now {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	n := c.read()
	return sale.Now{At: n.At, Since: n.Since}
}

// reading is the till's time with what it takes to go on from it.
func (c *tillClock) reading() reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

func (c *tillClock) read() reading {
	_, up := c.src.Boot()
	c.last = max(c.last, c.start.At.Add(up-c.start.Up))
	return reading{At: c.last, Since: c.start.Since, Boot: c.start.Boot, Up: up}
}
