package main

import (
	"context"
	"fmt"
	"os"

	"qrposd/daemon"
	"qrposd/daemon/api"
	"qrposd/systemd"
)

// adopt takes over the store of a till that this machine replaces. It is a verb of
// its own and not a flag of serve: in a unit file it would be said at every start.
func adopt(ctx context.Context, c *call) error {
	file := c.flags.String("config", "/etc/qrposd/qrposd.toml", "the configuration `FILE`")
	if err := c.parse(); err != nil {
		return err
	}
	cfg, err := daemon.Load(*file, systemd.Env(os.Getenv).Credential)
	if err != nil {
		return err
	}
	if err := daemon.Adopt(ctx, cfg, daemon.Options{Version: version, Log: logger(c, cfg.Log.Level), Check: checkInChild}); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s belongs to this machine now; the other one must not sell again\n", cfg.Store.Path)
	// What the other machine owed goes on here: whoever adopts it reads what that is.
	l, err := daemon.LeaveFile(ctx, cfg, api.Leaving{For: "removal"}, logger(c, cfg.Log.Level))
	for _, j := range l.Jobs {
		printJob(c, j, false)
	}
	return err
}
