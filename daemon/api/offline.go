package api

import "qrposd/rules/sale"

// ownStage is where a sale with a code of the till's own stands.
func ownStage(s *sale.Sale) string {
	o := s.Own
	switch {
	case s.State == sale.Settled && o != nil && o.GivenUp:
		return "receipt_given_up"
	case s.State == sale.Settled:
		return "reconciled"
	case o != nil && o.Attested != nil:
		return "offline_not_shown"
	}
	return "offline_shown"
}
