package systemd

import _ "embed" // the files below

var (
	//go:embed qrposd.service
	unit []byte
	//go:embed 70-qrposd.rules
	udev []byte
	//go:embed qrposd.sysusers
	sysusers []byte
	//go:embed qrposd.tmpfiles
	tmpfiles []byte
	//go:embed qrposd.prerm
	prerm []byte
)

// File is one file of the installation.
type File struct {
	Name string // how the command line calls it
	Path string // where a package installs it
	Text []byte // a copy
}

// Files returns the installation in the order a package needs it: user, directories, devices, service.
func Files() []File {
	return []File{
		{"sysusers", "/usr/lib/sysusers.d/qrposd.conf", append([]byte(nil), sysusers...)},
		{"tmpfiles", "/usr/lib/tmpfiles.d/qrposd.conf", append([]byte(nil), tmpfiles...)},
		{"udev", "/usr/lib/udev/rules.d/70-qrposd.rules", append([]byte(nil), udev...)},
		{"unit", "/usr/lib/systemd/system/qrposd.service", append([]byte(nil), unit...)},
		{"prerm", "/usr/lib/qrposd/prerm", append([]byte(nil), prerm...)},
	}
}
