package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"qrposd/daemon"
	"qrposd/daemon/api"
	"qrposd/rules/sale"
	"qrposd/systemd"
)

// exitOwing says that money is queued: EX_NOPERM, since a name is what it takes.
const exitOwing = 77

// leave says whether the till may be updated, reset, removed or logged out of. While
// it owes something it may not, unless somebody stands for it by name; that is on
// record in each of the sales. Beside a running till it asks the till, else its file.
func leave(ctx context.Context, c *call) error {
	file := c.flags.String("config", "/etc/qrposd/qrposd.toml", "the configuration `FILE`")
	addr := c.flags.String("addr", "", "the `URL` of the till; empty is the one of the configuration")
	asJSON := c.flags.Bool("json", false, "print JSON")
	var n api.Leaving
	c.flags.StringVar(&n.For, "for", "", "what for: update, reset, removal or logout")
	c.flags.StringVar(&n.Operator, "override", "", "do it all the same: the `NAME` of whoever stands for it, on record")
	c.flags.StringVar(&n.Reason, "reason", "", "why, on record")
	if err := c.parse(); err != nil {
		return err
	}
	if !slices.Contains(sale.Purposes(), n.For) || len(c.args) > 0 {
		return usage("leave takes -for update, reset, removal or logout")
	}
	if (n.Operator == "") != (n.Reason == "") {
		return usage("leave takes -override and -reason together: who stands for it, and why")
	}
	l, err := leaving(ctx, c, *file, *addr, n)
	if err != nil {
		return err
	}
	if *asJSON {
		_ = json.NewEncoder(c.out).Encode(l)
	} else {
		for _, j := range l.Jobs {
			printJob(c, j, false)
		}
	}
	if !l.Clear {
		return unwell{exitOwing, fmt.Sprintf("%d sales owe something; settle them (`qrposd queue ls`), or stand for it with -override NAME -reason TEXT", len(l.Jobs))}
	}
	return nil
}

// credential is where the unit takes a secret from: this verb runs in no unit, and
// only one that writes to the file of a stopped till needs any.
func credential(name string) (string, bool, error) {
	if path, ok, err := systemd.Env(os.Getenv).Credential(name); ok || err != nil {
		return path, ok, err
	}
	return "/etc/credstore/qrposd." + name, true, nil
}

// leaving asks the running till, and the file where none runs. A till that is named
// by its URL is one that runs: no file is looked at in its place.
func leaving(ctx context.Context, c *call, file, addr string, n api.Leaving) (api.Leave, error) {
	soon, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if addr != "" {
		return (&api.Client{Base: addr}).Leave(soon, n)
	}
	cfg, err := daemon.Load(file, credential)
	if err != nil {
		return api.Leave{}, err
	}
	l, err := (&api.Client{Base: "http://" + cfg.API.Listen}).Leave(soon, n)
	var none *net.OpError
	if errors.As(err, &none) && none.Op == "dial" {
		return daemon.LeaveFile(ctx, cfg, n, logger(c, cfg.Log.Level))
	}
	return l, err
}
