package aipay

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// maxInteractions is the API's limit.
const maxInteractions = 32

var (
	idForm   = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,64}$`)
	hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Session is one payer at the till, without the payer: what was done from the
// first key press on. The identifier is random and names nobody.
type Session struct {
	ID           string
	Flow         sale.Flow
	Amount       money.Money // only its number of digits is embedded
	Started      time.Time
	Interactions []Interaction
}

// Intent is the verdict of the shop's own classifier about what the payer wants.
type Intent struct {
	Classifier string // "name/version"
	Label      string
	Confidence float64
}

// Context is what a payment is judged by. The zero Context is none and makes no
// payment; NewContext is the only source of others. It is text inside, so that
// nobody who shares its session's memory changes it later.
type Context struct {
	wire    string
	session string
	flow    sale.Flow
}

// FaultError lists what is missing or wrong in a request that was not built.
type FaultError struct {
	What   string
	Faults []string
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("aipay: no %s without: %s", e.What, strings.Join(e.Faults, "; "))
}

// faults collects what is wrong, so that whoever mends it mends all of it.
type faults []string

func (f *faults) unless(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Sprintf(format, args...))
	}
}

func (f faults) err(what string) error {
	if len(f) == 0 {
		return nil
	}
	return &FaultError{what, f}
}

type embeddingField struct {
	Model  string    `json:"model"`
	Dim    int       `json:"dim"`
	Values []float64 `json:"values"`
}

type interactionField struct {
	Kind      Kind           `json:"kind"`
	At        string         `json:"at"`
	Embedding embeddingField `json:"embedding"`
}

type contextField struct {
	Session struct {
		ID   string `json:"id"`
		Hash string `json:"embedding_hash"`
		At   string `json:"started_at"`
	} `json:"session"`
	Interactions []interactionField `json:"interactions"`
	Device       struct {
		Hash string `json:"fingerprint_hash"`
	} `json:"device"`
	Intent struct {
		Classifier string  `json:"classifier"`
		Label      string  `json:"label"`
		Confidence float64 `json:"confidence"`
	} `json:"intent"`
}

// NewContext embeds a session and joins it with the digest of the device's
// fingerprint (64 hexadecimal digits) and the classifier's verdict. It refuses
// what is not complete and names all that is missing.
func NewContext(s Session, device string, intent Intent) (Context, error) {
	return newContext(s, device, intent, embedded{})
}

// newContext takes the vectors of e, or makes them here where it has none.
func newContext(s Session, device string, intent Intent, e embedded) (Context, error) {
	var f faults
	s.check(&f)
	f.unless(hashForm.MatchString(device), "device: the SHA-256 of the fingerprint, 64 hexadecimal digits")
	intent.check(&f)
	if err := f.err("context"); err != nil {
		return Context{}, err
	}
	if e.model == "" {
		e = here(s)
	}
	var wire contextField
	for i, in := range s.Interactions {
		wire.Interactions = append(wire.Interactions, interactionField{
			in.Kind, stamp(in.At), embeddingField{e.model, dim, e.vectors[i].floats()},
		})
	}
	hash := sum(e.vectors).hash()
	wire.Session.ID, wire.Session.Hash, wire.Session.At = s.ID, hash, stamp(s.Started)
	wire.Device.Hash = device
	wire.Intent.Classifier, wire.Intent.Label, wire.Intent.Confidence = intent.Classifier, intent.Label, intent.Confidence
	b, err := json.Marshal(wire)
	if err != nil {
		return Context{}, fmt.Errorf("aipay: %w", err)
	}
	return Context{string(b), hash, s.Flow}, nil
}

func (s Session) check(f *faults) {
	f.unless(idForm.MatchString(s.ID), "session.id: 1 to 64 letters and digits")
	f.unless(s.Flow == sale.Merchant || s.Flow == sale.Payer, "session.flow: who shows the code")
	f.unless(s.Amount.Check() == nil, "session.amount: an amount of money")
	f.unless(!s.Started.IsZero(), "session.started_at: when it began")
	n := len(s.Interactions)
	f.unless(n >= 1 && n <= maxInteractions, "interactions: 1 to %d of them, not %d", maxInteractions, n)
	for i, in := range s.Interactions[:min(n, maxInteractions)] {
		f.unless(in.Kind.valid(), "interactions[%d].kind: %.20q is none", i, string(in.Kind))
		f.unless(!in.At.IsZero(), "interactions[%d].at: when it was", i)
		f.unless(in.Kind != Product || in.Article.Category != "" && in.Article.Price >= 0, "interactions[%d].article: a category, and a price of 0 or more", i)
	}
}

func (in Intent) check(f *faults) {
	name, version, two := strings.Cut(in.Classifier, "/")
	f.unless(two && idForm.MatchString(name) && idForm.MatchString(version), "intent.classifier: name/version")
	f.unless(idForm.MatchString(in.Label), "intent.label: what the classifier said")
	f.unless(in.Confidence >= 0 && in.Confidence <= 1, "intent.confidence: 0 to 1") // NaN is neither
}

// stamp is a time on the wire: one form, so that the same facts are the same bytes.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

var errNoContext = errors.New("aipay: this is no context: NewContext makes one")

// IsZero says that there is no context.
func (c Context) IsZero() bool { return c.wire == "" }

// SessionHash is the digest of the session's embedding, of which the attempt's
// idempotency key is made.
func (c Context) SessionHash() string { return c.session }

// MarshalJSON is the context object of the API.
func (c Context) MarshalJSON() ([]byte, error) {
	if c.IsZero() {
		return nil, errNoContext
	}
	return []byte(c.wire), nil
}
