package web

import (
	"fmt"
	"net/http"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// payIn is what the payer of a sale pays in, empty where that is the sale's own
// currency. Where nothing can be had in another one, the desk says so.
func (s *Server) payIn(b *api.NewSale) (money.Currency, error) {
	offered := s.PayIn
	switch {
	case b.Flow == sale.Offline:
		return "", nil
	case offered != nil && offered.Only && b.Currency != offered.Currency && (b.PayIn == "" || b.PayIn == offered.Currency):
		return offered.Currency, nil
	case b.PayIn == b.Currency && (offered == nil || !offered.Only || b.Currency == offered.Currency):
		return "", nil
	case b.PayIn == "" && (offered == nil || !offered.Default || b.Currency != s.Currency || b.Currency == offered.Currency):
		return "", nil
	case b.PayIn == "":
		return offered.Currency, nil
	case offered != nil && b.PayIn != offered.Currency: // a sale that nobody can charge would wait for ever
		return "", api.NewProblem(http.StatusUnprocessableEntity, "currency_not_offered", fmt.Sprintf("this till takes no payments in %s", b.PayIn),
			fmt.Sprintf("send pay_in %s, or leave it out", offered.Currency))
	}
	return b.PayIn, nil
}
