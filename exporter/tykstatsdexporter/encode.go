package tykstatsdexporter

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// field is a value of a record that can be sent.
type field struct {
	value func(*analytics.Record) int64
	// counts tells that it is a count, not a time in milliseconds.
	counts bool
}

var fields = map[string]field{
	"request_time":     {value: func(r *analytics.Record) int64 { return r.RequestTime }},
	"latency_total":    {value: func(r *analytics.Record) int64 { return r.Latency.Total }},
	"latency_upstream": {value: func(r *analytics.Record) int64 { return r.Latency.Upstream }},
	"latency_gateway":  {value: func(r *analytics.Record) int64 { return r.Latency.Gateway }},
	"requests":         {value: func(*analytics.Record) int64 { return 1 }, counts: true},
}

// tag gives a string or an int64; nil is a name that Tyk Pump does not know.
type tag func(e *encoder, r *analytics.Record) any

var statsdTags = map[string]tag{
	"path":             (*encoder).statsdPath,
	"method":           func(_ *encoder, r *analytics.Record) any { return r.Method },
	"response_code":    func(_ *encoder, r *analytics.Record) any { return r.ResponseCode },
	"api_key":          func(_ *encoder, r *analytics.Record) any { return r.APIKey },
	"time_stamp":       (*encoder).secondOf,
	"api_version":      func(_ *encoder, r *analytics.Record) any { return r.APIVersion },
	"api_name":         func(_ *encoder, r *analytics.Record) any { return r.APIName },
	"api_id":           func(_ *encoder, r *analytics.Record) any { return r.APIID },
	"org_id":           func(_ *encoder, r *analytics.Record) any { return r.OrgID },
	"oauth_id":         func(_ *encoder, r *analytics.Record) any { return r.OauthID },
	"raw_request":      func(_ *encoder, r *analytics.Record) any { return r.RawRequest },
	"raw_response":     func(_ *encoder, r *analytics.Record) any { return r.RawResponse },
	"ip_address":       func(_ *encoder, r *analytics.Record) any { return r.IPAddress },
	"request_time":     func(_ *encoder, r *analytics.Record) any { return r.RequestTime },
	"latency_total":    func(_ *encoder, r *analytics.Record) any { return r.Latency.Total },
	"latency_upstream": func(_ *encoder, r *analytics.Record) any { return r.Latency.Upstream },
	"latency_gateway":  func(_ *encoder, r *analytics.Record) any { return r.Latency.Gateway },
	// What Tyk Pump writes for a name that it does not know.
	"null": func(*encoder, *analytics.Record) any { return nil },
}

var dogstatsdTags = map[string]tag{
	"path":          (*encoder).dogstatsdPath,
	"method":        func(_ *encoder, r *analytics.Record) any { return r.Method },
	"response_code": func(_ *encoder, r *analytics.Record) any { return r.ResponseCode },
	"api_version":   func(_ *encoder, r *analytics.Record) any { return r.APIVersion },
	"api_name":      func(_ *encoder, r *analytics.Record) any { return r.APIName },
	"api_id":        func(_ *encoder, r *analytics.Record) any { return r.APIID },
	"org_id":        func(_ *encoder, r *analytics.Record) any { return r.OrgID },
	"tracked":       func(_ *encoder, r *analytics.Record) any { return strconv.FormatBool(r.TrackPath) },
	"oauth_id":      func(_ *encoder, r *analytics.Record) any { return r.OauthID },
	"api_key":       func(_ *encoder, r *analytics.Record) any { return r.APIKey },
	"alias":         func(_ *encoder, r *analytics.Record) any { return r.Alias },
}

// standardTags are DogStatsD's unless others are chosen.
var standardTags = []string{"path", "method", "response_code", "api_version", "api_name", "api_id", "org_id", "tracked", "oauth_id"}

func namesOf[V any](known map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}

// encoder makes lines of records.
type encoder struct {
	config *Config
	// names and known are the tags, in order.
	names []string
	known map[string]tag
	// timing and count stand behind the value of a line.
	timing, count string
	// global are DogStatsD's tags of each line, with commas between.
	global string
	zone   *time.Location
}

func newEncoder(config *Config) *encoder {
	e := &encoder{config: config, names: config.Tags, known: statsdTags, timing: "|ms", count: "|c", zone: time.Local}
	if config.Dialect == dialectDogStatsD {
		e.known, e.timing = dogstatsdTags, "|h"
		if len(e.names) == 0 {
			e.names = standardTags
		}
		e.global = strings.Join(append(environmentTags(), config.GlobalTags...), ",")
	}
	if config.SampleRate < 1 {
		rate := "|@" + strconv.FormatFloat(config.SampleRate, 'f', -1, 64)
		e.timing, e.count = e.timing+rate, e.count+rate
	}
	return e
}

// environmentTags are those that DogStatsD's clients take from the environment.
func environmentTags() []string {
	var tags []string
	for _, pair := range [][2]string{{"DD_ENTITY_ID", "dd.internal.entity_id"}, {"DD_ENV", "env"}, {"DD_SERVICE", "service"}, {"DD_VERSION", "version"}} {
		if value := os.Getenv(pair[0]); value != "" {
			tags = append(tags, pair[1]+":"+value)
		}
	}
	return tags
}

// sampled tells whether a record is sent. A record that is delivered again has the same answer.
func (e *encoder) sampled(r *analytics.Record, uid string) bool {
	if e.config.SampleRate >= 1 {
		return true
	}
	if uid == "" {
		uid = fmt.Sprint(r.TimeStamp.UnixNano(), r.APIKey, r.IPAddress, r.Path)
	}
	return float64(xxhash.Sum64String(uid)) < e.config.SampleRate*math.MaxUint64
}

// append appends a record's lines, with a line feed behind each.
func (e *encoder) append(dst []byte, r *analytics.Record) []byte {
	tags := e.tags(r)
	for _, name := range e.config.Fields {
		field := fields[name]
		if e.config.Prefix != "" {
			dst = append(append(dst, e.config.Prefix...), '.')
		}
		dst = append(dst, name...)
		if e.config.Dialect == dialectStatsD {
			dst = append(dst, tags...)
		}
		dst = append(dst, ':')
		dst = strconv.AppendInt(dst, field.value(r), 10)
		if field.counts {
			dst = append(dst, e.count...)
		} else {
			dst = append(dst, e.timing...)
		}
		if e.config.Dialect == dialectDogStatsD {
			dst = append(dst, tags...)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// tags are what stands behind a name in StatsD, and behind a value in DogStatsD.
func (e *encoder) tags(r *analytics.Record) string {
	var b strings.Builder
	if e.config.Dialect == dialectDogStatsD {
		separator := "|#"
		if e.global != "" {
			b.WriteString("|#" + e.global)
			separator = ","
		}
		for _, name := range e.names {
			text := textOf(e.known[name](e, r))
			if name == "oauth_id" && text == "" {
				continue
			}
			b.WriteString(separator + name + ":" + e.tagText(text))
			separator = ","
		}
		return b.String()
	}
	for _, name := range e.names {
		b.WriteString("." + e.part(e.known[name](e, r)))
	}
	if len(e.names) == 0 && e.config.Sanitize == sanitizeTyk {
		return "."
	}
	return b.String()
}

// part is a part of a name in StatsD.
func (e *encoder) part(value any) string {
	switch e.config.Sanitize {
	case sanitizeTyk:
		text, err := json.Marshal(value)
		if err != nil { // texts and numbers only
			return ""
		}
		return withoutQuotes.Replace(strings.ToLower(string(text)))
	case sanitizeNone:
		return strings.Map(withoutLineEnds, textOf(value))
	}
	text := strings.Map(graphitePart, textOf(value))
	if text == "" {
		return "_"
	}
	return text
}

// withoutQuotes is what Tyk Pump takes out of names.
var withoutQuotes = strings.NewReplacer(`"`, "", " ", "")

// tagText is the value of a tag in DogStatsD.
func (e *encoder) tagText(text string) string {
	if e.config.Sanitize == sanitizeGraphite {
		return strings.Map(dogstatsdValue, text)
	}
	return strings.ReplaceAll(text, "\n", "")
}

func graphitePart(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-':
		return r
	}
	return '_'
}

func dogstatsdValue(r rune) rune {
	if r == ',' || r == '|' || r == '#' || unicode.IsControl(r) {
		return '_'
	}
	return r
}

func withoutLineEnds(r rune) rune {
	if r == '\n' || r == '\r' {
		return -1
	}
	return r
}

func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return "null"
}

// statsdPath has the method before it unless that is a part of its own.
func (e *encoder) statsdPath(r *analytics.Record) any {
	path := strings.TrimRight(r.Path, "/")
	if e.config.SeparatedMethod {
		return path
	}
	return r.Method + path
}

func (e *encoder) dogstatsdPath(r *analytics.Record) any {
	if e.config.TrimTrailingSlash {
		return strings.TrimRight(r.Path, "/")
	}
	return r.Path
}

// secondOf is the second of a record, as Tyk Pump writes it.
func (e *encoder) secondOf(r *analytics.Record) any {
	text := r.TimeStamp.In(e.zone).Truncate(time.Second).Format("2006-01-02 15:04:05 -0700 MST")
	return strings.ReplaceAll(text, ":", "-")
}
