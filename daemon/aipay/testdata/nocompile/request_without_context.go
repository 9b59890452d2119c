package snippet

import (
	"time"

	"qrposd/daemon/aipay"
)

func request(p aipay.Payment, now time.Time) (aipay.Request, error) {
	return aipay.NewPayment(p, now) // want: not enough arguments in call to aipay.NewPayment
}
