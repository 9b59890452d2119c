package document

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// told is what a file says, a line for each header and key.
func told(text string, form Form) ([]string, *Document, bool) {
	d := New("f.toml", []byte(text), form)
	var lines []string
	whole := d.Read(&Reader{
		Header: func(path []string, at int, several bool) {
			lines = append(lines, fmt.Sprintf("%d [%s] %t", at, strings.Join(path, "|"), several))
		},
		Key: func(path []string, at int, v Value) {
			line := fmt.Sprintf("%d %s = %s %q at %d, %d", at, strings.Join(path, "|"), v.Kind, v.Text, v.At, v.TextAt)
			for _, item := range v.List {
				line += fmt.Sprintf("; %s %q at %d, %d", item.Kind, item.Text, item.At, item.TextAt)
			}
			if v.Empty {
				line += " empty"
			}
			lines = append(lines, line)
		},
	})
	return lines, d, whole
}

var form = Form{Of: "things", MaxBytes: 1 << 16}

func TestReadTellsEverythingWithItsPlace(t *testing.T) {
	for text, want := range map[string][]string{
		"":                          nil,
		"a = 'b'":                   {`0 a = String "b" at 4, 5`},
		`a = """b"""`:               {`0 a = String "b" at 4, 7`},
		`a = "\u0062"`:              {`0 a = String "b" at 4, 4`},
		"a.b = 0x1":                 {`0 a|b = Integer "0x1" at 6, 6`},
		"\n\"a.b\" = true":          {`1 a.b = Bool "true" at 9, 9`},
		"a = []":                    {`0 a = Array "" at 0, 0`},
		"a = [ 'b', 3 ]":            {`0 a = Array "" at 6, 7; String "b" at 6, 7; Integer "3" at 11, 11`},
		"a = [[1], {}]":             {`0 a = Array "" at 0, 0; Array "" at 0, 0; InlineTable "" at 10, 10`},
		"[a.b]\nc = 1\n[[d]]\n":     {"1 [a|b] false", `6 c = Integer "1" at 10, 10`, "14 [d] true"},
		"a = { b.c = 1, d = {} }":   {`0 a = InlineTable "" at 0, 0`, `6 a|b|c = Integer "1" at 12, 12`, `15 a|d = InlineTable "" at 15, 15 empty`},
		"# nothing\n\n# at all\r\n": nil,
	} {
		got, d, whole := told(text, form)
		if !slices.Equal(got, want) || !whole || d.Err() != nil {
			t.Errorf("%q: %t %v\n%s\nwant\n%s", text, whole, d.Err(), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestReadFaults(t *testing.T) {
	for _, x := range []struct {
		text, want string
		whole      bool
	}{
		{"a = 1\n大 = 2", "f.toml:2:1: this is not TOML: ", false},
		{"a = '大' b", "f.toml:1:9: this is not TOML: ", false},
		{strings.Repeat("#", 1<<16+1), "the file has 65537 bytes, more than 65536; keep things and nothing else in it", false},
		{strings.Repeat("[[a]]\n", maxHeaders+1), "f.toml:4097:3: more than 4096 tables; keep things", true},
		{"a = " + strings.Repeat("{ a = ", 5) + "1" + strings.Repeat(" }", 5), "f.toml:1:25: more than 4 tables inside each other", true},
	} {
		_, d, whole := told(x.text, form)
		if err := d.Err(); d.Found() != 1 || err == nil || !strings.Contains(err.Error(), x.want) || whole != x.whole {
			t.Errorf("%.40q: %t %v\n\tdoes not contain\n%s", x.text, whole, err, x.want)
		}
	}
}

func TestAdd(t *testing.T) {
	for each, want := range map[bool]int{false: 2, true: 4} {
		d := New("f.toml", nil, Form{Of: "things", EachKey: each})
		s := &Section{}
		for i := range maxKeys + 3 {
			d.Add(s, []string{"a", fmt.Sprint(i)}, i, Value{Kind: Integer})
		}
		d.Add(s, []string{"a", "7"}, 7, Value{Kind: Integer})
		if len(s.Entries) != maxKeys || s.Entries[7].Key != "a.7" || d.Found() != want || !strings.Contains(d.Err().Error(), "a.7 is there twice; keep one") {
			t.Errorf("%t: %d keys, %d faults: %v", each, len(s.Entries), d.Found(), d.Err())
		}
	}
}

// Faults are in the order of the file, counted in characters, and not without end.
func TestErr(t *testing.T) {
	d := New("f.toml", []byte("a\n大额b\n"), form)
	if err := d.Err(); err != nil {
		t.Errorf("no faults are %v", err)
	}
	d.Fault(Range, 8, "b", "hint")
	d.Fault(Type, 100, "end", "hint")
	d.Fault(Unknown, 0, "a", "hint")
	if got, want := d.Err().Error(), "f.toml:1:1: a; hint\nf.toml:2:3: b; hint\nf.toml:3:1: end; hint"; got != want || d.Line(8) != 2 {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for range MaxFaults {
		d.Fault(Range, 2, "more", "hint")
	}
	var faults Faults
	if err := d.Err(); !errors.As(err, &faults) || len(faults) != MaxFaults || faults[MaxFaults-1].Code != TooMuch || faults[MaxFaults-1].Message != "from here on there are 4 more faults" {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("a.b = [1, '大', [2], {}]\n[a.\"b.c\"]\n[[d]]\nx = { y = { z = 1979-05-27 } }\n")
	f.Add("a = \"\"\"\\\r\n  b\\u003e\"\"\"\n'' = ''''''")
	f.Add("a = { b = 1,")
	f.Fuzz(func(t *testing.T, text string) {
		d := New("f.toml", []byte(text), form)
		check := func(at int) {
			if at < 0 || at > len(text) {
				t.Fatalf("%d lies outside", at)
			}
		}
		whole := d.Read(&Reader{
			Header: func(path []string, at int, _ bool) {
				check(at)
				if len(path) == 0 {
					t.Fatal("a header without a name")
				}
			},
			Key: func(path []string, at int, v Value) {
				check(at)
				check(v.TextAt + len(v.List))
				if len(path) == 0 || v.TextAt < v.At {
					t.Fatalf("%q: %+v", path, v)
				}
			},
		})
		if err := d.Err(); !whole && err == nil {
			t.Fatal("not read to its end, and no fault")
		}
	})
}
