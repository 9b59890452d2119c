package rejection

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// A till that is restarted at any moment decides as one that is not.
func TestRestartChangesNoDecision(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	steady, restarted := New(Options{Raise: 5, Clear: 4}), New(Options{Raise: 5, Clear: 4})
	changes := 0
	for i := range 6000 {
		bad := i/1500%2 == 1 // faulty and well by turns
		label := fmt.Sprint("label\xff", r.IntN(3))
		o := outcome(i, label, r.Float64() < 0.01 || bad && label == "label\xff0" && r.Float64() < 0.1)
		if r.Float64() < 0.01 {
			text, err := json.Marshal(restarted)
			if err != nil {
				t.Fatal(err)
			}
			restarted = New(Options{Raise: 5, Clear: 4})
			if err := json.Unmarshal(text, restarted); err != nil {
				t.Fatal(err)
			}
		}
		a, b := steady.Note(o), restarted.Note(o)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("sale %d: %+v, after a restart %+v", i, a, b)
		}
		changes += len(a)
	}
	if changes < 3 {
		t.Fatalf("only %d changes: nothing was tried", changes)
	}
	if !reflect.DeepEqual(steady.Rates(), restarted.Rates()) || !reflect.DeepEqual(steady.Alarms(), restarted.Alarms()) {
		t.Error("rates or alarms differ")
	}
}

func TestFullStateFits(t *testing.T) {
	text, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the largest state: %d bytes", len(text))
	if err := json.Unmarshal(text, new(Watch)); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedStateIsRefused(t *testing.T) {
	w := new(Watch)
	_, i := raise(t, w, 0, "coffee")
	w.Note(outcome(i, "tea", true))
	good, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{`"version":1`, `"version":2`},
		{`"version":1`, `"version":1,"more":0`},
		{`"label":"tea"`, `"label":"coffee"`},
		{`"label":"tea"`, `"label":"` + strings.Repeat("a", maxText+1) + `"`},
		{`"base":0`, `"base":-0`},
		{`"evidence":0`, `"evidence":-1`},
		{`"r":1`, `"r":2`},
		{`"used":`, `"used":9`},
		{`"minor":`, `"minor":-`},
		{`"raised":`, `"raised":-`},
		{`"h":4`, `"h":4444444444444444`},
		{`[{"h":`, `[{"h":1,"n":0,"r":0},{"h":`},
		{`{"key":{"label":"tea",`, `{"key":{"label":"coffee",`},
		{`"examples":["`, `"examples":["","","","`},
		{`{"version"`, `[{"version"`},
		{`}]}`, `}]`},
	} {
		bad := strings.Replace(string(good), c[0], c[1], 1)
		if bad == string(good) {
			t.Errorf("%s is not in %s", c[0], good)
		}
		before, _ := json.Marshal(w)
		if err := w.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s for %s is accepted", c[1], c[0])
		}
		if after, _ := json.Marshal(w); string(after) != string(before) {
			t.Errorf("%s for %s changed the watch", c[1], c[0])
		}
	}
	for _, bad := range []string{"", "null", "{}", "7", "garbage", string(good) + "{}", strings.Repeat(" ", maxState+1)} {
		if err := new(Watch).UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%.20q is accepted", bad)
		}
	}
	if err := new(Watch).UnmarshalJSON(good); err != nil {
		t.Error(err)
	}
}

// What is read back can be watched with and written again.
func FuzzState(f *testing.F) {
	w := new(Watch)
	for i := range 30 {
		w.Note(outcome(i*40, fmt.Sprint("label", i%2), i%2 == 0))
	}
	good, err := json.Marshal(w)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"series":[null],"keys":[null]}`))
	f.Add([]byte(`{"version":1,"series":[{"base":1e-300,"evidence":1e308}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		w := new(Watch)
		if w.UnmarshalJSON(text) != nil {
			return
		}
		for i := range 60 {
			w.Note(outcome(i, "label0", i%3 == 0))
		}
		again, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		next := new(Watch)
		if err := json.Unmarshal(again, next); err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		if !reflect.DeepEqual(w.Alarms(), next.Alarms()) || !reflect.DeepEqual(w.Rates(), next.Rates()) {
			t.Errorf("a second reading differs")
		}
	})
}
