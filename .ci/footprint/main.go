// Command footprint prints what the daemon costs a box: bytes on disk, memory, wake-ups.
//
// A till has 512 MB and a passive heat sink, so the costs are budgets like any other:
//
//	footprint -max 10000000 FILE...   sizes of binaries; one above the limit fails
//	footprint -pid PID -for 30s       what a running process holds, and how often it wakes
//
// Wake-ups are counted as voluntary context switches of all threads: that is how often something slept and had to be
// run again, whether a timer, a byte or the runtime's own housekeeping woke it. Perf would tell them apart, but needs
// rights a build machine does not give.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "footprint:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("footprint", flag.ContinueOnError)
	limit := flags.Int64("max", 0, "largest `bytes` a file may have, 0 for no limit")
	pid := flags.Int("pid", 0, "process to watch")
	window := flags.Duration("for", 30*time.Second, "how long to watch it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *pid == 0 && flags.NArg() == 0 {
		return errors.New("name files to weigh, or a process with -pid")
	}
	if err := sizes(out, *limit, flags.Args()); err != nil {
		return err
	}
	if *pid == 0 {
		return nil
	}
	return watch(out, *pid, *window)
}

// sizes prints all files before it fails for one, so that the next decision has the whole table.
func sizes(out io.Writer, limit int64, files []string) error {
	var over []error
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-32s %8.2f MB\n", name, float64(info.Size())/1e6)
		if limit > 0 && info.Size() > limit {
			over = append(over, fmt.Errorf("%s has %d bytes, more than %d", name, info.Size(), limit))
		}
	}
	return errors.Join(over...)
}

func watch(out io.Writer, pid int, window time.Duration) error {
	proc := os.DirFS("/proc")
	before, err := read(proc, pid)
	if err != nil {
		return err
	}
	start := time.Now()
	time.Sleep(window)
	after, err := read(proc, pid)
	if err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	fmt.Fprintf(out, "VmRSS %.1f MiB  RssAnon %.1f MiB  peak %.1f MiB  threads %d  descriptors %d\n",
		mib(after.rss), mib(after.anon), mib(after.peak), len(after.switches), after.descriptors)
	fmt.Fprintf(out, "over %.0f s: %.2f wake-ups/s  CPU %.2f %%\n",
		seconds, float64(after.wakeUps(before))/seconds, (after.cpu-before.cpu).Seconds()/seconds*100)
	return nil
}

func mib(kib int64) float64 { return float64(kib) / 1024 }
