package analytics

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestJSONIsTheWholeDocument holds for any record: it says what the document of the format tyk says.
func TestJSONIsTheWholeDocument(t *testing.T) {
	t.Parallel()
	whole := newDocument(t, "tyk")
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawRecord(t)
		r := throughLog(&drawn)
		for _, degrees := range []*float64{&r.Geo.Latitude, &r.Geo.Longitude} {
			if math.IsNaN(*degrees) || math.IsInf(*degrees, 0) {
				*degrees = 0
			}
		}
		r.Geo.CityGeoNameID &= math.MaxInt64 // a document has a signed number
		text, err := AppendJSON([]byte("x"), r)
		if year := max(r.TimeStamp.Year(), r.ExpireAt.Year()); err != nil {
			require.True(t, year > 9999 || min(r.TimeStamp.Year(), r.ExpireAt.Year()) < 0)
			require.Equal(t, "x", string(text))
			return
		}
		require.JSONEq(t, string(documentJSON(t, whole, r)), string(text[1:]))
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, text[1:]))
		require.Equal(t, compact.String(), string(text[1:]))
	})
}

// TestJSONOfADocumentIsTheDocument holds for any record and format.
func TestJSONOfADocumentIsTheDocument(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawRecord(t)
		r := throughLog(&drawn)
		for _, degrees := range []*float64{&r.Geo.Latitude, &r.Geo.Longitude} {
			if math.IsNaN(*degrees) || math.IsInf(*degrees, 0) {
				*degrees = 0
			}
		}
		r.Geo.CityGeoNameID &= math.MaxInt64 // a document has a signed number
		r.ExpireAt = time.Unix(0, 0)
		for _, format := range documentFormats {
			d, err := NewDocument(format.name, nil)
			require.NoError(t, err)
			text, err := d.AppendJSON([]byte("x"), r)
			if year := r.TimeStamp.Year(); err != nil {
				require.True(t, year > 9999 || year < 0)
				require.Equal(t, "x", string(text))
				continue
			}
			require.JSONEq(t, string(documentJSON(t, d, r)), string(text[1:]))
		}
	})
	text, err := (&Document{}).AppendJSON(nil, &Record{})
	require.NoError(t, err)
	assert.Equal(t, "{}", string(text))
}

func TestTimesThatJSONHasNotAreRefused(t *testing.T) {
	t.Parallel()
	_, err := AppendJSON(nil, &Record{TimeStamp: time.Unix(1<<40, 0)})
	require.EqualError(t, err, "timestamp is in the year 36812: JSON has times of the years 0 to 9999")
	_, err = AppendJSON(nil, &Record{ExpireAt: time.Unix(-1<<40, 0)})
	require.ErrorContains(t, err, "expireAt is in the year -")
	_, err = newDocument(t, "logzio").AppendJSON(nil, &Record{TimeStamp: time.Unix(1<<40, 0)})
	assert.EqualError(t, err, "timestamp is in the year 36812: JSON has times of the years 0 to 9999")
}

func BenchmarkAppendJSON(b *testing.B) {
	var r Record
	require.NoError(b, DecodeMsgpack(captured(b, "records-msgpack")[0], &r))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = AppendJSON(dst[:0], &r)
	}
}
