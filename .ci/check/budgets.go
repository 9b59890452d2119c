package main

import (
	"go/ast"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const (
	maxFile    = 400 // lines
	maxFunc    = 70  // lines
	maxFields  = 15
	maxMethods = 4
	maxWords   = 15 // of a package comment's first sentence; it must stay below
)

// check holds every budget against the tree.
func check(fsys fs.FS) (*report, error) {
	sources, err := load(fsys)
	if err != nil {
		return nil, err
	}
	r := &report{files: len(sources)}
	rooms := make(map[string][]*source)
	for _, s := range sources {
		s.shapes(r)
		s.decls(r)
		s.imports(r)
		rooms[path.Dir(s.path)] = append(rooms[path.Dir(s.path)], s)
	}
	for _, room := range rooms {
		packageComment(r, room)
		packageVars(r, room)
	}
	if err := modules(r, fsys); err != nil {
		return nil, err
	}
	for _, s := range sources {
		for line, n := range s.notes {
			if !n.used {
				s.over(r, s.fset.File(s.file.Pos()).LineStart(line), "this reason excuses nothing: %s", n.reason)
			}
		}
	}
	slices.Sort(r.over)
	slices.Sort(r.excused)
	return r, nil
}

// shapes holds the sizes of files, functions, structs and interfaces, and ctx first, wherever a type is spelt out.
func (s *source) shapes(r *report) {
	if s.lines > maxFile && !s.generated() {
		s.above(r, []token.Pos{s.file.Package}, "file of %d lines", s.lines)
	}
	names := make(map[ast.Expr]*ast.TypeSpec)
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSpec:
			names[n.Type] = n
		case *ast.StructType:
			if fields := count(n.Fields); fields > maxFields {
				s.above(r, []token.Pos{n.Pos()}, "%s has %d fields", typeName(names[n], "struct"), fields)
			}
		case *ast.InterfaceType:
			if methods := count(n.Methods); methods > maxMethods {
				s.above(r, []token.Pos{n.Pos()}, "%s has %d methods", typeName(names[n], "interface"), methods)
			}
		case *ast.FuncType:
			s.contextFirst(r, n)
		}
		return true
	})
	for _, decl := range s.file.Decls {
		s.funcSize(r, decl)
	}
}

// funcSize counts a literal inside a function with the function, and one in a package variable by itself.
func (s *source) funcSize(r *report, decl ast.Decl) {
	if s.generated() {
		return
	}
	ast.Inspect(decl, func(n ast.Node) bool {
		name := "function literal"
		switch n := n.(type) {
		case *ast.FuncDecl:
			name = n.Name.Name
		case *ast.FuncLit:
		default:
			return true
		}
		if lines := s.line(n.End()) - s.line(n.Pos()) + 1; lines > maxFunc {
			at := n.Pos()
			if f, ok := n.(*ast.FuncDecl); ok {
				at = f.Type.Func
			}
			s.above(r, []token.Pos{at}, "%s is %d lines long", name, lines)
		}
		return false
	})
}

func count(list *ast.FieldList) int {
	n := 0
	for _, field := range list.List {
		n += max(1, len(field.Names))
	}
	return n
}

func typeName(spec *ast.TypeSpec, kind string) string {
	if spec == nil {
		return kind
	}
	return spec.Name.Name
}

// contextFirst lets a test helper take its testing.TB before the context.
func (s *source) contextFirst(r *report, f *ast.FuncType) {
	at := 0
	for _, field := range f.Params.List {
		if s.names(field.Type, "context", "Context") && at > 0 &&
			(at != 1 || !s.names(f.Params.List[0].Type, "testing", "TB", "T", "B", "F")) {
			s.over(r, field.Pos(), "a context is the first parameter")
		}
		at += max(1, len(field.Names))
	}
}

// names says whether e is one of the names of an imported package, or a pointer to it.
func (s *source) names(e ast.Expr, importPath string, names ...string) bool {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == s.local(importPath) && slices.Contains(names, sel.Sel.Name)
}

// decls finds init functions and exported names without a comment. A group's comment covers its names.
func (s *source) decls(r *report) {
	for _, decl := range s.file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				s.over(r, d.Pos(), "init runs before anybody can pass it anything")
			}
			if !s.test && d.Doc.Text() == "" && needsComment(d) {
				s.over(r, d.Pos(), "%s is exported and has no comment", d.Name.Name)
			}
		case *ast.GenDecl:
			if s.test || d.Doc.Text() != "" {
				continue
			}
			for _, spec := range d.Specs {
				for _, name := range undocumented(spec) {
					s.over(r, spec.Pos(), "%s is exported and has no comment", name)
				}
			}
		}
	}
}

func undocumented(spec ast.Spec) []string {
	var names []string
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && spec.Doc.Text() == "" && spec.Comment.Text() == "" {
			names = append(names, spec.Name.Name)
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() && spec.Doc.Text() == "" && spec.Comment.Text() == "" {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

// needsComment says whether others can reach a function by name. A method of a common interface is documented there.
func needsComment(d *ast.FuncDecl) bool {
	if !d.Name.IsExported() {
		return false
	}
	if d.Recv == nil {
		return true
	}
	known := []string{"Error", "Unwrap", "String", "Read", "Write", "ServeHTTP"}
	return root(d.Recv.List[0].Type).IsExported() && !slices.Contains(known, d.Name.Name)
}

// imports bans test code in the product, and the clock in the rules: there, now is an argument.
func (s *source) imports(r *report) {
	if s.test {
		return
	}
	for _, spec := range s.file.Imports {
		name := strings.Trim(spec.Path.Value, `"`)
		if (name == "testing" || strings.HasPrefix(name, "testing/")) && path.Dir(s.path) != "store/storetest" {
			s.over(r, spec.Pos(), "%s belongs into _test.go files", name)
		}
	}
	if !strings.HasPrefix(s.path, "rules/") {
		return
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && s.names(e, "time", "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick",
			"NewTimer", "NewTicker") {
			s.over(r, n.Pos(), "rules have no clock: now is an argument")
			return false
		}
		return true
	})
}
