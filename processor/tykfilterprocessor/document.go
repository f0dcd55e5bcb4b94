package tykfilterprocessor

import (
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// What the stock Elasticsearch exporter goes by: the body as it is becomes the
// document, and the identity its id, so that a repetition stores nothing.
const (
	elasticFormat     = "elasticsearch"
	elasticMode       = "elastic.mapping.mode"
	elasticBodyMap    = "bodymap"
	elasticDocumentID = "elasticsearch.document_id"
)

// documentRules are DocumentConfig, ready for use by several goroutines.
type documentRules struct {
	document    *analytics.Document
	inBody      bool
	elastic     bool
	obfuscate   bool
	keptLetters int
	tagPrefixes []string
}

// newDocumentRules gives nil where no document is wanted.
func newDocumentRules(cfg *DocumentConfig) (*documentRules, error) {
	if cfg.Format == "" {
		return nil, nil
	}
	document, err := analytics.NewDocument(cfg.Format, cfg.Fields)
	if err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	inBody := cfg.Place == placeBody
	return &documentRules{
		document:    document,
		inBody:      inBody,
		elastic:     inBody && strings.HasPrefix(cfg.Format, elasticFormat),
		obfuscate:   cfg.ObfuscateAPIKeys,
		keptLetters: cfg.ObfuscateAPIKeysLength,
		tagPrefixes: cfg.IgnoreTagPrefixList,
	}, nil
}

// stampScope tells the exporter what the scope's records are.
func (d *documentRules) stampScope(scope pcommon.InstrumentationScope) {
	if d.elastic {
		scope.Attributes().PutStr(elasticMode, elasticBodyMap)
	}
}

// change does to a record what is to be seen in its document only.
func (d *documentRules) change(r *analytics.Record) {
	if d.obfuscate {
		r.ReplaceKey(obfuscated(r.APIKey, d.keptLetters))
	}
	if len(d.tagPrefixes) > 0 {
		r.Tags = slices.DeleteFunc(r.Tags, func(tag string) bool {
			return slices.ContainsFunc(d.tagPrefixes, func(prefix string) bool { return strings.HasPrefix(tag, prefix) })
		})
	}
}

// obfuscated is Tyk Pump's form of a key. Unlike Tyk Pump it also covers keys that
// are not longer than what is to stay of them.
func obfuscated(key string, letters int) string {
	const cover = "****"
	if key == "" {
		return ""
	}
	last, more := analytics.LastLetters(key, letters)
	if !more {
		return cover
	}
	return cover + last
}

// put writes the record's document into out.
func (d *documentRules) put(r *analytics.Record, uid string, out plog.LogRecord) {
	if !d.inBody {
		d.document.Put(r, uid, out.Attributes())
		return
	}
	d.document.Put(r, "", out.Body().SetEmptyMap())
	if uid == "" {
		return
	}
	out.Attributes().PutStr(analytics.AttrUID, uid)
	if d.elastic {
		out.Attributes().PutStr(elasticDocumentID, uid)
	}
}

// writeDocument makes of lr a document in out, with the record's new texts and
// without its ignored fields. It returns the edits that are left for later records.
func (p *logsProcessor) writeDocument(lr, out plog.LogRecord, record int, edits []edit, r *analytics.Record) []edit {
	uid := r.FromLog(lr)
	for len(edits) > 0 && edits[0].record == record {
		switch edits[0].attribute {
		case analytics.AttrRawRequest:
			r.RawRequest = edits[0].text
		case analytics.AttrRawResponse:
			r.RawResponse = edits[0].text
		}
		edits = edits[1:]
	}
	for _, path := range [...]*string{&r.Path, &r.RawPath, &r.OriginalPath} {
		*path, _ = p.query.text("", *path)
	}
	r.Clear(p.ignore)
	p.document.change(r)

	out.SetEventName(analytics.EventDocument)
	if !p.ignore.Has(analytics.FieldTimeStamp) {
		out.SetTimestamp(lr.Timestamp())
	}
	out.SetObservedTimestamp(lr.ObservedTimestamp())
	out.SetSeverityNumber(lr.SeverityNumber())
	out.SetSeverityText(lr.SeverityText())
	out.SetTraceID(lr.TraceID())
	out.SetSpanID(lr.SpanID())
	out.SetFlags(lr.Flags())
	p.document.put(r, uid, out)
	return edits
}
