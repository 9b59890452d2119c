package aipay

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// wireContext is the context as somebody reads it who has only the contract.
type wireContext struct {
	Session struct {
		ID            string
		EmbeddingHash string    `json:"embedding_hash"`
		StartedAt     time.Time `json:"started_at"`
	}
	Interactions []struct {
		Kind      string
		At        time.Time
		Embedding struct {
			Model  string
			Dim    int
			Values []float64
		}
	}
	Device struct {
		FingerprintHash string `json:"fingerprint_hash"`
	}
	Intent struct {
		Classifier, Label string
		Confidence        float64
	}
}

func readContext(t *testing.T, c Context) wireContext {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var w wireContext
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

// contractHash computes the session's hash from the wire, by the words of the
// contract and in plain floats.
func contractHash(w wireContext) string {
	sum := make([]float64, dim)
	for _, in := range w.Interactions {
		for i, v := range in.Embedding.Values {
			sum[i] += v
		}
	}
	squares := 0.0
	for _, v := range sum {
		squares += v * v
	}
	var b []byte
	for _, v := range sum {
		f := math.Round(v/math.Sqrt(squares)*1e6) / 1e6
		if f == 0 {
			f = 0 // no negative zero
		}
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	digest := sha256.Sum256(b)
	return hex.EncodeToString(digest[:])
}

// The server has only the wire: it comes to the same hash.
func TestHashIsWhatTheWireSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	kinds := []Kind{Keypad, Scan, Product, Attempt, Pay, Confirm}
	seen := map[string]bool{}
	for range 300 {
		s := testSession()
		s.ID = string([]byte{'a' + byte(rng.IntN(26)), 'a' + byte(rng.IntN(26)), 'a' + byte(rng.IntN(26)), 'a' + byte(rng.IntN(26))})
		s.Interactions = nil
		at := s.Started
		for range 1 + rng.IntN(maxInteractions) {
			at = at.Add(time.Duration(rng.Int64N(int64(20 * time.Second))))
			s.Interactions = append(s.Interactions, Interaction{kinds[rng.IntN(len(kinds))], at, Article{"food", rng.Int64N(1_000_000)}})
		}
		c, err := NewContext(s, testDevice(), testIntent())
		if err != nil {
			t.Fatal(err)
		}
		w := readContext(t, c)
		if got := contractHash(w); got != c.SessionHash() || got != w.Session.EmbeddingHash {
			t.Fatalf("by the contract the hash is %s, the context says %s and %s", got, c.SessionHash(), w.Session.EmbeddingHash)
		}
		for _, in := range w.Interactions {
			squares := 0.0
			for _, v := range in.Embedding.Values {
				squares += v * v
			}
			if in.Embedding.Model != Model || in.Embedding.Dim != 64 || len(in.Embedding.Values) != 64 || math.Abs(squares-1) > 1e-5 {
				t.Fatalf("an embedding of %d numbers, length %g", len(in.Embedding.Values), math.Sqrt(squares))
			}
		}
		if seen[c.SessionHash()] {
			t.Errorf("two sessions have the hash %s", c.SessionHash())
		}
		seen[c.SessionHash()] = true
	}
}

// Golden: these numbers are the same on every processor, for ever (they were
// computed by another program in another language first). They may change only
// together with Model.
func TestGoldenVector(t *testing.T) {
	s := testSession()
	got := s.embed(0, 200*time.Millisecond)
	var nonzero []int64
	for i, n := range got {
		if n != 0 {
			nonzero = append(nonzero, int64(i), n)
		}
	}
	want := []int64{5, 258199, 16, 258199, 23, -516398, 26, 258199, 31, 516398, 44, -258199, 54, 258199, 55, -258199, 57, 258199}
	if !slices.Equal(nonzero, want) {
		t.Errorf("the first vector is %v", nonzero)
	}
	if got, want := testContext(t, s.Flow).SessionHash(), "78c0c13b9e2c4ee91757b4012432623890d9ffc9ba39a450f9c1c7f2d42a74bf"; got != want {
		t.Errorf("the session's hash is %s", got)
	}
}

// One feature of each kind moves the vector, and nothing else does.
func TestFeatures(t *testing.T) {
	base := testSession()
	hash := func(change func(*Session)) string {
		s := testSession()
		change(&s)
		c, err := NewContext(s, testDevice(), testIntent())
		if err != nil {
			t.Fatal(err)
		}
		return c.SessionHash()
	}
	same := hash(func(*Session) {})
	for name, change := range map[string]func(*Session){
		"kind":     func(s *Session) { s.Interactions[0].Kind = Scan },
		"order":    func(s *Session) { s.Interactions = s.Interactions[1:] },
		"gap":      func(s *Session) { s.Interactions[0].At = s.Started.Add(20 * time.Second) },
		"hour":     func(s *Session) { shift(s, 9*time.Hour) },
		"amount":   func(s *Session) { s.Amount.Minor *= 10 },
		"flow":     func(s *Session) { s.Flow = "payer" },
		"session":  func(s *Session) { s.ID += "x" },
		"category": func(s *Session) { s.Interactions[1].Article.Category = "food" },
		"price":    func(s *Session) { s.Interactions[1].Article.Price *= 10 },
	} {
		if hash(change) == same {
			t.Errorf("another %s gives the same hash", name)
		}
	}
	for name, change := range map[string]func(*Session){
		"amount of the same size":       func(s *Session) { s.Amount.Minor = 9999 },
		"price of the same size":        func(s *Session) { s.Interactions[1].Article.Price = 9999 },
		"article of what is no article": func(s *Session) { s.Interactions[0].Article = Article{"food", 5} },
		"currency":                      func(s *Session) { s.Amount.Currency = "USD" },
		"zone": func(s *Session) {
			for i := range s.Interactions {
				s.Interactions[i].At = s.Interactions[i].At.In(time.FixedZone("CST", 8*3600))
			}
		},
		"millisecond": func(s *Session) { shift(s, time.Millisecond) },
	} {
		if hash(change) != same {
			t.Errorf("another %s gives another hash", name)
		}
	}
	if len(base.Interactions) != 4 {
		t.Fatal("the session changed")
	}
}

func shift(s *Session, d time.Duration) {
	s.Started = s.Started.Add(d)
	for i := range s.Interactions {
		s.Interactions[i].At = s.Interactions[i].At.Add(d)
	}
}

// The parts of a vector are odd in number, those of an article's too, so no vector is zero.
func TestNoZeroVector(t *testing.T) {
	if (parts+6)%2 == 0 {
		t.Fatal("an even number of features can cancel out")
	}
	s := testSession()
	for i := range 2000 {
		s.ID = string(rune('a'+i%26)) + time.Duration(i).String()
		if s.embed(0, 0) == (vector{}) || s.embed(1, 0) == (vector{}) {
			t.Fatalf("session %q embeds to zero", s.ID)
		}
	}
}

func TestGapBuckets(t *testing.T) {
	for gap, want := range map[time.Duration]string{
		-1: "back", 0: "<100ms", 99 * time.Millisecond: "<100ms", 100 * time.Millisecond: "<300ms", time.Second: "<3s",
		30 * time.Second: "<1m40s", 100 * time.Second: "more", math.MaxInt64: "more",
	} {
		if got := gapBucket(gap); got != want {
			t.Errorf("%s is in %q, want %q", gap, got, want)
		}
	}
}

func BenchmarkNewContext(b *testing.B) {
	s := testSession()
	for len(s.Interactions) < maxInteractions {
		s.Interactions = append(s.Interactions, s.Interactions[0])
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewContext(s, testDevice(), testIntent()); err != nil {
			b.Fatal(err)
		}
	}
}
