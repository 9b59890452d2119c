package llm

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// key is an API key. It prints as what it is and not as what it says, and behind
// the pointer also where it is printed as a field of something.
type key struct{ text *string }

const (
	masked     = "[key]"
	maxKeyFile = 16 << 10
	// keyPiece is how much of a key in a row gives a word of an error away as a copy
	// of it. Providers quote the beginning and the end of a wrong key.
	keyPiece = 5
)

func (key) String() string               { return masked }
func (key) GoString() string             { return masked }
func (key) LogValue() slog.Value         { return slog.StringValue(masked) }
func (key) MarshalText() ([]byte, error) { return []byte(masked), nil }

// value is the key itself, "" if there is none.
func (k key) value() string {
	if k.text == nil {
		return ""
	}
	return *k.text
}

// mask replaces every word of s that holds a piece of the key.
func (k key) mask(s string) string {
	secret := strings.ToLower(k.value())
	if secret == "" {
		return s
	}
	words := strings.Fields(s)
	size := min(keyPiece, len(secret))
	for i, w := range words {
		w = strings.ToLower(w)
		for from := 0; from+size <= len(secret); from++ {
			if strings.Contains(w, secret[from:from+size]) {
				words[i] = masked
				break
			}
		}
	}
	return strings.Join(words, " ")
}

// readKey reads a file that nobody else may read. Credentials of systemd are let
// through with the group bit: it shows the mask of the list that lets the service's
// user in.
func readKey(name string) (key, error) {
	f, err := os.Open(name)
	if err != nil {
		return key{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return key{}, err
	}
	wide := info.Mode().Perm() & 0o077
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && filepath.Dir(filepath.Clean(name)) == filepath.Clean(dir) {
		wide &^= 0o040
	}
	if wide != 0 {
		return key{}, fmt.Errorf("%s: others may read it (mode %04o); chmod 600 it, or pass it as a credential of the service", name, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return key{}, err
	}
	s := strings.TrimSpace(string(b))
	if s == "" || len(b) > maxKeyFile {
		return key{}, fmt.Errorf("%s: it holds no API key", name)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return key{}, fmt.Errorf("%s: %w", name, errors.New("the key is more than one word of plain characters; the file holds the key and nothing else"))
		}
	}
	return key{&s}, nil
}
