package queue

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"qrposd/rules/sale"
)

// name is what a job is called.
type name struct{ topic, key string }

// jobKey relies on topics having no zero byte: they are constants of programs.
func jobKey(topic, key string) []byte { return []byte(topic + "\x00" + key) }

func dueKey(j Job) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(j.Due)), jobKey(j.Topic, j.Key)...)
}

func splitDue(k []byte) (sale.Instant, name, error) {
	if len(k) < 8 {
		return 0, name{}, fmt.Errorf("queue: %x is no key of the due index", k)
	}
	n, err := splitName(k[8:])
	return sale.Instant(binary.BigEndian.Uint64(k)), n, err
}

func splitName(k []byte) (name, error) {
	topic, key, ok := bytes.Cut(k, []byte{0})
	if !ok {
		return name{}, fmt.Errorf("queue: %x is no name of a job", k)
	}
	return name{string(topic), string(key)}, nil
}
