package device

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
)

// class is how well a kind of evidence stays with its machine, the best first.
type class int

const (
	serial class = iota
	cpuinfo
	emmc
	wired
	wireless
)

// String is part of what is hashed and does not change. The processor's number is
// that of the device tree, seen through another file.
func (c class) String() string {
	return [...]string{"serial", "serial", "emmc", "wired", "wireless"}[c]
}

// evidence is what one file says.
type evidence struct {
	class  class
	source string
	value  string
}

// maxFile is more than /proc/cpuinfo of a machine with many processors, where the
// serial number comes last.
const maxFile = 1 << 20

// examine reads one file. It says why the file is of no use, or fails where going
// on would make the identity depend on who asks.
func examine(root fs.FS, name string, named bool) (e evidence, why string, err error) {
	e = evidence{source: "/" + name}
	info, err := fs.Stat(root, name)
	if err == nil && !info.Mode().IsRegular() {
		return e, "is not a regular file", nil
	}
	if err == nil && !named && info.Mode().Perm()&0o044 == 0 {
		return e, "is for its owner only", nil
	}
	var text string
	if err == nil {
		text, err = read(root, name)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return e, "", &Error{
			CodeDenied, e.source + " may not be read by this user",
			"let the daemon's group read it, or name other sources in the configuration; without it the same machine would have two identities",
		}
	case err != nil:
		return e, "cannot be read", nil
	}
	e.class, e.value, why = weigh(root, name, text)
	if e.value = normal(e.value); why == "" && isPlaceholder(e.value) {
		why = "holds a placeholder"
	}
	return e, why, nil
}

func read(root fs.FS, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	return string(b), err
}

// weigh finds the value in a file and what it is worth.
func weigh(root fs.FS, name, text string) (c class, value, why string) {
	is := func(pattern string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	}
	switch {
	case is("proc/cpuinfo"):
		if value = line(text, "Serial"); value == "" {
			return cpuinfo, "", "has no serial number"
		}
		return cpuinfo, value, ""
	case is("sys/block/*/device/cid"):
		// The kernel says SD for cards and MMC for what is soldered (Linux,
		// Documentation/driver-api/mmc/mmc-dev-attrs.rst: cid is the card's own).
		kind, err := read(root, path.Join(path.Dir(name), "type"))
		if err != nil || strings.TrimSpace(kind) != "MMC" {
			return emmc, "", "is not soldered and may travel"
		}
		return emmc, text, ""
	case is("sys/class/net/*/address"):
		dir := path.Dir(name)
		if _, err := fs.Stat(root, path.Join(dir, "device")); err != nil {
			return wired, "", "is not of a physical interface"
		}
		// 0 is NET_ADDR_PERM (Linux, include/uapi/linux/netdevice.h): the address
		// was not made up or set by software.
		origin, err := read(root, path.Join(dir, "addr_assign_type"))
		if err != nil || strings.TrimSpace(origin) != "0" {
			return wired, "", "is not the address that the interface was made with"
		}
		if _, err := fs.Stat(root, path.Join(dir, "phy80211")); err == nil {
			return wireless, text, ""
		}
		return wired, text, ""
	}
	return serial, text, ""
}

// line is the value of the last line "key : value".
func line(text, key string) (value string) {
	for l := range strings.Lines(text) {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == key {
			value = v
		}
	}
	return value
}

// normal is a value as every kernel prints it: the device tree ends texts with a
// zero byte, and the UUID of a PC has been printed in capitals and without.
func normal(s string) string {
	return strings.ToLower(strings.Trim(s, " \t\r\n\x00"))
}

// placeholders are what makers leave in their firmware, letters and digits only.
var placeholders = map[string]bool{
	"tobefilledbyoem": true, "defaultstring": true, "systemserialnumber": true, "baseboardserialnumber": true,
	"boardserialnumber": true, "serialnumber": true, "chassisserialnumber": true, "notspecified": true,
	"notapplicable": true, "notavailable": true, "unknown": true, "invalid": true, "none": true, "empty": true,
	"null": true, "oem": true, "tbd": true, "unspecified": true, "notdefined": true, "defaultserialnumber": true,
	"0123456789": true, "123456789": true, "1234567890": true, "12345678": true, "0123456789abcdef": true,
	"03000200040005000006000700080009": true, // the UUID in the reference firmware of AMI
}

// isPlaceholder says whether a value is on machines without number: a known one,
// one too short to tell them apart, or one character over and over.
func isPlaceholder(s string) bool {
	s = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127 {
			return r
		}
		return -1
	}, s)
	return len(s) < 4 || placeholders[s] || strings.Trim(s, s[:1]) == ""
}
