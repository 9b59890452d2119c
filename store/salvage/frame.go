package salvage

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

const (
	sector = 512
	magic  = "qrposd\x00S"
	// headSize is of what stands before the payload: the magic, the place, the length
	// and a CRC-32C over the last two and the payload.
	headSize = 8 + 8 + 4 + 4
	// maxFrame bounds what a length is believed: a line holds a request and an answer.
	maxFrame = 1 << 20
)

// Frame is one line of the journal.
type Frame struct {
	Origin [16]byte // identity of the store that the line is of
	Seq    uint64
	Link   [32]byte
	Body   []byte // the line, as the journal has it
	Birth  []byte // of a line that begins a sale: the sale
	Once   []byte // what the caller's key was used for, as it is stored; may be empty
}

// encode is the frame as it lies at a place, in whole sectors.
func (f *Frame) encode(place uint64) []byte {
	n := headSize + 16 + 8 + 32
	for _, part := range f.parts() {
		n += 4 + len(*part)
	}
	b := make([]byte, 0, sectors(n)*sector)
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint64(b, place)
	b = binary.BigEndian.AppendUint32(b, uint32(n-headSize))
	b = append(b, 0, 0, 0, 0)
	b = append(b, f.Origin[:]...)
	b = binary.BigEndian.AppendUint64(b, f.Seq)
	b = append(b, f.Link[:]...)
	for _, part := range f.parts() {
		b = binary.BigEndian.AppendUint32(b, uint32(len(*part)))
		b = append(b, *part...)
	}
	binary.BigEndian.PutUint32(b[20:], sum(b))
	return b[:cap(b)]
}

func (f *Frame) parts() []*[]byte { return []*[]byte{&f.Body, &f.Birth, &f.Once} }

// sectors is how many hold n bytes.
func sectors(n int) int { return (n + sector - 1) / sector }

// sum is over everything of a frame but the magic and itself.
func sum(b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(b[8:20], table), table, b[headSize:])
}

var errNoFrame = errors.New("salvage: there is no frame")

// length says how long the frame is that begins with head, if one does.
func length(head []byte) (place uint64, n int, err error) {
	if len(head) < headSize || string(head[:8]) != magic {
		return 0, 0, errNoFrame
	}
	size := binary.BigEndian.Uint32(head[16:])
	if size < 16+8+32 || size > maxFrame {
		return 0, 0, errNoFrame
	}
	return binary.BigEndian.Uint64(head[8:]), headSize + int(size), nil
}

// decode reads a frame of the length that its head names.
func decode(b []byte) (f Frame, err error) {
	if binary.BigEndian.Uint32(b[20:]) != sum(b) {
		return f, errNoFrame
	}
	b = b[headSize:]
	b = b[copy(f.Origin[:], b):]
	f.Seq = binary.BigEndian.Uint64(b)
	b = b[8:]
	b = b[copy(f.Link[:], b):]
	for _, part := range f.parts() {
		if len(b) < 4 {
			return f, errNoFrame
		}
		n := binary.BigEndian.Uint32(b)
		if b = b[4:]; uint64(n) > uint64(len(b)) {
			return f, errNoFrame
		}
		*part, b = b[:n:n], b[n:]
	}
	if len(b) > 0 {
		return f, errNoFrame
	}
	return f, nil
}
