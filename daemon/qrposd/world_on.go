//go:build !till

package main

// simulated are the verbs that bring a world of their own.
func simulated() []verb {
	return []verb{
		{"demo", "[-once] [-ai]", "run the till with a simulated provider, scanner and customer", demo},
		{"sim", "[-dir DIR]", "run the simulated provider, scanner and customer alone", simulate},
	}
}
