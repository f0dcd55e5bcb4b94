package tykredisreceiver

import (
	"strconv"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// decodeFunc fills a record from an entry's bytes; the record's strings share
// the entry's memory.
type decodeFunc func(entry []byte, r *analytics.Record) error

// source is one of the gateway's lists and how its entries are written.
type source struct {
	*claim.Source
	decode decodeFunc
}

// requestSources lists every name that a gateway can push request records to:
// with and without multiple keys, in both serialisations (contract: records and
// raw stores, section 1.1). Which of them a gateway uses is its configuration's
// affair, so all are watched.
func requestSources(prefix string, settings claim.Settings) []*source {
	var sources []*source
	for i := -1; i <= 9; i++ {
		key := prefix + "tyk-system-analytics"
		if i >= 0 {
			key += "_" + strconv.Itoa(i)
		}
		sources = append(sources,
			&source{claim.NewSource(key, settings), analytics.DecodeMsgpack},
			&source{claim.NewSource(key+"_protobuf", settings), analytics.DecodeProtobuf},
		)
	}
	return sources
}
