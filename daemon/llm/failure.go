package llm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// Class says whose fault it is that there is no answer, and with it what helps.
type Class string

// The classes.
const (
	// Caller: the request is wrong. Asking another provider the same is no use.
	Caller Class = "caller"
	// Config: the key, the account or the model. The next provider may be asked at
	// once, this one not for a while; not for ever, as gateways answer 401 in outages.
	Config Class = "config"
	// Policy: the provider or the model declines. Nobody is looked for who says yes.
	Policy Class = "policy"
	// Hallucination: an answer that is not one. Says something about the model, not
	// about the provider's health.
	Hallucination Class = "hallucination"
	// Truncation: the limit of tokens was too small. Ours to mend, like Caller.
	Truncation Class = "truncation"
	// Transient: the provider or the way there. Another may do better, and so may
	// this one later.
	Transient Class = "transient"
	// Neutral: the caller wanted the answer no more. Says nothing about anybody.
	Neutral Class = "neutral"
)

// Failure is why there is no answer. It never holds a key, nor more of the
// provider's text than fits in a line.
type Failure struct {
	Class    Class
	Provider string
	// Status of HTTP, 0 if there was none.
	Status int
	// Code is the provider's most exact word for it, or ours.
	Code string
	// RetryAfter is how long the provider wants to be left alone, 0 if it did not say.
	RetryAfter time.Duration
	// Said is the provider's explanation: one printable line.
	Said string

	err error
}

func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "llm: %s: %s: %s", f.Provider, f.Class, f.Code)
	if f.Status != 0 {
		fmt.Fprintf(&b, " (%d)", f.Status)
	}
	if f.Said != "" {
		b.WriteString(": " + f.Said)
	}
	return b.String()
}

func (f *Failure) Unwrap() error { return f.err }

func failed(class Class, code string) *Failure { return &Failure{Class: class, Code: code} }

// The codes for what no provider has a word for.
const (
	codeDeadline  = "deadline"
	codeCanceled  = "canceled"
	codeRequest   = "no_request"
	codeProvider  = "no_such_provider"
	codeRegion    = "outside_region"
	codeTooLarge  = "answer_too_large"
	codeNotJSON   = "answer_not_json"
	codeNoAnswer  = "no_answer"
	codeEmpty     = "answer_empty"
	codeSeveral   = "several_answers"
	codeWrongTool = "wrong_tool"
	codeRefusal   = "refusal"
	codeGuardrail = "guardrail"
	codeForm      = "wrong_form"
	codeUnsent    = "cites_unsent"

	codeDimensions = "other_dimensions"
)

// lost is the failure of a call that broke on the way. A context that was cancelled
// is neutral; one whose time ran out is not, and neither is one that was cancelled
// with that as its cause.
func lost(ctx context.Context, err error) *Failure {
	f := failed(Transient, "")
	f.err = err
	if ctx.Err() != nil {
		f.err = ctx.Err()
		if f.Code = codeDeadline; errors.Is(f.err, context.Canceled) && !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			f.Class, f.Code = Neutral, codeCanceled
		}
		return f
	}
	var cert *tls.CertificateVerificationError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		f.Code = "dns"
	case errors.As(err, &cert):
		f.Code = "certificate"
	case errors.Is(err, syscall.ECONNREFUSED):
		f.Code = "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		f.Code = "reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		f.Code = "unreachable"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.Code = "broke_off"
	case errors.As(err, &timeout) && timeout.Timeout():
		f.Code = "timeout"
	default:
		f.Code = "network"
	}
	f.Said = clean(err.Error(), maxSaid)
	return f
}

const (
	maxSaid = 160
	maxCode = 64
)

// clean makes a provider's text fit for a line of a log: bounded and without
// characters that a terminal or a parser of logs would obey.
func clean(s string, most int) string {
	var b strings.Builder
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			r = ' '
		}
		if b.Len()+len(string(r)) > most {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// cleanCode leaves of a provider's error code what codes are made of.
func cleanCode(s string) string {
	keep := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}
	s = strings.Map(keep, s)
	return s[:min(len(s), maxCode)]
}
