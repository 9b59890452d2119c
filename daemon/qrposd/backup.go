package main

import (
	"context"
	"fmt"

	"qrposd/daemon/api"
)

// backup has a running till write a copy of its store, checked after it was
// written. Only the till can: it holds the file.
func backup(ctx context.Context, c *call) error {
	addr := c.flags.String("addr", defaultAddr, "the `URL` of the till")
	if err := c.parse(); err != nil {
		return err
	}
	b, err := (&api.Client{Base: *addr}).Backup(ctx)
	if err != nil {
		return err
	}
	how := "not encrypted"
	if b.Encrypted {
		how = "encrypted"
	}
	_, err = fmt.Fprintf(c.out, "%s: %s, %d bytes, %d sales, %d entries, head %s\n", b.Path, how, b.Bytes, b.Sales, b.Entries, b.Head)
	return err
}
