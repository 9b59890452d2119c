package main

import (
	"context"
	"fmt"
	"os"

	"qrposd/daemon"
	"qrposd/systemd"
)

// config prints the configuration with its defaults, checks a file, or prints a
// file of the installation.
func config(_ context.Context, c *call) error {
	print := c.flags.String("print", "", "print a file of the installation: `unit`, udev, sysusers, tmpfiles or prerm")
	if err := c.parse(); err != nil {
		return err
	}
	switch {
	case *print != "":
		for _, f := range systemd.Files() {
			if f.Name == *print {
				_, err := c.out.Write(f.Text)
				return err
			}
		}
		return usage(fmt.Sprintf("there is no installation file %q", *print))
	case len(c.args) == 0:
		_, err := c.out.Write(daemon.Example)
		return err
	case len(c.args) > 1:
		return usage("config takes one file")
	}
	if _, err := daemon.Load(c.args[0], systemd.Env(os.Getenv).Credential); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.out, "%s is in order\n", c.args[0])
	return err
}
