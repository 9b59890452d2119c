package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"qrposd/daemon/api"
	"qrposd/store"
	"qrposd/systemd"
)

// Unsellable says that err is a store that nothing can be proven of: a till that has one
// stays up and says so, because a page that does not load tells the cashier nothing, and
// a start that fails again and again tells nobody anything.
func Unsellable(err error) bool {
	return damaged(err) || errors.Is(err, store.ErrNoProof)
}

// StandBy serves one page, on the till's own address, that says why it does not sell and
// what is to be done, until ctx ends. It opens no store and answers no request for a sale
// with anything but that.
func StandBy(ctx context.Context, cfg Config, o Options, why error) error {
	ln, err := listen(cfg.API.Listen)
	if err != nil {
		return errors.Join(why, err)
	}
	o.Log.Error("the till does not sell", "page", "http://"+ln.Addr().String()+"/", "err", why, "hint", Hint(why))
	_ = o.Systemd.Notify(systemd.Ready, systemd.Status("not selling: "+why.Error()))
	if every, ok := o.Systemd.Watchdog(os.Getpid()); ok {
		go func() {
			for tick := time.NewTicker(every); ctx.Err() == nil; <-tick.C {
				_ = o.Systemd.Notify(systemd.Alive)
			}
		}()
	}
	page := standBy{till: cfg.Till.ID, code: "store_unusable", message: why.Error(), hint: Hint(why), words: unusable}
	var e *store.Error
	if errors.As(why, &e) {
		page.code = e.Code
	}
	if err := page.serve(ctx, ln, o.Log); err != nil {
		return errors.Join(why, err)
	}
	return nil
}

// meanwhile tells everybody who waits that the start takes longer, until it is over: the
// service manager, and whoever looks at the page. A year of sales takes minutes.
func (d *Daemon) meanwhile(ctx context.Context) (over func() error) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() {
		for tick := time.NewTicker(5 * time.Second); ; {
			_ = d.o.Systemd.Notify("EXTEND_TIMEOUT_USEC=30000000", systemd.Status("the store was damaged; what can be proven is put together"))
			select {
			case <-tick.C:
			case <-ctx.Done():
				tick.Stop()
				return
			}
		}
	})
	ln, err := listen(d.cfg.API.Listen)
	if d.ln = ln; err == nil {
		page := standBy{
			till: d.cfg.Till.ID, code: "store_rebuilding", message: "the store was damaged; what can be proven is put together", words: rebuilding,
			hint: "wait: seconds, and some minutes after a year of sales; the till sells by itself then",
		}
		all.Go(func() { err = page.serve(ctx, lent{ln.(*net.TCPListener)}, d.o.Log) })
	}
	return func() error {
		cancel()
		all.Wait()
		if err != nil {
			d.o.Log.Warn("nobody could be told at the page that the start takes longer", "err", err)
		}
		if ln == nil {
			return nil
		}
		return ln.(*net.TCPListener).SetDeadline(time.Time{})
	}
}

// lent is a listener that stays open when a server that had it for a time is closed: whoever
// asks in between waits, and meets no closed door, which a page that reloads itself would
// stay at.
type lent struct{ *net.TCPListener }

// Accept waits for the next connection.
func (l lent) Accept() (net.Conn, error) {
	c, err := l.TCPListener.Accept()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = net.ErrClosed
	}
	return c, err
}

// Close ends Accept.
func (l lent) Close() error { return l.SetDeadline(time.Now()) }

// standBy answers everything with why the till does not sell.
type standBy struct {
	till                string
	code, message, hint string
	words               [4]string // headline and text: Chinese, English
}

var (
	unusable = [4]string{
		"本机不能收款", "交易记录文件无法使用，原文件未作改动。请勿在本机收款，请联系技术支持。",
		"This till does not sell", "The file that everything owed is kept in cannot be used. It was not changed. Take no payment here; call support.",
	}
	rebuilding = [4]string{
		"本机暂时不能收款", "交易记录文件已损坏，正在根据可核实的记录重建。请稍候，完成后本页会自动更新。此前未确认的收款请勿重复收取。",
		"This till does not sell yet", "The file that everything owed is kept in was damaged, and is being put together of what can be proven. Wait: this page changes by itself. Do not charge again for a payment that was not certain.",
	}
)

// serve answers at ln until ctx ends.
func (s standBy) serve(ctx context.Context, ln net.Listener, log *slog.Logger) error {
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() }) // nobody is in the middle of anything
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP answers pages with a page and everything else with a problem.
func (s standBy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	host, _, err := net.SplitHostPort(r.Host)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		http.Error(w, "this server does not answer for that host", http.StatusMisdirectedRequest)
		return
	}
	switch {
	case r.URL.Path == "/metrics":
		h.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write([]byte("# TYPE qrposd_selling gauge\nqrposd_selling 0\n")) // the client is gone: nobody to tell
	case r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
		h.Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(s.page(strings.HasPrefix(r.URL.Path, "/customer"))))
	default:
		h.Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(api.NewProblem(http.StatusServiceUnavailable, s.code, s.message, s.hint))
	}
}

// page is what a person reads. A customer learns nothing of the shop's files.
func (s standBy) page(customer bool) string {
	const head = `<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta http-equiv="refresh" content="10"><title>qrposd</title>`
	if customer {
		return head + `<h1 lang="zh-CN">请咨询收银员</h1><h1 lang="en">Please ask the cashier</h1>`
	}
	return head + `<h1 lang="zh-CN">` + s.words[0] + `</h1><p lang="zh-CN">` + s.words[1] + `</p><h1 lang="en">` + s.words[2] + `</h1><p lang="en">` + s.words[3] + `</p>` +
		`<dl lang="en"><dt>Till</dt><dd>` + html.EscapeString(s.till) + `</dd><dt>Code</dt><dd>` + html.EscapeString(s.code) + `</dd><dt>What is wrong</dt><dd>` + html.EscapeString(s.message) +
		`</dd><dt>What to do</dt><dd>` + html.EscapeString(s.hint) + `</dd></dl>`
}
