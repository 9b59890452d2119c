package salvage_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"qrposd/store/salvage"
)

func frame(seq uint64, r *rand.Rand) salvage.Frame {
	f := salvage.Frame{Seq: seq, Body: make([]byte, 1+r.IntN(3000)), Birth: make([]byte, r.IntN(600))}
	for i := range f.Body {
		f.Body[i] = byte(r.IntN(256))
	}
	f.Once = []byte("once")
	binary.BigEndian.PutUint64(f.Link[:], seq)
	return f
}

func open(t *testing.T, path string) *salvage.Journal {
	t.Helper()
	j, err := salvage.Open(path, salvage.MinSize)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func all(t *testing.T, path string) (list []salvage.Frame) {
	t.Helper()
	if err := salvage.Read(path, func(f salvage.Frame) error { list = append(list, f); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func equal(a, b salvage.Frame) bool {
	return a.Seq == b.Seq && a.Link == b.Link && a.Origin == b.Origin && bytes.Equal(a.Body, b.Body) && bytes.Equal(a.Birth, b.Birth) && bytes.Equal(a.Once, b.Once)
}

// The ring goes round many times, over restarts: what is in it is the latest frames, in
// order and without a gap, and its size never changes.
func TestRing(t *testing.T) {
	for _, seed := range []uint64{rand.Uint64(), 10303515151032150677} { // the second: a frame of the round before lies at the end
		t.Logf("seed %d", seed)
		goesRound(t, seed)
	}
}

func goesRound(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	path := filepath.Join(t.TempDir(), "ring")
	j := open(t, path)
	var wrote []salvage.Frame
	for len(wrote) < 3000 {
		var batch []salvage.Frame
		for range 1 + r.IntN(5) {
			batch = append(batch, frame(uint64(len(wrote)+len(batch)+1), r))
		}
		if err := j.Append(batch...); err != nil {
			t.Fatal(err)
		}
		wrote = append(wrote, batch...)
		if r.IntN(200) == 0 {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, path)
			if last := j.Last(); last.Seq != uint64(len(wrote)) || last.Link != wrote[len(wrote)-1].Link {
				t.Fatalf("after a start the last line is %d, %d were written", last.Seq, len(wrote))
			}
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() != salvage.MinSize {
		t.Fatalf("%v, %d bytes", err, info.Size())
	}
	got := all(t, path)
	if len(got) < 300 {
		t.Fatalf("%d frames are in the ring", len(got))
	}
	for i, f := range got {
		if !equal(f, wrote[len(wrote)-len(got)+i]) {
			t.Fatalf("frame %d of %d is not the one that was written", i, len(got))
		}
	}
	t.Logf("%d frames written, the last %d are there", len(wrote), len(got))
}

// Whatever happens to any byte, or to all from one on: a frame is as it was written or
// it is not there, those that were not touched are, and the ring goes on.
func TestDamagedRing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "ring")
	j := open(t, path)
	var wrote []salvage.Frame
	for i := range uint64(8) {
		wrote = append(wrote, frame(i+1, r))
	}
	if err := errors.Join(j.Append(wrote...), j.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.LastIndex(whole, []byte("once")) + 4
	flips := 0
	for at := 0; at < end; at += 37 {
		b := bytes.Clone(whole)
		b[at] ^= 1 << r.IntN(8)
		if at%3 == 0 {
			clear(b[at:end]) // torn
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		lost := map[uint64]bool{}
		for _, f := range wrote {
			lost[f.Seq] = true
		}
		for _, f := range all(t, path) {
			if !equal(f, wrote[f.Seq-1]) {
				t.Fatalf("byte %d: line %d is told wrong", at, f.Seq)
			}
			delete(lost, f.Seq)
		}
		if at%3 != 0 && len(lost) > 1 {
			t.Fatalf("byte %d: the lines %v are gone", at, lost)
		}
		flips += len(lost)
		if at%740 == 0 {
			j := open(t, path)
			if err := errors.Join(j.Append(frame(99, r)), j.Close()); err != nil {
				t.Fatal(err)
			}
			if list := all(t, path); list[len(list)-1].Seq != 99 {
				t.Fatalf("byte %d: the ring does not go on", at)
			}
		}
	}
	if flips == 0 {
		t.Fatal("nothing was damaged")
	}
}

// A file of something else is not written over.
func TestNoRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	for what, b := range map[string][]byte{"empty": nil, "short": []byte("Dear customer"), "text": bytes.Repeat([]byte("Dear customer,\n"), 1<<17)} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if j, err := salvage.Open(path, salvage.MinSize); err == nil {
			t.Errorf("a file that is %s is taken for a ring (%v)", what, j.Close())
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
			t.Errorf("a file that is %s was touched", what)
		}
	}
}

// One ring has one writer.
func TestTwoWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	j := open(t, path)
	if second, err := salvage.Open(path, salvage.MinSize); err == nil {
		t.Fatal("two write to one ring", second.Close())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// Nothing follows a write that failed.
func TestAfterAnError(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "ring")
	j := open(t, path)
	if err := errors.Join(j.Append(frame(1, r)), j.Close()); err != nil { // a closed file fails every write
		t.Fatal(err)
	}
	if err := j.Append(frame(2, r)); err == nil || j.Err() == nil {
		t.Fatal("a write to nowhere did not fail")
	}
	if err := j.Append(); err == nil {
		t.Fatal("it was forgotten")
	}
	if got := all(t, path); len(got) != 1 {
		t.Fatalf("%d frames", len(got))
	}
}

// FuzzRead reads a ring with anything in it.
func FuzzRead(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(f.TempDir(), "ring")
	j, err := salvage.Open(path, salvage.MinSize)
	if err != nil {
		f.Fatal(err)
	}
	good := frame(1, r)
	if err := errors.Join(j.Append(good), j.Close()); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint16(0), []byte{1})
	f.Add(uint16(16), []byte{0xff, 0xff, 0xff, 0xff})
	f.Add(uint16(512), whole[:512])
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		b := bytes.Clone(whole)
		copy(b[at:], patch)
		path := filepath.Join(t.TempDir(), "ring")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, got := range all(t, path) {
			if !equal(got, good) {
				t.Fatal("a frame that nobody wrote")
			}
		}
	})
}
