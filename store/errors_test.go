package store

import "testing"

// Every refusal can be told to whoever asked: none is a fault without words.
func TestRefusalsHaveWords(t *testing.T) {
	for _, e := range []*Error{ErrNotFound, ErrOnceMismatch, ErrFull, ErrInDoubt, ErrClosed, ErrLocked, ErrNewer, ErrForeign, ErrCorrupt, ErrAccess} {
		status, code, message, hint := e.becausef("page %d", 7).Problem()
		if status < 400 || code == "" || message == "" || hint == "" {
			t.Errorf("%d %q %q %q", status, code, message, hint)
		}
	}
}
