package daemon

import (
	"errors"

	"qrposd/store"
)

// Hint is what to do about an error of a start or a stop, where that is known.
func Hint(err error) string {
	var e *store.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// NeedsAPerson says that no restart mends err: starting again and again would
// only wear the disk and bury the message.
func NeedsAPerson(err error) bool {
	for _, e := range []error{store.ErrForeign, store.ErrCorrupt, store.ErrNewer, store.ErrAccess, store.ErrOtherDevice, store.ErrBehind, store.ErrNoProof, store.ErrRestoreMoved, store.ErrRestoreOver, store.ErrRestoreTill, store.ErrRestoreWord} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
