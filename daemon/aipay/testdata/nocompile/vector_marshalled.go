package snippet

import (
	"encoding/json"

	"qrposd/daemon/aipay"
)

func marshalled(v aipay.Vector) ([]byte, error) {
	return json.Marshal(v.hidden().values) // want: v.hidden undefined
}
