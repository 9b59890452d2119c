package wechat

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrposd/rules/sale"
)

// A private answer is an answer like every other: signed, over TLS or not, in one
// piece or in many; one that is forged, too large or cut off does not count.
func TestCallPrivate(t *testing.T) {
	long := `{"values":"` + strings.Repeat("0.123456789,", 5000) + `"}`
	get := sale.NewRequest(http.MethodGet, "/v3/ai/x", nil, sale.PayerCode{})
	for name, c := range map[string]struct {
		body string
		good bool
	}{
		"short": {`{"a":1}`, true}, "long": {long, true}, "too large": {strings.Repeat("x", maxAnswer+1), false},
	} {
		answer := func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" || !r.Close && r.Header.Get("Connection") != "close" {
				t.Errorf("%s: a request of %v", name, r.Header)
			}
			script{status: 200, body: c.body}.serve(w)
		}
		url, ca := tlsProvider(t, answer)
		conf := testConfig(t, url)
		conf.CAFile = ca
		secure, _ := testClient(t, conf, time.Now)
		plain, _ := testClient(t, testConfig(t, newProvider(t, answer).URL), time.Now)
		for _, client := range []*Client{secure, plain} {
			a := client.CallPrivate(t.Context(), get)
			if a.Good() != c.good || c.good && string(a.Body) != c.body {
				t.Errorf("%s: %d, %d bytes, %v, %v", name, a.Status, len(a.Body), a.Lost, a.Unverified)
			}
		}
	}
	cut, _ := rawServer(t, reset)
	client, _ := testClient(t, testConfig(t, cut), time.Now)
	if a := client.CallPrivate(t.Context(), get); a.Good() || a.Lost == nil {
		t.Errorf("cut off: %d, %v", a.Status, a.Lost)
	}
	client, _ = testClient(t, testConfig(t, closedPort(t), newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
		script{status: 200, body: `{"a":1}`}.serve(w)
	}).URL), time.Now)
	if a := client.CallPrivate(t.Context(), get); !a.Good() {
		t.Errorf("the second domain is not asked: %v", a.Lost)
	}
}

// watched keeps what a reader was given to read into, as only a test may.
type watched struct {
	io.Reader
	seen [][]byte
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.seen = append(w.seen, p[:n])
	return n, err
}

// Nothing of an answer is left in the buffers that it came through. The control is
// the ordinary way to read, after which it is there.
func TestPrivateBuffersAreWiped(t *testing.T) {
	secret := []byte("-0.123456789012345")
	text := bytes.Repeat(append([]byte("0.5,"), secret...), 3000)
	left := func(read func(*bufio.Reader) ([]byte, error)) (n int) {
		t.Helper()
		w := &watched{Reader: bytes.NewReader(text)}
		body, err := read(bufio.NewReaderSize(w, 4096))
		if err != nil || !bytes.Equal(body, text) {
			t.Fatalf("read %d of %d bytes, %v", len(body), len(text), err)
		}
		clear(body)
		for _, p := range w.seen {
			n += bytes.Count(p, secret)
		}
		return n
	}
	private := func(b *bufio.Reader) ([]byte, error) {
		defer wipe(b)
		return readWiping(b)
	}
	ordinary := func(b *bufio.Reader) ([]byte, error) { return io.ReadAll(b) }
	if left(ordinary) == 0 {
		t.Error("the control leaves nothing either")
	}
	if n := left(private); n != 0 {
		t.Errorf("%d numbers are left", n)
	}
	broken := io.MultiReader(bytes.NewReader(text), io.LimitReader(zeros{}, 0), brokenReader{})
	if body, err := readWiping(broken); err == nil || body != nil {
		t.Errorf("an answer that broke off gives %d bytes, %v", len(body), err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

// watchedConn keeps the memory that was read into.
type watchedConn struct {
	net.Conn
	seen [][]byte
}

func (w *watchedConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.seen = append(w.seen, p[:n])
	return n, err
}

// What TLS decrypted is wiped where it lay, whatever the records are like and however
// the connection ends. The control is TLS over a plain connection.
func TestTLSRecordsAreWiped(t *testing.T) {
	secret := []byte("-0.123456789012345,")
	for _, sizes := range [][]int{{1}, {3, 900, 2}, {900, 900, 900}, {2, 400, 800, 1600}} {
		for _, closing := range []bool{true, false} {
			for _, private := range []bool{true, false} {
				url, _ := tlsProvider(t, func(w http.ResponseWriter, _ *http.Request) {
					if !closing {
						w.Header().Set("Connection", "keep-alive")
					}
					for _, n := range sizes {
						_, _ = w.Write(bytes.Repeat(secret, n))
						w.(http.Flusher).Flush()
					}
				})
				conn, err := net.Dial("tcp", strings.TrimPrefix(url, "https://"))
				if err != nil {
					t.Fatal(err)
				}
				watch := &watchedConn{Conn: conn}
				var below net.Conn = watch
				if private {
					below = &records{Conn: watch}
				}
				secure := tls.Client(below, &tls.Config{InsecureSkipVerify: true}) // nobody else listens there
				r, err := http.NewRequest(http.MethodGet, url, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Close = closing
				if err := r.Write(secure); err != nil {
					t.Fatal(err)
				}
				res, err := http.ReadResponse(bufio.NewReader(secure), r)
				if err != nil {
					t.Fatal(err)
				}
				if body, err := readWiping(res.Body); err != nil || bytes.Count(body, secret) == 0 {
					t.Fatalf("%d bytes, %v", len(body), err)
				}
				_ = secure.SetDeadline(time.Unix(1, 0))
				_, _ = secure.Read(make([]byte, 1))
				left := 0
				for _, p := range watch.seen {
					left += bytes.Count(p, secret)
				}
				if private && left > 0 || !private && left == 0 {
					t.Errorf("records of %v, closing %v, wiped %v: %d numbers are left", sizes, closing, private, left)
				}
				_ = conn.Close()
			}
		}
	}
}
