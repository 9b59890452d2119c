package store

import (
	"errors"
	"fmt"

	"qrposd/store/ledger"
	"qrposd/store/salvage"
)

// RingReport is what a second record of the journal holds.
type RingReport struct {
	Lines       int
	First, Last uint64
	Head        string // where the chain stands after the last line
	Violations  []Violation
}

// CheckRing reads a second record of the journal: each line has to follow the one before
// it. It never writes.
func CheckRing(path string) (r RingReport, err error) {
	var at ledger.Head
	var origin [16]byte
	err = salvage.Read(path, func(f salvage.Frame) error {
		where := fmt.Sprintf("line/%d", f.Seq)
		switch {
		case r.Lines == 0:
			r.First = f.Seq
		case f.Origin != origin:
			r.Violations = append(r.Violations, Violation{where, "it is of another store than the line before it"})
		case f.Seq != at.Seq+1:
			r.Violations = append(r.Violations, Violation{where, fmt.Sprintf("I5: it follows line %d", at.Seq)})
		case !at.Follows(f.Link, f.Body):
			r.Violations = append(r.Violations, Violation{where, "I5: the chain breaks here"})
		}
		r.Lines++
		at, origin = ledger.Head{Seq: f.Seq, Link: f.Link}, f.Origin
		r.Last, r.Head = f.Seq, at.Link.String()
		return nil
	})
	if err == nil && r.Lines == 0 {
		err = errors.New("store: there is no line in it")
	}
	return r, err
}
