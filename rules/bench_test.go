package rules

import (
	"encoding/json"
	"testing"
)

// BenchmarkDecide judges cases by the shipped rules: flatten, check, hash, and
// all conditions.
func BenchmarkDecide(b *testing.B) {
	s := standard(b)
	cases := make([]Case, 256)
	for i := range cases {
		cases[i] = generate(uint64(i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Decide(&cases[i%len(cases)])
	}
}

// BenchmarkFacts is the part of it that does not depend on the rules.
func BenchmarkFacts(b *testing.B) {
	c := generate(1)
	for b.Loop() {
		var f facts
		f.load(&c)
		f.hash()
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load("default.toml", Default); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoadTooMany is a file of 10,000 rules, which is refused.
func BenchmarkLoadTooMany(b *testing.B) {
	text := manyRules(10_000)
	for b.Loop() {
		if _, err := Load("f.toml", text); err == nil {
			b.Fatal("no fault")
		}
	}
}

func BenchmarkLint(b *testing.B) {
	s := standard(b)
	for b.Loop() {
		s.Lint()
	}
}

// BenchmarkReplay is one recorded sale, read from its JSON.
func BenchmarkReplay(b *testing.B) {
	s := standard(b)
	c := generate(3)
	facts, err := json.Marshal(c)
	if err != nil {
		b.Fatal(err)
	}
	verdict, err := json.Marshal(s.Record(s.Decide(&c)))
	if err != nil {
		b.Fatal(err)
	}
	_, err = s.Replay(func(yield func(Recorded, error) bool) {
		for b.Loop() {
			var r Recorded
			if json.Unmarshal(facts, &r.Case) != nil || json.Unmarshal(verdict, &r.Verdict) != nil || !yield(r, nil) {
				b.Fatal("not read")
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(facts)+len(verdict)), "bytes/record")
}
