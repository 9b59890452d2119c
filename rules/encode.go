package rules

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"qrposd/rules/money"
)

// MarshalJSON writes the facts that are known under the names that rules know
// them by, in a fixed order: amounts in minor units, spans in seconds. The same
// case gives the same bytes.
func (c Case) MarshalJSON() ([]byte, error) {
	var f facts
	f.load(&c)
	b := []byte{'{'}
	for i := range fields {
		if f.known>>i&1 == 0 {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, fields[i].name)
		b = append(b, ':')
		b = fields[i].append(b, &c, f.v[i])
	}
	return append(b, '}'), nil
}

func (d *field) append(b []byte, c *Case, n int64) []byte {
	switch d.kind {
	case boolean:
		return strconv.AppendBool(b, n == 1)
	case word:
		return strconv.AppendQuote(b, d.words[n])
	case currency:
		return strconv.AppendQuote(b, string(unpack(n)))
	case label:
		return strconv.AppendQuote(b, c.Intent.Label)
	}
	return strconv.AppendInt(b, n, 10)
}

// UnmarshalJSON reads what MarshalJSON wrote. A name that this version does not
// know is an error: judging a case without it would not be judging the same case.
func (c *Case) UnmarshalJSON(b []byte) error {
	var values map[string]any
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		return fmt.Errorf("rules: case: %w", err)
	}
	var out Case
	for name, v := range values {
		i := fieldNamed(name)
		if i < 0 {
			return fmt.Errorf("rules: case: there is no fact %.40q; %s", name, (&checker{}).hint(name))
		}
		if !fields[i].assign(&out, v) {
			return fmt.Errorf("rules: case: %s cannot be %.40v", name, v)
		}
	}
	*c = out
	return nil
}

// assign sets a fact from a decoded value, and says whether the fact can be that.
func (d *field) assign(c *Case, v any) bool {
	switch v := v.(type) {
	case bool:
		if d.kind != boolean {
			return false
		}
		n := int64(0)
		if v {
			n = 1
		}
		d.set(c, n)
	case json.Number:
		n, err := v.Int64()
		if err != nil || !d.kind.arithmetic() {
			return false
		}
		d.set(c, n)
	case string:
		return d.assignText(c, v)
	default:
		return false
	}
	return d.sound(c)
}

func (d *field) assignText(c *Case, v string) bool {
	switch d.kind {
	case word:
		for n, w := range d.words {
			if n > 0 && w == v {
				d.set(c, int64(n))
				return true
			}
		}
	case currency:
		c.Amount.Currency = money.Currency(v)
		return pack(c.Amount.Currency) != 0
	case label:
		c.Intent.Label = v
		return isLabel(v)
	}
	return false
}

// sound says whether the fact that was set is within its bounds. An amount is
// one before its currency is read.
func (d *field) sound(c *Case) bool {
	if d.kind == amount && d.lo == 1 {
		return c.Amount.Minor >= 1 && c.Amount.Minor <= money.Max
	}
	_, ok := d.get(c)
	return ok
}

// FieldInfo describes a fact to whoever writes rules.
type FieldInfo struct {
	Name  string
	Kind  string
	Words []string // what a word can be
}

// Fields are the facts that a condition can name.
func Fields() []FieldInfo {
	list := make([]FieldInfo, len(fields))
	for i := range fields {
		d := &fields[i]
		list[i] = FieldInfo{Name: d.name, Kind: d.kind.String()}
		if len(d.words) > 0 {
			list[i].Words = append([]string(nil), d.words[1:]...)
		}
	}
	return list
}
