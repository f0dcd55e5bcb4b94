package tyksegmentexporter

import (
	"cmp"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
)

// nobody is the anonymous id of a record without a key.
const nobody = "anonymous"

// encoder makes events of records.
type encoder struct {
	ignore analytics.FieldSet
	hash   bool
	alias  bool
	event  string // as JSON
}

func newEncoder(config *Config) *encoder {
	ignore, _ := analytics.ParseFields(config.IgnoreFields) // which are valid
	return &encoder{
		ignore: ignore, hash: config.AnonymousID == anonymousHash, alias: config.UserID == userAlias,
		event: string(jsontext.AppendString(nil, config.Event)),
	}
}

// take takes from a record what its event has beside the properties, which it leaves in it. The identity may be empty.
func (e *encoder) take(r *analytics.Record, uid string) (rest []byte) {
	if e.hash {
		r.HashKey()
	}
	rest = member(rest, `,"anonymousId":`, cmp.Or(r.APIKey, r.OauthID, nobody))
	if e.alias && r.Alias != "" {
		rest = member(rest, `,"userId":`, r.Alias)
	}
	rest = append(rest, `,"event":`...)
	rest = append(rest, e.event...)
	rest = append(rest, `,"type":"track"`...)
	if uid != "" {
		rest = member(rest, `,"messageId":`, uid)
	}
	if !r.TimeStamp.IsZero() { // others have the time of their arrival
		rest = append(rest, `,"timestamp":"`...)
		rest = r.TimeStamp.UTC().AppendFormat(rest, timeFormat)
		rest = append(rest, '"')
	}
	r.Clear(e.ignore)
	return append(appendContext(rest, r), '}')
}

// appendEvent appends the event of a record whose rest was taken. It fails for a record that JSON has no form for.
func appendEvent(dst []byte, r *analytics.Record, rest []byte) ([]byte, error) {
	dst, err := analytics.AppendJSON(append(dst, `{"properties":`...), r)
	return append(dst, rest...), err
}

// timeFormat is that of Segment's libraries.
const timeFormat = "2006-01-02T15:04:05.000Z"

// appendContext appends what Segment knows of a client, if the record does.
func appendContext(dst []byte, r *analytics.Record) []byte {
	if r.IPAddress == "" && r.UserAgent == "" {
		return dst
	}
	dst = append(dst, `,"context":{`...)
	if r.IPAddress != "" {
		dst = member(dst, `"ip":`, r.IPAddress)
	}
	if r.IPAddress != "" && r.UserAgent != "" {
		dst = append(dst, ',')
	}
	if r.UserAgent != "" {
		dst = member(dst, `"userAgent":`, r.UserAgent)
	}
	return append(dst, '}')
}

// member appends a key, as it is, and a text.
func member(dst []byte, key, text string) []byte {
	return jsontext.AppendString(append(dst, key...), text)
}
