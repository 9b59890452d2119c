// Package sealed encrypts what leaves the till to people who hold the keys to it.
//
// A backup has every sale of the shop in it and lies on a stick, a share or somebody
// else's machine. It is written in the format age, which other programs read as well,
// to X25519 recipients: the till has their public keys only and cannot read its own
// backups again. Whoever steals the machine gets the present and no past.
//
// Rejected: a passphrase (it would have to lie on the till, beside what it protects),
// the disk's own encryption (a copy leaves it), and other kinds of recipients: each
// that is understood is one more to get wrong when it is needed.
package sealed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// Mark is what a sealed file begins with.
const Mark = "age-encryption.org/v1\n"

// Recipients are whom something is sealed to. None is nobody: it is not sealed.
type Recipients []age.Recipient

// Parse reads public keys ("age1...").
func Parse(keys []string) (r Recipients, err error) {
	for i, k := range keys {
		one, err := age.ParseX25519Recipient(strings.TrimSpace(k))
		if err != nil { // the error has the text in it, which may be the secret key
			return nil, fmt.Errorf("recipient %d is not the public key of an age identity (age1...)", i+1)
		}
		r = append(r, one)
	}
	return r, nil
}

// Seal gives a writer of what w is to hold sealed. It is whole once it was closed.
func (r Recipients) Seal(w io.Writer) (io.WriteCloser, error) { return age.Encrypt(w, r...) }

// maxKeys bounds a file of identities.
const maxKeys = 64 << 10

// ErrNoKey says that there is nothing to open with.
var ErrNoKey = errors.New("it is encrypted, and there is no key to open it with")

// Open gives what a reader holds: itself where that is not sealed, else what one of the
// identities in keys opens. keys is a file as age-keygen writes it; nil is none.
func Open(r io.Reader, keys io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if head, _ := in.Peek(len(Mark)); string(head) != Mark { // one that is shorter is not sealed either
		return in, nil
	}
	if keys == nil {
		return nil, ErrNoKey
	}
	list, err := identities(keys)
	if err != nil {
		return nil, err
	}
	return age.Decrypt(in, list...)
}

func identities(keys io.Reader) (list []age.Identity, err error) {
	lines := bufio.NewScanner(io.LimitReader(keys, maxKeys))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		one, err := age.ParseX25519Identity(line)
		if err != nil { // the error may have the key in it
			return nil, fmt.Errorf("line %d of the key file is not an age identity (AGE-SECRET-KEY-1...)", n)
		}
		list = append(list, one)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrNoKey
	}
	return list, nil
}
