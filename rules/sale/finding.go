package sale

// Finding is what is kept of a verdict of the provider's model: who gave it and
// what the till reads in its words. The words themselves may name people and are
// not kept; that is also why what they cite is a number here.
type Finding struct {
	Model   string `json:"model,omitempty"`   // of the provider, where it has the form of a name
	Cause   string `json:"cause,omitempty"`   // whose trouble the words speak of
	Sure    bool   `json:"sure,omitempty"`    // they leave no doubt about the cause
	Foreign int    `json:"foreign,omitempty"` // how many things they cite that were never sent
}

// Mismatched lists the orders that a fact made known as disagreed with: those that
// are in after and were not in before.
func Mismatched(before, after Sale) []string {
	var orders []string
	for i := range after.Attempts {
		a := &after.Attempts[i]
		if a.Verdict != Mismatch {
			continue
		}
		if i >= len(before.Attempts) || before.Attempts[i].Verdict != Mismatch {
			orders = append(orders, a.OrderNo)
		}
	}
	return orders
}
