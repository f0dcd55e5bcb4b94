package analytics

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestMsgpackCaptureEqualsReference(t *testing.T) {
	t.Parallel()
	records, lines := capturedRecords(t, "records-msgpack"), referenceLines(t, "records-msgpack")
	require.Len(t, records, len(lines))
	for i := range records {
		want := referenceRecord(t, lines[i])
		require.Equal(t, canonical(&want), canonical(&records[i]), "entry %d", i)
	}
}

// The reference decoder of protobuf drops the names of cities and does not
// derive Latency.Gateway.
func TestProtobufCaptureEqualsReference(t *testing.T) {
	t.Parallel()
	records, lines := capturedRecords(t, "records-protobuf"), referenceLines(t, "records-protobuf")
	require.Len(t, records, len(lines))
	named := 0
	for i, got := range records {
		want := referenceRecord(t, lines[i])
		require.Empty(t, want.Geo.CityNames)
		require.Zero(t, want.Latency.Gateway)
		if len(got.Geo.CityNames) > 0 {
			named++
		}
		got.Geo.CityNames, got.Latency.Gateway = nil, 0
		require.Equal(t, canonical(&want), canonical(&got), "entry %d", i)
	}
	assert.Positive(t, named, "no record has names of cities")
}

func TestUptimeCaptureEqualsReference(t *testing.T) {
	t.Parallel()
	entries, lines := captured(t, "uptime-msgpack"), referenceLines(t, "uptime-msgpack")
	require.Len(t, entries, len(lines))
	for i, entry := range entries {
		var want, got Uptime
		require.NoError(t, json.Unmarshal(lines[i], &want))
		want.TimeStamp, want.ExpireAt = want.TimeStamp.UTC(), want.ExpireAt.UTC()
		require.NoError(t, DecodeUptime(entry, &got))
		require.Equal(t, want, got, "entry %d", i)
		require.Equal(t, entry, AppendUptime(nil, &got), "entry %d", i)
	}
}

// A gateway writes maps in random order, so that only records without maps of
// two and more come out as the same bytes.
func TestEncodersWriteCapturesAgain(t *testing.T) {
	t.Parallel()
	mapsInOrder := func(r *Record) bool { return len(r.Geo.CityNames) < 2 && len(r.GraphQL.Types) < 2 }
	zones := map[string]*time.Location{"records-tz-newyork-protobuf": newYork(t)}
	for _, name := range slices.Concat(msgpackCaptures, protobufCaptures) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encode, decode := AppendMsgpack, DecodeMsgpack
			if slices.Contains(protobufCaptures, name) {
				encode, decode = AppendProtobuf, DecodeProtobuf
			}
			same := 0
			for i, entry := range captured(t, name) {
				var r, again Record
				require.NoError(t, decode(entry, &r))
				original := r
				// The protobuf form holds the zone's name, which an instant does not have.
				r.TimeStamp = r.TimeStamp.In(time.Local)
				if zone, ok := zones[name]; ok {
					r.TimeStamp = r.TimeStamp.In(zone)
				}
				encoded := encode(nil, &r)
				if mapsInOrder(&r) {
					same++
					require.Equal(t, entry, encoded, "entry %d", i)
				}
				require.Len(t, encoded, len(entry), "entry %d", i)
				require.NoError(t, decode(encoded, &again))
				require.Equal(t, canonical(&original), canonical(&again), "entry %d", i)
			}
			assert.Positive(t, same)
		})
	}
}

func newYork(t *testing.T) *time.Location {
	t.Helper()
	// A fixed zone is enough: only its name gets into the bytes.
	return time.FixedZone("America/New_York", -5*60*60)
}

func TestCapturesSurviveLogRecords(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Concat(msgpackCaptures, protobufCaptures) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logs := plog.NewLogs()
			list := AppendScope(logs)
			records := capturedRecords(t, name)
			for i := range records {
				records[i].ToLog(list.AppendEmpty(), UID{Segment: "s", Index: int64(i)}.String())
			}
			forms := map[string]plog.Logs{"as built": logs}
			wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
			require.NoError(t, err)
			forms["through OTLP"], err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
			require.NoError(t, err)
			text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
			require.NoError(t, err)
			forms["through OTLP JSON"], err = (&plog.JSONUnmarshaler{}).UnmarshalLogs(text)
			require.NoError(t, err)
			for form, ld := range forms {
				list := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
				var got Record
				for i := range records {
					require.Equal(t, UID{Segment: "s", Index: int64(i)}.String(), got.FromLog(list.At(i)), form)
					require.Equal(t, canonical(&records[i]), canonical(&got), "%s, entry %d", form, i)
				}
			}
		})
	}
}
