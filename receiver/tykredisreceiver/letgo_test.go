package tykredisreceiver

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// inBothForms runs a test with whole records, which share their entries' memory, and
// with abridged ones, whose entries are let go and read again when they are needed.
func inBothForms(t *testing.T, test func(t *testing.T, form func(*Config))) {
	t.Helper()
	t.Run("whole records", func(t *testing.T) { test(t, func(*Config) {}) })
	t.Run("abridged records", func(t *testing.T) {
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
