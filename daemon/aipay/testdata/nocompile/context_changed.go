package snippet

import "qrposd/daemon/aipay"

func change(c *aipay.Context) {
	c.session = "" // want: c.session undefined
}
