package tykopensearchexporter

import (
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
)

// encoder makes lines of bulk requests: for each record an action and a document.
type encoder struct {
	config   *Config
	document *analytics.Document
	kind     []byte // the part of actions that has the type
}

func newEncoder(config *Config) (*encoder, error) {
	format := "elasticsearch"
	if config.ExtendedStats {
		format = "elasticsearch_extended"
	}
	document, err := analytics.NewDocument(format, nil)
	if err != nil {
		return nil, err
	}
	e := &encoder{config: config, document: document}
	if config.DocumentType != "" {
		e.kind = jsontext.AppendString([]byte(`,"_type":`), config.DocumentType)
	}
	return e, nil
}

// index is where a record's document is stored. With an index for each day it follows from the record alone, so
// that a document that is stored again is found.
func (e *encoder) index(r *analytics.Record) string {
	name := e.config.IndexName
	if e.config.MCPIndexName != "" && r.MCP.IsMCP {
		name = e.config.MCPIndexName
	}
	if e.config.RollingIndex {
		name += r.TimeStamp.UTC().Format("-2006.01.02")
	}
	return name
}

// append appends the lines of a record, whose identity may be empty. It fails for a time that JSON has no form
// for, and gives dst as it was.
func (e *encoder) append(dst []byte, index string, r *analytics.Record, uid string) ([]byte, error) {
	before := len(dst)
	dst = append(dst, `{"create":{"_index":`...)
	dst = jsontext.AppendString(dst, index)
	dst = append(dst, e.kind...)
	if uid != "" {
		dst = jsontext.AppendString(append(dst, `,"_id":`...), uid)
	}
	dst = append(dst, "}}\n"...)
	r.TimeStamp = r.TimeStamp.In(time.UTC)
	dst, err := e.document.AppendJSON(dst, r)
	if err != nil {
		return dst[:before], err
	}
	return append(dst, '\n'), nil
}
