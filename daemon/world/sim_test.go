package world

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// number is a whole number out of the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is not a number of anything", name, text)
	}
	return n
}

// Whatever the network, the power, the clocks, the judge and the people do: the books
// are the provider's truth in the end, and nobody was told anything else on the way.
func TestWorld(t *testing.T) {
	first, seeds, customers := number(t, "QRPOSD_SIM_SEED", 1), number(t, "QRPOSD_SIM_SEEDS", 500), number(t, "QRPOSD_SIM_SALES", 200)
	if os.Getenv("QRPOSD_SIM_SEED") != "" && os.Getenv("QRPOSD_SIM_SEEDS") == "" {
		seeds = 1
	}
	began := time.Now()
	var mu sync.Mutex
	var total summary
	workers := runtime.GOMAXPROCS(0)
	t.Run("seeds", func(t *testing.T) {
		for n := range workers {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				for i := n; i < seeds; i += workers {
					seed := uint64(first + i)
					sum, wrong := simulate(t, seed, customers, bug{})
					for _, v := range wrong {
						t.Errorf("seed %d: %s", seed, v)
					}
					if len(wrong) > 0 {
						t.Logf("again: make sim SEED=%d SALES=%d", seed, customers)
					}
					mu.Lock()
					total.add(sum)
					mu.Unlock()
				}
			})
		}
	})
	if total.n[sales]+total.n[lostSales] < seeds*customers {
		t.Errorf("%d sales in %d seeds of %d", total.n[sales], seeds, customers)
	}
	t.Logf("seeds %d to %d, in %s: %s", first, first+seeds-1, time.Since(began).Round(time.Second), total)
}

// Every planted bug is noticed, and the table says by which seed and by what.
func TestPlantedBugsAreNoticed(t *testing.T) {
	const seeds, customers = 40, 60
	list := bugs()
	rows := make([]string, len(list))
	t.Run("bugs", func(t *testing.T) {
		for i, b := range list {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				for seed := uint64(1); seed <= seeds; seed++ {
					if _, wrong := simulate(t, seed, customers, b); len(wrong) > 0 {
						rows[i] = fmt.Sprintf("%-62s seed %2d  %s", b.name, seed, wrong[0])
						return
					}
				}
				t.Errorf("nobody notices it in %d seeds of %d sales", seeds, customers)
			})
		}
	})
	for _, row := range rows {
		t.Log(row)
	}
}

// A seed is a story that can be told again.
func TestASeedIsOneStory(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		one, _ := simulate(t, seed, 60, bug{})
		two, _ := simulate(t, seed, 60, bug{})
		if one != two {
			t.Errorf("seed %d was\n%s\nand then\n%s", seed, one, two)
		}
		other, _ := simulate(t, seed+1000, 60, bug{})
		if other.print == one.print {
			t.Errorf("seeds %d and %d are the same story", seed, seed+1000)
		}
	}
}
