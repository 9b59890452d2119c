package snippet

import "qrposd/daemon/aipay"

func ranged(v aipay.Vector) (all []float64) {
	for _, f := range v { // want: cannot range over v
		all = append(all, f)
	}
	return all
}
