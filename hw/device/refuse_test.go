package device

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestFingerprintRefuses(t *testing.T) {
	root := pc().root()
	for _, x := range []struct {
		key     string
		sources []string
		code    string
	}{
		{"", nil, CodeNoKey},
		{"k", []string{"sys/class/dmi/id/product_uuid"}, CodeBadSource},
		{"k", []string{""}, CodeBadSource},
		{"k", []string{"/"}, CodeBadSource},
		{"k", []string{"/sys/[a"}, CodeBadSource},
		{"k", []string{"/sys/class/dmi/id/product_uuid", "../x"}, CodeBadSource},
	} {
		id, err := Fingerprint(root, []byte(x.key), x.sources)
		var e *Error
		if !errors.As(err, &e) || e.Code != x.code || e.Hint == "" || id.Hash() != "" {
			t.Errorf("%q %q: %v, %v", x.key, x.sources, id, err)
		}
	}
}

// locked is a root of which one file may not be opened: the tests may run as root,
// whom modes do not stop.
type locked struct {
	fs.FS
	name string
}

func (l locked) Open(name string) (fs.File, error) {
	if name == l.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return l.FS.Open(name)
}

func (l locked) Stat(name string) (fs.FileInfo, error) { return fs.Stat(l.FS, name) }

// Two users get one identity, or one of them an error.
func TestIdentityIsTheSameForAll(t *testing.T) {
	const name = "sys/class/dmi/id/product_uuid"
	machine := func(mode fs.FileMode) fs.FS {
		return fstest.MapFS{
			name:                                  {Data: []byte(uuid + "\n"), Mode: mode},
			"sys/class/net/eth0/address":          {Data: []byte(ethAddress + "\n"), Mode: 0o444},
			"sys/class/net/eth0/addr_assign_type": {Data: []byte("0\n"), Mode: 0o444},
			"sys/class/net/eth0/device/vendor":    {Data: []byte("0x1\n"), Mode: 0o444},
		}
	}
	asRoot, err := Fingerprint(machine(0o400), []byte("k"), nil)
	asDaemon, err2 := Fingerprint(locked{machine(0o400), name}, []byte("k"), nil)
	if err != nil || err2 != nil || asRoot.Hash() != asDaemon.Hash() || !slices.Equal(asRoot.Sources(), []string{"/sys/class/net/eth0/address"}) {
		t.Errorf("root's alone: %v %v, %v %v", asRoot, err, asDaemon, err2)
	}
	shared, err := Fingerprint(machine(0o440), []byte("k"), nil)
	if err != nil || !slices.Equal(shared.Sources(), []string{"/" + name}) {
		t.Errorf("shared: %v, %v", shared.Sources(), err)
	}
	for _, x := range []struct {
		mode    fs.FileMode
		sources []string
	}{{0o440, nil}, {0o400, []string{"/" + name, "/sys/class/net/*/address"}}} {
		_, err := Fingerprint(locked{machine(x.mode), name}, []byte("k"), x.sources)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeDenied || !strings.Contains(e.Message, name) {
			t.Errorf("%o %v: %v", x.mode, x.sources, err)
		}
	}
	named, err := Fingerprint(machine(0o400), []byte("k"), []string{"/" + name})
	if err != nil || named.Hash() != shared.Hash() {
		t.Errorf("named: %v, %v", named, err)
	}
}

// No number of the machine and no secret is in anything that is shown.
func TestNothingIsGivenAway(t *testing.T) {
	const key = "merchant-secret-0123"
	raw := []string{piSerial, uuid, "7SDJ3M2", ethAddress, wifi, cid, cardCID, key, "To be filled", "03000200"}
	var shown strings.Builder
	for _, tr := range []tree{raspberry(), pc(), placeholderPC(), placeholderPC().without("sys/class/net"), mmc("mmcblk0", "SD", cardCID), nic("eth0", usbAddress, "1", "usb1/1-1"), {}} {
		id, err := Fingerprint(tr.root(), []byte(key), nil)
		fmt.Fprintf(&shown, "%v %+v %#v %q %v %#v\n", id, id, id, id.Sources(), err, err)
		_, err = Fingerprint(locked{tr.root(), "proc/cpuinfo"}, []byte(key), []string{"/proc/*"})
		fmt.Fprintf(&shown, "%v\n", err)
	}
	for _, secret := range raw {
		if strings.Contains(strings.ToLower(shown.String()), strings.ToLower(secret)) {
			t.Errorf("%s is shown:\n%s", secret, shown.String())
		}
	}
}

// The hash is in files that bind money to this machine: it may never change.
func TestHashIsForGood(t *testing.T) {
	const want = "f603260e54bdc8d53cec107c9b1f4298a38ff51cdf3b7062a14b6081b46cae9f"
	if got := identify(t, raspberry()).Hash(); got != want {
		t.Errorf("%s, was %s", got, want)
	}
}

// Sources that overlap count once, and their order is no matter.
func TestSourcesCountOnce(t *testing.T) {
	want := identify(t, pc())
	got := identify(t, pc(), "/sys/class/dmi/id/board_serial", "/sys/class/dmi/id/*", "/sys/class/dmi/./id/product_uuid")
	if got.Hash() != want.Hash() || len(got.Sources()) != 2 {
		t.Errorf("%v from %v, want %v", got, got.Sources(), want)
	}
}

// Firmware writes what it likes: it makes an identity or an error, and neither
// quotes it.
func FuzzFirmware(f *testing.F) {
	for _, s := range []string{piSerial + "\x00", "Serial\t: " + piSerial + "\n", "Serial:", ":\n:", "\xff\xff\xff\xff", "编号一二", "", "-> x", "To be filled by O.E.M."} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, inCPU bool) {
		name := "sys/class/dmi/id/board_serial"
		if inCPU {
			name = "proc/cpuinfo"
		}
		read := func(text string) (ID, error) {
			return Fingerprint(fstest.MapFS{name: {Data: []byte(text), Mode: 0o444}}, []byte("k"), nil)
		}
		id, err := read(text)
		if (id.Hash() == "") == (err == nil) || err != nil && err.(*Error).Code != CodeUnknown {
			t.Fatalf("%v, %v", id, err)
		}
		other, _ := read("\n" + text + "\n\n")
		if other.Hash() != id.Hash() {
			t.Fatal("space around it counts")
		}
	})
}
