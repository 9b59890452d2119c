package aipay_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each file of testdata/nocompile does what must not be possible, on the line
// that says "// want:" and why the compiler refuses it. The control file does
// what is possible: it compiles, or the others prove nothing.
func TestMisuseDoesNotCompile(t *testing.T) {
	files, err := filepath.Glob("testdata/nocompile/*.go")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	fset := token.NewFileSet()
	built := importer.ForCompiler(fset, "gc", exports(t))
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".go"), func(t *testing.T) {
			file, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			var found []types.Error
			conf := types.Config{Importer: built, Error: func(err error) { found = append(found, err.(types.Error)) }}
			_, _ = conf.Check("snippet", fset, []*ast.File{file}, nil)
			line, want := wanted(fset, file)
			switch {
			case want == "" && len(found) > 0:
				t.Errorf("does not compile: %v", found)
			case want != "" && len(found) == 0:
				t.Error("compiles")
			case want != "" && (fset.Position(found[0].Pos).Line != line || !strings.Contains(found[0].Msg, want)):
				t.Errorf("does not compile for another reason than %q on line %d: %v", want, line, found[0])
			}
			if control := strings.HasSuffix(name, "/control.go"); control != (want == "") {
				t.Error("only the control wants nothing")
			}
		})
	}
}

// wanted reads the reason out of the file.
func wanted(fset *token.FileSet, file *ast.File) (line int, reason string) {
	for _, group := range file.Comments {
		for _, c := range group.List {
			if why, ok := strings.CutPrefix(c.Text, "// want: "); ok {
				return fset.Position(c.Pos()).Line, why
			}
		}
	}
	return 0, ""
}

// exports finds what the compiler knows of the packages that the files import.
func exports(t *testing.T) func(string) (io.ReadCloser, error) {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "qrposd/daemon/aipay", "encoding/json", "fmt").Output()
	if err != nil {
		t.Fatal(err)
	}
	at := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		at[name] = file
	}
	return func(name string) (io.ReadCloser, error) { return os.Open(at[name]) }
}
