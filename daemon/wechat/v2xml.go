package wechat

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// fields is a message of API v2: a flat list of names and values.
type fields map[string]string

const hmacSHA256 = "HMAC-SHA256"

// sum is the signature over all fields but the signature itself, empty ones left
// out, in ASCII order (WeChat Pay v2, signature algorithm).
func (f fields) sum(key []byte) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name != "sign" && f[name] != "" {
			b.WriteString(name + "=" + f[name] + "&")
		}
	}
	b.WriteString("key=")
	b.Write(key)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(b.String()))
	return strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
}

// genuine says that f was signed with key.
func (f fields) genuine(key []byte) bool {
	return f["sign"] != "" && hmac.Equal([]byte(f["sign"]), []byte(f.sum(key)))
}

// encode writes the message in a fixed order, so that a request has one form.
func (f fields) encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("<xml>")
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if f[name] == "" {
			continue
		}
		b.WriteString("<" + name + ">")
		if err := xml.EscapeText(&b, []byte(f[name])); err != nil {
			return nil, fmt.Errorf("wechat: %w", err)
		}
		b.WriteString("</" + name + ">")
	}
	b.WriteString("</xml>")
	return b.Bytes(), nil
}

var errNotV2 = errors.New("wechat: not a message of API v2")

// decodeFields reads a message and nothing that only looks like one: one root,
// one level of elements, each name once. A name that came twice would let two
// readers of one signature see two values.
func decodeFields(body []byte) (fields, error) {
	f := fields{}
	d := xml.NewDecoder(bytes.NewReader(body))
	depth, roots, name := 0, 0, ""
	var text strings.Builder
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) && roots == 1 {
			return f, nil
		}
		if err != nil {
			return nil, errNotV2
		}
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			switch {
			case depth == 1:
				roots++
			case depth == 2:
				name = t.Name.Local
				text.Reset()
			}
			if _, twice := f[name]; depth > 2 || roots > 1 || depth == 2 && twice || t.Name.Space != "" {
				return nil, errNotV2
			}
		case xml.CharData:
			switch {
			case depth == 2:
				text.Write(t)
			case len(bytes.TrimSpace(t)) > 0:
				return nil, errNotV2
			}
		case xml.EndElement:
			if depth == 2 {
				f[name] = text.String()
			}
			depth--
		}
	}
}
