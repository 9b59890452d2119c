package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"qrposd/daemon"
	"qrposd/store"
	"qrposd/systemd"
)

// threads is how many run Go code for each core. With one, work that fills the
// cores, such as drawing a symbol or checking a signature, makes timers wait for the
// scheduler to take it off; with two the kernel shares the cores, and the last verdict
// in a hundred is some 4 ms late instead of 45.
const threads = 2

// gcPercent lets the heap grow by half before it is collected: a box has memory for
// the browser to lose, and the till's processor is idle most of the day.
const gcPercent = 50

// serve runs the till until it is told to stop.
func serve(ctx context.Context, c *call) error {
	file := c.flags.String("config", "/etc/qrposd/qrposd.toml", "the configuration `FILE`")
	if err := c.parse(); err != nil {
		return err
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(threads * runtime.GOMAXPROCS(0))
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	env := systemd.Env(os.Getenv)
	cfg, err := daemon.Load(*file, env.Credential)
	if err != nil {
		return err
	}
	log := logger(c, cfg.Log.Level)
	o := daemon.Options{Version: version, Log: log, Systemd: env, Check: checkInChild, Faults: faults()}
	d, err := daemon.Open(ctx, cfg, o)
	if daemon.Unsellable(err) {
		return daemon.StandBy(ctx, cfg, o, err)
	}
	if err != nil {
		return err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	go func() {
		for {
			select {
			case <-hup:
				d.Reload()
			case <-ctx.Done():
				return
			}
		}
	}()
	return errors.Join(d.Run(ctx), d.Close())
}

// logger writes for a technician who reads the machine's journal, which has the
// time already.
func logger(c *call, level string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // validated with the configuration
	return slog.New(slog.NewTextHandler(c.errOut, &slog.HandlerOptions{Level: l}))
}

// checkInChild verifies the store in a process of its own: a torn page can kill
// the process that reads it, and that must not be the till.
func checkInChild(ctx context.Context, path string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	return store.CheckInChild(ctx, exe, path)
}
