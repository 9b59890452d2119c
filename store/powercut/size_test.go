package powercut

import (
	"os"
	"strconv"
)

// least is how many states are looked at: more where QRPOSD_POWERCUT says so.
func least() int {
	if n, err := strconv.Atoi(os.Getenv("QRPOSD_POWERCUT")); err == nil && n > 0 {
		return n
	}
	return 10_000
}

// leastExt4 is the same for a whole file system.
func leastExt4() int { return max(200, least()/40) }
