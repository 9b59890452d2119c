package powercut

import (
	"errors"
	"os/exec"
	"sync/atomic"
	"testing"
)

// flushesThatFail is every n-th flush of a till that sells: all of them in the long run.
func flushesThatFail() (list []int) {
	step := max(1, 110_000/least())
	for n := 8; n < 250; n += step { // the first ones are of a new store
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
		d, dir := mount(t)
		d.fails = func(past bool, i int) bool { return !past && i == n }
		text, err := sellUntil(t, d, dir, "")
		var exit *exec.ExitError
		if err == nil && d.flushes[false] < n {
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

// Where it is the flush of an archive, the file does not know it yet: the till sells on,
// nothing is forgotten for it, and it is written once more.
func TestFlushOfAnArchiveFails(t *testing.T) {
	d, dir := mount(t)
	d.fails = func(past bool, i int) bool { return past && i%2 == 1 }
	if text, err := sellUntil(t, d, dir, ""); err != nil {
		t.Fatalf("the till ends with %v:\n%s", err, text)
	}
	states, bad, first := judge(t, d.log, 1, 0, (*found).look)
	if bad > 0 || d.flushes[true] < 4 || archivesIn(d.log) != d.flushes[true]/2 {
		t.Fatalf("%d archives of %d; %d of %d states are bad; the first: %v", archivesIn(d.log), d.flushes[true], bad, states, first)
	}
	t.Logf("%d flushes of %d failed, %d crash states, 0 bad", d.flushes[true]-archivesIn(d.log), d.flushes[true], states)
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
		d, dir := mount(t)
		d.fails = func(past bool, i int) bool { return !past && i == n }
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
