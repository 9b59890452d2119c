package snippet

import "qrposd/daemon/aipay"

func numbers(v aipay.Vector) []float64 {
	return v.values() // want: v.values undefined
}
