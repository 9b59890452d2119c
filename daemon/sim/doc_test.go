package sim

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// The package comment is what a reader sees first, so it must not drift from the table.
func TestPackageCommentHoldsTheFaultTable(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	list := Faults()
	slices.SortFunc(list, func(a, b Fault) int { return a.Tail - b.Tail })
	for _, f := range list {
		fmt.Fprintf(&want, "//\t%02d   %s (%s, %dx)\n//\t       %s\n//\t       -> %s\n", f.Tail, f.Name, strings.Join(f.Amount, " "), f.Times, f.What, f.Ends)
	}
	if !strings.Contains(string(doc), want.String()) {
		t.Fatalf("doc.go lacks this table:\n%s", want.String())
	}
}

func TestFaultTableIsWellFormed(t *testing.T) {
	tails, names := map[int]bool{}, map[string]bool{}
	for _, f := range Faults() {
		if f.Tail < 1 || f.Tail > 30 || tails[f.Tail] || names[f.Name] {
			t.Errorf("%s: tail %d is taken or out of range", f.Name, f.Tail)
		}
		tails[f.Tail], names[f.Name] = true, true
		for _, op := range f.Amount {
			if !slices.Contains(f.Ops, op) {
				t.Errorf("%s: by amount at %q, but not by rule", f.Name, op)
			}
		}
		if f.What == "" || f.Ends == "" || f.Times < 1 {
			t.Errorf("%s: incomplete", f.Name)
		}
	}
	var b bytes.Buffer
	if err := WriteFaults(&b); err != nil {
		t.Fatal(err)
	}
	for name := range names {
		if !strings.Contains(b.String(), name) {
			t.Errorf("WriteFaults leaves out %s", name)
		}
	}
}

func TestPackageCommentHoldsTheScriptTable(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, s := range Scripts() {
		fmt.Fprintf(&want, "//\t%-15s %s\n", s.Name, s.What)
	}
	if !strings.Contains(string(doc), want.String()) {
		t.Errorf("doc.go lacks this table:\n%s", want.String())
	}
	for _, list := range [][]string{ErrorShapes(), modes} {
		for _, name := range list {
			if !strings.Contains(string(doc), name) {
				t.Errorf("doc.go leaves out %s", name)
			}
		}
	}
	for _, h := range houses() {
		if !strings.Contains(string(doc), h.name) {
			t.Errorf("doc.go leaves out the house %s", h.name)
		}
	}
}
