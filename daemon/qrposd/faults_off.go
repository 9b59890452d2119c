//go:build !faultpoints

package main

import "qrposd/daemon"

// faults are none: only the crash tests build with the tag faultpoints.
func faults() daemon.Faults { return daemon.Faults{} }
