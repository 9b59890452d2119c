// Command diagram writes sale.md: the transition table as a picture and as rows.
//
// It is made from the table that Apply obeys, so that the picture a technician
// pins to the wall cannot say something else than the code. `go generate` runs
// it in rules/sale; the check fails when the committed file is another one.
package main

import (
	"fmt"
	"os"
	"strings"

	"qrposd/rules/sale"
)

func main() {
	if err := os.WriteFile("sale.md", []byte(Render()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "diagram:", err)
		os.Exit(1)
	}
}

// Render is the document.
func Render() string {
	var b strings.Builder
	b.WriteString("<!-- Made by go generate from table.go. Do not edit. -->\n\n# States of a sale\n\n```mermaid\nstateDiagram-v2\n    [*] --> opened: begun\n")
	arrows := map[string][]string{}
	var order []string
	for _, t := range sale.Transitions() {
		for _, to := range t.To {
			arrow := fmt.Sprintf("    %s --> %s", t.From, to)
			if arrows[arrow] == nil {
				order = append(order, arrow)
			}
			arrows[arrow] = append(arrows[arrow], string(t.On))
		}
	}
	for _, a := range order {
		fmt.Fprintf(&b, "%s: %s\n", a, strings.Join(arrows[a], ", "))
	}
	b.WriteString("```\n\n| state | event | leads to |\n|---|---|---|\n")
	for _, t := range sale.Transitions() {
		to := make([]string, len(t.To))
		for i, s := range t.To {
			to[i] = s.String()
		}
		if len(to) == 0 {
			to = []string{"(nothing is written)"}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", t.From, t.On, strings.Join(to, " or "))
	}
	return b.String()
}
