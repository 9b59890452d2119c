package daemon

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// seed is a row of the table that says what this till's practices are worth: what
// was measured, and under it the same without the practice.
type seed struct {
	row, draws string // where the chance in it came from, so that it can be had again
	measured   figure
	against    figure
}

// figure is what came out of n sales.
type figure struct {
	what string
	n    int
	says string
}

// trials is how many sales a row is made of: few in a test, which only has to see
// a mistake, more where somebody wants the figures (QRPOSD_SEEDS: sales of the row
// about charges, which is the long one).
func trials(t *testing.T) (sales int, table bool) {
	text, table := os.LookupEnv("QRPOSD_SEEDS")
	if !table {
		return 0, false
	}
	sales, err := strconv.Atoi(text)
	if err != nil || sales < 1 {
		t.Fatalf("QRPOSD_SEEDS is %q; a number of sales", text)
	}
	return sales, true
}

// TestSeeds measures every row against the simulator, which was written from the
// contracts by somebody else and counts for itself. What must hold exactly is
// asserted whatever n is; durations are only printed.
func TestSeeds(t *testing.T) {
	sales, table := trials(t)
	if table { // as many threads as the daemon has
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2 * runtime.NumCPU()))
	}
	size := func(few, many int) int {
		if table {
			return many
		}
		return few
	}
	var lines []seed
	for _, row := range []struct {
		name string
		run  func(*testing.T) []seed
	}{
		{"context", func(t *testing.T) []seed { return contextSeeds(t, size(100, 1500)) }},
		{"charges", func(t *testing.T) []seed { return chargeSeeds(t, size(50, sales), !table) }},
		{"disputes", func(t *testing.T) []seed { return disputeSeeds(t, size(20, 1000)) }},
		{"deadline", func(t *testing.T) []seed { return deadlineSeeds(t, size(10, 400)) }},
		{"rejections", func(t *testing.T) []seed { return rejectionSeeds(t, size(31, 1001), size(10, 200)) }},
		{"errors", func(t *testing.T) []seed { return errorSeeds(t, size(4, 150)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			if !table && row.name != "deadline" { // a figure, and what is about time, has the machine to itself
				t.Parallel()
			}
			began := time.Now()
			found := row.run(t)
			if table {
				lines = append(lines, found...)
			}
			t.Logf("%s in %s", row.name, time.Since(began).Round(time.Second))
		})
	}
	if table {
		printSeeds(t, lines)
	}
}

func printSeeds(t *testing.T, lines []seed) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "row\twhat\tn\tseed\tfigure")
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", l.row, l.measured.what, l.measured.n, l.draws, l.measured.says)
		fmt.Fprintf(w, "\t- %s\t%d\t%s\t%s\n", l.against.what, l.against.n, l.draws, l.against.says)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// abreast does n pieces of work, a few at a time, and collects what went wrong.
func abreast(t *testing.T, n, width int, do func(i int) error) {
	t.Helper()
	next := make(chan int)
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	for range min(width, n) {
		wg.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					mu.Lock()
					errs = append(errs, fmt.Errorf("%d: %w", i, err))
					mu.Unlock()
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs[:min(len(errs), 10)] {
		t.Error(err)
	}
	if len(errs) > 10 {
		t.Errorf("and %d more", len(errs)-10)
	}
}

// quantile is the value below which a share of all lies.
func quantile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return all[int(share*float64(len(all)-1))]
}

// percent is a share as it is printed.
func percent(part, whole int) string {
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(max(whole, 1)))
}
