package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// faces are all the ways in which a number of a known vector can lie somewhere: as
// the machine has it in either order, halved to single precision (two neighbours, or
// chance would find one in any memory), and in digits.
type faces struct {
	by     map[[8]byte][]face // by their first eight bytes
	filter [1 << 16]bool      // of the first two
}

type face struct {
	form string
	rest string // after the first eight bytes
}

// digits says that the form is one of text.
func (c face) digits() bool { return strings.HasPrefix(c.form, "%") }

func (f *faces) add(form string, bytes []byte) {
	var first [8]byte
	copy(first[:], bytes)
	f.by[first] = append(f.by[first], face{form, string(bytes[8:])})
	f.filter[uint16(bytes[0])<<8|uint16(bytes[1])] = true
}

func newFaces(vectors [][]float64) *faces {
	f := &faces{by: map[[8]byte][]face{}}
	for _, v := range vectors {
		for i, x := range v {
			f.add("float64 little endian", binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)))
			f.add("float64 big endian", binary.BigEndian.AppendUint64(nil, math.Float64bits(x)))
			if i > 0 {
				a, b := math.Float32bits(float32(v[i-1])), math.Float32bits(float32(x))
				f.add("float32 little endian", binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, a), b))
				f.add("float32 big endian", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, a), b))
			}
			for form, text := range map[string]string{
				"%g or JSON": strconv.FormatFloat(x, 'g', -1, 64), "%e": strconv.FormatFloat(x, 'e', 9, 64), "%.9f": strconv.FormatFloat(x, 'f', 9, 64),
				"%.6f": strconv.FormatFloat(x, 'f', 6, 64), // every longer form begins with it, where it is not rounded
			} {
				f.add(form, []byte(text[:max(8, min(len(text), 14))]))
			}
		}
	}
	return f
}

// in counts what is found of the vectors, by form. Six digits are as many as a duration
// in the metrics may have by chance, so two of them have to stand beside each other, as
// the numbers of a vector do.
func (f *faces) in(data []byte) map[string]int {
	found := map[string]int{}
	six := -1 << 20 // where the last one was
	for i := 0; i+8 <= len(data); i++ {
		if !f.filter[uint16(data[i])<<8|uint16(data[i+1])] {
			continue
		}
		for _, c := range f.by[[8]byte(data[i:])] {
			if c.digits() && i > 0 && data[i-1] >= '0' && data[i-1] <= '9' {
				continue // the end of another number, as the seconds of a time of day are
			}
			if strings.HasPrefix(string(data[i+8:min(len(data), i+8+len(c.rest))]), c.rest) {
				if c.form != "%.6f" {
					found[c.form]++
					continue
				}
				if i-six <= 64 {
					found[c.form]++
				}
				six = i
			}
		}
	}
	return found
}

// told asks the provider for every vector that it told.
func (o *outside) told() [][]float64 {
	o.t.Helper()
	var list [][]float64
	o.do(http.MethodGet, "/sim/ai/faces", nil, &list)
	return list
}

var mapping = regexp.MustCompile(`^([0-9a-f]+)-([0-9a-f]+) (r..)p? ?`)

// memory looks through all that a process can write to, as a core dump would have it.
func (f *faces) memory(t *testing.T, pid int) (found map[string]int, size int) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	found = map[string]int{}
	for line := range strings.Lines(string(maps)) {
		m := mapping.FindStringSubmatch(line)
		if m == nil || !strings.HasPrefix(m[3], "rw") {
			continue
		}
		from, _ := strconv.ParseInt(m[1], 16, 64) // the kernel writes numbers
		to, _ := strconv.ParseInt(m[2], 16, 64)
		const piece = 4 << 20
		for at := from; at < to; at += piece - 64 { // a number may lie across two pieces
			part := make([]byte, min(piece, to-at))
			n, err := mem.ReadAt(part, at)
			if n == 0 && err != nil {
				break // reserved and never used
			}
			size += n
			for form, k := range f.in(part[:n]) {
				found[form] += k
			}
			clear(part)
		}
	}
	return found, size
}

// The search finds what is there, in each of its forms, and nothing where it is not.
func TestFacesAreFound(t *testing.T) {
	vector := []float64{-0.0834121234567891, 0.12345678901234567, 0.3333333333333333}
	f := newFaces([][]float64{vector})
	raw := func(order binary.ByteOrder, v any) string {
		var b bytes.Buffer
		if err := binary.Write(&b, order, v); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	single := []float32{float32(vector[0]), float32(vector[1])}
	inJSON, err := json.Marshal(vector)
	if err != nil {
		t.Fatal(err)
	}
	for form, leak := range map[string]string{
		"float64 little endian": raw(binary.LittleEndian, vector), "float64 big endian": raw(binary.BigEndian, vector),
		"float32 little endian": raw(binary.LittleEndian, single), "float32 big endian": raw(binary.BigEndian, single),
		"%g or JSON": string(inJSON), "%e": fmt.Sprintf("%e %.9e", vector[0], vector[1]), "%.9f": fmt.Sprintf("%.12f", vector[1]), "%.6f": fmt.Sprintf("%.6f, %.6f", vector[0], vector[1]),
	} {
		if found := f.in([]byte("before " + leak + " after")); found[form] == 0 {
			t.Errorf("%s is not found: %v", form, found)
		}
	}
	if found := f.in([]byte(strings.Repeat("amount 0.08 0.1234 0.33 [1.5,2.5] 0.123457 2026-01-02T03:04:50.123456789Z ", 1000))); len(found) != 0 {
		t.Errorf("found where there is none: %v", found)
	}
}

// After the check the numbers of a face are nowhere: not in the store, a backup, the
// log, the metrics, what the page and the event stream are told, what models are
// asked, and not in the memory of the process. While one vector waits for the second
// it is in memory and the search finds it there, and a file that has it is found out.
func TestFacesAreNowhere(t *testing.T) {
	o := startOutside(t, speed)
	t.Run("plain", func(t *testing.T) { o.facesAreNowhere(t, "FACES1", func(conf string) string { return conf }) })
	site, ca := o.site(t)
	t.Run("tls", func(t *testing.T) {
		o.facesAreNowhere(t, "FACES2", func(conf string) string {
			line := fmt.Sprintf("base_urls = [%q]\nca_file = %q", site, ca)
			return regexp.MustCompile(`(?m)^base_urls = .*$`).ReplaceAllString(conf, line)
		})
	})
}

// site is where the provider answers by TLS, and the certificate that it has there.
func (o *outside) site(t *testing.T) (base, ca string) {
	t.Helper()
	var open []struct {
		URL string `json:"url"`
	}
	o.do(http.MethodGet, "/sim/phone/liveness", nil, &open)
	if len(open) == 0 {
		t.Fatal("no check was opened")
	}
	u, err := url.Parse(open[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true}) // its certificate is what is asked for
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ca = filepath.Join(o.dir, "site.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: conn.ConnectionState().PeerCertificates[0].Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return "https://" + u.Host, ca
}

func (o *outside) facesAreNowhere(t *testing.T, id string, adapt func(string) string) {
	d := judged(t, o, built(t).product, id, "")
	conf, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(adapt(string(conf)), "[aipay]\n", "[aipay]\nenabled = true\nliveness.twice_from = 5000\n", 1) + "\n[log]\nlevel = \"debug\"\n"
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile(d.rules())
	if err != nil {
		t.Fatal(err)
	}
	d.setRules(string(rules) + verifying)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	s := &shift{t: t, o: o, id: id, ctx: ctx, d: d}
	s.start()
	stream := s.listen()
	before := len(o.told())
	var log strings.Builder // the rig keeps the last lines only
	for _, outcome := range []string{"pass", "low", "wrong_nonce", "twice", "pass"} {
		o.setAI(livenessOf(byRule, outcome))
		for _, b := range []*basket{newBasket(sale.Merchant, 1280, toPay), newBasket(sale.Payer, 1290, toPay), newBasket(sale.Merchant, 5680, toPay)} {
			s.serve(one(b))
			s.people.Wait()
			log.WriteString(d.log.String())
		}
	}
	paid := 0
	for _, b := range s.baskets {
		if b.rings[0].handed {
			paid++
		}
	}
	told := o.told()[before:]
	if paid < 6 || len(told) < 12 {
		t.Fatalf("%d sales were paid, %d vectors told\n%s", paid, len(told), s.d.log)
	}

	nowhere := newFaces(told)
	places := s.places(stream)
	places["the log"] = []byte(log.String())
	for name, data := range places {
		if found := nowhere.in(data); len(found) != 0 || len(data) == 0 {
			t.Errorf("%s (%d bytes): %v", name, len(data), found)
		}
	}
	leak := append(bytes.Clone(places["the store"]), fmt.Sprint(told[0])...)
	if found := nowhere.in(leak); len(found) == 0 {
		t.Error("a store that a vector was written into is not found out")
	}

	left, size := nowhere.memory(t, d.cmd.Process.Pid)
	t.Logf("%d vectors were told; of %d MB of memory, after the checks: %v", len(told), size>>20, left)
	if len(left) != 0 {
		t.Errorf("left in memory: %v", left)
	}
	s.firstIsThere(o)
	s.finish()
}

// firstIsThere is the control: between two checks the first vector is in memory.
func (s *shift) firstIsThere(o *outside) {
	s.t.Helper()
	t := s.t.(*testing.T)
	o.setAI(livenessOf(byRule, "pass", "takes_ms", 0))
	before := len(o.told())
	defer o.setAI(map[string]any{"latency": map[string]any{"ai_liveness": map[string]any{}}})
	o.setAI(map[string]any{"latency": map[string]any{"ai_liveness": map[string]any{"kind": "fixed", "ms": 400}}})
	b := newBasket(sale.Merchant, 5680, toPay)
	s.serve(one(b))
	for end := time.Now().Add(20 * time.Second); len(o.told()) == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no vector was told")
		}
	}
	found, _ := newFaces(o.told()[before:]).memory(t, s.d.cmd.Process.Pid)
	if found["float64 little endian"] == 0 {
		t.Errorf("the search does not find the vector that waits for its second: %v", found)
	}
	s.people.Wait()
}

// listen keeps all that the event stream tells.
func (s *shift) listen() *tail {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, s.d.api.Base+"/v1/events?after=0", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	heard := &tail{}
	go func() {
		defer res.Body.Close()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			heard.add(lines.Text())
		}
	}()
	return heard
}

// places are all that the till writes and tells.
func (s *shift) places(stream *tail) map[string][]byte {
	s.t.Helper()
	get := func(url string) []byte {
		res, err := http.Get(url)
		if err != nil {
			s.t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 {
			s.t.Fatalf("%s: %d, %v", url, res.StatusCode, err)
		}
		return b
	}
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		return b
	}
	res, err := http.Post(s.d.api.Base+"/v1/backups", "application/json", strings.NewReader("{}"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var backup api.Backup
	if err := json.NewDecoder(res.Body).Decode(&backup); err != nil || backup.Path == "" {
		s.t.Fatalf("backup: %d, %v", res.StatusCode, err)
	}
	all := map[string][]byte{
		"the store": read(s.d.store), "a backup": read(backup.Path), "the event stream": []byte(stream.String()),
		"the metrics": get(s.d.api.Base + "/metrics"), "the sales": get(s.d.api.Base + "/v1/sales?limit=100"), "the status": get(s.d.api.Base + "/v1/status"),
	}
	for _, name := range modelNames {
		all["what "+name+" was asked"] = get(s.o.url + "/sim/models/" + name)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(s.d.config), "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range files {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			all[path] = read(path)
		}
	}
	return all
}
