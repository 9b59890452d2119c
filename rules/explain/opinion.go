package explain

// Opinion is what a monitoring model made of the [Words] of an explanation.
type Opinion struct {
	Cause Cause
	Level int // 0 is a guess, 10 is certain
}

// believed is the least level at which a model is heard. What it is less certain
// of is what this package says of it already: unknown.
const believed = 6

// ParseCause is the cause of a name, and whether there is one of it.
func ParseCause(name string) (Cause, bool) {
	for c, n := range causes {
		if n == name {
			return Cause(c), true
		}
	}
	return Unknown, false
}

// Heed is the finding after a model was asked, and whether it changed anything. A
// model has only the words of the vocabulary to go by, so it fills in where they
// were not plain and never contradicts: what is sure stays, a cause that it shares
// becomes sure, one where there was none is its, and where the two differ nobody is
// blamed and the finding stays as unsure as it was. It gives no advice of its own.
func (f Finding) Heed(o Opinion) (Finding, bool) {
	inside := o.Cause == User || o.Cause == Policy || o.Cause == Hallucination
	if f.Sure || !inside || o.Level < believed || o.Level > 10 || f.Cause != Unknown && f.Cause != o.Cause {
		return f, false
	}
	f.Cause, f.Sure = o.Cause, true
	f.Confidence = max(f.Confidence, float64(o.Level)/10)
	return f, true
}
