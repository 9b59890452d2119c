package llm

// Address is where a provider is asked, its preset's where it names none. It is
// empty where there is no such preset.
func (p Provider) Address() string {
	full, ok := p.complete()
	if !ok {
		return ""
	}
	return full.BaseURL
}
