package rules

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestCaseJSON(t *testing.T) {
	b, err := json.Marshal(known())
	want := `{"amount":30000,"currency":"CNY","flow":"payer","draw":49,"local.time":81005,"local.weekday":"sat","link.state":"no_link","link.silence":5400,` +
		`"offline.sum":100,"offline.count":7,"offline.oldest":0,"offline.streak":2,"payer.wallet":"alipay","payer.first_seen":true,"payer.denied":false,"payer.count_1h":3,` +
		`"price.cross":true,"price.width":2147483647,"price.left":-5,"intent.label":"top_up","intent.confidence":80}`
	if err != nil || string(b) != want {
		t.Errorf("%s\n%v, want\n%s", b, err, want)
	}
	if b, err := json.Marshal(&Case{}); err != nil || string(b) != "{}" {
		t.Errorf("%s %v", b, err)
	}
}

// A record gives back the case: the same bytes, the same hash, the same verdict.
func TestCaseJSONRoundTrip(t *testing.T) {
	s := standard(t)
	for seed := range uint64(5000) {
		c := generate(seed)
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back Case
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		again, _ := json.Marshal(back)
		if string(again) != string(b) || s.Decide(&back) != s.Decide(&c) {
			t.Fatalf("%s\n%s", b, again)
		}
	}
}

func TestCaseJSONFaults(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                            "case: json",
		`{"payer.cuont_1h":3}`:          "did you mean payer.count_1h?",
		`{"draw":10000}`:                "draw cannot be 10000",
		`{"draw":1.5}`:                  "draw cannot be 1.5",
		`{"draw":"5"}`:                  "draw cannot be 5",
		`{"draw":null}`:                 "draw cannot be",
		`{"payer.denied":1}`:            "payer.denied cannot be 1",
		`{"draw":true}`:                 "draw cannot be true",
		`{"flow":"payr"}`:               "flow cannot be payr",
		`{"flow":""}`:                   "flow cannot be",
		`{"currency":"yuan"}`:           "currency cannot be yuan",
		`{"intent.label":"Top up"}`:     "intent.label cannot be Top up",
		`{"amount":0,"currency":"CNY"}`: "amount cannot be 0",
		`{"link.state":["online"]}`:     "link.state cannot be",
	} {
		c := known()
		if err := json.Unmarshal([]byte(text), &c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
		if c.Draw != Known(49) {
			t.Errorf("%s changed the case", text)
		}
	}
}

// Each fact is in the table once, reaches its own place and changes the hash. The
// Case has no place that no fact reaches.
func TestFields(t *testing.T) {
	seen := map[string]bool{}
	hashes := map[Hash64]string{}
	for i := range fields {
		f := &fields[i]
		if f.name == "" || seen[f.name] {
			t.Fatalf("field %d is %q", i, f.name)
		}
		seen[f.name] = true
		var c Case
		switch {
		case f.set == nil:
			c.Intent.Label = "x"
		case f.name == "amount":
			c.Amount.Currency = "CNY"
			f.set(&c, 7)
		case f.kind == currency:
			f.set(&c, pack("CNY"))
		default:
			f.set(&c, f.hi)
		}
		var got facts
		got.load(&c)
		if got.known>>i&1 != 1 {
			t.Errorf("%s is not known after it was set", f.name)
		}
		if f.set != nil && f.name != "amount" && got.known != 1<<i {
			t.Errorf("%s sets others: %b", f.name, got.known)
		}
		if other, twice := hashes[got.hash()]; twice {
			t.Errorf("%s hashes like %s", f.name, other)
		}
		hashes[got.hash()] = f.name
	}
	if fields[fieldAmount].name != "amount" || fields[fieldCurrency].name != "currency" {
		t.Error("amount and currency are not where rules look for them")
	}
	places := 0
	var count func(reflect.Type)
	count = func(s reflect.Type) {
		for i := range s.NumField() {
			if f := s.Field(i).Type; f.Kind() == reflect.Struct && f != reflect.TypeFor[Int]() {
				count(f)
			} else {
				places++
			}
		}
	}
	if count(reflect.TypeFor[Case]()); places != nFields {
		t.Errorf("the case has %d places and %d names", places, nFields)
	}
	info := Fields()
	if len(info) != nFields || info[2].Name != "flow" || fmt.Sprint(info[2].Words) != "[merchant payer offline]" || info[0].Kind != "an amount" {
		t.Errorf("%+v", info[:3])
	}
}

func TestLocalTime(t *testing.T) {
	for day := range 7 {
		l := LocalTime(time.Date(2026, 11, 23+day, 0, 0, day, 0, time.UTC)) // a Monday
		if l.Weekday != Monday+Weekday(day) || l.Time != Known(int64(day)) {
			t.Errorf("day %d: %+v", day, l)
		}
	}
	if n, ok := LocalTime(time.Date(2026, 1, 1, 23, 59, 59, 999, time.UTC)).Time.Value(); n != 86_399 || !ok {
		t.Error(n, ok)
	}
	if Seconds(-1500*time.Millisecond) != Known(-1) {
		t.Error("not rounded towards zero")
	}
}
