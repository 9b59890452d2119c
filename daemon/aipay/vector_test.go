package aipay

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

const goodLiveness = `{"state":"DONE","liveness":0.97,"nonce":"n-1","embedding":[0.12345678, -0.87654321,3.1415926e-1 , 7]}`

func testEpoch(t testing.TB) Epoch {
	t.Helper()
	e, err := NewEpoch(bytes.Repeat([]byte{0xe7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func testLiveness(t testing.TB) Liveness {
	t.Helper()
	l, err := ReadLiveness([]byte(goodLiveness))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func vectorOf(numbers ...float64) Vector { return newVector(numbers) }

func TestReadLiveness(t *testing.T) {
	body := []byte(goodLiveness)
	l, err := ReadLiveness(body)
	if err != nil || l.State != Done || l.Score != 0.97 || l.Nonce != "n-1" || l.Vector.Dim() != 4 {
		t.Fatalf("%+v, %v", l, err)
	}
	if got := l.Vector.values(); got[0] != 0.12345678 || got[1] != -0.87654321 || got[2] != 0.31415926 || got[3] != 7 || cap(got) != 4 {
		t.Error("the numbers are others, or the buffer grew")
	}
	if len(bytes.Trim(body, "\x00")) != 0 {
		t.Errorf("what is left of the answer: %q", body)
	}
	for _, s := range []State{Waiting, Failed, Expired} {
		l, err := ReadLiveness([]byte(`{"state":"` + string(s) + `"}`))
		if err != nil || l.State != s || l.Vector.Dim() != 0 {
			t.Errorf("%s: %+v, %v", s, l, err)
		}
	}
	bad := wrong(t, goodLiveness, [][2]string{
		{`"DONE"`, `"done"`},
		{`0.97`, `1.97`},
		{`"nonce":"n-1",`, ``},
		{`[0.12345678`, `["0.12345678"`},
		{`[0.12345678`, `[null`},
		{`[0.12345678`, `[[0.12345678]`},
		{`[0.12345678`, `[1e400`},
		{`[0.12345678`, `[0.` + strings.Repeat("1", 40)},
		{`[0.12345678, -0.87654321,3.1415926e-1 , 7]`, `[]`},
		{`[0.12345678, -0.87654321,3.1415926e-1 , 7]`, `[0` + strings.Repeat(",1", maxDim) + `]`},
		{`[0.12345678, -0.87654321,3.1415926e-1 , 7]`, `{}`},
		{`"embedding"`, `"embedding":[1],"embedding"`},
	})
	for _, b := range bad {
		body := []byte(b)
		l, err := ReadLiveness(body)
		mustUnknown(t, fmt.Sprintf("%.100s", b), err)
		if l.Vector.Dim() != 0 || len(bytes.Trim(body, "\x00")) != 0 || tells(err.Error()) {
			t.Errorf("%.100s: something is left: %v", b, err)
		}
	}
}

// tells says whether a text has digits of goodLiveness's vector in it, in decimals
// or in the hexadecimal of their bits.
func tells(s string) bool {
	for _, f := range []float64{0.12345678, -0.87654321, 0.31415926} {
		bits := fmt.Sprintf("%x", math.Float64bits(f))
		if strings.Contains(s, fmt.Sprint(math.Abs(f))[2:]) || strings.Contains(s, bits) || strings.Contains(s, fmt.Sprintf("%x", f)[2:]) {
			return true
		}
	}
	return false
}

type holder struct {
	Vector Vector
	inner  Vector
	list   []Vector
	byName map[string]*Vector
	epoch  Epoch
}

func TestVectorIsNeverTold(t *testing.T) {
	v, e := testLiveness(t).Vector, testEpoch(t)
	if !tells(fmt.Sprint(v.values())) || !tells(fmt.Sprintf("%x", v.values())) {
		t.Fatal("the test would not see the digits")
	}
	h := holder{v, v, []Vector{v}, map[string]*Vector{"v": &v}, e}
	key := strings.Repeat("e7", 4)
	for name, it := range map[string]any{"vector": v, "pointer": &v, "holder": h, "pointer to holder": &h, "liveness": Liveness{Vector: v}, "check": Check{Second: &v, Epoch: e}, "list": []any{v, h}, "epoch": e} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%f", "%g", "%t", "%p", "%w", "%!"} {
			if out := fmt.Sprintf(verb, it); tells(out) || strings.Contains(strings.ToLower(out), key) || strings.Contains(out, "231 231") {
				t.Errorf("%s of a %s tells %s", verb, name, out)
			}
		}
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
			slog.New(handler).Info("x", "it", it, slog.Group("g", "it", it))
		}
		if tells(log.String()) || strings.Contains(log.String(), "231,231") {
			t.Errorf("the log of a %s tells %s", name, &log)
		}
		b, err := json.Marshal(it)
		if err == nil || tells(string(b)) {
			t.Errorf("a %s is written as %s", name, b)
		}
		var out bytes.Buffer
		if err := gob.NewEncoder(&out).Encode(it); err == nil || tells(out.String()) {
			t.Errorf("a %s is encoded as %q", name, &out)
		}
		if b, err := xml.Marshal(it); err == nil || tells(string(b)) {
			t.Errorf("a %s is written as %s", name, b)
		}
	}
	if _, err := v.MarshalBinary(); !errors.Is(err, ErrSealed) {
		t.Errorf("in binary: %v", err)
	}
}

func TestZeroWipes(t *testing.T) {
	v := testLiveness(t).Vector
	buffer, other := v.values(), v
	audit := v.Audit([]byte("token"), testEpoch(t))
	v.Zero()
	for i, f := range buffer {
		if math.Float64bits(f) != 0 {
			t.Errorf("number %d is still there", i)
		}
	}
	if audit == "" || other.Dim() != 0 || other.Audit([]byte("token"), testEpoch(t)) != "" || Similar(other, other) != 0 {
		t.Error("a copy of a wiped vector still serves")
	}
	v.Zero()
	Vector{}.Zero()
}

func TestSimilar(t *testing.T) {
	for _, c := range []struct {
		a, b Vector
		want float64
	}{
		{vectorOf(1, 0), vectorOf(2, 0), 1},
		{vectorOf(1, 0), vectorOf(0, 3), 0},
		{vectorOf(1, 1), vectorOf(-1, -1), -1},
		{vectorOf(1, 0), vectorOf(1, 1), math.Sqrt2 / 2},
		{vectorOf(1, 0), vectorOf(1, 0, 0), 0},
		{vectorOf(0, 0), vectorOf(0, 0), 0},
		{Vector{}, Vector{}, 0},
		{vectorOf(math.NaN()), vectorOf(1), 0},
		{vectorOf(1e200), vectorOf(1e200), 0}, // its length is no number
	} {
		if got := Similar(c.a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v and %v: %g, want %g", c.a.values(), c.b.values(), got, c.want)
		}
	}
}

func TestAudit(t *testing.T) {
	v, e := testLiveness(t).Vector, testEpoch(t)
	key, err := hkdf.Key(sha256.New, []byte("token"), bytes.Repeat([]byte{0xe7}, 32), "qrposd liveness audit", 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	if err := binary.Write(mac, binary.LittleEndian, append(slices.Clone(v.values()), make([]float64, 8)...)); err != nil {
		t.Fatal(err)
	}
	if got, want := v.Audit([]byte("token"), e), hex.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("audit %s, want %s", got, want)
	}
	other, err := NewEpoch(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range []string{
		v.Audit([]byte("token"), e), v.Audit([]byte("other"), e), v.Audit([]byte("token"), other), vectorOf(1).Audit([]byte("token"), e),
	} {
		if seen[a] || !hashForm.MatchString(a) {
			t.Errorf("%q twice, or none", a)
		}
		seen[a] = true
	}
	for _, a := range []string{v.Audit(nil, e), v.Audit([]byte("token"), Epoch{}), Vector{}.Audit([]byte("token"), e)} {
		if a != "" {
			t.Errorf("a digest of nothing: %s", a)
		}
	}
	if _, err := NewEpoch(make([]byte, 31)); err == nil {
		t.Error("a short key is taken")
	}
}

func TestVerify(t *testing.T) {
	check := func() Check {
		return Check{
			Liveness: testLiveness(t), Nonce: "n-1", Least: 0.9, Dim: 4, Asked: testStart(), Now: testStart().Add(time.Second),
			Within: time.Minute, Token: []byte("token"), Epoch: testEpoch(t),
		}
	}
	near, far, same := vectorOf(0.12, -0.87, 0.31, 7), vectorOf(7, 1, 1, 0), testLiveness(t).Vector
	for name, c := range map[string]struct {
		change func(*Check)
		want   error
	}{
		"good":            {func(*Check) {}, nil},
		"other before":    {func(c *Check) { c.Last = near.Audit(c.Token, c.Epoch) }, nil},
		"any dimension":   {func(c *Check) { c.Dim = 0 }, nil},
		"second":          {func(c *Check) { c.Second, c.Alike = &near, 0.99 }, nil},
		"pending":         {func(c *Check) { c.Liveness = Liveness{State: Waiting} }, ErrUndone},
		"failed":          {func(c *Check) { c.Liveness.State = Failed }, ErrUndone},
		"other nonce":     {func(c *Check) { c.Liveness.Nonce = "n-2" }, ErrNonce},
		"low":             {func(c *Check) { c.Least = 0.98 }, ErrScore},
		"no number":       {func(c *Check) { c.Liveness.Score = math.NaN() }, ErrScore},
		"late":            {func(c *Check) { c.Now = testStart().Add(time.Minute + 1) }, ErrStale},
		"before":          {func(c *Check) { c.Now = testStart().Add(-1) }, ErrStale},
		"dimension":       {func(c *Check) { c.Dim = 512 }, ErrVector},
		"wiped":           {func(c *Check) { c.Liveness.Vector.Zero() }, ErrVector},
		"not finite":      {func(c *Check) { c.Liveness.Vector.values()[2] = math.Inf(1) }, ErrVector},
		"no direction":    {func(c *Check) { clear(c.Liveness.Vector.values()) }, ErrVector},
		"replayed":        {func(c *Check) { c.Last = same.Audit(c.Token, c.Epoch) }, ErrReplayed},
		"second the same": {func(c *Check) { c.Second, c.Alike = &same, 0.5 }, ErrReplayed},
		"somebody else":   {func(c *Check) { c.Second, c.Alike = &far, 0.8 }, ErrDissimilar},
		"second wiped":    {func(c *Check) { c.Second, c.Alike = &Vector{}, 0.8 }, ErrDissimilar},
		"no nonce":        {func(c *Check) { c.Nonce, c.Liveness.Nonce = "", "" }, ErrCheck},
		"no threshold":    {func(c *Check) { c.Least = 0 }, ErrCheck},
		"no window":       {func(c *Check) { c.Within = 0 }, ErrCheck},
		"no question":     {func(c *Check) { c.Asked = time.Time{} }, ErrCheck},
		"no token":        {func(c *Check) { c.Token = nil }, ErrCheck},
		"no epoch":        {func(c *Check) { c.Epoch = Epoch{} }, ErrCheck},
		"no likeness":     {func(c *Check) { c.Second = &near }, ErrCheck},
	} {
		k := check()
		c.change(&k)
		if err := Verify(k); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		} else if err != nil && tells(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
