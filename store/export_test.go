package store

// EveryLine has a recovery apply every line again, those of the oldest archives, too.
func (q Recovering) EveryLine() Recovering {
	q.replay = true
	return q
}
