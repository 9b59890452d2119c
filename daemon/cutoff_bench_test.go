package daemon

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"qrposd/daemon/advisor"
	"qrposd/rules"
)

// BenchmarkCutoff measures by how much verdicts are later than 600 ms, over real
// connections on this machine. An iteration is 50 judgements at once, so
// -benchtime 40x is 2,000 against each provider. It runs with twice as many threads
// as cores, as the daemon does.
func BenchmarkCutoff(b *testing.B) {
	procs := runtime.GOMAXPROCS(2 * runtime.NumCPU())
	defer runtime.GOMAXPROCS(procs)
	for _, load := range []struct {
		name string
		busy func(testing.TB) func()
	}{
		{"idle", func(testing.TB) func() { return func() {} }},
		{"cores busy", otherProcesses},
	} {
		b.Run(load.name, func(b *testing.B) {
			for _, a := range awkwards {
				b.Run(a.name, func(b *testing.B) {
					defer load.busy(b)()
					a.bench(b)
				})
			}
			b.Run("deaf client", func(b *testing.B) {
				defer load.busy(b)()
				benchCutoff(b, deaf{})
			})
		})
	}
}

// BenchmarkCutoffOwnLoad has the daemon's own goroutines on every core. The client
// is deaf, so that nothing but the verdict's own timer ends the wait.
func BenchmarkCutoffOwnLoad(b *testing.B) {
	for _, c := range []struct {
		name  string
		times int
	}{{"as many threads as cores", 1}, {"twice as many", 2}} {
		b.Run(c.name, func(b *testing.B) {
			procs := runtime.GOMAXPROCS(c.times * runtime.NumCPU())
			defer runtime.GOMAXPROCS(procs)
			defer ownLoad()()
			benchCutoff(b, deaf{})
		})
	}
}

func otherProcesses(t testing.TB) func() {
	var all []*exec.Cmd
	for range runtime.NumCPU() {
		c := exec.Command("sh", "-c", "while :; do :; done")
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return func() {
		for _, c := range all {
			_ = c.Process.Kill()
			_ = c.Wait() // says that it was killed
		}
	}
}

func ownLoad() func() {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for n := 0; ; n++ {
				if n%1000 == 0 {
					select {
					case <-stop:
						return
					default:
					}
				}
			}
		})
	}
	return func() { close(stop); wg.Wait() }
}

// deaf is a client that does not listen to its context.
type deaf struct{}

func (deaf) Name() (provider, model string) { return "deaf", "m" }

func (deaf) Suits(*rules.Case) bool { return true }

func (deaf) Ask(context.Context, *rules.Case, rules.Record) (advisor.Opinion, error) {
	time.Sleep(700 * ms)
	return advisor.Opinion{}, context.DeadlineExceeded
}

func (a awkward) bench(b *testing.B) {
	goroutines, files := runtime.NumGoroutine(), openFiles(b)
	address, stop := a.listen(b)
	m := a.rig(b, address, (&net.Dialer{}).DialContext)
	benchCutoff(b, m)
	m.client.Close()
	stop()
	for range 600 { // a dial that was given up ends by itself
		if runtime.NumGoroutine() <= goroutines && openFiles(b) <= files {
			return
		}
		time.Sleep(10 * ms)
	}
	b.Errorf("%d goroutines and %d descriptors, were %d and %d", runtime.NumGoroutine(), openFiles(b), goroutines, files)
}

// benchCutoff gives each judgement an advisor of its own: breakers would spare most
// of them the provider.
func benchCutoff(b *testing.B, m advisor.Model) {
	set := softRules(b)
	var mu sync.Mutex
	var late []time.Duration
	for b.Loop() {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				judge := advisor.New(set, []advisor.Model{m}, nil, advisor.Limits{}, slog.New(slog.DiscardHandler))
				start := time.Now()
				adv := judge.Advise(b.Context(), bigSale())
				took := time.Since(start)
				if adv.Path == advisor.ByModel || adv.Path == advisor.RulesOpen {
					b.Errorf("decided by %s", adv.Path)
				}
				judge.Close()
				mu.Lock()
				defer mu.Unlock()
				late = append(late, took-600*ms)
			})
		}
		wg.Wait()
	}
	slices.Sort(late)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(late)), "judged")
	for name, q := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "p99.9-ms": 0.999, "max-ms": 1} {
		b.ReportMetric(float64(late[int(q*float64(len(late)-1))].Microseconds())/1e3, name)
	}
}

// listen puts the provider on this machine's network.
func (a awkward) listen(t testing.TB) (address string, stop func()) {
	t.Helper()
	if a.talk == nil && a.dead == nil {
		return blackHole(t)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if a.dead != nil {
		l.Close()
		return l.Addr().String(), func() {}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				a.talk(c)
			}()
		}
	}()
	return l.Addr().String(), func() { l.Close() }
}

// blackHole is an address where packets are swallowed: a queue of connections that
// is full and that nobody empties.
func blackHole(t testing.TB) (address string, stop func()) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}
	var filling []net.Conn
	for range 16 {
		c, err := net.DialTimeout("tcp", at.String(), 50*ms)
		if err != nil {
			return at.String(), func() {
				for _, c := range filling {
					c.Close()
				}
				_ = syscall.Close(fd)
			}
		}
		filling = append(filling, c)
	}
	t.Fatal("the queue does not fill up")
	return "", nil
}

func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
