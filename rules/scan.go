package rules

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// lexeme is the kind of a token: a class, or the operator itself.
type lexeme string

const (
	lexEnd    lexeme = "the end"
	lexName   lexeme = "a name"
	lexNumber lexeme = "a number"
	lexString lexeme = "a text"
)

type token struct {
	lex  lexeme
	text string // of a name, number or string, without quotes
	at   int
}

func (t token) String() string {
	switch t.lex {
	case lexEnd:
		return string(lexEnd)
	case lexString:
		return fmt.Sprintf("%.20q", t.text)
	case lexName, lexNumber:
		return fmt.Sprintf("%.40s", t.text)
	}
	return string(t.lex)
}

// operators, the longer ones first.
var operators = []lexeme{"&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "(", ")", ","}

// scan splits a condition into tokens. A field is one token with its dots.
func scan(src string) ([]token, *flaw) {
	var tokens []token
	for at := 0; at < len(src); {
		c := src[at]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			at++
			continue
		case isLetter(c):
			n := run(src[at:], func(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' })
			tokens = append(tokens, token{lexName, src[at : at+n], at})
			at += n
			continue
		case isDigit(c):
			n := run(src[at:], func(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' })
			tokens = append(tokens, token{lexNumber, src[at : at+n], at})
			at += n
			continue
		case c == '"' || c == '`':
			end := strings.IndexByte(src[at+1:], c)
			if end < 0 {
				return nil, &flaw{Syntax, at, "this text does not end", "close it with another " + string(c)}
			}
			text := src[at+1 : at+1+end]
			if i := strings.IndexByte(text, '\\'); i >= 0 && c == '"' {
				return nil, &flaw{Syntax, at + 1 + i, "a text has no backslash", "words and labels are plain letters"}
			}
			tokens = append(tokens, token{lexString, text, at})
			at += end + 2
			continue
		}
		op := operatorAt(src[at:])
		if op == "" {
			r, _ := utf8.DecodeRuneInString(src[at:])
			return nil, &flaw{Syntax, at, fmt.Sprintf("a condition has no %q", r), notFound(r)}
		}
		tokens = append(tokens, token{lex: op, at: at})
		at += len(op)
	}
	return append(tokens, token{lex: lexEnd, at: len(src)}), nil
}

func operatorAt(s string) lexeme {
	for _, op := range operators {
		if strings.HasPrefix(s, string(op)) {
			return op
		}
	}
	return ""
}

// notFound is the hint for a character that other languages and other keyboards
// have.
func notFound(r rune) string {
	switch r {
	case '=':
		return "equality is =="
	case '&':
		return "both is &&"
	case '|':
		return "one of them is ||"
	case '\'', '“', '”', '‘', '’':
		return `a text is in double quotes, such as "payer"`
	case '（', '）', '，', '＞', '＜', '！':
		return "this is a full-width character: switch the input method to half-width"
	}
	return "the operators are && || ! == != < <= > >= + - * / %"
}

func run(s string, in func(byte) bool) int {
	n := 1
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
