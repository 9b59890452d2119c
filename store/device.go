package store

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// binding is which machine a file belongs to. Two machines with copies of one
// file would both go on with its sales: each open charge would be taken back by
// one and awaited by the other, and each refund sent by both.
type binding struct {
	Device string    `json:"device"` // keyed digest
	Since  time.Time `json:"since"`
	Before []binding `json:"before,omitempty"` // the machines that it was taken over from, the latest last
}

// bind gives a file that belongs to nobody to this device, and refuses one of
// another, unless it is to be taken over. A power cut before the commit leaves
// the file as it was.
func (db *DB) bind() error {
	if db.opts.Device == "" {
		return nil
	}
	var was binding
	if err := db.bolt.View(func(tx *bbolt.Tx) error { return getMeta(tx, deviceKey, &was) }); err != nil {
		return err
	}
	now := binding{Device: db.opts.Device, Since: (&tillClock{src: db.opts.Clock}).wall()}
	switch {
	case was.Device == now.Device:
		return nil
	case was.Device != "" && !db.opts.Adopt:
		return ErrOtherDevice.becausef("it belongs to %.8s since %s, this is %.8s", was.Device, was.Since.Format(time.DateOnly), now.Device)
	case was.Device != "":
		now.Before = append(was.Before, binding{Device: was.Device, Since: was.Since})
		db.opts.Log.Warn("the file was taken over from another device", "from", was.Device[:min(8, len(was.Device))], "to", now.Device[:min(8, len(now.Device))])
	}
	if err := db.bolt.Update(func(tx *bbolt.Tx) error { return putMeta(tx, deviceKey, now) }); err != nil {
		return fmt.Errorf("store: the file could not be bound to this device: %w", err)
	}
	return nil
}
