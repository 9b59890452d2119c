package snippet

import (
	"time"

	"qrposd/daemon/aipay"
)

func request(c aipay.Context, p aipay.Payment, now time.Time) (string, error) {
	r, err := aipay.NewPayment(c, p, now)
	return r.Fixed().Digest, err
}

func audit(v aipay.Vector, token []byte, e aipay.Epoch) (string, float64, int) {
	defer v.Zero()
	return v.Audit(token, e), aipay.Similar(v, v), v.Dim()
}
