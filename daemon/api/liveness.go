package api

import (
	"time"

	"qrposd/rules/sale"
)

// Liveness is the check that the customer has to pass before anything is charged.
type Liveness struct {
	URL         string `json:"url" format:"uri" doc:"What the customer's telephone opens"`
	QR          string `json:"qr" format:"uri-reference" doc:"The same as a QR code, SVG"`
	SecondsLeft int    `json:"seconds_left" doc:"How long the check can still be passed"`
	TriesLeft   int    `json:"tries_left" doc:"How often it can still be tried, this time included"`
}

// LivenessShown is the address of the check to show, while there is one.
func LivenessShown(s sale.Sale) (string, bool) {
	if s.State != sale.AwaitingLiveness || s.Liveness == nil || s.Liveness.URL == "" {
		return "", false
	}
	return s.Liveness.URL, true
}

func liveness(s *sale.Sale, now sale.Now, p sale.Plan) *Liveness {
	url, ok := LivenessShown(*s)
	end, lasts := s.Window(now, p)
	if !ok || !lasts {
		return nil
	}
	return &Liveness{url, "/v1/sales/" + string(s.ID) + "/liveness.svg", max(0, int((end.Sub(now.At)+time.Second-1)/time.Second)), s.Liveness.Left()}
}
