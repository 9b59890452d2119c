package sim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// ModelsReport is what all providers of models saw.
type ModelsReport struct {
	Mode      string        `json:"mode"` // "" when a provider has a script of its own
	Providers []ModelReport `json:"providers"`
}

// ModelReport is one provider: its script, and what it saw.
type ModelReport struct {
	Name    string       `json:"name"`
	Setting ModelSetting `json:"setting"`
	Left    int          `json:"left"` // calls that the script still meets, -1 without end
	ModelCounts
	Violations []Violation `json:"violations"` // what it was told and should not have been
}

// ModelMode is the switch of the page.
type ModelMode struct {
	Mode string `json:"mode"`
}

// SetMode switches all providers, those that come later included: quick, slow, wrong or off.
func (m *Models) SetMode(q ModelMode) (ModelsReport, error) {
	if !slices.Contains(modes, q.Mode) {
		return ModelsReport{}, badSetting("mode is quick, slow, wrong or off")
	}
	m.mu.Lock()
	m.mode = q.Mode
	for _, p := range m.providers {
		p.set(modeSetting(q.Mode))
	}
	m.mu.Unlock()
	return m.Report(), nil
}

// Set tells one provider what to do.
func (m *Models) Set(name string, s ModelSetting) (ModelReport, error) {
	if s.Script == "" {
		s.Script = scriptSensible
	}
	if scriptNamed(s.Script).Name != s.Script {
		return ModelReport{}, badSetting("there is no script " + s.Script + "; GET /sim/scripts lists them")
	}
	if s.Times < 0 {
		return ModelReport{}, badSetting("times is not negative")
	}
	if err := s.Latency.check(); err != nil {
		return ModelReport{}, err
	}
	if err := s.Error.check(); err != nil {
		return ModelReport{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.provider(name)
	p.set(s)
	return p.report(), nil
}

// Report tells what all providers saw, by name.
func (m *Models) Report() ModelsReport {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := ModelsReport{Mode: m.mode, Providers: []ModelReport{}}
	if r.Mode == "" {
		r.Mode = modeQuick
	}
	common := modeSetting(r.Mode)
	for _, name := range slices.Sorted(maps.Keys(m.providers)) {
		p := m.providers[name]
		r.Providers = append(r.Providers, p.report())
		if p.setting != common {
			r.Mode = ""
		}
	}
	return r
}

// Requests are the last bodies that a provider was sent, the oldest first.
func (m *Models) Requests(name string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := []string{} // never null on the wire
	if p := m.providers[name]; p != nil {
		list = append(list, p.bodies...)
	}
	return list
}

// Reset forgets all providers: what they saw, and what they were told.
func (m *Models) Reset() ModelsReport {
	m.mu.Lock()
	m.mode = ""
	for _, p := range m.providers { // calls in flight still count here
		fresh := ModelCounts{InFlight: p.count.InFlight, Scripts: map[string]int{}}
		p.count, p.bodies, p.breaches = fresh, nil, nil
		p.set(modeSetting(""))
	}
	m.mu.Unlock()
	return m.Report()
}

// report copies what is known of a provider. The caller holds the lock.
func (p *modelProvider) report() ModelReport {
	r := ModelReport{Name: p.name, Setting: p.setting, Left: p.left, ModelCounts: p.count}
	r.Scripts = maps.Clone(p.count.Scripts)
	r.Violations = append([]Violation{}, p.breaches...) // never null on the wire
	return r
}

// isModelControl tells which paths under /sim/ are about models.
func isModelControl(path string) bool {
	return path == "/sim/scripts" || path == "/sim/models" || strings.HasPrefix(path, "/sim/models/")
}

func (m *Models) serveControl(rw http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/sim/")
	name, _ := strings.CutPrefix(path, "models/")
	switch r.Method + " " + path {
	case "GET scripts":
		reply(rw, Scripts(), nil)
		return
	case "GET models":
		reply(rw, m.Report(), nil)
		return
	case "POST models":
		serve(rw, r, m.SetMode)
		return
	case "DELETE models":
		reply(rw, m.Reset(), nil)
		return
	}
	if path == name || name == "" || strings.Contains(name, "/") {
		reply(rw, nil, &controlError{http.StatusNotFound, "NOT_FOUND", r.Method + " " + r.URL.Path + " is nothing"})
		return
	}
	switch r.Method {
	case http.MethodGet:
		reply(rw, m.Requests(name), nil)
	case http.MethodPost:
		serve(rw, r, func(s ModelSetting) (ModelReport, error) { return m.Set(name, s) })
	default:
		reply(rw, nil, &controlError{http.StatusMethodNotAllowed, "METHOD", "GET or POST"})
	}
}
