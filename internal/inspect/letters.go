package inspect

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// Letter is a dead letter as JSON shows it.
type Letter struct {
	UID    string    `json:"uid"`
	Source string    `json:"source"`
	Group  string    `json:"group"`
	At     time.Time `json:"at"`
	// Destination refused it; absent where that is not known.
	Destination string `json:"destination,omitempty"`
	Reason      string `json:"reason"`
	Bytes       int    `json:"bytes"`
}

// When is unknown for a letter that cannot be read.
func (v Letter) When(layout string) string {
	if v.At.IsZero() {
		return "unknown"
	}
	return v.At.Format(layout)
}

// LetterOf tells of a letter.
func LetterOf(l List, letter claim.Letter) Letter {
	return Letter{UID: letter.UID, Source: l.Key, Group: letter.Group, At: letter.At, Destination: letter.Destination, Reason: ReasonOf(letter), Bytes: len(letter.Entry)}
}

// WholeLetter is a dead letter with its content as JSON shows it.
type WholeLetter struct {
	Letter
	Form Form `json:"form"`
	// Record is the entry decoded, without what is zero or empty; absent where it
	// is no record, as DecodeError says.
	Record      json.RawMessage `json:"record,omitempty"`
	DecodeError string          `json:"decode_error,omitempty"`
	// Entry is the bytes that the gateway pushed, in base64.
	Entry []byte `json:"entry"`
}

// Open decodes a letter's entry.
func Open(l List, letter claim.Letter) WholeLetter {
	w := WholeLetter{Letter: LetterOf(l, letter), Form: l.Form, Entry: letter.Entry}
	if letter.Fault != nil {
		w.DecodeError = letter.Fault.Error()
		return w
	}
	record, err := l.Form.Decode(letter.Entry)
	if err == nil {
		w.Record, err = json.Marshal(withoutZeros(reflect.ValueOf(record).Elem()))
	}
	if err != nil {
		w.Record, w.DecodeError = nil, err.Error()
	}
	return w
}

// Decode reads an entry. What it returns shares the entry's memory.
func (f Form) Decode(entry []byte) (any, error) {
	switch f {
	case Uptime:
		var u analytics.Uptime
		err := analytics.DecodeUptime(entry, &u)
		return &u, err
	case Protobuf:
		var r analytics.Record
		err := analytics.DecodeProtobuf(entry, &r)
		return &r, err
	default:
		var r analytics.Record
		err := analytics.DecodeMsgpack(entry, &r)
		return &r, err
	}
}

// object is a JSON object that keeps the order of its fields.
type object []field

type field struct {
	name  string
	value any
}

// MarshalJSON writes the fields in order.
func (o object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, f := range o {
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

// withoutZeros lists the fields of a struct that say something.
func withoutZeros(v reflect.Value) object {
	o := object{}
	for i := range v.NumField() {
		value := v.Field(i)
		if value.IsZero() || (value.Kind() == reflect.Slice || value.Kind() == reflect.Map) && value.Len() == 0 {
			continue
		}
		f := field{v.Type().Field(i).Name, value.Interface()}
		if _, isTime := f.value.(time.Time); value.Kind() == reflect.Struct && !isTime {
			f.value = withoutZeros(value)
		}
		o = append(o, f)
	}
	return o
}
