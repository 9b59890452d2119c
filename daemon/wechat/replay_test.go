package wechat

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"qrposd/rules/sale"
)

// net/http repeats a request that it takes for harmless when a connection that
// was used before is reset. The signature of the first time would go with it.
func TestAQueryIsNotRepeatedBehindOurBack(t *testing.T) {
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusInternalServerError) // leaves the connection to be used again
	}))
	t.Cleanup(srv.Close)
	c, _ := testClient(t, testConfig(t, srv.URL), time.Now)
	for range 2 {
		if ev := take(t, c, sale.Query); ev.Kind != sale.Unclear {
			t.Errorf("heard %s", ev.Kind)
		}
	}
	if got := n.Load(); got != 2 {
		t.Errorf("2 queries were %d requests", got)
	}
}
