package tyksyslogexporter

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
)

// field is a value of a record, under the key that documents of Tyk Pump's for Kafka have.
type field struct {
	key string
	// One of the next four.
	text   func(*analytics.Record) string
	number func(*analytics.Record) int64
	texts  func(*analytics.Record) []string
	time   func(*analytics.Record) time.Time
	// printed is how Tyk Pump's map begins a number.
	printed string
	// added tells that Tyk Pump's map lacks it.
	added bool
}

// The keys that are left out of JSON unless they are chosen.
const (
	keyRawRequest  = "raw_request"
	keyRawResponse = "raw_response"
)

// fields are in the order of their keys, which Go's maps print.
var fields = []field{
	{key: "alias", text: func(r *analytics.Record) string { return r.Alias }},
	{key: "api_id", text: func(r *analytics.Record) string { return r.APIID }},
	{key: "api_key", text: func(r *analytics.Record) string { return r.APIKey }},
	{key: "api_name", text: func(r *analytics.Record) string { return r.APIName }},
	{key: "api_version", text: func(r *analytics.Record) string { return r.APIVersion }},
	{key: "content_length", number: func(r *analytics.Record) int64 { return r.ContentLength }, printed: "%!s(int64="},
	{key: "host", text: func(r *analytics.Record) string { return r.Host }},
	{key: "ip_address", text: func(r *analytics.Record) string { return r.IPAddress }},
	{key: "latency_gateway", number: func(r *analytics.Record) int64 { return r.Latency.Gateway }, added: true},
	{key: "latency_total", number: func(r *analytics.Record) int64 { return r.Latency.Total }, added: true},
	{key: "latency_upstream", number: func(r *analytics.Record) int64 { return r.Latency.Upstream }, added: true},
	{key: "method", text: func(r *analytics.Record) string { return r.Method }},
	{key: "oauth_id", text: func(r *analytics.Record) string { return r.OauthID }},
	{key: "org_id", text: func(r *analytics.Record) string { return r.OrgID }},
	{key: "path", text: func(r *analytics.Record) string { return r.Path }},
	{key: "raw_path", text: func(r *analytics.Record) string { return r.RawPath }},
	{key: keyRawRequest, text: func(r *analytics.Record) string { return r.RawRequest }},
	{key: keyRawResponse, text: func(r *analytics.Record) string { return r.RawResponse }},
	{key: "request_time_ms", number: func(r *analytics.Record) int64 { return r.RequestTime }, printed: "%!s(int64="},
	{key: "response_code", number: func(r *analytics.Record) int64 { return r.ResponseCode }, printed: "%!s(int="},
	{key: "tags", texts: func(r *analytics.Record) []string { return r.Tags }, added: true},
	{key: "timestamp", time: func(r *analytics.Record) time.Time { return r.TimeStamp }},
	{key: "user_agent", text: func(r *analytics.Record) string { return r.UserAgent }},
}

// keys are those of all fields.
func keys() []string {
	all := make([]string, len(fields))
	for i := range fields {
		all[i] = fields[i].key
	}
	return all
}

// chosen are the fields of a message.
func chosen(config *Config) []field {
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool {
		switch {
		case config.Message == messageMap:
			return f.added
		case len(config.Fields) == 0:
			return f.key == keyRawRequest || f.key == keyRawResponse
		}
		return !slices.Contains(config.Fields, f.key)
	})
}

// appendJSON appends a record as an object in one line.
func appendJSON(dst []byte, chosen []field, r *analytics.Record, uid string) []byte {
	dst = append(dst, '{')
	for i := range chosen {
		f := &chosen[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), f.key...), `":`...)
		switch {
		case f.text != nil:
			dst = jsontext.AppendString(dst, f.text(r))
		case f.number != nil:
			dst = strconv.AppendInt(dst, f.number(r), 10)
		case f.texts != nil:
			dst = jsontext.AppendStrings(dst, f.texts(r))
		default:
			dst = append(f.time(r).UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
		}
	}
	if uid != "" {
		dst = append(dst, `,"`+analytics.AttrUID+`":`...)
		dst = jsontext.AppendString(dst, uid)
	}
	return append(dst, '}')
}

// appendMap appends a record as Go prints a map, with the numbers' types that Tyk Pump prints for errors of its
// format. Times are in a zone.
func appendMap(dst []byte, chosen []field, r *analytics.Record, zone *time.Location) []byte {
	dst = append(dst, "map["...)
	for i := range chosen {
		f := &chosen[i]
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, f.key...), ':')
		switch {
		case f.text != nil:
			dst = append(dst, oneLine.Replace(f.text(r))...)
		case f.number != nil:
			dst = strconv.AppendInt(append(dst, f.printed...), f.number(r), 10)
			dst = append(dst, ')')
		default:
			dst = append(dst, f.time(r).In(zone).String()...)
		}
	}
	return append(dst, ']')
}

// oneLine is what Tyk Pump does with line feeds in recorded requests; in others they would end the message.
var oneLine = strings.NewReplacer("\n", `\n`)
