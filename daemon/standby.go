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
	srv := &http.Server{
		Handler: standBy{cfg.Till.ID, ln.Addr().String(), why}, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() }) // nobody is in the middle of anything
	defer stop()
	o.Log.Error("the till does not sell", "page", "http://"+ln.Addr().String()+"/", "err", why, "hint", Hint(why))
	_ = o.Systemd.Notify(systemd.Ready, systemd.Status("not selling: "+why.Error()))
	if every, ok := o.Systemd.Watchdog(os.Getpid()); ok {
		go func() {
			for tick := time.NewTicker(every); ctx.Err() == nil; <-tick.C {
				_ = o.Systemd.Notify(systemd.Alive)
			}
		}()
	}
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(why, err)
	}
	return nil
}

// standBy answers everything with why the till does not sell.
type standBy struct {
	till, addr string
	why        error
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
	code, message, hint := "store_unusable", s.why.Error(), Hint(s.why)
	var e *store.Error
	if errors.As(s.why, &e) {
		code = e.Code
	}
	switch {
	case r.URL.Path == "/metrics":
		h.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write([]byte("# TYPE qrposd_selling gauge\nqrposd_selling 0\n")) // the client is gone: nobody to tell
	case r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
		h.Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(s.page(code, message, hint, strings.HasPrefix(r.URL.Path, "/customer"))))
	default:
		h.Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(api.NewProblem(http.StatusServiceUnavailable, code, message, hint))
	}
}

// page is what a person reads. A customer learns nothing of the shop's files.
func (s standBy) page(code, message, hint string, customer bool) string {
	const head = `<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta http-equiv="refresh" content="10"><title>qrposd</title>`
	if customer {
		return head + `<h1 lang="zh-CN">请咨询收银员</h1><h1 lang="en">Please ask the cashier</h1>`
	}
	return head + `<h1 lang="zh-CN">本机不能收款</h1><p lang="zh-CN">交易记录文件无法使用，原文件未作改动。请勿在本机收款，请联系技术支持。</p>` +
		`<h1 lang="en">This till does not sell</h1><p lang="en">The file that everything owed is kept in cannot be used. It was not changed. Take no payment here; call support.</p>` +
		`<dl lang="en"><dt>Till</dt><dd>` + html.EscapeString(s.till) + `</dd><dt>Code</dt><dd>` + html.EscapeString(code) + `</dd><dt>What is wrong</dt><dd>` + html.EscapeString(message) +
		`</dd><dt>What to do</dt><dd>` + html.EscapeString(hint) + `</dd></dl>`
}
