package intent

import "qrposd/rules/document"

// Code says what kind of fault a file has, for programs.
type Code = document.Code

// The faults of a file.
const (
	Syntax    = document.Syntax
	Unknown   = document.Unknown
	Missing   = document.Missing
	Duplicate = document.Duplicate
	Type      = document.Type
	Range     = document.Range
	TooMuch   = document.TooMuch
)

// MaxFaults is how many faults are named at once.
const MaxFaults = document.MaxFaults

// Fault is one thing that is wrong with a file.
type Fault = document.Fault

// Faults are the faults of a file in the order of its lines, at most MaxFaults.
type Faults = document.Faults
