package sim

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// planted is everything that a scenario can change, without the counts.
func (s *shop) planted() map[string]any {
	s.t.Helper()
	v := map[string]any{}
	for _, path := range []string{"/sim/ai", "/sim/notices"} {
		g := s.control("GET", path, nil, 200)
		delete(g.body, "counts")
		v[path] = g.body
	}
	var rules []map[string]any
	if err := json.Unmarshal(s.control("GET", "/sim/rules", nil, 200).raw, &rules); err != nil {
		s.t.Fatal(err)
	}
	for _, r := range rules {
		delete(r, "id")
	}
	v["rules"], v["link"] = rules, s.control("GET", "/sim/link", nil, 200).str("up")
	return v
}

func differ(before, after map[string]any) string {
	for k := range before {
		if b, a := encodeJSON(before[k]), encodeJSON(after[k]); !bytes.Equal(b, a) {
			return k + " " + string(a) + "\nwhich was " + string(b)
		}
	}
	return "nothing"
}

func (s *shop) scenario(name string, on bool) {
	s.t.Helper()
	s.control("POST", "/sim/scenarios", obj{"name": name, "on": on}, 200)
}

func (s *shop) lit() map[string]bool {
	s.t.Helper()
	on := map[string]bool{}
	var list []Scenario
	if err := json.Unmarshal(s.control("GET", "/sim/scenarios", nil, 200).raw, &list); err != nil {
		s.t.Fatal(err)
	}
	for _, c := range list {
		if c.On {
			on[c.Name] = true
		}
	}
	return on
}

// Each switch changes the world, and takes back exactly what it changed: what a person set by hand stays.
func TestEachScenarioIsASwitch(t *testing.T) {
	s := newAIShop(t)
	s.set(obj{"seed": 7, "errors": []obj{{"class": "user", "out_trade_no": "T1-888888"}}, "fx": obj{"mids": obj{"USD/CNY": "7.3"}}})
	s.control("POST", "/sim/rules", obj{"op": "query", "delay_ms": 1}, 200)
	s.notify("http://127.0.0.1:9/notify", obj{"fault": "late", "out_trade_no": "T1-888888"})
	before := s.planted()
	for _, c := range scenarios() {
		s.scenario(c.Name, true)
		if on := s.lit(); len(on) != 1 || !on[c.Name] {
			t.Errorf("%s: on are %v", c.Name, on)
		}
		if reflect.DeepEqual(s.planted(), before) {
			t.Errorf("%s: changes nothing", c.Name)
		}
		s.scenario(c.Name, true) // twice is once
		s.scenario(c.Name, false)
		if after := s.planted(); !reflect.DeepEqual(after, before) || len(s.lit()) != 0 {
			t.Errorf("%s: leaves %s", c.Name, differ(before, after))
		}
	}
	for _, c := range scenarios() { // each puts out its neighbours in the slot
		s.scenario(c.Name, true)
	}
	slots := map[string]bool{}
	free := 0
	for _, c := range scenarios() {
		if slots[c.slot] = true; c.slot == "" {
			free++
		}
	}
	equal(t, "on at the same time", len(s.lit()), len(slots)-1+free)
	s.control("DELETE", "/sim/scenarios", nil, 200)
	if after := s.planted(); !reflect.DeepEqual(after, before) {
		t.Errorf("all off leaves %s", differ(before, after))
	}
	s.control("POST", "/sim/scenarios", obj{"name": "rain", "on": true}, 404)

	s.scenario("err_user", true)
	s.scenario("garbage", true)
	s.scenario("notice_lost", true)
	s.control("DELETE", "/sim/ai", nil, 200) // puts settings back, so nothing may be left that is called on
	equal(t, "on", len(s.lit()), 0)
	equal(t, "rules", len(s.w.WeChat.Rules()), 1)
	equal(t, "notice faults", len(s.w.WeChat.NoticeReport().Faults), 1)
}

// What a person takes away by hand is no longer called on.
func TestScenariosTellWhatIsThere(t *testing.T) {
	for name, undo := range map[string]func(s *shop){
		"link_down":   func(s *shop) { s.control("POST", "/sim/link", obj{"up": true}, 200) },
		"garbage":     func(s *shop) { s.control("DELETE", "/sim/rules", nil, 200) },
		"err_user":    func(s *shop) { s.set(obj{"errors": []obj{}}) },
		"replay":      func(s *shop) { s.set(obj{"latency": obj{"ai_payment": obj{"kind": "fixed", "ms": 5}}}) },
		"fx_expired":  func(s *shop) { s.set(obj{"fx": obj{"wrong": ""}}) },
		"notice_lost": func(s *shop) { s.control("DELETE", "/sim/notices", nil, 200) },
	} {
		s := newAIShop(t)
		s.scenario(name, true)
		s.scenario("context_lost", true)
		if on := s.lit(); !on[name] || len(on) != 2 {
			t.Errorf("%s: on are %v", name, on)
		}
		undo(s)
		if on := s.lit(); on[name] || len(on) != 1 {
			t.Errorf("%s: after it was undone on are %v", name, on)
		}
		s.scenario(name, true)
		if !s.lit()[name] {
			t.Errorf("%s cannot be turned on again", name)
		}
	}
}

func TestScenariosAreWorded(t *testing.T) {
	names, groups := map[string]bool{}, map[string]bool{}
	for _, c := range scenarios() {
		if names[c.Name] {
			t.Errorf("%s twice", c.Name)
		}
		names[c.Name], groups[c.Group] = true, true
		for _, text := range []Words{c.Title, c.What, c.Sees} {
			if text.En == "" || text.Zh == "" || text.En == text.Zh {
				t.Errorf("%s: %+v", c.Name, text)
			}
		}
	}
	for _, group := range []string{"context", "currency", "key", "liveness", "errors", "answers", "chain", "silent", "network", "notices"} {
		if !groups[group] {
			t.Errorf("no scenario of %s", group)
		}
		delete(groups, group)
	}
	if len(groups) != 0 {
		t.Errorf("groups the page does not know: %v", groups)
	}
	words, err := pageFiles.ReadFile("page/words.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range scenarios() {
		if !bytes.Contains(words, []byte("group_"+c.Group+":")) {
			t.Errorf("the page has no word for %s", c.Group)
		}
	}
}
