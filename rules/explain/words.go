package explain

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// mostWords bounds what is passed on; a model needs the gist.
const mostWords = 64

// Words are the words of a closed vocabulary that text holds, in order and at
// most 64. It is the only form in which an explanation may reach a model: names,
// numbers, codes and whatever else somebody wrote in it have no way out, because
// what is returned is taken from the vocabulary and not from the text.
func Words(text string) []string {
	s := normalize(text)
	var found []string
	for i := 0; i < len(s) && len(found) < mostWords; {
		if letter(s[i]) {
			end := i
			for end < len(s) && (letter(s[end]) || s[end] == '-' && end+1 < len(s) && letter(s[end+1])) {
				end++
			}
			tail := nameEnd(s, end)
			if strings.Trim(s[end:tail], "-") == "" { // else a code, and no word
				found = appendKnown(found, s[i:end])
			}
			i = tail
			continue
		}
		if digit(s[i]) {
			i = nameEnd(s, i)
			continue
		}
		if word := chinese(s[i:]); word != "" {
			found, i = append(found, word), i+len(word)
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return found
}

func appendKnown(found []string, word string) []string {
	if at, ok := slices.BinarySearch(words, word); ok {
		return append(found, words[at])
	}
	return found
}

// InVocabulary says whether word is one that [Words] can return.
func InVocabulary(word string) bool {
	_, latin := slices.BinarySearch(words, word)
	_, han := slices.BinarySearch(hanWords, word)
	return latin || han
}

// chinese is the longest word of the vocabulary that s begins with.
func chinese(s string) string {
	const longest = 4
	end := [longest]int{}
	n := 0
	for at := 0; n < longest && at < len(s) && s[at] >= utf8.RuneSelf; n++ {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
		end[n] = at
	}
	for n--; n >= 0; n-- {
		if at, ok := slices.BinarySearch(hanWords, s[:end[n]]); ok {
			return hanWords[at]
		}
	}
	return ""
}

// familiar says whether a quotation holds nothing but words of the vocabulary.
func familiar(inner string) bool {
	n := 0
	for _, f := range strings.Fields(inner) {
		if f[0] >= utf8.RuneSelf {
			return len(Words(inner)) > 0 && hanCovered(inner)
		}
		if _, ok := slices.BinarySearch(words, strings.Trim(f, ".,;:-'")); !ok {
			return false
		}
		n++
	}
	return n > 0
}

func hanCovered(s string) bool {
	for i := 0; i < len(s); {
		word := chinese(s[i:])
		if word == "" {
			return false
		}
		i += len(word)
	}
	return true
}

// understood says whether every word of s is of the vocabulary or was sent. One
// strange word may be what a model made up ("for the flight ticket"), and what a
// payer is told for certain may not hold it.
func understood(s string, sent *Sent) bool {
	for i := 0; i < len(s); {
		end := i
		for end < len(s) && (letter(s[end]) || end > i && s[end] == '-') {
			end++
		}
		if end > i {
			word := strings.TrimRight(s[i:end], "-")
			if _, ok := slices.BinarySearch(words, word); !ok && len(word) > 1 && code(word) == "" && !named(word, sent) {
				return false
			}
			i = end
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		if s[i] >= utf8.RuneSelf && size == 3 {
			word := chinese(s[i:])
			if word == "" && !strings.Contains(hanMarks, s[i:i+size]) {
				return false
			}
			size = max(size, len(word))
		}
		i += size
	}
	return true
}
