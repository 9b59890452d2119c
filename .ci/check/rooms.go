package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// packageComment wants one sentence that says what a room is for.
func packageComment(r *report, room []*source) {
	for _, s := range room {
		if s.file.Doc.Text() == "" {
			continue
		}
		words := strings.Fields(new(doc.Package).Synopsis(s.file.Doc.Text()))
		if len(words) > 2 && (words[0] == "Package" || words[0] == "Command") {
			words = words[2:]
		}
		if len(words) >= maxWords {
			s.over(r, s.file.Package, "the first sentence of the package comment has %d words, not fewer than %d",
				len(words), maxWords)
		}
		return
	}
	room[0].over(r, room[0].file.Package, "package %s has no package comment", path.Dir(room[0].path))
}

// packageVars lets through what cannot change: errors, compiled patterns, embedded files, and unexported tables that
// no code of the package writes to.
func packageVars(r *report, room []*source) {
	written := writes(room)
	for _, s := range room {
		for _, decl := range s.file.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.VAR || embeds(d.Doc) {
				continue
			}
			for _, spec := range d.Specs {
				spec := spec.(*ast.ValueSpec)
				if embeds(spec.Doc) {
					continue
				}
				for i, name := range spec.Names {
					var value ast.Expr
					if len(spec.Values) == len(spec.Names) {
						value = spec.Values[i]
					}
					if why := s.mutable(name, value, written); why != "" {
						s.above(r, []token.Pos{name.Pos(), d.Pos()}, "package variable %s: %s", name.Name, why)
					}
				}
			}
		}
	}
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// mutable says why a package variable may change, or "".
func (s *source) mutable(name *ast.Ident, value ast.Expr, written map[token.Pos]bool) string {
	switch {
	case name.Name == "_":
		return ""
	case written[name.Pos()]:
		return "is written"
	case s.test && s.call(value, "flag", ""):
		return ""
	case s.call(value, "errors", "New"), s.call(value, "fmt", "Errorf"), s.call(value, "regexp", "MustCompile"),
		s.call(value, "strings", "NewReplacer"), s.call(value, "net/netip", "MustParse"), s.call(value, "time", "FixedZone"),
		s.call(value, "hash/crc32", "MakeTable"), s.call(value, "hash/crc64", "MakeTable"),
		s.call(value, "encoding/base32", "NewEncoding"), s.call(value, "encoding/base64", "NewEncoding"):
		return "" // no method changes them
	}
	switch v := value.(type) {
	case *ast.CompositeLit:
	case *ast.UnaryExpr: // var errGone = &Error{...}, to compare with
		if _, ok := v.X.(*ast.CompositeLit); ok && v.Op == token.AND && strings.HasPrefix(strings.ToLower(name.Name), "err") {
			return ""
		}
		return "can change"
	case *ast.CallExpr:
		if _, ok := v.Fun.(*ast.ArrayType); !ok { // []byte("...")
			return "can change"
		}
	default:
		return "can change"
	}
	if name.IsExported() {
		return "is a table everybody may write to"
	}
	return ""
}

// call says whether e calls a function of an imported package whose name begins with prefix, or a method of its result.
func (s *source) call(e ast.Expr, importPath, prefix string) bool {
	c, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return s.call(sel.X, importPath, prefix)
	}
	return x.Name == s.local(importPath) && strings.HasPrefix(sel.Sel.Name, prefix)
}

// nothing imports no package: the checker then resolves exactly the names of the package itself, which is all that is
// asked, and needs neither build nor modules.
type nothing struct{}

// Import always fails.
func (nothing) Import(string) (*types.Package, error) { return nil, errors.New("not imported") }

// writes returns where the package variables are declared that the package's own code assigns to, changes an element
// of, or takes the address of. A local variable of the same name is not mistaken for it.
func writes(room []*source) map[token.Pos]bool {
	written := make(map[token.Pos]bool)
	files := make(map[string][]*ast.File) // a directory may hold a package and its external tests
	for _, s := range room {
		files[s.file.Name.Name] = append(files[s.file.Name.Name], s.file)
	}
	for name, files := range files {
		info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
		conf := types.Config{Importer: nothing{}, Error: func(error) {}}
		pkg, _ := conf.Check(name, room[0].fset, files, info) // errors are expected: nothing is imported
		for _, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				for _, e := range targets(n) {
					if v, ok := info.Uses[root(e)].(*types.Var); ok && v.Parent() == pkg.Scope() {
						written[v.Pos()] = true
					}
				}
				return true
			})
		}
	}
	return written
}

// targets returns the expressions a statement writes through.
func targets(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && slices.Contains([]string{"delete", "clear", "copy"}, id.Name) {
			return n.Args[:1]
		}
	}
	return nil
}

// root returns the name an expression begins with, or nil.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// modules wants the reason beside every direct dependency.
func modules(r *report, fsys fs.FS) error {
	text, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return err
	}
	block := ""
	for i, line := range strings.Split(string(text), "\n") {
		code, comment, _ := strings.Cut(line, "//")
		words := strings.Fields(code)
		switch {
		case len(words) == 0:
			continue
		case len(words) == 2 && words[1] == "(":
			block = words[0]
			continue
		case words[0] == ")":
			block = ""
			continue
		}
		if block != "require" && words[0] != "require" {
			continue
		}
		if strings.TrimSpace(comment) == "" {
			r.over = append(r.over, fmt.Sprintf("go.mod:%d: %s has no reason beside it", i+1, words[len(words)-2]))
		}
	}
	return nil
}
