package archive

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

const (
	magic = "qrposd archive 1\n"
	// blockSize is how much is packed together: what a look at one record reads, and
	// what the packing learns from.
	blockSize = 32 << 10
	// maxBlock is the largest block that a reader believes in: a record may be larger
	// than blockSize and then has a block of its own.
	maxBlock = 16 << 20
	// footSize is that of the foot: where the index is, its length, checksum and blocks.
	footSize = 8 + 8 + 4 + 4 + len(magic)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// block is where some records of a section are.
type block struct {
	section byte
	first   []byte // key
	at      int64
	packed  int
	raw     int
	sum     uint32 // CRC-32C of what is on disk
}

// Writer writes a file, once.
type Writer struct {
	out    io.Writer
	sum    hash.Hash
	at     int64
	raw    []byte
	packed bytes.Buffer
	packer *flate.Writer
	open   block
	last   []byte // key
	blocks []block
	err    error
}

// NewWriter begins a file.
func NewWriter(out io.Writer) (*Writer, error) {
	packer, err := flate.NewWriter(io.Discard, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	w := &Writer{out: out, sum: sha256.New(), packer: packer}
	w.write([]byte(magic))
	return w, w.err
}

// Add writes a record. Sections and the keys in them come in rising order.
func (w *Writer) Add(section byte, key, value []byte) error {
	if section < w.open.section || section == w.open.section && len(w.raw) > 0 && bytes.Compare(key, w.last) <= 0 {
		return fmt.Errorf("archive: %d/%x is out of order", section, key)
	}
	if len(w.raw) > 0 && (section != w.open.section || len(w.raw)+len(key)+len(value) > blockSize) {
		w.pack()
	}
	if len(w.raw) == 0 {
		if section == w.open.section && bytes.Compare(key, w.last) <= 0 && w.last != nil {
			return fmt.Errorf("archive: %d/%x is out of order", section, key)
		}
		w.open = block{section: section, first: bytes.Clone(key)}
	}
	w.raw = appendBytes(appendBytes(w.raw, key), value)
	w.last = append(w.last[:0], key...)
	return w.err
}

// Close ends the file and gives its SHA-256 and size. Syncing is for whoever opened it.
func (w *Writer) Close() (sum [sha256.Size]byte, size int64, err error) {
	w.pack()
	var index []byte
	for _, b := range w.blocks {
		index = append(index, b.section)
		index = appendBytes(index, b.first)
		for _, n := range []int64{b.at, int64(b.packed), int64(b.raw), int64(b.sum)} {
			index = binary.AppendUvarint(index, uint64(n))
		}
	}
	foot := binary.BigEndian.AppendUint64(nil, uint64(w.at))
	foot = binary.BigEndian.AppendUint64(foot, uint64(len(index)))
	foot = binary.BigEndian.AppendUint32(foot, crc32.Checksum(index, castagnoli))
	foot = binary.BigEndian.AppendUint32(foot, uint32(len(w.blocks)))
	w.write(index)
	w.write(append(foot, magic...))
	return [sha256.Size]byte(w.sum.Sum(nil)), w.at, w.err
}

// pack ends the block that is open.
func (w *Writer) pack() {
	if len(w.raw) == 0 || w.err != nil {
		return
	}
	w.packed.Reset()
	w.packer.Reset(&w.packed)
	_, err := w.packer.Write(w.raw)
	if err = errors.Join(err, w.packer.Close()); err != nil {
		w.err = err
		return
	}
	b := w.open
	b.at, b.packed, b.raw, b.sum = w.at, w.packed.Len(), len(w.raw), crc32.Checksum(w.packed.Bytes(), castagnoli)
	if b.raw > maxBlock {
		w.err = fmt.Errorf("archive: a record of %d bytes is too large", b.raw)
		return
	}
	w.blocks = append(w.blocks, b)
	w.write(w.packed.Bytes())
	w.raw = w.raw[:0]
}

func (w *Writer) write(p []byte) {
	if w.err != nil {
		return
	}
	n, err := w.out.Write(p)
	w.sum.Write(p[:n])
	w.at, w.err = w.at+int64(n), err
}

func appendBytes(b, p []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(p))), p...)
}
