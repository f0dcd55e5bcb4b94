package tykredisreceiver

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// inAllForms runs a test with records that share their entries' memory, and with
// records whose entries are let go and read again when they are needed.
func inAllForms(t *testing.T, test func(t *testing.T, form func(*Config))) {
	t.Helper()
	t.Run("shared", func(t *testing.T) {
		restore := smallEntry
		smallEntry = 0
		t.Cleanup(func() { smallEntry = restore })
		test(t, func(*Config) {})
	})
	t.Run("detached", func(t *testing.T) { test(t, func(*Config) {}) })
	t.Run("abridged", func(t *testing.T) {
		test(t, func(cfg *Config) { cfg.Requests.IgnoreFields = []string{"method"} })
	})
}

func TestIgnoredFieldsAreLeftOutOfLogRecords(t *testing.T) {
	r := newRedis(t)
	next := new(consumertest.LogsSink)
	whole := *numbered(1)
	whole.UserAgent, whole.Tags, whole.RawRequest = "curl", []string{"a", "b"}, "R0VUIC8="
	whole.Geo = analytics.Geo{CountryISOCode: "NZ", CityNames: map[string]string{"en": "Auckland"}, TimeZone: "Pacific/Auckland", Latitude: -36.8}
	require.NoError(t, r.Client().RPush(t.Context(), list, analytics.AppendMsgpack(nil, &whole)).Err())
	start(t, r.Addr(), next, func(cfg *Config) {
		cfg.Requests.IgnoreFields = []string{"user_agent", "raw_request", "geo.city", "geo.location"}
	})
	eventually(t, "the record", func() bool { return next.LogRecordCount() == 1 })
	var got analytics.Record
	got.FromLog(next.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0))
	whole.UserAgent, whole.RawRequest = "", ""
	whole.Geo = analytics.Geo{CountryISOCode: "NZ"}
	assert.Equal(t, whole, got)
}

func TestEntriesAreReadAgainInPages(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 1200)
	var failed atomic.Bool
	d := newDestination()
	d.answer = func(context.Context, []string, plog.Logs) error {
		if failed.CompareAndSwap(false, true) {
			return errors.New("database is down")
		}
		return nil
	}
	rec := start(t, r.Addr(), d, func(cfg *Config) {
		cfg.ChunkSize, cfg.MaxInFlight = 1200, 1
		cfg.Requests.IgnoreFields = []string{"method"}
	})
	eventually(t, "all records", func() bool { return d.count() == 1200 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	assert.EqualValues(t, 1200, rec.sum(t, "tykredis_records_delivered"))
}

// Entries lie in memory that is used again once they are let go.
func TestDetachedRecordsShareNothingWithTheirEntries(t *testing.T) {
	abridged := analytics.NewFieldSet(analytics.FieldMethod)
	for name, form := range map[string]struct {
		form    form
		encode  func([]byte, *analytics.Record) []byte
		ignored analytics.FieldSet
	}{
		"msgpack": {msgpackRequest, analytics.AppendMsgpack, 0}, "abridged msgpack": {msgpackRequest, analytics.AppendMsgpack, abridged},
		"protobuf": {protobufRequest, analytics.AppendProtobuf, 0}, "abridged protobuf": {protobufRequest, analytics.AppendProtobuf, abridged},
	} {
		t.Run(name, func(t *testing.T) {
			settings := traffic.DefaultSettings()
			settings.DetailedShare = 0.5
			generator, err := traffic.New(settings)
			require.NoError(t, err)
			src := &source{form: form.form}
			c := chunk{h: &holding{Segment: claim.Segment{ID: "segment"}, source: src}}
			var memory [][]byte
			at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			for range 2000 {
				at = at.Add(time.Second)
				entry := form.encode(nil, generator.Next(at))
				memory = append(memory, entry)
				c.entries = append(c.entries, unsafe.String(unsafe.SliceData(entry), len(entry)))
			}
			c.count = len(c.entries)
			var b batch
			b.add(c)
			d := &deliverer{next: consumertest.NewNop(), ignored: form.ignored}
			require.True(t, d.detaches(&b.chunks[0]))
			logs, bad := d.decode(b, nil)
			require.Empty(t, bad)
			marshaler := plog.ProtoMarshaler{}
			before, err := marshaler.MarshalLogs(logs)
			require.NoError(t, err)
			for _, entry := range memory {
				for i := range entry {
					entry[i] = '!'
				}
			}
			after, err := marshaler.MarshalLogs(logs)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(before, after), "log records have changed with their entries")
		})
	}
}

// What was let go may be gone when it is needed again.
func TestADeliveryEndsWhoseSegmentIsGone(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	d := newDestination()
	d.answer = func(ctx context.Context, keys []string, _ plog.Logs) error {
		if keys[0] != "0" {
			return nil
		}
		for _, segment := range r.Client().Keys(ctx, "*:seg:*").Val() {
			r.Client().Del(ctx, segment)
		}
		return errors.New("database is down")
	}
	rec := start(t, r.Addr(), d, func(cfg *Config) { cfg.MaxInFlight = 1 })
	eventually(t, "an attempt", func() bool { return rec.sum(t, "tykredis_chunks_redelivered") >= 1 })
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 10, 20)
	eventually(t, "what comes later", func() bool { return d.count() == 10 })
}
