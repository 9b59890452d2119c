package scanner

import (
	"errors"
	"time"
)

// State is what the reader knows of its scanner.
type State string

// The states. Stopped is before and after Run; Fault is what no other state describes, such as a path that is no tty.
const (
	Ready   State = "READY"
	Absent  State = "ABSENT"
	Denied  State = "DENIED"
	Busy    State = "BUSY"
	Garbage State = "GARBAGE"
	Lost    State = "LOST"
	Fault   State = "FAULT"
	Stopped State = "STOPPED"
)

// advice holds what a person reads: what is wrong, and what to do.
var advice = map[State][2]string{
	Ready:   {"The scanner is ready.", ""},
	Absent:  {"The scanner is not connected.", "Plug it in. If it is, the udev rule does not know this model."},
	Denied:  {"The scanner may not be opened.", "Add the service to group dialout and the device to DeviceAllow."},
	Busy:    {"The scanner is in use by another program.", "Stop ModemManager or a second qrposd."},
	Garbage: {"The scanner sends unreadable data.", "Check baud rate and terminator, or reset the scanner to its defaults."},
	Lost:    {"The scanner was disconnected.", "Check the cable."},
	Fault:   {"The scanner could not be opened.", "Check that the configured path is a serial port."},
	Stopped: {"The scanner is not being read.", ""},
}

// Message says in a sentence what the state means to a person.
func (s State) Message() string { return advice[s][0] }

// Hint says what to do about it; it is empty if there is nothing to do.
func (s State) Hint() string { return advice[s][1] }

// Counters count since the reader was made.
type Counters struct {
	Bytes      uint64 `json:"bytes"`
	Scans      uint64 `json:"scans"`      // including duplicates
	Duplicates uint64 `json:"duplicates"` // repeats within the debounce window
	Overruns   uint64 `json:"overruns"`   // scans dropped because nobody took them
	Partial    uint64 `json:"partial"`    // codes whose end never came
	Oversize   uint64 `json:"oversize"`   // codes longer than any symbol
	Stray      uint64 `json:"stray"`      // bytes outside STX ... ETX
	Garbled    uint64 `json:"garbled"`    // unprintable codes suppressed in state GARBAGE
	Opens      uint64 `json:"opens"`      // how often the port was opened
}

// Status is what is known of a scanner at one moment.
//
// It never goes stale by itself: hangup is reported by the kernel, not by a poll, so READY holds until At. A scanner that
// is connected but dead looks like an idle one; LastByte tells them apart by eye.
type Status struct {
	State    State     `json:"state"`
	Message  string    `json:"message"`
	Hint     string    `json:"hint,omitempty"`
	Error    string    `json:"error,omitempty"` // of the last attempt to open, while it cannot be opened
	Path     string    `json:"path"`            // as configured
	Node     string    `json:"node,omitempty"`  // where the path leads while the port is open
	Since    time.Time `json:"since"`           // of the state
	LastByte time.Time `json:"last_byte"`       // zero if none came yet
	At       time.Time `json:"at"`              // when this was asked
	Counters Counters  `json:"counters"`
}

// stateOf maps the error of a port to a state.
func stateOf(err error) State {
	switch {
	case errors.Is(err, ErrAbsent):
		return Absent
	case errors.Is(err, ErrDenied):
		return Denied
	case errors.Is(err, ErrBusy):
		return Busy
	case errors.Is(err, ErrHangup):
		return Lost
	}
	return Fault
}
