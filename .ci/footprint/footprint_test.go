package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"testing/fstest"
	"time"
)

func TestSizes(t *testing.T) {
	dir := t.TempDir()
	small, large := filepath.Join(dir, "small"), filepath.Join(dir, "large")
	for name, n := range map[string]int64{small: 1000, large: 1001} {
		if err := os.WriteFile(name, make([]byte, n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := run([]string{"-max", "1000", small}, &out); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if err := run([]string{large}, &out); err != nil {
		t.Errorf("without a limit: %v", err)
	}
	out.Reset()
	if err := run([]string{"-max", "1000", large, small}, &out); err == nil || bytes.Count(out.Bytes(), []byte(" MB\n")) != 2 {
		t.Errorf("above the limit: %v, printed %q", err, out.String())
	}
	if err := run([]string{filepath.Join(dir, "none")}, &out); err == nil {
		t.Error("a file that is not there was weighed")
	}
	if err := run(nil, &out); err == nil {
		t.Error("nothing to do was done")
	}
}

// status is what Linux 6 writes, shortened.
func status(rss, switches int) []byte {
	return fmt.Appendf(nil, "Name:\tqrposd\nVmHWM:\t    9000 kB\nVmRSS:\t    %d kB\nRssAnon:\t    2048 kB\n"+
		"voluntary_ctxt_switches:\t%d\nnonvoluntary_ctxt_switches:\t99\n", rss, switches)
}

func TestRead(t *testing.T) {
	proc := fstest.MapFS{
		"7/status":        {Data: status(8192, 10)},
		"7/stat":          {Data: []byte("7 (qr) posd (x) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 3 0 0 0 0")},
		"7/fd/0":          {},
		"7/fd/3":          {},
		"7/task/7/status": {Data: status(8192, 10)},
		"7/task/8/status": {Data: status(8192, 5)},
		"7/task/9/ended":  {},
	}
	before, err := read(proc, 7)
	if err != nil {
		t.Fatal(err)
	}
	if before.rss != 8192 || before.anon != 2048 || before.peak != 9000 || before.descriptors != 2 || before.cpu != 2*time.Second {
		t.Errorf("read %+v", before)
	}
	proc["7/task/7/status"] = &fstest.MapFile{Data: status(8192, 40)} // 30 more
	delete(proc, "7/task/8/status")                                   // ended: what it did is lost
	proc["7/task/10/status"] = &fstest.MapFile{Data: status(8192, 4)} // new: all 4
	after, err := read(proc, 7)
	if err != nil {
		t.Fatal(err)
	}
	if got := after.wakeUps(before); got != 34 {
		t.Errorf("%d wake-ups, want 34", got)
	}
	for _, name := range []string{"7/status", "7/stat", "7/fd", "7/task"} {
		broken := fstest.MapFS{}
		for k, v := range proc {
			if k != name && filepath.Dir(k) != name && filepath.Dir(filepath.Dir(k)) != name {
				broken[k] = v
			}
		}
		if _, err := read(broken, 7); err == nil {
			t.Errorf("read a process without %s", name)
		}
	}
	for _, stat := range []string{"", "7 (x", "7 (x) S 1", "7 (x) S 1 2 3 4 5 6 7 8 9 10 a 1 1", "7 (x) S 1 2 3 4 5 6 7 8 9 10 1 b 1"} {
		if _, err := cpu([]byte(stat)); err == nil {
			t.Errorf("CPU times in %q", stat)
		}
	}
}

// A real process that is known to wake 20 times a second must be seen to.
func TestWatch(t *testing.T) {
	awake := exec.Command("bash", "-c", "while :; do read -t 0.05 x || :; done")
	stdin, err := awake.StdinPipe() // held open and silent: each read waits its 50 ms
	if err != nil {
		t.Fatal(err)
	}
	if err := awake.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = awake.Process.Kill()
		_ = awake.Wait()
		stdin.Close()
	})
	time.Sleep(200 * time.Millisecond)
	var out bytes.Buffer
	if err := run([]string{"-pid", strconv.Itoa(awake.Process.Pid), "-for", "1s"}, &out); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS (\S+) MiB .*\nover 1 s: (\S+) wake-ups/s`).FindStringSubmatch(out.String())
	if m == nil {
		t.Fatalf("printed %q", out.String())
	}
	rss, err1 := strconv.ParseFloat(m[1], 64)
	wakes, err2 := strconv.ParseFloat(m[2], 64)
	if err1 != nil || err2 != nil || rss < 0.5 || wakes < 5 || wakes > 80 {
		t.Errorf("a shell that wakes 20 times a second: %s", out.String())
	}
	if err := run([]string{"-pid", "0x7fffffff"}, &out); err == nil {
		t.Error("watched a process that is not there")
	}
}
