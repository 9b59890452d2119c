package explain

import (
	"slices"
	"testing"
)

// Every finding beside every opinion: what is sure stays, no cause is contradicted,
// none is invented, and what is heeded is never more than what the model said.
func TestHeed(t *testing.T) {
	for f := range Cause(len(causes)) {
		for _, sure := range []bool{true, false} {
			for o := range Cause(len(causes) + 3) {
				for level := -1; level <= 11; level++ {
					was := Finding{Cause: f, Sure: sure, Confidence: 0.4, Advice: TopUp}
					got, heeded := was.Heed(Opinion{o, level})
					inside := o == User || o == Policy || o == Hallucination
					want := !sure && inside && level >= believed && level <= 10 && (f == Unknown || f == o)
					switch {
					case heeded != want:
						t.Fatalf("%s (sure %v) beside %s at %d: heeded %v, want %v", f, sure, o, level, heeded, want)
					case heeded && (got.Cause != o || !got.Sure || got.Advice != was.Advice):
						t.Fatalf("%s beside %s at %d is %+v", f, o, level, got)
					case !heeded && (got.Cause != was.Cause || got.Sure != was.Sure || got.Confidence != was.Confidence):
						t.Fatalf("%s beside %s at %d was not heeded and is %+v", f, o, level, got)
					}
				}
			}
		}
	}
}

// Every cause has a name that leads back to it, and no other word leads to one.
func TestParseCause(t *testing.T) {
	for c := range Cause(len(causes)) {
		if got, ok := ParseCause(c.String()); !ok || got != c {
			t.Errorf("%s leads to %s", c, got)
		}
	}
	for _, name := range []string{"", "paid", "success", "User", "cause(4)"} {
		if c, ok := ParseCause(name); ok {
			t.Errorf("%q is %s", name, c)
		}
	}
}

// What Words gives is in the vocabulary, and what it leaves out is not.
func TestInVocabulary(t *testing.T) {
	n := 0
	for _, e := range corpus(t) {
		for _, w := range Words(e.text) {
			if n++; !InVocabulary(w) {
				t.Errorf("%s gives %q, which is not in the vocabulary", e.id, w)
			}
		}
	}
	if n == 0 || slices.ContainsFunc([]string{"", "zhang", "13800138000", "张三", "oUpF8uMuAJO"}, InVocabulary) {
		t.Errorf("%d words; a name is one of them", n)
	}
}
