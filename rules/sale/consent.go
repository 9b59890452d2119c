package sale

// consent takes the word of a payer or a manager for the need it is about, or for
// an appeal: then the next attempt goes another way.
func (s *Sale) consent(ev Event) {
	switch {
	case s.Appeal:
		s.Appeal, s.Rerouted = false, true
	default:
		s.Judgement = s.Judgement.met()
	}
	s.Why = nil
	if ev.Kind == Agreed {
		s.confirm(ev)
	}
}

// mayAppeal says that a manager can still send a refused attempt another way: once
// a sale, not what the cashier has given up, and not where a check of the payer was
// spent on the attempt, because the other way would go out without one.
func (s *Sale) mayAppeal(ev Event) bool {
	return ev.Appeal && !s.Rerouted && !s.Cancel && s.Liveness.Good()
}
