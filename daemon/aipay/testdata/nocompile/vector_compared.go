package snippet

import "qrposd/daemon/aipay"

func compared(a, b aipay.Vector) bool {
	return a == b // want: cannot be compared
}
