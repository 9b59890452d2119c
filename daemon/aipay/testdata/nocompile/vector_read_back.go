package snippet

import (
	"encoding/json"

	"qrposd/daemon/aipay"
)

var _ json.Unmarshaler = (*aipay.Vector)(nil) // want: missing method UnmarshalJSON
