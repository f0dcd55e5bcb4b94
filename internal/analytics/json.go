package analytics

import (
	"fmt"
	"time"
)

// AppendJSON appends r as the JSON object that Tyk Pump sends where it sends whole records, with its keys in
// their order. Lists and maps without elements are null, as in a Document, and coordinates that are no numbers
// are 0. It fails for a time that JSON has no form for, and gives dst as it was.
func AppendJSON(dst []byte, r *Record) ([]byte, error) {
	if err := jsonTime("timestamp", r.TimeStamp); err != nil {
		return dst, err
	}
	if err := jsonTime("expireAt", r.ExpireAt); err != nil {
		return dst, err
	}
	return record.appendJSON(dst, r), nil
}

// jsonTime fails for a time that JSON has no form for.
func jsonTime(key string, at time.Time) error {
	if year := at.Year(); year < 0 || year > 9999 {
		return fmt.Errorf("%s is in the year %d: JSON has times of the years 0 to 9999", key, year)
	}
	return nil
}

// AppendJSON appends r's document as a JSON object, with its keys in order, as Tyk Pump writes it. It fails for a
// timestamp that JSON has no form for, and gives dst as it was.
func (d *Document) AppendJSON(dst []byte, r *Record) ([]byte, error) {
	if err := jsonTime("timestamp", r.TimeStamp); err != nil {
		return dst, err
	}
	separator := byte('{')
	for i := range d.members {
		m := &d.members[i]
		if !m.has(r) {
			continue
		}
		dst = append(dst, separator, '"')
		dst = append(append(dst, m.key...), `":`...)
		dst = m.value.appendJSON(dst, r)
		separator = ','
	}
	if separator == '{' {
		dst = append(dst, separator)
	}
	return append(dst, '}'), nil
}
