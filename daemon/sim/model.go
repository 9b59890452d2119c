package sim

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Models is every provider of language models, each under /models/{name}/ with the path that the provider has for it:
// OpenAI's chat completions and what is compatible with them, Anthropic's Messages, Gemini's generateContent. The zero
// value is ready: a provider exists from its first request on, answers quickly and to the point, and a name that begins
// like a known provider's (mistral, mistral-2) is as strict as that one. Control is under /sim/models.
type Models struct {
	mu        sync.Mutex
	mode      string // "" is quick
	providers map[string]*modelProvider
}

// modelProvider is one name's memory.
type modelProvider struct {
	name     string
	house    house
	setting  ModelSetting
	left     int // answers that the script still has, -1 without end
	draw     *latencies
	count    ModelCounts
	bodies   []string
	breaches []Violation
}

// ModelCounts is what a provider saw. A call that was aborted was left by the client before its answer was complete.
type ModelCounts struct {
	Calls       int            `json:"calls"`
	InFlight    int            `json:"in_flight"`
	MostAtOnce  int            `json:"most_at_once"`
	Answered    int            `json:"answered"`
	Refused     int            `json:"refused"` // by the provider's own strictness
	Aborted     int            `json:"aborted"`
	Cut         int            `json:"cut"` // reset by the script or the network
	TokensIn    int            `json:"tokens_in"`
	TokensOut   int            `json:"tokens_out"`
	Scripts     map[string]int `json:"scripts"` // calls each script met
	LastRefusal string         `json:"last_refusal"`
}

// keptBodies bounds what is remembered of the requests of one provider.
const keptBodies = 100

// ServeHTTP answers as a provider under /models/ and for the control under /sim/.
func (m *Models) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/models/") {
		m.serve(rw, r, nil)
		return
	}
	m.serveControl(rw, r)
}

// serve answers one call; cut is closed while the network is.
func (m *Models) serve(rw http.ResponseWriter, r *http.Request, cut <-chan struct{}) {
	start := time.Now()
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/models/"), "/")
	if name == "" {
		http.NotFound(rw, r)
		return
	}
	if r.Method == http.MethodHead { // somebody connects and asks nothing
		rw.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	p, n := m.begin(name)
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
	if err != nil {
		m.end(p, nil, endCut)
		reset(rw)
		return
	}
	c := &modelCall{start: start, house: p.house, n: n}
	c.recognise(r, path, body)
	m.choose(p, c, body)
	m.end(p, c, c.deliver(rw, r, cut))
}

// modelCall is one request to a provider of models on its way through.
type modelCall struct {
	start   time.Time
	n       int // the call's number at this provider, from 0
	house   house
	dialect *dialect
	ask     *question   // nil when the request was refused
	refused *ModelError // by the provider's own strictness
	script  Script
	setting ModelSetting
	delay   time.Duration
	hang    bool // the draw of a mix
	said    said
	answer  answer
}

// begin counts a call and makes the provider when it is the first.
func (m *Models) begin(name string) (*modelProvider, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.provider(name)
	n := p.count.Calls
	p.count.Calls++
	p.count.InFlight++
	p.count.MostAtOnce = max(p.count.MostAtOnce, p.count.InFlight)
	return p, n
}

// provider is the memory of a name. The caller holds the lock.
func (m *Models) provider(name string) *modelProvider {
	p := m.providers[name]
	if p == nil {
		if m.providers == nil {
			m.providers = map[string]*modelProvider{}
		}
		p = &modelProvider{name: name, house: houseOf(name), count: ModelCounts{Scripts: map[string]int{}}}
		m.providers[name] = p
		p.set(modeSetting(m.mode))
	}
	return p
}

// set gives a provider its script. The caller holds the lock.
func (p *modelProvider) set(s ModelSetting) {
	p.setting, p.left, p.draw = s, s.Times, newLatencies(s.Latency, p.name)
	if s.Times == 0 {
		p.left = -1
	}
}

// choose takes the script, the delay and the answer of a call.
func (m *Models) choose(p *modelProvider, c *modelCall, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.remember(body)
	c.setting = p.setting
	c.delay, c.hang = p.draw.next()
	name := p.setting.Script
	if p.left == 0 {
		name = scriptSensible
	} else if p.left > 0 {
		p.left--
	}
	c.script = scriptNamed(name)
	p.count.Scripts[c.script.Name]++
	if c.refused != nil && !c.script.early {
		p.count.Refused++
		p.count.LastRefusal = c.refused.Message
	}
}

// The ends of a call.
type modelEnd int

const (
	endAnswered modelEnd = iota
	endAborted
	endCut
)

func (m *Models) end(p *modelProvider, c *modelCall, e modelEnd) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.count.InFlight--
	switch e {
	case endAnswered:
		p.count.Answered++
	case endAborted:
		p.count.Aborted++
	case endCut:
		p.count.Cut++
	}
	if c != nil && c.ask != nil { // an aborted call is paid for like any other
		p.count.TokensIn += c.ask.tokensIn
		p.count.TokensOut += c.said.tokens
	}
}

// remember keeps what a shop told a model, and what of it it should not have told. The caller holds the lock.
func (p *modelProvider) remember(body []byte) {
	text := string(body)
	p.bodies = append(p.bodies, text)
	if len(p.bodies) > keptBodies {
		p.bodies = slices.Delete(p.bodies, 0, 1)
	}
	for _, t := range tellTales {
		if t.looks.MatchString(text) {
			p.breaches = append(p.breaches, Violation{At: time.Now(), What: p.name + " was told " + t.what})
		}
	}
	if len(p.breaches) > keptBodies {
		p.breaches = slices.Delete(p.breaches, 0, len(p.breaches)-keptBodies)
	}
}

// tellTales are the looks of what no till tells a model, as far as an outsider can know them.
var tellTales = []struct {
	what  string
	looks *regexp.Regexp
}{
	{"a payer's code", regexp.MustCompile(`\b1[0-5][0-9]{16}\b`)},
	{"a mobile number", regexp.MustCompile(`[^:0-9 ]\s?1[3-9][0-9]{9}\b`)}, // after a colon it is an amount
	{"a mail address", regexp.MustCompile(`[0-9A-Za-z._-]+@[0-9A-Za-z-]+\.[A-Za-z]{2,}`)},
	{"a hash", regexp.MustCompile(`\b[0-9a-f]{64}\b`)},
	{"a vector", regexp.MustCompile(`(-?[0-9]+\.[0-9]+(e-?[0-9]+)?\s*,\s*){8}`)},
}
