package scanner

import (
	"fmt"
	"testing"
	"time"
)

func TestDebounce(t *testing.T) {
	const window = 2 * time.Second
	d := newDebouncer(window)
	at := time.Unix(1e9, 0)
	for i, step := range []struct {
		after   time.Duration
		payload string
		dup     bool
	}{
		{0, "a", false},
		{0, "a", true},
		{window - 1, "a", true},
		{window - 1, "a", true}, // renewed by the repeat before
		{window, "a", false},    // the window is open at its end
		{1, "b", false},
		{1, "a", true}, // b does not end a's window
		{window, "b", false},
		{0, "a", false},
		{-time.Hour, "a", true}, // a clock set back does not charge twice
	} {
		at = at.Add(step.after)
		if got := d.duplicate(step.payload, at); got != step.dup {
			t.Errorf("step %d: duplicate(%q) = %v, want %v", i, step.payload, got, step.dup)
		}
	}
}

// A phone lying on a scan box is read every half second for minutes, and is one scan.
func TestDebouncePhoneOnTheBox(t *testing.T) {
	d := newDebouncer(2 * time.Second)
	at, first := time.Unix(1e9, 0), 0
	for range 600 {
		if !d.duplicate(payer, at) {
			first++
		}
		at = at.Add(500 * time.Millisecond)
	}
	if first != 1 {
		t.Errorf("%d scans, want 1", first)
	}
}

func TestDebounceOff(t *testing.T) {
	d := newDebouncer(0)
	at := time.Unix(1e9, 0)
	first, again := d.duplicate("a", at), d.duplicate("a", at)
	if first || again || len(d.seen) != 0 {
		t.Error("a debouncer that is off finds duplicates")
	}
}

func TestDebounceBounded(t *testing.T) {
	d := newDebouncer(time.Minute)
	at := time.Unix(1e9, 0)
	for i := range 10 * debounceEntries {
		at = at.Add(time.Millisecond)
		d.duplicate(fmt.Sprint(i), at)
		if len(d.seen) > debounceEntries {
			t.Fatalf("%d entries", len(d.seen))
		}
	}
	last := 10*debounceEntries - 1
	if !d.duplicate(fmt.Sprint(last-debounceEntries/2), at) {
		t.Error("a young entry was evicted before an old one")
	}
	if d.duplicate("0", at) {
		t.Error("the oldest entry was kept")
	}
	d.duplicate("x", at.Add(time.Minute+1))
	if len(d.seen) != 1 {
		t.Errorf("%d entries after the window", len(d.seen))
	}
}
