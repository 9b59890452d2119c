package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// source is one Go file.
type source struct {
	path    string // from the root, with slashes
	fset    *token.FileSet
	file    *ast.File
	lines   int
	test    bool
	comment map[int]bool  // lines that hold nothing but a comment
	notes   map[int]*note // lines that hold a reason
}

// note is a reason for being over a budget.
type note struct {
	reason string
	used   bool
}

// report is what a run found, as printable lines.
type report struct {
	files         int
	over, excused []string
}

var noteLine = regexp.MustCompile(`^//\s*budget:\s*(\S.*)$`)

// load parses every Go file of the tree that belongs to a package. It looks into .ci, which the go tool does not.
func load(fsys fs.FS) ([]*source, error) {
	var sources []*source
	fset := token.NewFileSet()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "build", "testdata", "node_modules"}, d.Name()):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		s, err := parse(fset, name, text)
		if err != nil {
			return err
		}
		sources = append(sources, s)
		return nil
	})
	return sources, err
}

func parse(fset *token.FileSet, name string, text []byte) (*source, error) {
	s := &source{
		path: name, fset: fset, lines: bytes.Count(text, []byte("\n")),
		test:    strings.HasSuffix(name, "_test.go"),
		comment: make(map[int]bool), notes: make(map[int]*note),
	}
	var err error
	if s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			at := s.fset.Position(c.Pos())
			if len(bytes.TrimSpace(text[at.Offset-at.Column+1:at.Offset])) == 0 {
				for line := at.Line; line <= s.line(c.End()); line++ {
					s.comment[line] = true
				}
			}
			if m := noteLine.FindStringSubmatch(c.Text); m != nil {
				s.notes[at.Line] = &note{reason: m[1]}
			}
		}
	}
	return s, nil
}

func (s *source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

// generated files are as long as what they are made from; their shape is the generator's business.
func (s *source) generated() bool { return strings.HasSuffix(s.path, "_gen.go") }

// local returns the name by which the file calls an imported package, or "".
func (s *source) local(importPath string) string {
	for _, spec := range s.file.Imports {
		if spec.Path.Value == `"`+importPath+`"` {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return path.Base(importPath)
		}
	}
	return ""
}

// over reports what no reason excuses.
func (s *source) over(r *report, pos token.Pos, format string, args ...any) {
	r.over = append(r.over, fmt.Sprintf("%s:%d: %s", s.path, s.line(pos), fmt.Sprintf(format, args...)))
}

// above reports what a reason may excuse: one in the comment that ends on the line before any of the places, or beside.
func (s *source) above(r *report, places []token.Pos, format string, args ...any) {
	for _, pos := range places {
		at := s.line(pos)
		for line := at; line == at || s.comment[line]; line-- {
			if n := s.notes[line]; n != nil {
				n.used = true
				r.excused = append(r.excused,
					fmt.Sprintf("%s:%d: %s: %s", s.path, at, fmt.Sprintf(format, args...), n.reason))
				return
			}
		}
	}
	s.over(r, places[0], format, args...)
}
