package tykkinesisexporter

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// encoder makes the JSON of records.
type encoder struct {
	document *analytics.Document
	newline  bool
}

func newEncoder(config *Config) (*encoder, error) {
	document, err := analytics.NewDocument("kafka", nil) // Tyk Pump's for Kinesis is the same
	return &encoder{document: document, newline: config.AppendNewline}, err
}

// append appends a record's JSON. It fails for a time that JSON has no form for, and gives dst as it was.
func (e *encoder) append(dst []byte, r *analytics.Record) ([]byte, error) {
	dst, err := e.document.AppendJSON(dst, r)
	if err == nil && e.newline {
		dst = append(dst, '\n')
	}
	return dst, err
}

// partition is the key by which a record gets to a shard: the field's, or the record's identity where that is empty.
// Records without an identity are spread at random.
func partition(field string, r *analytics.Record, uid string) string {
	key := ""
	switch field {
	case fieldOrgID:
		key = r.OrgID
	case fieldAPIID:
		key = r.APIID
	case fieldAPIKey:
		key = r.APIKey
	}
	if key == "" {
		key = uid
	}
	if key == "" {
		key = uuid.NewString()
	}
	const most = 256 // characters of a key
	if utf8.RuneCountInString(key) > most {
		sum := sha256.Sum256([]byte(key))
		key = hex.EncodeToString(sum[:])
	}
	return key
}
