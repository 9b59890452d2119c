package snippet

import "qrposd/daemon/aipay"

func key(e aipay.Epoch) []byte {
	return e.key() // want: e.key undefined
}
