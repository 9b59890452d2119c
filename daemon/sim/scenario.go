package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// Words is a text for a person, in the languages of the page.
type Words struct {
	En string `json:"en"`
	Zh string `json:"zh"`
}

// Scenario is one thing that can go wrong at the payment AI API, as a switch.
type Scenario struct {
	Name  string `json:"name"`
	Group string `json:"group"`
	Title Words  `json:"title"`
	What  Words  `json:"what"` // what it plants
	Sees  Words  `json:"sees"` // what cashier and customer should see
	On    bool   `json:"on"`

	slot   string // of those with one slot only one is on
	ai     string // settings, as JSON; off puts the defaults back
	errors *AIErrorRule
	rule   *Rule
	notice *NoticeFault
	cut    bool
}

// ScenarioSwitch is the body of POST /sim/scenarios.
type ScenarioSwitch struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
}

// Scenarios lists what can be switched, and what is on.
func (w *WeChat) Scenarios() []Scenario {
	w.lock()
	defer w.mu.Unlock()
	list := scenarios()
	for i := range list {
		list[i].On = w.ai.scenarios[list[i].Name] && w.stands(list[i])
	}
	return list
}

// SwitchScenario turns one on or off. Those that cannot be at the same time go off for it; what was set by hand stays,
// but for the settings that the scenario itself turns.
func (w *WeChat) SwitchScenario(q ScenarioSwitch) ([]Scenario, error) {
	all := scenarios()
	at := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == q.Name })
	if at < 0 {
		return nil, &controlError{http.StatusNotFound, "SCENARIO_UNKNOWN", "no scenario " + q.Name}
	}
	s := all[at]
	if err := w.turn(all, s, q.On); err != nil {
		return nil, err
	}
	if s.cut {
		w.SetLink(!q.On)
	}
	return w.Scenarios(), nil
}

// ScenariosOff turns everything off that a scenario turned on.
func (w *WeChat) ScenariosOff() []Scenario {
	w.lock()
	on := slices.Collect(maps.Keys(w.ai.scenarios)) // those too of which a person took a part away
	w.mu.Unlock()
	for _, name := range on {
		_, _ = w.SwitchScenario(ScenarioSwitch{Name: name}) // the way back is made of defaults, which hold
	}
	return w.Scenarios()
}

// stands tells whether what a scenario planted is still there: a person may have changed it by hand.
func (w *WeChat) stands(s Scenario) bool {
	settings := w.ai.settings
	if s.ai != "" {
		again, err := settings.with(json.RawMessage(s.ai))
		if err != nil || !bytes.Equal(encodeJSON(again), encodeJSON(settings)) {
			return false
		}
	}
	return (s.errors == nil || slices.ContainsFunc(settings.Errors, func(r AIErrorRule) bool { return r.Scenario == s.Name })) &&
		(s.rule == nil || slices.ContainsFunc(w.rules.list, func(r *Rule) bool { return r.Scenario == s.Name })) &&
		(s.notice == nil || slices.ContainsFunc(w.post.settings.Faults, func(f NoticeFault) bool { return f.Scenario == s.Name })) &&
		(!s.cut || w.link.down)
}

func (w *WeChat) turn(all []Scenario, s Scenario, on bool) error {
	w.lock()
	defer w.mu.Unlock()
	for _, other := range all {
		if w.ai.scenarios[other.Name] && (other.Name == s.Name || other.slot != "" && other.slot == s.slot) {
			if err := w.unplant(other); err != nil {
				return err
			}
		}
	}
	if !on {
		return nil
	}
	settings := w.ai.settings
	if s.ai != "" {
		var err error
		if settings, err = settings.with(json.RawMessage(s.ai)); err != nil {
			return fmt.Errorf("scenario %s: %w", s.Name, err)
		}
	}
	if s.errors != nil {
		r := *s.errors
		r.Scenario = s.Name
		settings.Errors = append(slices.Clone(settings.Errors), r)
	}
	if s.ai != "" || s.errors != nil {
		w.ai.configure(settings)
	}
	if s.rule != nil {
		r := *s.rule
		r.Scenario = s.Name
		w.addRule(r)
	}
	if s.notice != nil {
		f := *s.notice
		f.Scenario = s.Name
		w.post.settings.Faults, w.post.used = append(slices.Clone(w.post.settings.Faults), f), nil
	}
	w.ai.scenarios[s.Name] = true
	return nil
}

// unplant takes out of the world what a scenario brought.
func (w *WeChat) unplant(s Scenario) error {
	settings := w.ai.settings
	if s.ai != "" {
		back, err := defaultsOf(s.ai)
		if err == nil {
			settings, err = settings.with(back)
		}
		if err != nil {
			return fmt.Errorf("scenario %s: %w", s.Name, err)
		}
	}
	settings.Errors = slices.DeleteFunc(slices.Clone(settings.Errors), func(r AIErrorRule) bool { return r.Scenario == s.Name })
	if s.ai != "" || s.errors != nil {
		w.ai.configure(settings)
	}
	w.rules.list = slices.DeleteFunc(w.rules.list, func(r *Rule) bool { return r.Scenario == s.Name })
	if s.notice != nil {
		w.post.settings.Faults = slices.DeleteFunc(slices.Clone(w.post.settings.Faults), func(f NoticeFault) bool { return f.Scenario == s.Name })
		w.post.used = nil
	}
	delete(w.ai.scenarios, s.Name)
	return nil
}

// dropScenarios forgets which scenarios are on after their settings were put back; what stands elsewhere goes with them.
func (w *WeChat) dropScenarios() {
	clear(w.ai.scenarios)
	w.rules.list = slices.DeleteFunc(w.rules.list, func(r *Rule) bool { return r.Scenario != "" })
	w.post.settings.Faults = slices.DeleteFunc(slices.Clone(w.post.settings.Faults), func(f NoticeFault) bool { return f.Scenario != "" })
	w.post.used = nil
}

// defaultsOf is a change of settings with the default in the place of each value.
func defaultsOf(change string) (json.RawMessage, error) {
	var changed, defaults map[string]any
	if err := json.Unmarshal([]byte(change), &changed); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(encodeJSON(defaultAISettings()), &defaults); err != nil {
		return nil, err
	}
	return encodeJSON(inPlaceOf(changed, defaults)), nil
}

func inPlaceOf(changed, defaults map[string]any) map[string]any {
	back := map[string]any{}
	for k, v := range changed {
		def, known := defaults[k]
		switch v := v.(type) {
		case map[string]any:
			inner, _ := def.(map[string]any)
			back[k] = inPlaceOf(v, inner)
		case float64:
			back[k] = 0
		case bool:
			back[k] = false
		default:
			back[k] = ""
		}
		if _, nested := v.(map[string]any); known && !nested {
			back[k] = def
		}
	}
	return back
}
