// Command check prints what is over the budgets of this tree.
//
// A budget is a number somebody can argue with: a file of 400 lines is read in one sitting, a function of 70 fits two
// screens, and package variables, init functions and clocks in the rules are what makes a payment hard to reason about.
// Whoever must go over says why, in a comment "budget: <reason>" above or beside the declaration; every such reason is
// printed, and one that excuses nothing is over itself. The general linters that hold such limits bring hundreds of
// modules along and cannot say "no clock in rules/"; the syntax tree of the standard library is enough.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	code, err := run(".", os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		code = 2
	}
	os.Exit(code)
}

// run checks the tree at root. It is silent about what is well, so that what is excused stays in sight.
func run(root string, out io.Writer) (code int, err error) {
	r, err := check(os.DirFS(root))
	if err != nil {
		return 2, err
	}
	for _, line := range r.excused {
		fmt.Fprintln(out, "excused", line)
	}
	for _, line := range r.over {
		fmt.Fprintln(out, line)
	}
	if len(r.over) > 0 {
		fmt.Fprintf(out, "check: %d over budget in %d files\n", len(r.over), r.files)
		return 1, nil
	}
	return 0, nil
}
