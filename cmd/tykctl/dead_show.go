package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// wholeLetter is a dead letter with its content as JSON shows it.
type wholeLetter struct {
	letterView
	Form form `json:"form"`
	// Record is the entry decoded, without what is zero or empty; absent where it
	// is no record, as DecodeError says.
	Record      json.RawMessage `json:"record,omitempty"`
	DecodeError string          `json:"decode_error,omitempty"`
	// Entry is the bytes that the gateway pushed, in base64.
	Entry []byte `json:"entry"`
}

func open(l list, letter claim.Letter) wholeLetter {
	w := wholeLetter{letterView: viewOf(l, letter), Form: l.form, Entry: letter.Entry}
	if letter.Fault != nil {
		w.DecodeError = letter.Fault.Error()
		return w
	}
	record, err := l.form.decode(letter.Entry)
	if err == nil {
		w.Record, err = json.Marshal(withoutZeros(reflect.ValueOf(record).Elem()))
	}
	if err != nil {
		w.Record, w.DecodeError = nil, err.Error()
	}
	return w
}

// decode reads an entry. What it returns shares the entry's memory.
func (f form) decode(entry []byte) (any, error) {
	switch f {
	case uptimeForm:
		var u analytics.Uptime
		err := analytics.DecodeUptime(entry, &u)
		return &u, err
	case protobufForm:
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

func deadShow(f *flag.FlagSet) action {
	o := newFilter(f, someLetters)
	asJSON := f.Bool("json", false, "write one JSON object on each line")
	most := f.Int("bytes", 512, "show at most this many bytes of an entry that does not decode; 0: all")
	return func(ctx context.Context, c console, conn *connection, _ []string) (int, error) {
		if *most < 0 {
			return exitFailed, fmt.Errorf("-bytes: %d: use 0 or more", *most)
		}
		shown := 0
		more, err := o.letters(ctx, conn, func(_ *claim.Store, l list, page []claim.Letter) error {
			for _, letter := range page {
				shown++
				w := open(l, letter)
				if *asJSON {
					if err := writeJSONLine(c.stdout, w); err != nil {
						return err
					}
					continue
				}
				if err := w.print(c.stdout, *most); err != nil {
					return err
				}
			}
			return nil
		})
		if shown == 0 && err == nil && !*asJSON {
			fmt.Fprintln(c.stdout, "No dead letters.")
		}
		sayMore(c, more, o)
		return exitOK, err
	}
}

func (w wholeLetter) print(out io.Writer, most int) error {
	for _, line := range [][2]string{
		{"uid", w.UID},
		{"list", fmt.Sprintf("%s (%s)", w.Source, w.Form)},
		{"group", w.Group},
		{"given up", w.when(time.RFC3339)},
		{"by", cmp.Or(w.Destination, "-")},
		{"reason", w.Reason},
		{"entry", count(int64(w.Bytes), "byte")},
	} {
		fmt.Fprintf(out, "%-9s %s\n", line[0], printable(line[1]))
	}
	if w.DecodeError == "" {
		if err := writeJSON(out, w.Record); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out)
		return err
	}
	fmt.Fprintf(out, "%-9s %s\n", "decoding", printable(w.DecodeError))
	entry := w.Entry
	if most > 0 && len(entry) > most {
		entry = entry[:most]
	}
	fmt.Fprint(out, hex.Dump(entry))
	if left := len(w.Entry) - len(entry); left > 0 {
		fmt.Fprintf(out, "... and %s more: -bytes 0 shows all\n", count(int64(left), "byte"))
	}
	_, err := fmt.Fprintln(out)
	return err
}
