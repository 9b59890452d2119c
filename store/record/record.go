// Package record seals stored values so that rot and misplacement are noticed.
//
// bbolt checks its two header pages and nothing else: a flipped bit in a sale
// is handed out as the sale. Every value therefore carries a version, so that
// its meaning is known for as long as files live, and a CRC-32C over its key
// and itself: over the key too, because flash that writes a page to the wrong
// place leaves pages that are right by themselves.
//
// Rejected: a MAC (whoever can write the file can read the key beside it; the
// journal's chain is what tampering meets) and a binary encoding of the domain
// types (a file is read by people in the worst hour of a shop's year).
package record

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
)

// version is the first byte of every value.
const version = 1

// overhead is what sealing adds: the version in front, the checksum behind.
const overhead = 1 + crc32.Size

// ErrRotten says that a value is not what was stored under its key.
var ErrRotten = errors.New("record: the checksum does not match")

// Seal is payload as it is stored under key.
func Seal(key, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+overhead)
	b = append(b, version)
	b = append(b, payload...)
	return binary.BigEndian.AppendUint32(b, sum(key, b))
}

// Open is the payload of a stored value. It shares the value's memory, which
// in bbolt is the file's.
func Open(key, value []byte) ([]byte, error) {
	if len(value) < overhead {
		return nil, fmt.Errorf("%w: %d bytes are no record", ErrRotten, len(value))
	}
	body := value[:len(value)-crc32.Size]
	if binary.BigEndian.Uint32(value[len(body):]) != sum(key, body) {
		return nil, ErrRotten
	}
	if body[0] != version {
		return nil, fmt.Errorf("record: version %d, this program knows %d", body[0], version)
	}
	return body[1:], nil
}

// Marshal is v, in JSON, as it is stored under key.
func Marshal(key []byte, v any) ([]byte, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return Seal(key, payload), nil
}

// Unmarshal reads a stored value into v.
func Unmarshal(key, value []byte, v any) error {
	payload, err := Open(key, value)
	if err != nil {
		return err
	}
	return json.Unmarshal(payload, v)
}

func sum(key, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // one shared table, made once by the library
	return crc32.Update(crc32.Checksum(key, table), table, body)
}
