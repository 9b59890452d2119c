package device

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// The values of [Error].Code.
const (
	CodeNoKey     = "device_no_key"
	CodeBadSource = "device_bad_source"
	CodeDenied    = "device_denied"
	CodeUnknown   = "device_unknown"
)

// Error says why this machine has no identity, and what to do about it. It names
// files and never quotes them.
type Error struct {
	Code    string // one of the Code constants
	Message string
	Hint    string
}

func (e *Error) Error() string { return "device: " + e.Message + " (" + e.Hint + ")" }

// ID is the identity of a machine, for one merchant.
type ID struct {
	hash    string
	sources []string
}

// Hash is 64 hexadecimal digits.
func (id ID) Hash() string { return id.hash }

// Sources are the files that the identity was made of, without what is in them.
func (id ID) Sources() []string { return slices.Clone(id.sources) }

// String is enough of the hash to tell the tills of a shop apart.
func (id ID) String() string { return id.hash[:min(12, len(id.hash))] }

// DefaultSources are the places where machines keep their identity.
func DefaultSources() []string {
	return []string{
		"/sys/class/dmi/id/product_uuid",
		"/sys/class/dmi/id/board_serial",
		"/sys/firmware/devicetree/base/serial-number", // a sandbox may hide all of /proc but processes
		"/proc/device-tree/serial-number",
		"/proc/cpuinfo",
		"/sys/block/mmcblk*/device/cid",
		"/sys/class/net/*/address",
	}
}

// domain keeps the hash apart from whatever else is signed with the key.
const domain = "qrposd device identity v1"

// Fingerprint is the identity of the machine whose files are in root, which is
// os.DirFS("/") but for tests. Sources are absolute names of files or patterns in
// the notation of [path.Match]; without any they are DefaultSources. A file that
// is none of those is taken as one that holds a serial number.
func Fingerprint(root fs.FS, key []byte, sources []string) (ID, error) {
	if len(key) == 0 {
		return ID{}, &Error{CodeNoKey, "the merchant's secret is empty", "set it in the configuration"}
	}
	found, missed, err := look(root, sources)
	if err != nil {
		return ID{}, err
	}
	if len(found) == 0 {
		return ID{}, &Error{
			CodeUnknown, "nothing tells this machine from another: " + strings.Join(missed, "; "),
			"name a file in the configuration that holds a serial number of this machine, and that a copy of its disk would not have",
		}
	}
	best := slices.MinFunc(found, func(a, b evidence) int { return cmp.Compare(a.class, b.class) }).class
	id := ID{}
	var values []string
	for _, e := range found {
		if e.class == best {
			id.sources = append(id.sources, e.source)
			values = append(values, e.value)
		}
	}
	slices.Sort(values)
	id.hash = sign(key, best, slices.Compact(values))
	return id, nil
}

// look goes through all sources, and says of each that is of no use why.
func look(root fs.FS, sources []string) (found []evidence, missed []string, err error) {
	named := len(sources) > 0
	if !named {
		sources = DefaultSources()
	}
	seen := map[string]bool{}
	for _, source := range sources {
		pattern := strings.TrimPrefix(path.Clean(source), "/")
		names, err := fs.Glob(root, pattern)
		if err != nil || !path.IsAbs(source) || pattern == "" {
			return nil, nil, &Error{CodeBadSource, fmt.Sprintf("%.80q is not a source", source), "the absolute name of a file, or a pattern such as /sys/class/net/*/address"}
		}
		if len(names) == 0 {
			missed = append(missed, source+" is not there")
		}
		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			e, why, err := examine(root, name, named)
			switch {
			case err != nil:
				return nil, nil, err
			case why != "":
				missed = append(missed, e.source+" "+why)
			default:
				found = append(found, e)
			}
		}
	}
	return found, missed, nil
}

// sign hashes values with their lengths, so that no two lists look the same.
func sign(key []byte, c class, values []string) string {
	mac := hmac.New(sha256.New, key)
	for _, s := range append([]string{domain, c.String()}, values...) {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		mac.Write([]byte(s))
	}
	return hex.EncodeToString(mac.Sum(nil))
}
