package e2e

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// rounds is how many sales one run of the benchmark measures.
const rounds = 300

// syncsOfAQR is what three commits ask of the disk: pages, then a header, each
// made to last.
const syncsOfAQR = 2 * untilShown

// BenchmarkFirstQR is what a cashier waits for: from the request for a sale to
// the answer with its QR code, at a provider that answers at once. Between two
// sales the same disk is asked for as many bare writes that last, and the same
// processor for one signature: the ratio is what the till adds to what nobody
// can leave out.
func BenchmarkFirstQR(b *testing.B) {
	o := startOutside(b, 1)
	d := newTill(b, o, built(b).product, "BENCH", nil)
	if !d.start() {
		b.Fatalf("the till did not open:\n%s", d.log)
	}
	d.api.HTTP = &http.Client{Transport: &http.Transport{}} // a page keeps its connection
	disk, key := newBareDisk(b, filepath.Dir(d.store)), merchantKey(b, o)
	var qr, syncs, signs, loops []time.Duration
	for range b.N * rounds {
		began := time.Now()
		s, err := d.api.Open(b.Context(), api.NewSale{Flow: sale.Merchant, Amount: "12.80", Currency: "CNY"}, rand.Text(), 5*time.Second)
		qr = append(qr, time.Since(began))
		if err != nil || s.QR == nil {
			b.Fatalf("%v, %s", err, s.State)
		}
		syncs = append(syncs, timed(b, func() error { return disk.write(syncsOfAQR) }))
		signs = append(signs, timed(b, func() error { return sign(key) }))
		loops = append(loops, timed(b, func() error { _, err := d.api.Status(b.Context()); return err }))
		if err := shut(b.Context(), d, s.ID); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0, "ns/op") // an op is many sales and their breakdown
	report := func(name string, all []time.Duration) (p50, p99 float64) {
		p50, p99 = at(all, 0.50), at(all, 0.99)
		b.ReportMetric(p50, name+"-p50-ms")
		b.ReportMetric(p99, name+"-p99-ms")
		return p50, p99
	}
	q50, q99 := report("qr", qr)
	s50, s99 := report("disk", syncs)
	b.ReportMetric(q50/s50, "qr/disk-p50")
	b.ReportMetric(q99/s99, "qr/disk-p99")
	b.ReportMetric(at(signs, 0.50), "sign-p50-ms")
	b.ReportMetric(at(loops, 0.50), "status-p50-ms")
	b.ReportMetric(at(orderCalls(d), 0.50), "provider-p50-ms")
	d.stop()
}

func timed(b *testing.B, do func() error) time.Duration {
	began := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// at is the value below which a share of all lies, in milliseconds.
func at(all []time.Duration, share float64) float64 {
	if len(all) == 0 {
		return 0
	}
	all = slices.SortedFunc(slices.Values(all), cmp.Compare)
	return float64(all[int(share*float64(len(all)-1))]) / float64(time.Millisecond)
}

// bareDisk is a file beside the store.
type bareDisk struct {
	f    *os.File
	page []byte
	end  int64
}

func newBareDisk(b *testing.B, dir string) *bareDisk {
	f, err := os.Create(filepath.Join(dir, "bare"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	return &bareDisk{f: f, page: make([]byte, 4096)}
}

// write writes pages one after the other, each made to last before the next.
func (d *bareDisk) write(n int) error {
	for range n {
		_, err := d.f.WriteAt(d.page, d.end)
		if err = errors.Join(err, unix.Fdatasync(int(d.f.Fd()))); err != nil {
			return err
		}
		d.end = (d.end + int64(len(d.page))) % (1 << 20)
	}
	return nil
}

func merchantKey(b *testing.B, o *outside) *rsa.PrivateKey {
	conf, err := os.ReadFile(o.config)
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(regexp.MustCompile(`private_key_file = "(.*)"`).FindStringSubmatch(string(conf))[1])
	if err != nil {
		b.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		b.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

func sign(key *rsa.PrivateKey) error {
	sum := sha256.Sum256([]byte("POST\n/v3/pay/transactions/native\n"))
	_, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	return err
}

var orderLine = regexp.MustCompile(`msg="wechat call" op=order .* ms=(\d+)`)

// orderCalls is how long the provider took for the last orders, by the till's log:
// its own signature and the check of the provider's are in it.
func orderCalls(d *till) (all []time.Duration) {
	for _, m := range orderLine.FindAllStringSubmatch(d.log.String(), -1) {
		ms, _ := strconv.Atoi(m[1])
		all = append(all, time.Duration(ms)*time.Millisecond)
	}
	return all
}
