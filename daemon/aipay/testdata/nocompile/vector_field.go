package snippet

import (
	"fmt"

	"qrposd/daemon/aipay"
)

func show(v aipay.Vector) {
	fmt.Println(v.hidden) // want: v.hidden undefined
}
