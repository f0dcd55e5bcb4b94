package analytics

import (
	"fmt"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
)

// AppendJSON appends r as the JSON object that Tyk Pump sends where it sends whole records, with its keys in
// their order. Lists and maps without elements are null, as in a Document, and coordinates that are no numbers
// are 0. It fails for a time that JSON has no form for, and gives dst as it was.
func AppendJSON(dst []byte, r *Record) ([]byte, error) {
	for _, t := range []struct {
		key string
		at  time.Time
	}{{"timestamp", r.TimeStamp}, {"expireAt", r.ExpireAt}} {
		if year := t.at.Year(); year < 0 || year > 9999 {
			return dst, fmt.Errorf("%s is in the year %d: JSON has times of the years 0 to 9999", t.key, year)
		}
	}
	return record.appendJSON(dst, r), nil
}

// appendJSONStrings writes null where there is none.
func appendJSONStrings(b []byte, list []string) []byte {
	if len(list) == 0 {
		return append(b, "null"...)
	}
	return jsontext.AppendStrings(b, list)
}
