package rules

import "testing"

func TestDefaultLoads(t *testing.T) {
	s, err := Load("default.toml", Default)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(s.rules), s.hash)
}

func BenchmarkDecide(b *testing.B) {
	s, err := Load("default.toml", Default)
	if err != nil {
		b.Fatal(err)
	}
	c := generate(1)
	b.ReportAllocs()
	for b.Loop() {
		s.Decide(&c)
	}
}

func BenchmarkFacts(b *testing.B) {
	c := generate(1)
	for b.Loop() {
		var f facts
		f.load(&c)
		sink = uint64(f.hash())
	}
}

var sink uint64
