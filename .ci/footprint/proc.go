package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the CPU times in /proc/PID/stat: USER_HZ is 100 on every Linux port Go has.
const tick = 10 * time.Millisecond

// sample is one look at a process.
type sample struct {
	rss, anon, peak int64            // KiB
	switches        map[string]int64 // voluntary context switches by thread
	cpu             time.Duration    // of all threads, those that ended too
	descriptors     int
}

// read looks at process pid in proc, which is /proc.
func read(proc fs.FS, pid int) (sample, error) {
	dir := strconv.Itoa(pid)
	s := sample{switches: make(map[string]int64)}
	status, err := fs.ReadFile(proc, path.Join(dir, "status"))
	if err != nil {
		return s, err
	}
	for key, to := range map[string]*int64{"VmRSS": &s.rss, "RssAnon": &s.anon, "VmHWM": &s.peak} {
		if *to, err = field(status, key); err != nil {
			return s, err
		}
	}
	stat, err := fs.ReadFile(proc, path.Join(dir, "stat"))
	if err != nil {
		return s, err
	}
	if s.cpu, err = cpu(stat); err != nil {
		return s, err
	}
	fds, err := fs.ReadDir(proc, path.Join(dir, "fd"))
	if err != nil {
		return s, err
	}
	s.descriptors = len(fds)
	threads, err := fs.ReadDir(proc, path.Join(dir, "task"))
	if err != nil {
		return s, err
	}
	for _, t := range threads {
		status, err := fs.ReadFile(proc, path.Join(dir, "task", t.Name(), "status"))
		if err != nil {
			continue // it ended in between
		}
		if s.switches[t.Name()], err = field(status, "voluntary_ctxt_switches"); err != nil {
			return s, err
		}
	}
	return s, nil
}

// wakeUps counts since before; a thread that began in between counts from its start.
func (s sample) wakeUps(before sample) int64 {
	var n int64
	for thread, switches := range s.switches {
		n += switches - before.switches[thread]
	}
	return n
}

// field returns a number of a status file, without its unit.
func field(status []byte, key string) (int64, error) {
	for line := range bytes.Lines(status) {
		name, value, ok := strings.Cut(string(line), ":")
		if words := strings.Fields(value); ok && name == key && len(words) > 0 {
			return strconv.ParseInt(words[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s in the status of the process", key)
}

// cpu returns utime and stime, the 14th and 15th field of a stat file. They are counted from the end of the program's
// name, which may hold spaces and parentheses.
func cpu(stat []byte) (time.Duration, error) {
	_, rest, ok := strings.Cut(string(stat[max(0, bytes.LastIndexByte(stat, ')')):]), ")")
	words := strings.Fields(rest)
	if !ok || len(words) < 13 {
		return 0, fmt.Errorf("no CPU times in %q", stat)
	}
	user, err := strconv.ParseInt(words[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(words[12], 10, 64)
	return time.Duration(user+system) * tick, err
}
