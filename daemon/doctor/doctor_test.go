package doctor

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// verdict runs a check and says what it found.
func verdict(t *testing.T, c Check) Finding {
	t.Helper()
	return Examine(t.Context(), []Check{c})[0]
}

// want fails unless a finding has the verdict and names what it is about.
func want(t *testing.T, name string, f Finding, v Verdict, word string) {
	t.Helper()
	if f.Verdict != v || !strings.Contains(f.Evidence, word) {
		t.Errorf("%s: %s %q, want %s with %q", name, f.Verdict, f.Evidence, v, word)
	}
	if v == Fail && f.Remedy == "" {
		t.Errorf("%s: nobody is told what to do", name)
	}
}

// judged is the finding of one judgement.
func judged(judge func(t *Tally)) Finding {
	return Examine(context.Background(), []Check{{Run: func(context.Context) (t Tally) { judge(&t); return t }}})[0]
}

func TestExamine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		defer close(hang)
		var beside atomic.Int32
		good := func(context.Context) (t Tally) {
			beside.Add(1)
			defer beside.Add(-1)
			time.Sleep(time.Second)
			t.Good("fine")
			return t
		}
		began := time.Now()
		found := Examine(t.Context(), []Check{
			{ID: "alone", Alone: true, Run: func(context.Context) (t Tally) {
				if n := beside.Load(); n != 0 {
					t.Bad("", "%d run beside it", n)
				}
				t.Good("fine")
				return t
			}},
			{ID: "good", Run: good},
			{ID: "too", Run: good},
			{ID: "hangs", Run: func(context.Context) (t Tally) { <-hang; return t }},
			{ID: "breaks", Run: func(context.Context) Tally { panic("boo") }},
			{ID: "empty", Run: func(context.Context) (t Tally) { return t }},
			{ID: "mixed", Run: func(context.Context) (t Tally) { t.Good("a"); t.Poor("do", "b"); t.Unsure("", "c"); return t }},
		})
		for i, w := range []struct {
			id string
			v  Verdict
		}{{"alone", OK}, {"good", OK}, {"too", OK}, {"hangs", Unknown}, {"breaks", Fail}, {"empty", Unknown}, {"mixed", Warn}} {
			if found[i].ID != w.id || found[i].Verdict != w.v {
				t.Errorf("%d: %+v, want %s of %s", i, found[i], w.v, w.id)
			}
		}
		if took := time.Since(began); took != limit {
			t.Errorf("took %s; everything at once takes %s", took, limit)
		}
		if Worst(found) != Fail || Worst(found[:3]) != OK || Worst(nil) != OK {
			t.Error("the worst is another")
		}
	})
}

func TestWrite(t *testing.T) {
	found := []Finding{
		{"good", "Good", OK, "seen", "", 1},
		{"bad", "Bad", Fail, "one; two", "mend it", 1},
		{"poor", "Poor", Warn, "so so", "look", 1},
	}
	var b strings.Builder
	if err := Write(&b, found); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if last := lines[len(lines)-1]; last != "1 ok, 0 unknown, 1 warn, 1 fail; fail: bad" {
		t.Errorf("it ends with %q", last)
	}
	if !strings.Contains(b.String(), "-> mend it\n") || !strings.Contains(b.String(), " one\n") {
		t.Errorf("printed as\n%s", b.String())
	}
}

func FuzzOneLine(f *testing.F) {
	f.Add("a\x1b[31mred\nnext")
	f.Fuzz(func(t *testing.T, s string) {
		if got := oneLine(s); strings.ContainsAny(got, "\n\r\x1b\x00\t") || len([]rune(got)) > 303 {
			t.Errorf("%q gives %q", s, got)
		}
	})
}
