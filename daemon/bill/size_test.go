package bill

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

const large = 100_000 // rows, and sales

// clerk writes a bill while it is read, so that no test holds one in memory.
type clerk struct {
	left []byte
	next int
	each func(i int) // before row i is written
}

func orderNo(i int) string { return fmt.Sprintf("T1260305%06dABCDEFGHJK1", i) }

func (c *clerk) Read(b []byte) (int, error) {
	if len(c.left) == 0 {
		c.left = c.line(c.next)
		if c.next++; c.left == nil {
			return 0, io.EOF
		}
	}
	n := copy(b, c.left)
	c.left = c.left[n:]
	return n, nil
}

func (c *clerk) line(i int) []byte {
	switch {
	case i == 0:
		return []byte("\ufeff" + strings.Join(present, ",") + "\r\n")
	case i <= large:
		if c.each != nil {
			c.each(i)
		}
		no, second := orderNo(i), i%86400
		at := fmt.Sprintf("2026-03-05 %02d:%02d:%02d", second/3600, second/60%60, second%60)
		return fmt.Appendf(nil, "`%s,`wx0000000000000001,`%s,`0,`T1,`4200000001202603%012d,`%s,`oXXXXXXXXXXXXXXXXXXXXXXXXXXX,`NATIVE,`SUCCESS,`OTHERS,`CNY,"+
			"`12.80,`0.00,`0,`0,`0.00,`0.00,`,`,`咖啡,`,`0.00768,`0.60%%,`12.80,`0.00,`\r\n", at, merchant, i, no)
	case i == large+1:
		return fmt.Appendf(nil, "总交易单数,应结订单总金额,退款总金额,手续费总金额,订单总金额\r\n`%d.0,`%d.00,`0.0,`%d.00,`%d.00\r\n", large, large*128/10, large*768/100000, large*128/10)
	}
	return nil
}

func largeDigest(t testing.TB) (string, int64) {
	h := sha1.New()
	n, err := io.Copy(h, &clerk{})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil)), n
}

func largeShop() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for i := range large {
			no := orderNo(i + 1)
			e := Entry{Payment, no, no, sale.ID(no[:len(no)-1]), money.Money{Minor: 1280, Currency: "CNY"}, Paid, noon(), noon().Add(time.Second)}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestMemory(t *testing.T) {
	sum, _ := largeDigest(t)
	before, most := live(), int64(0)
	c := Comparison{Day: noon(), Digest: sum, Merchant: merchant}
	got, err := c.Compare(&clerk{each: func(i int) {
		if i%(large/10) == 0 {
			most = max(most, live()-before)
		}
	}}, largeShop())
	if err != nil || got.Agreed != large || len(got.Differences) > 0 {
		t.Fatalf("%v: %d agree, %d differ", err, got.Agreed, len(got.Differences))
	}
	t.Logf("%.1f MB live at most", float64(most)/1e6)
	if most < 1e6 || most > 48e6 {
		t.Errorf("%d bytes are live", most)
	}
	// The file itself costs nothing: who has no sales needs no memory for theirs.
	c.Ours, most = func(string) bool { return false }, 0
	got, err = c.Compare(&clerk{each: func(i int) {
		if i == large {
			most = live() - before
		}
	}}, each())
	if err != nil || got.Others != large || most > 2e6 {
		t.Errorf("%v: %d bytes for the rows of others", err, most)
	}
}

// BenchmarkCompare shows what a comparison costs beside hashing the same file.
func BenchmarkCompare(b *testing.B) {
	sum, size := largeDigest(b)
	b.SetBytes(size)
	b.ReportAllocs()
	var bare, peak int64
	for b.Loop() {
		b.StopTimer()
		begun := time.Now()
		largeDigest(b)
		bare += int64(time.Since(begun))
		runtime.GC()
		b.StartTimer()
		c := Comparison{Day: noon(), Digest: sum, Merchant: merchant}
		got, err := c.Compare(&clerk{each: func(i int) {
			if i%2000 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, int64(m.HeapAlloc))
			}
		}}, largeShop())
		if err != nil || got.Agreed != large {
			b.Fatal(err, got.Agreed)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(bare), "x-hashing")
	b.ReportMetric(float64(peak)/1e6, "peak-heap-MB")
}
