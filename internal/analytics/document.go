package analytics

import (
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// Document makes of a record the document that one kind of Tyk Pump's pumps sends
// for it: the same keys, types and values (contract: other back-ends, section 1.4).
// It may be used by several goroutines.
//
// Slices and maps without elements become null, which Tyk Pump writes for those
// that a gateway left out and [] or {} for those that it sent empty; a Record does
// not know the difference.
type Document struct {
	members []member
}

// member is one key of a document, and the field that it has the value of.
type member struct {
	key   string
	value value
	has   func(*Record) bool
}

// members reads a list of keys, each with the field's name behind "=" where that is another.
func members(list string) []member {
	var all []member
	for _, entry := range strings.Fields(list) {
		key, name, renamed := strings.Cut(entry, "=")
		if !renamed {
			name = key
		}
		m := member{key: key, value: record.find(name).value, has: always}
		if strings.HasPrefix(name, "mcp_stats.") {
			m.has = isMCP
		}
		all = append(all, m)
	}
	return all
}

// documentFormat is what a document has unless keys are chosen, and what else can be chosen.
type documentFormat struct {
	name     string
	standard []member
	more     []member
}

// NewDocument gives the document of a format with the given keys, or with those
// that Tyk Pump sends by default where none is given. The error names what may
// have been meant.
func NewDocument(format string, keys []string) (*Document, error) {
	i := slices.IndexFunc(documentFormats, func(f documentFormat) bool { return f.name == format })
	if i < 0 {
		return nil, fmt.Errorf("%q is not a format of documents; the formats are %s", format, strings.Join(DocumentFormats(), ", "))
	}
	f := documentFormats[i]
	members := f.standard
	if len(keys) > 0 {
		known := slices.Concat(f.standard, f.more)
		members = nil
		for _, key := range keys {
			j := slices.IndexFunc(known, func(m member) bool { return m.key == key })
			if j < 0 {
				names := make([]string, len(known))
				for i, m := range known {
					names[i] = m.key
				}
				return nil, fmt.Errorf("%q is not a key of %s documents; their keys are %s", key, format, strings.Join(names, ", "))
			}
			if !slices.ContainsFunc(members, func(m member) bool { return m.key == key }) {
				members = append(members, known[j])
			}
		}
	}
	d := &Document{members: slices.Clone(members)}
	slices.SortFunc(d.members, func(a, b member) int { return strings.Compare(a.key, b.key) })
	return d, nil
}

// DocumentFormats lists what NewDocument knows.
func DocumentFormats() []string {
	names := make([]string, len(documentFormats))
	for i, f := range documentFormats {
		names[i] = f.name
	}
	return names
}

// Put writes r's document into m, whose entries it replaces, in the order of the
// keys, and after it the record's identity unless uid is empty. m shares the
// memory of r's strings, which are taken as they are.
func (d *Document) Put(r *Record, uid string, m pcommon.Map) {
	var b xpdata.MapBuilder
	b.EnsureCapacity(len(d.members) + 1)
	for i := range d.members {
		if m := &d.members[i]; m.has(r) {
			m.value.document(b.AppendEmpty(m.key), r)
		}
	}
	if uid != "" {
		b.AppendEmpty(AttrUID).SetStr(uid)
	}
	b.UnsafeIntoMap(m)
}

// The formats, by the type that a pump has in Tyk Pump's configuration; tyk is the
// whole record, as the pumps stdout, sqs, segment and hybrid have it.
var documentFormats = []documentFormat{
	{name: "tyk", standard: members(strings.Join(fieldNames[:len(fieldNames)-len(parts)], " "))},
	// also kinesis, and syslog without tags
	{name: "kafka", standard: members(`timestamp method path raw_path response_code alias api_key api_version api_name api_id org_id
		oauth_id raw_request request_time_ms=request_time raw_response ip_address host content_length user_agent tags`)},
	{name: "elasticsearch", standard: searchDocument, more: searchMore},
	{name: "elasticsearch_extended", standard: slices.Concat(searchDocument, searchMore)},
	{name: "splunk", standard: splunkDocument, more: members("host raw_path content_length user_agent geo network latency tags alias track_path")},
	{name: "logzio", standard: members(`@timestamp=timestamp http_method=method request_uri=path response_code api_key api_version api_name
		api_id org_id oauth_id raw_request request_time_ms=request_time raw_response ip_address`)},
	// What can be a field or a tag in InfluxDB, which is all that Splunk gets by default, and two of the latencies.
	{name: "influx", standard: splunkDocument, more: members("total_latency=latency.total upstream_latency=latency.upstream")},
}

var (
	searchDocument = members(`@timestamp=timestamp http_method=method request_uri=path request_uri_full=raw_path response_code
		ip_address api_key api_version api_name api_id org_id oauth_id request_time_ms=request_time alias content_length tags
		mcp_method=mcp_stats.jsonrpc_method mcp_primitive_type=mcp_stats.primitive_type mcp_primitive_name=mcp_stats.primitive_name`)
	searchMore     = members("raw_request raw_response user_agent")
	splunkDocument = members(`method path response_code api_key time_stamp=timestamp api_version api_name api_id org_id oauth_id
		raw_request request_time raw_response ip_address`)
)

// putStrs leaves the value empty, which is null, where there is none.
func putStrs(v pcommon.Value, values []string) {
	if len(values) > 0 {
		setStrs(v.SetEmptySlice(), values)
	}
}

func setStrs(list pcommon.Slice, values []string) {
	list.EnsureCapacity(len(values))
	for _, value := range values {
		list.AppendEmpty().SetStr(CleanUTF8(value))
	}
}
