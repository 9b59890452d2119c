package snippet

import (
	"time"

	"qrposd/daemon/aipay"
)

func request(p aipay.Payment, now time.Time) (aipay.Request, error) {
	return aipay.NewPayment(nil, p, now) // want: cannot use nil as aipay.Context value
}
