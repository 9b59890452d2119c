package snippet

import "qrposd/daemon/aipay"

func made(numbers []float64) aipay.Vector {
	return aipay.Vector{numbers} // want: implicit assignment to unexported field hidden
}
