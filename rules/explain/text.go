package explain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// most is how much of an explanation is read. The longest sensible one is a
// paragraph; what is longer is padding or an attack on the reader's time.
const most = 4 << 10

// normalize makes one spelling of a text: lower case, ASCII for full-width forms,
// one kind of quotation mark, single spaces, nothing invisible, and a space at
// both ends so that a word is always between two bytes.
func normalize(text string) string {
	if len(text) > most {
		end := most
		for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	var b strings.Builder
	b.Grow(len(text) + 2)
	b.WriteByte(' ')
	space := true
	for _, r := range text {
		r = plainRune(r)
		if r < 0 {
			continue
		}
		if r == ' ' && space {
			continue
		}
		space = r == ' '
		b.WriteRune(r)
	}
	if !space {
		b.WriteByte(' ')
	}
	return b.String()
}

// plainRune is the one spelling of r, or -1 if it has none.
func plainRune(r rune) rune {
	switch r {
	case '‘', '’', '‛', '`':
		return '\''
	case '“', '”', '„', '「', '」', '『', '』', '《', '》', '«', '»':
		return '"'
	case '。', '；', '！', '？', '!', '?', '…', '\n':
		return ';'
	case '、':
		return ','
	case '\uffe5': // full-width
		return '¥'
	case utf8.RuneError:
		return ' '
	}
	switch {
	case r >= '！' && r <= '～':
		return plainRune(unicode.ToLower(r - '！' + '!'))
	case r >= 0x2010 && r <= 0x2015:
		return '-'
	case unicode.IsSpace(r) || unicode.IsControl(r):
		return ' '
	case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Mn, r):
		return -1 // zero-width characters split words that people see whole
	}
	return unicode.ToLower(r)
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// ends says whether a clause of s ends at byte i.
func ends(s string, i int) bool {
	switch s[i] {
	case ';':
		return true
	case ',':
		return i == 0 || i+1 >= len(s) || !digit(s[i-1]) || !digit(s[i+1])
	case ':': // "limit: 5000" is one clause
		next := strings.TrimLeft(s[i+1:], " ")
		return next == "" || !digit(next[0])
	case '.':
		return i+1 >= len(s) || s[i+1] == ' '
	}
	return false
}

// clauses cuts s at its punctuation; every clause is padded by what it was cut
// with, which is no letter.
func clauses(s string) []string {
	var all []string
	from := 0
	for i := range len(s) {
		if ends(s, i) {
			all = append(all, s[from:i+1])
			from = i
		}
	}
	return append(all, s[from:])
}

// index finds an English word or Chinese phrase in s from byte i on: letters match
// at the borders of words only, and a trailing star lets the word go on.
func index(s, phrase string, i int) (from, to int) {
	open := strings.HasSuffix(phrase, "*")
	if open {
		phrase = phrase[:len(phrase)-1]
	}
	for phrase != "" && i < len(s) {
		at := strings.Index(s[i:], phrase)
		if at < 0 {
			break
		}
		from, to = i+at, i+at+len(phrase)
		head := letter(s[from]) && from > 0 && letter(s[from-1])
		tail := !open && to < len(s) && letter(s[to-1]) && letter(s[to])
		if !head && !tail {
			return from, to
		}
		i = from + 1
		for i < len(s) && !utf8.RuneStart(s[i]) {
			i++
		}
	}
	return -1, -1
}

// has says whether one of the phrases is in s.
func has(s string, phrases []string) bool {
	for _, p := range phrases {
		if from, _ := index(s, p, 0); from >= 0 {
			return true
		}
	}
	return false
}
