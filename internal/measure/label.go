package measure

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Label is an attribute of a metric: its name, and its value for a record.
type Label struct {
	name   string
	append func(dst []byte, r *analytics.Record) []byte
}

func text(name string, of func(*analytics.Record) string) Label {
	return Label{name: name, append: func(dst []byte, r *analytics.Record) []byte { return appendText(dst, of(r)) }}
}

func number(name string, of func(*analytics.Record) int64) Label {
	return Label{name: name, append: func(dst []byte, r *analytics.Record) []byte { return strconv.AppendInt(dst, of(r), 10) }}
}

// maxValueBytes is how long a label's value may be. A longer one, such as a path of two
// megabytes, would be in memory and in each push for every series that has it.
const maxValueBytes = 8192

// cutMark ends values that were longer.
const cutMark = "…"

// appendText appends s as UTF-8, as much of it as a value may have: values that look the
// same are the same series.
func appendText(dst []byte, s string) []byte {
	if len(s) > maxValueBytes {
		end := maxValueBytes - len(cutMark)
		for back := 0; back < utf8.UTFMax && !utf8.RuneStart(s[end]); back++ {
			end--
		}
		return append(appendText(dst, s[:end]), cutMark...)
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	return append(dst, s...)
}

// unknownPath stands for the paths of requests that no tracked endpoint matched.
const unknownPath = "unknown"

// Paths says which requests have their path in the label "path"; "unknown" stands
// for the others.
type Paths bool

const (
	// TrackedPaths are those that matched an endpoint with tracking.
	TrackedPaths Paths = false
	// AllPaths are all.
	AllPaths Paths = true
)

func (p Paths) of(r *analytics.Record) string {
	if p == AllPaths || r.TrackPath {
		return r.Path
	}
	return unknownPath
}

// The values that labels may have, by the names that Tyk Pump gives them
// (contract: other back-ends, section 14.3); "path" is not among them, as it depends.
var texts = map[string]func(*analytics.Record) string{
	"host":               func(r *analytics.Record) string { return r.Host },
	"method":             func(r *analytics.Record) string { return r.Method },
	"key":                func(r *analytics.Record) string { return r.APIKey },
	"api_key":            func(r *analytics.Record) string { return r.APIKey },
	"time_stamp":         func(r *analytics.Record) string { return r.TimeStamp.String() },
	"api_version":        func(r *analytics.Record) string { return r.APIVersion },
	"api_name":           func(r *analytics.Record) string { return r.APIName },
	"api":                func(r *analytics.Record) string { return r.APIID },
	"api_id":             func(r *analytics.Record) string { return r.APIID },
	"org_id":             func(r *analytics.Record) string { return r.OrgID },
	"client_id":          func(r *analytics.Record) string { return r.OauthID },
	"oauth_id":           func(r *analytics.Record) string { return r.OauthID },
	"ip_address":         func(r *analytics.Record) string { return r.IPAddress },
	"alias":              func(r *analytics.Record) string { return r.Alias },
	"mcp_method":         func(r *analytics.Record) string { return r.MCP.JSONRPCMethod },
	"mcp_primitive_type": func(r *analytics.Record) string { return r.MCP.PrimitiveType },
	"mcp_primitive_name": func(r *analytics.Record) string { return r.MCP.PrimitiveName },
}

var numbers = map[string]func(*analytics.Record) int64{
	"code":             func(r *analytics.Record) int64 { return r.ResponseCode },
	"response_code":    func(r *analytics.Record) int64 { return r.ResponseCode },
	"request_time":     func(r *analytics.Record) int64 { return r.RequestTime },
	"latency_total":    func(r *analytics.Record) int64 { return r.Latency.Total },
	"latency_upstream": func(r *analytics.Record) int64 { return r.Latency.Upstream },
	"latency_gateway":  func(r *analytics.Record) int64 { return r.Latency.Gateway },
}

const (
	pathLabel = "path"
	keyLabel  = "key"
	// apiKeyLabel is another name of keyLabel.
	apiKeyLabel = "api_key"
)

// pumpLabel finds a label by the name that Tyk Pump gives it.
func pumpLabel(name string, paths Paths) (Label, error) {
	if name == pathLabel {
		return text(name, paths.of), nil
	}
	if of, ok := texts[name]; ok {
		return text(name, of), nil
	}
	if of, ok := numbers[name]; ok {
		return number(name, of), nil
	}
	known := append(slices.Collect(maps.Keys(texts)), slices.Collect(maps.Keys(numbers))...)
	known = append(known, pathLabel)
	slices.Sort(known)
	return Label{}, fmt.Errorf("%q has no value: use some of %s", name, strings.Join(known, ", "))
}

// masked shows only the last letters of keys, as Tyk Pump does.
func masked(l Label, shown int) Label {
	of := texts[l.name]
	return text(l.name, func(r *analytics.Record) string {
		last, more := analytics.LastLetters(of(r), shown)
		if !more {
			return "--"
		}
		return "****" + last
	})
}

// appendKey appends the values of labels, then each one's length, so that
// different values never make the same key.
func appendKey(dst []byte, kind string, typed bool, labels []Label, r *analytics.Record) []byte {
	var ends [maxLabels + 1]uint32
	n, from := 0, len(dst)
	if typed {
		dst = append(dst, kind...)
		ends[n] = uint32(len(dst) - from)
		n++
	}
	for i := range labels {
		dst = labels[i].append(dst, r)
		ends[n] = uint32(len(dst) - from)
		n++
	}
	for _, end := range ends[:n] {
		dst = binary.LittleEndian.AppendUint32(dst, end)
	}
	return dst
}

// maxLabels is the most labels of an instrument, enough for each that there is.
const maxLabels = 32

// values takes a key of n labels apart.
func values(key string, n int) []string {
	const size = 4
	text, lengths := key[:len(key)-n*size], []byte(key[len(key)-n*size:])
	all := make([]string, n)
	from := uint32(0)
	for i := range all {
		end := binary.LittleEndian.Uint32(lengths[i*size:])
		all[i] = text[from:end]
		from = end
	}
	return all
}
