package snippet

import "qrposd/daemon/aipay"

func context() aipay.Context {
	return aipay.Context{wire: "{}"} // want: unexported field wire
}
