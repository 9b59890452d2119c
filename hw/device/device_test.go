package device

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// tree is a root directory: names of files and what is in them, or of links and
// an arrow to where they lead.
type tree map[string]string

func (tr tree) with(more tree) tree {
	all := maps.Clone(tr)
	maps.Copy(all, more)
	return all
}

func (tr tree) without(prefix string) tree {
	rest := maps.Clone(tr)
	maps.DeleteFunc(rest, func(name, _ string) bool { return strings.HasPrefix(name, prefix) })
	return rest
}

// root keeps the tree in memory, onDisk in files.
func (tr tree) root() fs.FS {
	root := fstest.MapFS{}
	for name, text := range tr {
		file := &fstest.MapFile{Data: []byte(text), Mode: 0o444}
		if target, link := strings.CutPrefix(text, "-> "); link {
			file = &fstest.MapFile{Data: []byte(target), Mode: 0o777 | fs.ModeSymlink}
		}
		root[name] = file
	}
	return root
}

func (tr tree) onDisk(t testing.TB) fs.FS {
	t.Helper()
	dir := t.TempDir()
	for name, text := range tr {
		name = filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(name), 0o755)
		if target, link := strings.CutPrefix(text, "-> "); link && err == nil {
			err = os.Symlink(target, name)
		} else if err == nil {
			err = os.WriteFile(name, []byte(text), 0o444)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return os.DirFS(dir)
}

// nic is an interface as sysfs shows it: links to where the device hangs.
func nic(name, address, assigned, bus string) tree {
	at := "sys/devices/" + bus + "/net/" + name
	tr := tree{
		"sys/class/net/" + name:  "-> ../../devices/" + bus + "/net/" + name,
		at + "/address":          address + "\n",
		at + "/addr_assign_type": assigned + "\n",
	}
	if !strings.HasPrefix(bus, "virtual") {
		tr["sys/devices/"+bus+"/vendor"] = "0x1\n"
		tr[at+"/device"] = "-> ../../../" + filepath.Base(bus)
	}
	return tr
}

func mmc(block, kind, cid string) tree {
	at := "sys/devices/platform/" + block + "/"
	return tree{
		at + "cid": cid + "\n", at + "type": kind + "\n",
		"sys/block/" + block: "-> ../devices/platform/" + block + "/block", at + "block/device": "-> ../../" + block,
	}
}

const (
	piSerial   = "10000000a1b2c3d4"
	uuid       = "4c4c4544-0042-3510-8052-b4c04f564d32"
	board      = "/7SDJ3M2/CNFCW0098700C1/"
	ethAddress = "d8:9e:f3:12:34:56"
	usbAddress = "00:e0:4c:68:0a:0b"
	wifi       = "d8:3a:dd:aa:bb:cc"
	cid        = "150100424a4e4234520712345678b48f"
	cardCID    = "035344534336344780deadbeef012345"
)

func raspberry() tree {
	return tree{
		"proc/device-tree":                                  "-> ../sys/firmware/devicetree/base",
		"sys/firmware/devicetree/base/serial-number":        piSerial + "\x00",
		"proc/cpuinfo":                                      "processor\t: 0\nHardware\t: BCM2835\nRevision\t: c03114\nSerial\t\t: " + piSerial + "\nModel\t\t: Raspberry Pi 4 Model B\n",
		"sys/devices/virtual/block/loop0/loop/backing_file": "x",
		"etc/machine-id":                                    "0123456789abcdef0123456789abcdef\n",
	}.with(mmc("mmcblk0", "SD", cardCID)).with(nic("eth0", "dc:a6:32:01:02:03", "0", "platform/fd580000")).
		with(nic("wlan0", wifi, "0", "platform/fe300000")).with(nic("lo", "00:00:00:00:00:00", "0", "virtual"))
}

func pc() tree {
	return tree{
		"sys/class/dmi/id":                               "-> ../../devices/virtual/dmi/id",
		"sys/devices/virtual/dmi/id/product_uuid":        uuid + "\n",
		"sys/devices/virtual/dmi/id/board_serial":        board + "\n",
		"proc/cpuinfo":                                   "processor\t: 0\nmodel name\t: Intel(R) Celeron(R) J4125\n",
		"etc/machine-id":                                 "0123456789abcdef0123456789abcdef\n",
		"sys/devices/platform/wifi/net/wlan0/phy80211/x": "",
	}.with(nic("eth0", ethAddress, "0", "pci0000/0000:01")).with(nic("wlan0", wifi, "0", "platform/wifi")).
		with(nic("docker0", "02:42:ac:11:00:01", "0", "virtual"))
}

func placeholderPC() tree {
	return pc().with(tree{
		"sys/devices/virtual/dmi/id/product_uuid": "03000200-0400-0500-0006-000700080009\n",
		"sys/devices/virtual/dmi/id/board_serial": "To be filled by O.E.M.\n",
	})
}

func identify(t testing.TB, tr tree, sources ...string) ID {
	t.Helper()
	id, err := Fingerprint(tr.root(), []byte("secret"), sources)
	if err != nil {
		t.Fatal(err)
	}
	if len(id.Hash()) != 64 || strings.Trim(id.Hash(), "0123456789abcdef") != "" || !strings.HasPrefix(id.Hash(), id.String()) {
		t.Fatalf("%q, %q", id.Hash(), id)
	}
	return id
}

func TestSources(t *testing.T) {
	soldered := placeholderPC().with(mmc("mmcblk1", "MMC", cid)).with(mmc("mmcblk0", "SD", cardCID))
	for _, x := range []struct {
		name string
		tree tree
		want []string
	}{
		{"raspberry", raspberry(), []string{"/sys/firmware/devicetree/base/serial-number", "/proc/device-tree/serial-number"}},
		{"sandbox", raspberry().without("proc"), []string{"/sys/firmware/devicetree/base/serial-number"}},
		{"no device tree", raspberry().without("proc/device-tree").without("sys/firmware"), []string{"/proc/cpuinfo"}},
		{"pc", pc(), []string{"/sys/class/dmi/id/product_uuid", "/sys/class/dmi/id/board_serial"}},
		{"placeholders", placeholderPC(), []string{"/sys/class/net/eth0/address"}},
		{"wireless only", placeholderPC().without("sys/class/net/eth0"), []string{"/sys/class/net/wlan0/address"}},
		{"soldered", soldered, []string{"/sys/block/mmcblk1/device/cid"}},
		{"two interfaces", placeholderPC().with(nic("eth1", usbAddress, "0", "usb1/1-1")), []string{"/sys/class/net/eth0/address", "/sys/class/net/eth1/address"}},
		{"random address", placeholderPC().with(nic("eth1", usbAddress, "1", "usb1/1-1")), []string{"/sys/class/net/eth0/address"}},
		{"address set", placeholderPC().with(nic("eth1", usbAddress, "3", "usb1/1-1")), []string{"/sys/class/net/eth0/address"}},
	} {
		id := identify(t, x.tree)
		if got := id.Sources(); !slices.Equal(got, x.want) {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
		if real, err := Fingerprint(x.tree.onDisk(t), []byte("secret"), nil); err != nil || real.Hash() != id.Hash() {
			t.Errorf("%s: on a disk %v, %v", x.name, real.Sources(), err)
		}
	}
}

// What may happen to a machine without making another of it.
func TestIdentityStays(t *testing.T) {
	soldered := placeholderPC().with(mmc("mmcblk1", "MMC", cid))
	for _, x := range []struct {
		name          string
		before, after tree
	}{
		{"new image", raspberry(), raspberry().with(tree{"etc/machine-id": "other\n"})},
		{"new SD card", raspberry(), raspberry().with(mmc("mmcblk0", "SD", "1b534d30303030301012345678013c00"))},
		{"no SD card", raspberry(), raspberry().without("sys/block")},
		{"kernel without a serial number in cpuinfo", raspberry(), raspberry().with(tree{"proc/cpuinfo": "processor\t: 0\n"})},
		{"kernel without a device tree", raspberry(), raspberry().without("proc/device-tree").without("sys/firmware")},
		{"another number in cpuinfo", raspberry(), raspberry().with(tree{"proc/cpuinfo": "Serial\t\t: 1234\n"})},
		{"sandbox without proc", raspberry(), raspberry().without("proc")},
		{"no network", raspberry(), raspberry().without("sys/class/net")},
		{"network unplugged from a pc", pc(), pc().without("sys/class/net")},
		{"network plugged into a pc", pc(), pc().with(nic("eth1", usbAddress, "0", "usb1/1-1"))},
		{"UUID in capitals", pc(), pc().with(tree{"sys/devices/virtual/dmi/id/product_uuid": strings.ToUpper(uuid) + "\n"})},
		{"network unplugged beside an eMMC", soldered, soldered.without("sys/class/net")},
		{"eMMC with another number", soldered, soldered.without("sys/block").with(mmc("mmcblk0", "MMC", cid))},
		{"wireless address made up", placeholderPC(), placeholderPC().with(nic("wlan0", "0a:00:00:00:00:01", "3", "platform/wifi"))},
		{"interface renamed", placeholderPC(), placeholderPC().without("sys/class/net/eth0").with(nic("enp1s0", ethAddress, "0", "pci0000/0000:01"))},
	} {
		if before, after := identify(t, x.before), identify(t, x.after); before.Hash() != after.Hash() {
			t.Errorf("%s: %v became %v from %v", x.name, before, after, after.Sources())
		}
	}
}

// All of these are different machines, or different merchants.
func TestIdentityDiffers(t *testing.T) {
	soldered := placeholderPC().with(mmc("mmcblk1", "MMC", cid))
	seen := map[string]string{}
	for name, tr := range map[string]tree{
		"raspberry": raspberry(),
		"copied card": raspberry().with(tree{
			"sys/firmware/devicetree/base/serial-number": "10000000a1b2c3d5\x00",
			"proc/cpuinfo": "Serial\t\t: 10000000a1b2c3d5\n",
		}),
		"pc":           pc(),
		"other uuid":   pc().with(tree{"sys/devices/virtual/dmi/id/product_uuid": "4c4c4544-0042-3510-8052-b4c04f564d33\n"}),
		"other board":  pc().with(tree{"sys/devices/virtual/dmi/id/board_serial": "/7SDJ3M3/CNFCW0098700C1/\n"}),
		"placeholder":  placeholderPC(),
		"other nic":    placeholderPC().with(nic("eth0", "d8:9e:f3:12:34:57", "0", "pci0000/0000:01")),
		"more nics":    placeholderPC().with(nic("eth1", usbAddress, "0", "usb1/1-1")),
		"wireless":     placeholderPC().without("sys/class/net/eth0"),
		"soldered":     soldered,
		"copied eMMC":  soldered.with(mmc("mmcblk1", "MMC", "150100424a4e4234520712345679b48f")),
		"uuid as eMMC": placeholderPC().with(mmc("mmcblk1", "MMC", uuid)),
	} {
		hash := identify(t, tr).Hash()
		if other, ok := seen[hash]; ok {
			t.Errorf("%s and %s are one", name, other)
		}
		seen[hash] = name
	}
	other, err := Fingerprint(pc().root(), []byte("other secret"), nil)
	if _, ok := seen[other.Hash()]; ok || err != nil {
		t.Errorf("two merchants share %v, %v", other, err)
	}
}

func TestPlaceholdersDoNotCount(t *testing.T) {
	for _, s := range []string{
		"", "\n", "To be filled by O.E.M.", "TO BE FILLED BY O.E.M.", "Default string", "System Serial Number", "Not Specified", "None", "N/A", "0", "00000000-0000-0000-0000-000000000000",
		"ffffffff-ffff-ffff-ffff-ffffffffffff", "FFFFFFFF", "xxxxxxxx", "0000000000000000\x00", "....", "0123456789", "03000200-0400-0500-0006-000700080009", " \x00",
	} {
		if !isPlaceholder(normal(s)) {
			t.Errorf("%q counts", s)
		}
	}
	for _, s := range []string{piSerial, uuid, board, ethAddress, usbAddress, cid, "编号一二", "SN-0001"} {
		if isPlaceholder(normal(s)) {
			t.Errorf("%q does not count", s)
		}
	}
}

func TestContainerHasNoIdentity(t *testing.T) {
	container := tree{
		"proc/cpuinfo":             "processor\t: 0\nmodel name\t: some\n",
		"sys/class/dmi/id/bios":    "x",
		"etc/machine-id":           "0123456789abcdef0123456789abcdef\n",
		"sys/block/vda/device/cid": cardCID,
		"etc/till":                 "Till 17 of the shop\n",
		"etc/zero":                 strings.Repeat("0", 32),
	}.with(nic("eth0", "02:42:ac:11:00:02", "0", "virtual"))
	_, err := Fingerprint(container.root(), []byte("secret"), nil)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnknown || !strings.Contains(e.Hint, "name a file in the configuration") {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"/sys/class/dmi/id/product_uuid is not there", "/proc/cpuinfo has no serial number", "/sys/class/net/eth0/address is not of a physical interface"} {
		if !strings.Contains(e.Message, want) {
			t.Errorf("%v\n\tdoes not say %s", err, want)
		}
	}
	if id := identify(t, container, "/etc/till"); !slices.Equal(id.Sources(), []string{"/etc/till"}) {
		t.Errorf("%v", id.Sources())
	}
	for _, name := range []string{"/etc/zero", "/etc/nothing", "/etc", "/etc/[z]ero"} {
		if _, err := Fingerprint(container.root(), []byte("secret"), []string{name}); !errors.As(err, &e) || e.Code != CodeUnknown {
			t.Errorf("%s: %v", name, err)
		}
	}
}
