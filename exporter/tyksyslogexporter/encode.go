package tyksyslogexporter

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// encoder makes messages of records.
type encoder struct {
	config   *Config
	hostname string
	fields   []field
	priority int // of the facility, and of the severity where it is fixed
	zone     *time.Location
	pid      int
}

func newEncoder(config *Config, hostname string) *encoder {
	e := &encoder{
		config: config, hostname: hostname, fields: chosen(config), zone: time.Local, pid: os.Getpid(),
		priority: len(severities) * slices.Index(facilities, config.Facility),
	}
	if config.Severity != auto {
		e.priority += slices.Index(severities, config.Severity)
	}
	return e
}

// append appends the message of a record, whose identity may be empty. It has no line feed.
func (e *encoder) append(dst []byte, r *analytics.Record, uid string) []byte {
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(e.priorityOf(r)), 10)
	dst = append(dst, '>')
	switch e.config.Protocol {
	case protocolRFC5424:
		dst = e.appendHeader(dst, r, uid)
	case protocolRFC3164:
		dst = r.TimeStamp.In(e.zone).AppendFormat(dst, time.Stamp)
		dst = append(dst, " "+e.hostname+" "+e.config.Tag+": "...)
	default:
		dst = r.TimeStamp.In(e.zone).AppendFormat(dst, time.RFC3339)
		dst = append(dst, " "+e.hostname+" "+e.config.Tag+"["...)
		dst = append(strconv.AppendInt(dst, int64(e.pid), 10), "]: "...)
	}
	if e.config.Message == messageMap {
		return appendMap(dst, e.fields, r, e.zone)
	}
	return appendJSON(dst, e.fields, r, uid)
}

// priorityOf is the facility and the severity, which follows from the response's status unless it is fixed.
func (e *encoder) priorityOf(r *analytics.Record) int {
	if e.config.Severity != auto {
		return e.priority
	}
	name := "info"
	switch {
	case r.ResponseCode >= 500:
		name = "err"
	case r.ResponseCode >= 400:
		name = "warning"
	}
	return e.priority + slices.Index(severities, name)
}

// appendHeader appends what stands between priority and message in RFC 5424: version, time, host, program, no process,
// kind of message and structured data.
func (e *encoder) appendHeader(dst []byte, r *analytics.Record, uid string) []byte {
	dst = append(dst, "1 "...)
	const lastYear = 9999
	if t := r.TimeStamp.UTC(); t.IsZero() || t.Year() < 0 || t.Year() > lastYear {
		dst = append(dst, '-')
	} else {
		dst = t.AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	}
	dst = append(dst, " "+e.hostname+" "+e.config.Tag+" - "+analytics.EventRequest+" "...)
	if e.config.StructuredDataID == "" {
		return append(dst, "- "...)
	}
	dst = append(dst, "["+e.config.StructuredDataID...)
	dst = appendParameter(dst, "api_id", r.APIID)
	dst = appendParameter(dst, "org_id", r.OrgID)
	dst = appendParameter(dst, "uid", uid)
	return append(dst, "] "...)
}

// appendParameter appends one of structured data, unless it is empty.
func appendParameter(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, " "+name+`="`...)
	dst = append(dst, parameterValue.Replace(strings.ToValidUTF8(value, "\ufffd"))...)
	return append(dst, '"')
}

// parameterValue escapes what ends a value (RFC 5424, section 6.3.3), and has no line feeds, which would end the message.
var parameterValue = strings.NewReplacer(`"`, `\"`, `\`, `\\`, `]`, `\]`, "\n", " ", "\r", " ", "\x00", " ")
