package snippet

import (
	"qrposd/daemon/aipay"
	"qrposd/rules/sale"
)

func request(s sale.Request) aipay.Request {
	return aipay.Request{s} // want: implicit assignment to unexported field fixed
}
