package powercut

import (
	"errors"
	"os/exec"
	"sync/atomic"
	"testing"
)

// flushesThatFail is every n-th flush of a till that sells: all of them in the long run.
func flushesThatFail() (list []int) {
	step := max(1, 130_000/least())
	for n := 3; n < 90; n += step {
		list = append(list, n)
	}
	return list
}

// A disk whose n-th flush fails, and the next succeeds as if nothing had been, ends the
// till with 70: whatever the disk has of that commit, the file is whole, every word that
// was given is kept, and the till that goes on charges nobody twice.
func TestFlushFails(t *testing.T) {
	states, ended := 0, 0
	for _, n := range flushesThatFail() {
		d, dir := mount(t, storeName)
		d.fails = func(i int) bool { return i == n }
		text, err := sellUntil(t, d, dir, "")
		var exit *exec.ExitError
		if err == nil {
			break // it sold all that it had to with fewer flushes
		}
		if !errors.As(err, &exit) || exit.ExitCode() != 70 {
			t.Fatalf("flush %d fails and the till ends with %v:\n%s", n, err, text)
		}
		ended++
		looked, bad, first := judgeEnd(t, d.log, 12, 8)
		if states += looked; bad > 0 {
			t.Fatalf("flush %d: %d of %d states are bad; the first: %v", n, bad, looked, first)
		}
	}
	if ended < 5 || states < 100 {
		t.Fatalf("%d tills and %d states are none", ended, states)
	}
	t.Logf("%d flushes failed, %d tills ended with 70, %d crash states, 0 bad", ended, ended, states)
}

// judgeEnd looks at the states of the last lines of a log.
func judgeEnd(t *testing.T, log []op, lines, each int) (states, bad int, first error) {
	t.Helper()
	var looked atomic.Int64
	_, bad, first = judge(t, log, each, 0, func(f *found, path string) error {
		if f.at < len(log)-lines {
			return nil
		}
		looked.Add(1)
		return f.look(path)
	})
	return int(looked.Load()), bad, first
}

// A till that goes on after it has what the disk has not: this is why it does not.
func TestGoingOnIsNoticed(t *testing.T) {
	states, bad := 0, 0
	var first error
	for n := 21; n < 60 && bad == 0; n++ {
		d, dir := mount(t, storeName)
		d.fails = func(i int) bool { return i == n }
		if text, err := sellUntil(t, d, dir, goesOn); err != nil {
			t.Logf("flush %d: %v %s", n, err, text)
		}
		looked, wrong, why := judge(t, d.log, 3, 0, (*found).look)
		states, bad, first = states+looked, bad+wrong, why
	}
	if bad == 0 {
		t.Errorf("%d states and none is bad: this test would not notice", states)
	}
	t.Logf("%d of %d states are bad; the first: %.300v", bad, states, first)
}
