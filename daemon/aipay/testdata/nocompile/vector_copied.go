package snippet

import "qrposd/daemon/aipay"

func copied(v aipay.Vector) []float64 {
	return []float64(v) // want: cannot convert v
}
