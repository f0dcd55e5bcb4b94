package tykinfluxexporter

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// measurement is Tyk Pump's.
const measurement = "analytics"

// reasonRange is of records whose time InfluxDB does not have.
const reasonRange sink.Reason = "range"

// textTime is how Tyk Pump writes the field time_stamp to InfluxDB 1.
const textTime = "2006-01-02 15:04:05.999999999 -0700 MST"

// recordEncoder makes a line of a record, with the fields and tags of Tyk Pump.
type recordEncoder struct {
	*encoder
	fields, tags []string
	document     *analytics.Document
	values       pcommon.Map
	oldTime      bool
}

func newRecordEncoder(config *Config) (*recordEncoder, error) {
	document, err := analytics.NewDocument(documentFormat, append(sorted(config.Fields), config.Tags...))
	if err != nil {
		return nil, fmt.Errorf("fields, tags: %w", err)
	}
	lines := newEncoder()
	if config.Bucket != "" {
		lines.texts = escapedEnds
	}
	return &recordEncoder{
		encoder: lines, fields: sorted(config.Fields), tags: sorted(config.Tags),
		document: document, values: pcommon.NewMap(), oldTime: config.DatabaseName != "",
	}, nil
}

// encode makes the line of a record. Its time is the record's, so that a record that
// is stored again overwrites itself.
func (e *recordEncoder) encode(r *analytics.Record) ([]byte, error) {
	r.TimeStamp = r.TimeStamp.UTC()
	e.document.Put(r, "", e.values)
	e.begin(measurement)
	for _, name := range e.tags {
		value, _ := e.values.Get(name)
		e.tag(name, tagText(value))
	}
	for _, name := range e.fields {
		e.field(name, e.fieldValue(r, name))
	}
	return e.end(r.TimeStamp)
}

// tagText is the JSON text of a value without the quotes around it, as Tyk Pump has it.
func tagText(value pcommon.Value) string {
	text, err := json.Marshal(value.AsRaw())
	if err != nil {
		return ""
	}
	if value.Type() == pcommon.ValueTypeStr {
		return string(text[1 : len(text)-1])
	}
	return string(text)
}

func (e *recordEncoder) fieldValue(r *analytics.Record, name string) any {
	if name == "time_stamp" && e.oldTime {
		return r.TimeStamp.Format(textTime)
	}
	value, _ := e.values.Get(name)
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return value.Str()
	case pcommon.ValueTypeInt:
		return value.Int()
	case pcommon.ValueTypeBool:
		return value.Bool()
	case pcommon.ValueTypeEmpty:
		return ""
	default: // tags of the API, geo and the like
		text, _ := json.Marshal(value.AsRaw()) // of pdata, which cannot fail
		return string(text)
	}
}

// recordLines makes lines of all records, and refuses what is none.
func (e *recordEncoder) recordLines(logs plog.Logs) (lines []batchhttp.Item, requests *sink.Requests) {
	requests = new(sink.Requests)
	requests.Each(logs, func(entry int32, r *analytics.Record, _ string) {
		text, err := e.encode(r)
		if err != nil {
			requests.Refuse(entry, reasonRange, strings.TrimSpace(err.Error()))
			return
		}
		lines = append(lines, batchhttp.Item{Entry: entry, Body: text})
	})
	return lines, requests
}

// timeOf is a point's time.
func timeOf(at pcommon.Timestamp) time.Time { return at.AsTime() }
