package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Signatures count as fresh within skewFail of the provider's clock; from skewWarn
// on the till's is drifting.
const (
	skewFail = 300 * time.Second
	skewWarn = 60 * time.Second
)

// Clock compares the wall clock with the Date of an answer of the provider, whose
// authorities caFile pins. url is empty where the network is not to be used.
func Clock(caFile, url string) Check {
	return Check{ID: "clock", Title: "The wall clock is the provider's", Run: func(ctx context.Context) (t Tally) {
		var tx unix.Timex // modes 0 reads and sets nothing
		state, err := unix.Adjtimex(&tx)
		judgeSync(&t, state, tx.Status, err)
		if url == "" {
			t.Unsure("run it without -offline", "not compared with the provider")
			return t
		}
		roots, err := pool(caFile)
		if err != nil {
			t.Unsure("correct wechat.ca_file", "ca_file: %v", err)
			return t
		}
		rt := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}
		began := time.Now()
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
		if err != nil {
			t.Unsure("", "%v", err)
			return t
		}
		res, err := rt.RoundTrip(req)
		if err != nil {
			t.Unsure("", "%s gives no time: %v", req.URL.Host, plain(err))
			return t
		}
		res.Body.Close()
		date, err := http.ParseTime(res.Header.Get("Date"))
		if err != nil {
			t.Unsure("", "%s sent no Date", req.URL.Host)
			return t
		}
		// The header has whole seconds, and was made halfway between.
		ahead := began.Add(time.Since(began) / 2).Sub(date.Add(500 * time.Millisecond))
		judgeSkew(&t, req.URL.Host, ahead)
		return t
	}}
}

func judgeSync(t *Tally, state int, status int32, err error) {
	const remedy = "enable time synchronisation: `timedatectl set-ntp true`, or chrony"
	switch {
	case err != nil:
		t.Unsure("", "adjtimex: %v", err)
	case state == unix.TIME_ERROR || status&unix.STA_UNSYNC != 0:
		t.Poor(remedy, "the kernel's clock is not synchronised (adjtimex status %#x)", status)
	default:
		t.Good("the kernel's clock is synchronised")
	}
}

func judgeSkew(t *Tally, host string, ahead time.Duration) {
	const remedy = "set the clock: `timedatectl set-ntp true`, and see that NTP passes the router"
	switch off := ahead.Round(100 * time.Millisecond); {
	case ahead.Abs() >= skewFail:
		t.Bad(remedy, "%s ahead of %s; signatures are refused from 300 s on", off, host)
	case ahead.Abs() >= skewWarn:
		t.Poor(remedy, "%s ahead of %s", off, host)
	default:
		t.Good("%s ahead of %s", off, host)
	}
}

// Entropy asks whether the kernel's random numbers are ready. Keys that are made
// before they are can be guessed.
func Entropy() Check {
	return Check{ID: "entropy", Title: "Random numbers are ready", Run: func(context.Context) (t Tally) {
		n, err := unix.Getrandom(make([]byte, 32), unix.GRND_NONBLOCK)
		judgeEntropy(&t, n, err)
		return t
	}}
}

func judgeEntropy(t *Tally, n int, err error) {
	switch {
	case errors.Is(err, unix.EAGAIN):
		t.Bad("install a source of randomness (rng-tools, or haveged on old kernels)", "getrandom is not ready")
	case err != nil || n != 32:
		t.Unsure("", "getrandom: %d bytes, %v", n, err)
	default:
		t.Good("getrandom is ready")
	}
}

// Listening examines the address of the local API.
func Listening(addr string) Check {
	return Check{ID: "listen", Title: "Only this machine reaches the till", Run: func(context.Context) (t Tally) {
		a, err := netip.ParseAddrPort(addr)
		switch {
		case err != nil:
			t.Bad("set api.listen to 127.0.0.1:8430", "api.listen is %q", addr)
		case !a.Addr().IsLoopback():
			t.Bad("set api.listen to 127.0.0.1:8430", "api.listen is %s: whoever reaches it can take money", addr)
		default:
			t.Good("api.listen is %s", addr)
		}
		return t
	}}
}

// Memory examines swap and the limit that the till runs under. proc is /proc but
// for tests, and unit what the installed unit file says, if it could be read.
func Memory(proc, unit string) Check {
	return Check{ID: "memory", Title: "Memory is bounded and does not reach the disk", Run: func(context.Context) (t Tally) {
		swaps, err := os.ReadFile(proc + "/swaps")
		if err != nil {
			t.Unsure("", "swaps: %v", err)
		} else {
			judgeSwap(&t, string(swaps))
		}
		switch {
		case unit == "":
			t.Unsure("`qrposd config -print unit` prints the unit", "no unit file is installed")
		case !strings.Contains(unit, "\nEnvironment=GOMEMLIMIT="):
			t.Poor("take GOMEMLIMIT and MemoryMax from `qrposd config -print unit`", "the unit sets no GOMEMLIMIT")
		default:
			t.Good("the unit sets GOMEMLIMIT")
		}
		return t
	}}
}

func judgeSwap(t *Tally, swaps string) {
	first := true
	for line := range strings.Lines(swaps) {
		words := strings.Fields(line)
		if first || len(words) == 0 {
			first = false
			continue
		}
		if strings.Contains(words[0], "zram") {
			t.Good("swap is compressed memory (%s)", words[0])
			continue
		}
		t.Poor("`swapoff -a`, or zram: keys and faces must not reach a disk", "swap on %s", words[0])
		return
	}
	t.Good("nothing is swapped to a disk")
}

// Service examines the installed unit.
func Service(unit string) Check {
	return Check{ID: "service", Title: "The service manager watches the till", Run: func(context.Context) (t Tally) {
		if unit == "" {
			t.Unsure("`qrposd config -print unit > /etc/systemd/system/qrposd.service`", "no unit file is installed")
			return t
		}
		for _, want := range []string{"Type=notify", "WatchdogSec=", "Restart=always", "RestartPreventExitStatus=78"} {
			if !strings.Contains(unit, "\n"+want) {
				t.Poor("take it from `qrposd config -print unit`", "the unit has no %s", want)
			}
		}
		if t.verdict == "" {
			t.Good("notify, watchdog and restart are set")
		}
		return t
	}}
}

// plain is an error without the address that was asked, which findings name.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
