package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const goMod = "module m\n\ngo 1.26\n\nrequire example.org/a v1.0.0 // a reason\n"

// tree makes a file system of name, text pairs; a Go file without a package clause gets one with a comment.
func tree(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{"go.mod": {Data: []byte(goMod)}}
	for i := 0; i < len(pairs); i += 2 {
		text := pairs[i+1]
		if strings.HasSuffix(pairs[i], ".go") && !strings.Contains("\n"+text, "\npackage ") {
			text = "// Package p holds a test.\npackage p\n\n" + text
		}
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func fields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\tf%d int\n", i)
	}
	return b.String()
}

func methods(n int) string { return strings.ReplaceAll(fields(n), " int", "()") }

// Every budget has a source just within it and one just over: a check that finds nothing would fail here.
func TestBudgets(t *testing.T) {
	for _, c := range []struct {
		name, path, text string
		over             string // "" is within
	}{
		{"file of 400", "p/a.go", strings.Repeat("\n", 397), ""},
		{"file of 401", "p/a.go", strings.Repeat("\n", 398), "file of 401 lines"},
		{"test file of 401", "p/a_test.go", strings.Repeat("\n", 398), "file of 401 lines"},
		{"generated file of 401", "p/a_gen.go", strings.Repeat("\n", 398), ""},
		{"file in .ci", ".ci/p/a.go", strings.Repeat("\n", 398), "file of 401 lines"},
		{"func of 70", "p/a.go", "func f() {" + strings.Repeat("\n", 69) + "}\n", ""},
		{"func of 71", "p/a.go", "func f() {" + strings.Repeat("\n", 70) + "}\n", "f is 71 lines"},
		{"method of 71", "p/a.go", "type t int\nfunc (t) m() {" + strings.Repeat("\n", 70) + "}\n", "m is 71 lines"},
		{"literal of 71", "p/a.go", "var f = []func(){func() {" + strings.Repeat("\n", 70) + "}}\n", "literal is 71 lines"},
		{"struct of 15", "p/a.go", "type t struct {\n" + fields(15) + "}\n", ""},
		{"struct of 16", "p/a.go", "type t struct {\n" + fields(16) + "}\n", "t has 16 fields"},
		{"struct of 16 in one line", "p/a.go", "type t struct{ a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p int }\n", "16 fields"},
		{"struct inside", "p/a.go", "func f() { var _ struct {\n" + fields(16) + "} }\n", "struct has 16 fields"},
		{"interface of 4", "p/a.go", "type t interface {\n" + methods(4) + "}\n", ""},
		{"interface of 5", "p/a.go", "type t interface {\n" + methods(5) + "}\n", "t has 5 methods"},
		{"interface inside", "p/a.go", "type t interface {\n" + methods(4) + "error\n}\n", "t has 5 methods"},
		{"init", "p/a.go", "func init() {}\n", "init runs before"},
		{"method init", "p/a.go", "type t int\nfunc (t) init() {}\n", ""},
		{"testing", "p/a.go", `import _ "testing"`, "testing belongs"},
		{"testing/synctest", "p/a.go", `import _ "testing/synctest"`, "testing/synctest belongs"},
		{"testing in a test", "p/a_test.go", `import _ "testing"`, ""},
		{"testing in storetest", "store/storetest/a.go", `import _ "testing"`, ""},
		{"clock in rules", "rules/a.go", "import \"time\"\nfunc f() { time.Now() }\n", "rules have no clock"},
		{"renamed clock", "rules/x/a.go", "import t \"time\"\nfunc f() { t.Since(t.Time{}) }\n", "rules have no clock"},
		{"clock as a value", "rules/x/a.go", "import \"time\"\nfunc f() { g(time.Now) }\nfunc g(any) {}\n", "rules have no clock"},
		{"duration in rules", "rules/a.go", "import \"time\"\nfunc f() { _ = time.Second }\n", ""},
		{"clock elsewhere", "p/a.go", "import \"time\"\nfunc f() { time.Now() }\n", ""},
		{"ctx second", "p/a.go", "import \"context\"\nfunc f(a int, ctx context.Context) {}\n", "context is the first"},
		{"ctx second of a name list", "p/a.go", "import \"context\"\nfunc f(a, ctx context.Context) {}\n", ""},
		{"ctx second in an interface", "p/a.go", "import c \"context\"\ntype t interface{ f(int, c.Context) }\n", "context is the first"},
		{"ctx first", "p/a.go", "import \"context\"\nfunc f(ctx context.Context, a int) {}\n", ""},
		{"ctx after TB", "p/a_test.go", "import (\n\"context\"\n\"testing\"\n)\nfunc f(tb testing.TB, ctx context.Context) {}\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, tree(c.path, c.text), c.over) })
	}
}

// expect wants exactly one finding that contains over, or none.
func expect(t *testing.T, fsys fstest.MapFS, over string) {
	t.Helper()
	r, err := check(fsys)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case over == "" && len(r.over) > 0:
		t.Errorf("within budget, but: %q", r.over)
	case over != "" && (len(r.over) != 1 || !strings.Contains(r.over[0], over)):
		t.Errorf("found %q, want %q", r.over, over)
	}
}

func TestComments(t *testing.T) {
	for _, c := range []struct{ name, text, over string }{
		{"func", "func F() {}\n", "F is exported"},
		{"func with comment", "// F does it.\nfunc F() {}\n", ""},
		{"unexported", "func f() {}\n", ""},
		{"method", "// T is it.\ntype T int\nfunc (t *T) M() {}\n", "M is exported"},
		{"method of a generic", "// T is it.\ntype T[k any] int\nfunc (t *T[k]) M() {}\n", "M is exported"},
		{"method of a generic of two", "// T is it.\ntype T[a, b any] int\nfunc (t *T[a, b]) M() {}\n", "M is exported"},
		{"method of an interface all know", "// T is it.\ntype T int\nfunc (T) String() string { return \"\" }\n", ""},
		{"method nobody reaches", "type t int\nfunc (t) M() {}\n", ""},
		{"type", "type T int\n", "T is exported"},
		{"const", "const C = 1\n", "C is exported"},
		{"one of a group", "const (\n\tA = 1 // first\n\tB = 2\n)\n", "B is exported"},
		{"group", "// Both are numbers.\nconst (\n\tA = 1\n\tB = 2\n)\n", ""},
		{"directive is no comment", "//go:noinline\nfunc F() {}\n", "F is exported"},
		{"no package comment", "package p\n", "no package comment"},
		{"14 words", "// Package p a b c d e f g h i j k l m n. More.\npackage p\n", ""},
		{"15 words", "// Package p a b c d e f g h i j k l m n o. More.\npackage p\n", "has 15 words"},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, tree("p/a.go", c.text), c.over) })
	}
	t.Run("tests", func(t *testing.T) { expect(t, tree("p/a_test.go", "func F() {}\n"), "") })
}

func TestPackageVars(t *testing.T) {
	for _, c := range []struct{ name, text, over string }{
		{"error", "import \"errors\"\nvar ErrA = errors.New(\"a\") // is exported\n", ""},
		{"pattern", "import \"regexp\"\nvar re = regexp.MustCompile(`a`)\n", ""},
		{"chained", "import \"encoding/base32\"\nvar a = base32.NewEncoding(\"a\").WithPadding(base32.NoPadding)\n", ""},
		{"embedded", "import _ \"embed\"\n//go:embed a\nvar a []byte\n", ""},
		{"embedded in a group", "import _ \"embed\"\nvar (\n\t//go:embed a\n\ta []byte\n)\n", ""},
		{"assertion", "var _ error = t{}\ntype t struct{}\nfunc (t) Error() string { return \"\" }\n", ""},
		{"table", "var a = map[string]int{}\n", ""},
		{"bytes", "var a = []byte(\"x\")\n", ""},
		{"exported table", "// A is it.\nvar A = []int{1}\n", "everybody may write"},
		{"no value", "var a int\n", "can change"},
		{"lock", "import \"sync\"\nvar mu sync.Mutex\n", "can change"},
		{"number", "var a = 1\n", "can change"},
		{"pointer", "var a = &t{}\ntype t struct{}\n", "can change"},
		{"error of a type of ours", "var errA = &t{}\ntype t struct{}\n", ""},
		{"call", "var a = f()\nfunc f() int { return 1 }\n", "can change"},
		{"assigned", "var a = []int{1}\nfunc f() { a = nil }\n", "is written"},
		{"element", "var a = map[int]int{}\nfunc f() { a[1] = 2 }\n", "is written"},
		{"field", "var a = t{}\ntype t struct{ n int }\nfunc f() { (a.n)++ }\n", "is written"},
		{"deleted", "var a = map[int]int{}\nfunc f() { delete(a, 1) }\n", "is written"},
		{"address", "var a = [2]int{}\nfunc f() *int { return &a[1] }\n", "is written"},
		{"ranged", "var a = [2]int{}\nfunc f() { for a[0] = range 3 {} }\n", "is written"},
		{"error assigned", "import \"errors\"\nvar errA = errors.New(\"a\")\nfunc f() { errA = nil }\n", "is written"},
		{"another of that name", "var a = []int{1}\nfunc f() { var a []int; a = nil; _ = a }\n", ""},
		{"in a function", "func f() { var a int; a = 1; _ = a }\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, tree("p/a.go", c.text), c.over) })
	}
	t.Run("written by another file", func(t *testing.T) {
		expect(t, tree("p/a.go", "var a = []int{1}\n", "p/b.go", "func f() { a[0] = 2 }\n"), "p/a.go:4: package variable a: is written")
	})
	t.Run("flag of a test", func(t *testing.T) {
		expect(t, tree("p/a_test.go", "import \"flag\"\nvar u = flag.Bool(\"u\", false, \"\")\n"), "")
	})
}

func TestReasons(t *testing.T) {
	long := "func f() {" + strings.Repeat("\n", 70) + "}\n"
	for _, c := range []struct{ name, text, excused, over string }{
		{"above", "// f is it.\n//\n// budget: a table\n" + long, "f is 71 lines long: a table", ""},
		{"directive form", "//budget: a table\n" + long, "f is 71 lines long: a table", ""},
		{"beside", "var a int // budget: set by the linker\n", "package variable a: can change: set by the linker", ""},
		{"group", "// budget: set by the linker\nvar (\n\ta int\n)\n", "set by the linker", ""},
		{"struct", "// budget: the wire has them\ntype t struct {\n" + fields(16) + "}\n", "t has 16 fields: the wire", ""},
		{"file", "// Package p is long.\n//\n// budget: one table\npackage p\n" + strings.Repeat("\n", 400), "404 lines: one table", ""},
		{"without a reason", "// budget:\n" + long, "", "f is 71 lines"},
		{"of the line before", "const c = 1 // budget: no\n" + long, "", "f is 71 lines"},
		{"too far", "// budget: no\n\n" + long, "", "f is 71 lines"},
		{"for nothing", "// budget: no\nfunc f() {}\n", "", "excuses nothing: no"},
		{"for init", "// budget: no\nfunc init() {}\n", "", "init runs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := check(tree("p/a.go", c.text))
			if err != nil {
				t.Fatal(err)
			}
			if c.excused != "" && (len(r.excused) != 1 || !strings.Contains(r.excused[0], c.excused) || len(r.over) > 0) {
				t.Errorf("excused %q, over %q, want %q excused", r.excused, r.over, c.excused)
			}
			if c.over != "" && (len(r.excused) > 0 || !strings.Contains(strings.Join(r.over, "\n"), c.over)) {
				t.Errorf("excused %q, over %q, want %q over", r.excused, r.over, c.over)
			}
		})
	}
}

func TestModules(t *testing.T) {
	for mod, over := range map[string]string{
		goMod: "",
		"module m\nrequire (\n\ta.org/b v1.0.0\n)\n":                     "go.mod:3: a.org/b has no reason",
		"module m\nrequire a.org/b v1.0.0\n":                             "go.mod:2: a.org/b has no reason",
		"module m\nrequire (\n\ta.org/b v1.0.0 //\n)\n":                  "a.org/b has no reason",
		"module m\nrequire (\n\ta.org/b v1.0.0 // indirect\n)\n":         "",
		"module m\ntool (\n\ta.org/b\n)\nrequire a.org/b v1 // a tool\n": "",
	} {
		expect(t, fstest.MapFS{"go.mod": {Data: []byte(mod)}}, over)
	}
}

// The command answers with its exit code, and leaves alone what is not source of ours.
func TestRun(t *testing.T) {
	root := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("go.mod", goMod)
	put("testdata/bad.go", "package")
	put("p/a.go", "// Package p is it.\npackage p\n")
	var out bytes.Buffer
	if code, err := run(root, &out); code != 0 || err != nil || out.Len() > 0 {
		t.Errorf("within budget: %d %v %q", code, err, out.String())
	}
	put("p/b.go", "package p\n\nfunc init() {}\n")
	if code, err := run(root, &out); code != 1 || err != nil || !strings.Contains(out.String(), "p/b.go:3: init") {
		t.Errorf("over budget: %d %v %q", code, err, out.String())
	}
	put("p/c.go", "package")
	if code, err := run(root, &out); code != 2 || err == nil {
		t.Errorf("a file that does not parse: %d %v", code, err)
	}
}
