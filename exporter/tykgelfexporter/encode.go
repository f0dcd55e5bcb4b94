package tykgelfexporter

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
)

// appender appends a value as JSON, or nothing where a record has none.
type appender func(dst []byte, r *analytics.Record) []byte

// encoder makes messages of records.
type encoder struct {
	format string
	// begin is what all messages of the format gelf begin with.
	begin  string
	fields []field
}

func newEncoder(config *Config) *encoder {
	e := &encoder{format: config.Format}
	e.begin = `{"version":"1.1","host":` + string(jsontext.AppendString(nil, config.Source)) + `,"short_message":`
	for _, f := range fieldsOf(config.Format) {
		if slices.Contains(config.Tags, f.tag) || len(config.Tags) == 0 && f.tag != tagRawRequest && f.tag != tagRawResponse {
			e.fields = append(e.fields, f)
		}
	}
	return e
}

// fieldsOf is what a message of a format can have, in its order.
func fieldsOf(format string) []field {
	if format == formatTyk {
		return pumpFields
	}
	return gelfFields
}

// knownTags are the tags of a format.
func knownTags(format string) []string {
	var tags []string
	for _, f := range fieldsOf(format) {
		tags = append(tags, f.tag)
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

func joined(names []string) string { return strings.Join(names, ", ") }

// append appends the message of a record, whose identity may be empty.
func (e *encoder) append(dst []byte, r *analytics.Record, uid string) []byte {
	if e.format == formatTyk {
		return e.appendPump(dst, r)
	}
	dst = append(dst, e.begin...)
	dst = jsontext.AppendString(dst, shortMessage(r))
	dst = append(dst, `,"level":`...)
	dst = append(dst, level(r.ResponseCode))
	if seconds := r.TimeStamp.Unix(); seconds > 0 { // others have the time of their arrival
		dst = append(dst, `,"timestamp":`...)
		dst = strconv.AppendInt(dst, seconds, 10)
		const billion = 1_000_000_000 // whose first digit makes room for nine
		dot := len(dst)
		dst = strconv.AppendInt(dst, int64(billion+r.TimeStamp.Nanosecond()), 10)
		dst[dot] = '.'
	}
	if uid != "" {
		dst = append(dst, `,"_uid":`...)
		dst = jsontext.AppendString(dst, uid)
	}
	for i := range e.fields {
		before := len(dst)
		dst = append(dst, e.fields[i].key...)
		value := len(dst)
		if dst = e.fields[i].append(dst, r); len(dst) == value {
			dst = dst[:before]
		}
	}
	return append(dst, '}')
}

// appendPump appends Tyk Pump's message, which has the record as the text of JSON in JSON.
func (e *encoder) appendPump(dst []byte, r *analytics.Record) []byte {
	inner := []byte{'{'}
	for i := range e.fields {
		if i > 0 {
			inner = append(inner, ',')
		}
		inner = append(inner, e.fields[i].key...)
		inner = e.fields[i].append(inner, r)
	}
	inner = append(inner, '}')
	dst = append(dst, `{"host":"tyk-pumps","message":`...)
	dst = jsontext.AppendString(dst, string(inner))
	dst = append(dst, `,"timestamp":`...)
	return append(strconv.AppendInt(dst, r.TimeStamp.Unix(), 10), '}')
}

// shortMessage is the line that Graylog lists.
func shortMessage(r *analytics.Record) string {
	method, path := r.Method, r.Path
	if path == "" {
		path = r.RawPath
	}
	parts := []string{method, path, strconv.FormatInt(r.ResponseCode, 10)}
	if r.ResponseCode < 0 {
		parts = []string{"TCP", r.APIName, path}
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}

// level is syslog's: informational, warning or error.
func level(code int64) byte {
	switch {
	case code >= 500:
		return '3'
	case code >= 400:
		return '4'
	}
	return '6'
}

// decoded is what was recorded; what is no base64 is taken as it is.
func decoded(text string) string {
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return text
	}
	return string(content)
}
