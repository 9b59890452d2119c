package scanner

import (
	"crypto/sha256"
	"time"
)

// debounceEntries bounds the memory: more different codes than this within one window do not pass a till.
const debounceEntries = 64

// debouncer finds repeats. Scan boxes read continuously: a phone left lying on one is read again and again, with at most
// 0.5 s of lockout in the device. Each repeat therefore renews the window, or the phone would be charged every two
// seconds. The key is the payload alone, since a payer's page shows one number as Code 128 and as QR; and it is a digest,
// so that no payer code outlives its scan here.
type debouncer struct {
	window time.Duration
	seen   map[[sha256.Size]byte]time.Time
}

func newDebouncer(window time.Duration) *debouncer {
	return &debouncer{window: window, seen: make(map[[sha256.Size]byte]time.Time)}
}

// duplicate reports whether the payload was seen within the window before now, and remembers it.
func (d *debouncer) duplicate(payload string, now time.Time) bool {
	if d.window <= 0 {
		return false
	}
	var oldest [sha256.Size]byte
	for k, at := range d.seen {
		if now.Sub(at) >= d.window {
			delete(d.seen, k)
		} else if first, ok := d.seen[oldest]; !ok || at.Before(first) {
			oldest = k
		}
	}
	key := sha256.Sum256([]byte(payload))
	_, dup := d.seen[key]
	if !dup && len(d.seen) >= debounceEntries {
		delete(d.seen, oldest)
	}
	d.seen[key] = now
	return dup
}
