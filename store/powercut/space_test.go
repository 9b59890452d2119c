package powercut

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// room says at which writes a disk has none.
type room struct {
	at   int    // the first write for which there is none; 0 is that there always is
	long length // that it lasts
	made bool   // somebody has made some

	writes  int
	ballast bool // was given back
}

type length byte

const (
	once      length = iota // for one write
	toBallast               // until the ballast is given back: what was begun ends in its room
	toPerson                // until somebody makes some
)

// full says whether there is no room for a write, and whether there is for a part of it.
func (d *disk) full(f *file) (full, part bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &d.room
	if !f.ballast {
		r.writes++
	}
	switch {
	case r.at == 0 || r.writes < r.at || r.made:
	case r.long == once:
		full = r.writes == r.at && !f.ballast
	case r.long == toBallast:
		full = !r.ballast || f.ballast
	default:
		full = true
	}
	if full && !f.ballast {
		d.log = append(d.log, op{kind: word, text: "full"})
	}
	return full, r.at%2 == 0
}

// released is told that the ballast is gone.
func (d *disk) released() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room.ballast = d.room.at > 0 && d.room.writes >= d.room.at
}

// writesThatFail is every n-th write of a small till: all of them in the long run.
func writesThatFail(t *testing.T) (list []int) {
	t.Helper()
	d, dir := mount(t)
	sellAt(t, d, dir, "")
	if archivesIn(d.log) < 2 {
		t.Fatalf("a till that moves nothing: %d archives", archivesIn(d.log))
	}
	step := max(1, 70_000/least())
	for n := 1; n <= d.room.writes; n += step {
		list = append(list, n)
	}
	t.Logf("a till makes %d writes; every %d. of them is tried", d.room.writes, step)
	return list
}

// fullAt lets a till sell on a disk that has no room at one of its writes, and looks at
// what it leaves wherever something was refused and at the end.
func fullAt(t *testing.T, n int, long length, bug string) (end fullEnd) {
	t.Helper()
	d, dir := mount(t)
	d.room = room{at: n, long: long}
	text, err := sellUntil(t, d, dir, bug)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 70:
		end.doubt = true
	case err != nil:
		end.first = fmt.Errorf("the till ends with %w: %s", err, text)
	}
	var near []int
	for at, o := range d.log {
		if o.kind == word && (o.text == "full" || strings.HasPrefix(o.text, refused)) {
			near = append(near, at)
			end.full = true
			end.refused = append(end.refused, strings.TrimPrefix(o.text, refused+" "))
		}
	}
	end.refused = slices.DeleteFunc(end.refused, func(s string) bool { return s == "full" })
	last := len(d.log) - 1
	_, end.bad, err = judge(t, d.log, 2, 0, func(f *found, path string) error {
		if f.at < last && !slices.ContainsFunc(near, func(at int) bool { return f.at > at-3 && f.at < at+6 }) {
			return nil
		}
		f.resume = true
		return f.look(path)
	})
	end.first = errors.Join(end.first, err)
	return end
}

type fullEnd struct {
	full    bool
	doubt   bool     // the till ended with 70
	refused []string // what was, in words
	bad     int      // states
	first   error    // that is bad
}

// At any write there may be no room, for that one, until the ballast is given back, or
// until a person makes some. What is refused is not recorded and said so, all else is;
// with room again the same sale goes on, and nobody is charged twice.
func TestNoSpace(t *testing.T) {
	t.Setenv(isSmall, "1")
	for name, long := range map[string]length{"once": once, "until the ballast goes": toBallast, "until somebody makes room": toPerson} {
		t.Run(name, func(t *testing.T) {
			met, doubts, words := 0, 0, map[string]int{}
			list := writesThatFail(t)
			for _, n := range list {
				end := fullAt(t, n, long, "")
				if end.bad > 0 || end.first != nil {
					t.Fatalf("no room at write %d: %d states are bad; the first: %v", n, end.bad, end.first)
				}
				if end.full {
					met++
				}
				if end.doubt {
					doubts++
				}
				for _, w := range end.refused {
					words[w]++
				}
			}
			if met < len(list)*9/10 {
				t.Errorf("%d of %d met no room", met, len(list))
			}
			t.Logf("%d tills met no room, %d ended with 70 for want of knowledge; refused were %v", met, doubts, words)
		})
	}
}

// A till that takes what was refused for done is noticed.
func TestNoSpaceIsNoticed(t *testing.T) {
	t.Setenv(isSmall, "1")
	bad := 0
	list := writesThatFail(t)
	for _, n := range list {
		if end := fullAt(t, n, toPerson, deaf); end.bad > 0 {
			bad++
		}
	}
	if bad*10 <= len(list) {
		t.Errorf("%d of %d tills are bad: this test would not notice", bad, len(list))
	}
	t.Logf("%d of %d tills are bad", bad, len(list))
}
