package tykfilterprocessor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadatatest"
)

func recorded(apiID, request, response string) *analytics.Record {
	return &analytics.Record{APIID: apiID, RawRequest: request, RawResponse: response}
}

func TestShutdownEndsProduction(t *testing.T) {
	processortest.VerifyShutdown(t, NewFactory(), createDefaultConfig())
}

// TestBatchesWithoutWorkGoOnAsTheyCame is what lets pipelines share a batch.
func TestBatchesWithoutWorkGoOnAsTheyCame(t *testing.T) {
	for name, cfg := range map[string]*Config{
		"asked for nothing": keepWhole(),
		"defaults":          createDefaultConfig().(*Config),
		"all pass":          {Lists: selection.Lists{APIIDs: []string{"a", "b"}, SkipResponseCodes: []int64{404}}},
		"no message too large": {Fields: FieldsConfig{
			MaxRecordSize: 1000, RedactHeaders: []string{"x-token"},
		}},
		"nothing to ignore": {Fields: FieldsConfig{Ignore: []string{"raw_request", "raw_response"}}},
		"nothing to omit":   {Lists: selection.Lists{APIIDs: []string{"a", "b"}}, Fields: FieldsConfig{OmitDetailedRecording: true}},
	} {
		t.Run(name, func(t *testing.T) {
			p, sink := startLogs(t, cfg, processortest.NewNopSettings(metadata.Type))
			require.False(t, p.Capabilities().MutatesData)
			a := &analytics.Record{APIID: "a"}
			if !strings.HasPrefix(name, "nothing to ") {
				a.RawRequest = encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			}
			ld := batch(a, &analytics.Record{APIID: "b"})
			ld.MarkReadOnly()
			require.NoError(t, p.ConsumeLogs(t.Context(), ld))
			require.Len(t, sink.AllLogs(), 1)
			assert.Equal(t, ld, sink.AllLogs()[0], "the same data, not a copy")
		})
	}
}

func TestSharedBatchesAreNotChanged(t *testing.T) {
	request, response := recordedMessages(100)
	cfg := createDefaultConfig().(*Config)
	cfg.SkipAPIIDs = []string{"b"}
	p, sink := startLogs(t, cfg, processortest.NewNopSettings(metadata.Type))
	require.False(t, p.Capabilities().MutatesData)

	ld := batch(recorded("a", request, response), recorded("b", request, ""), recorded("c", "", ""))
	before := plog.NewLogs()
	ld.CopyTo(before)
	ld.MarkReadOnly()
	require.NoError(t, p.ConsumeLogs(t.Context(), ld))

	assert.Equal(t, recordsOf(before), recordsOf(ld))
	require.Len(t, sink.AllLogs(), 1)
	got := recordsOf(sink.AllLogs()[0])
	require.Len(t, got, 2)
	assert.Equal(t, "a", got[0].APIID)
	assert.NotContains(t, decode(t, got[0].RawRequest), "5e9d9544a1dcd60001d0ed20")
	assert.NotContains(t, decode(t, got[0].RawResponse), "fedcba9876543210")
	assert.Equal(t, "c", got[1].APIID)
}

// TestMutatesDataIsTruthful also says when the collector's copy is cheaper than ours.
func TestMutatesDataIsTruthful(t *testing.T) {
	ignore := FieldsConfig{Ignore: []string{"geo"}}
	for name, test := range map[string]struct {
		cfg  *Config
		want bool
	}{
		"defaults":                                {createDefaultConfig().(*Config), false},
		"allow list":                              {&Config{Lists: selection.Lists{APIIDs: []string{"a"}}}, false},
		"skip list":                               {&Config{Lists: selection.Lists{SkipAPIIDs: []string{"a"}}}, false},
		"fields ignored that few records have":    {&Config{Fields: FieldsConfig{Ignore: []string{"raw_request", "raw_response"}}}, false},
		"fields ignored of most records":          {&Config{Fields: ignore}, true},
		"fields ignored of those not skipped":     {&Config{Lists: selection.Lists{SkipOrgIDs: []string{"a"}}, Fields: ignore}, true},
		"fields ignored of those that are chosen": {&Config{Lists: selection.Lists{ResponseCodes: []int64{200}}, Fields: ignore}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := startLogs(t, test.cfg, processortest.NewNopSettings(metadata.Type))
			assert.Equal(t, consumer.Capabilities{MutatesData: test.want}, p.Capabilities())
		})
	}
}

// TestResourcesAndScopesWithoutRecordsGo covers both ways of the second pass.
func TestResourcesAndScopesWithoutRecordsGo(t *testing.T) {
	build := func() plog.Logs {
		ld := plog.NewLogs()
		for i, apis := range [][]string{{"a"}, {"b", "a"}, {"a"}, {}, {"c"}} {
			rl := ld.ResourceLogs().AppendEmpty()
			rl.SetSchemaUrl(fmt.Sprintf("resource %d", i))
			rl.Resource().Attributes().PutInt("resource", int64(i))
			for _, api := range append(apis, "a") {
				sl := rl.ScopeLogs().AppendEmpty()
				sl.SetSchemaUrl("scope of " + api)
				sl.Scope().SetName(api)
				(&analytics.Record{APIID: "a", Alias: "gone"}).ToLog(sl.LogRecords().AppendEmpty(), "")
				(&analytics.Record{APIID: api, Alias: "stays"}).ToLog(sl.LogRecords().AppendEmpty(), "")
			}
		}
		return ld
	}
	for name, cfg := range map[string]*Config{
		"copied":   {Lists: selection.Lists{SkipAPIIDs: []string{"a"}}},
		"in place": {Lists: selection.Lists{SkipAPIIDs: []string{"a"}}, Fields: FieldsConfig{Ignore: []string{"host"}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, sink := startLogs(t, cfg, processortest.NewNopSettings(metadata.Type))
			require.NoError(t, p.ConsumeLogs(t.Context(), build()))
			require.Len(t, sink.AllLogs(), 1)
			got := sink.AllLogs()[0].ResourceLogs()
			require.Equal(t, 2, got.Len())
			for i, want := range []struct{ resource, scope string }{{"resource 1", "b"}, {"resource 4", "c"}} {
				rl := got.At(i)
				assert.Equal(t, want.resource, rl.SchemaUrl())
				assert.Equal(t, 1, rl.Resource().Attributes().Len())
				require.Equal(t, 1, rl.ScopeLogs().Len())
				sl := rl.ScopeLogs().At(0)
				assert.Equal(t, "scope of "+want.scope, sl.SchemaUrl())
				assert.Equal(t, want.scope, sl.Scope().Name())
				require.Equal(t, 1, sl.LogRecords().Len())
				alias, _ := sl.LogRecords().At(0).Attributes().Get(analytics.AttrAlias)
				assert.Equal(t, "stays", alias.Str())
			}
		})
	}
}

func TestBatchOfWhichNothingPassesEndsHere(t *testing.T) {
	p, sink := startLogs(t, &Config{Lists: selection.Lists{APIIDs: []string{"x"}}}, processortest.NewNopSettings(metadata.Type))
	require.NoError(t, p.ConsumeLogs(t.Context(), batch(typicalRecord(0))))
	assert.Empty(t, sink.AllLogs())

	require.NoError(t, p.ConsumeLogs(t.Context(), plog.NewLogs()))
	assert.Len(t, sink.AllLogs(), 1, "a batch that came empty is not ours to swallow")
}

func TestIdentityAndTraceGoOnWithACopy(t *testing.T) {
	record := typicalRecord(7)
	record.Tags = []string{"trace-id-0102030405060708090a0b0c0d0e0f10"}
	p, sink := startLogs(t, &Config{Lists: selection.Lists{APIIDs: []string{record.APIID}}}, processortest.NewNopSettings(metadata.Type))
	ld := batch(typicalRecord(1), record)
	require.NoError(t, p.ConsumeLogs(t.Context(), ld))

	got := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0)
	assert.Equal(t, analytics.ScopeName, got.Scope().Name())
	lr := got.LogRecords().At(0)
	want := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1)
	assert.Equal(t, want.Attributes().AsRaw(), lr.Attributes().AsRaw())
	assert.Equal(t, want.TraceID(), lr.TraceID())
	assert.Equal(t, want.EventName(), lr.EventName())
	var back analytics.Record
	assert.Equal(t, "segment-1", back.FromLog(lr))
	assert.Equal(t, record, &back)
}

// TestRecordsOfOtherOrigin are judged by the same attributes; what is absent is
// empty, and values of other types count as they read.
func TestRecordsOfOtherOrigin(t *testing.T) {
	foreign := func(put func(m pcommon.Map)) plog.Logs {
		ld := plog.NewLogs()
		lr := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.Body().SetStr("something happened")
		put(lr.Attributes())
		return ld
	}
	for _, test := range []struct {
		name   string
		cfg    *Config
		put    func(m pcommon.Map)
		passes bool
	}{
		{"without attributes and lists", &Config{Lists: selection.Lists{SkipAPIIDs: []string{"a"}}}, func(pcommon.Map) {}, true},
		{"without attributes, allow list", &Config{Lists: selection.Lists{APIIDs: []string{"a"}}}, func(pcommon.Map) {}, false},
		{"without attributes, the empty id is allowed", &Config{Lists: selection.Lists{APIIDs: []string{"a", ""}}}, func(pcommon.Map) {}, true},
		{"code as a string", &Config{Lists: selection.Lists{ResponseCodes: []int64{200}}}, func(m pcommon.Map) { m.PutStr(analytics.AttrResponseCode, "200") }, true},
		{"code as a double", &Config{Lists: selection.Lists{ResponseCodes: []int64{200}}}, func(m pcommon.Map) { m.PutDouble(analytics.AttrResponseCode, 200) }, true},
		{"code that is no number", &Config{Lists: selection.Lists{ResponseCodes: []int64{200}}}, func(m pcommon.Map) { m.PutStr(analytics.AttrResponseCode, "OK") }, false},
		{"id as a number", &Config{Lists: selection.Lists{APIIDs: []string{"17"}}}, func(m pcommon.Map) { m.PutInt(analytics.AttrAPIID, 17) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, sink := startLogs(t, test.cfg, processortest.NewNopSettings(metadata.Type))
			require.NoError(t, p.ConsumeLogs(t.Context(), foreign(test.put)))
			assert.Equal(t, test.passes, sink.LogRecordCount() == 1)
		})
	}
}

func TestMessagesAsBytesAreRedactedToo(t *testing.T) {
	p, sink := startLogs(t, createDefaultConfig().(*Config), processortest.NewNopSettings(metadata.Type))
	ld := batch(&analytics.Record{APIID: "a"})
	attrs := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()
	attrs.PutEmptyBytes(analytics.AttrRawRequest).FromRaw([]byte("GET / HTTP/1.1\r\nCookie: a\r\n\r\n"))
	require.NoError(t, p.ConsumeLogs(t.Context(), ld))
	got := recordsOf(sink.AllLogs()[0])[0]
	assert.Equal(t, "GET / HTTP/1.1\r\nCookie: REDACTED\r\n\r\n", decode(t, got.RawRequest))
}

func TestIgnoredFieldsAreEmptyAndNoOthers(t *testing.T) {
	request, response := recordedMessages(10)
	record := typicalRecord(3)
	record.RawRequest, record.RawResponse = request, response
	for name, lists := range map[string]Config{"in place": {}, "copied": {Lists: selection.Lists{APIIDs: []string{record.APIID}}}} {
		t.Run(name, func(t *testing.T) {
			cfg := lists
			cfg.Fields.Ignore = []string{"path", "timestamp", "latency", "api_id", "raw_request", "geo"}
			cfg.Fields.DecodeRawRequest = true
			got := filterRecords(t, &cfg, record)
			want := *record
			want.Path, want.TimeStamp, want.Latency, want.APIID = "", time.Time{}, analytics.Latency{}, ""
			want.RawRequest, want.Geo = "", analytics.Geo{}
			require.Len(t, got, 1)
			assert.Equal(t, &want, got[0])
		})
	}
}

func TestUptimeAndRollupsKeepTheirFields(t *testing.T) {
	p, sink := startLogs(t, &Config{Fields: FieldsConfig{Ignore: []string{"api_id", "timestamp"}}}, processortest.NewNopSettings(metadata.Type))
	ld := batch(typicalRecord(0), typicalRecord(1), typicalRecord(2), typicalRecord(3))
	records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for i, event := range []string{analytics.EventRequest, analytics.EventUptime, analytics.EventRollup, ""} {
		records.At(i).SetEventName(event)
	}
	require.NoError(t, p.ConsumeLogs(t.Context(), ld))
	var apis []string
	for _, r := range recordsOf(sink.AllLogs()[0]) {
		apis = append(apis, r.APIID)
	}
	assert.Equal(t, []string{"", "api-1", "api-2", ""}, apis, "a record that lost its event name is treated as a request")
}

func TestMetricsCountWhatWasDroppedAndChanged(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.WithoutCancel(t.Context()))) })
	request, response := recordedMessages(100)
	cfg := &Config{
		Lists:  selection.Lists{OrgIDs: []string{"acme"}, SkipAPIIDs: []string{"internal"}, SkipResponseCodes: []int64{404}},
		Fields: FieldsConfig{RedactHeaders: []string{"cookie", "authorization"}, MaxRecordSize: 300, DecodeRawResponse: true},
	}
	p, _ := startLogs(t, cfg, metadatatest.NewSettings(telemetry))
	for range 2 {
		require.NoError(t, p.ConsumeLogs(t.Context(), batch(
			&analytics.Record{APIID: "internal", OrgID: "acme", RawRequest: request},
			&analytics.Record{APIID: "internal", OrgID: "globex", ResponseCode: 404},
			&analytics.Record{OrgID: "acme", ResponseCode: 404},
			&analytics.Record{OrgID: "globex"},
			&analytics.Record{OrgID: "acme", RawRequest: request, RawResponse: response},
			&analytics.Record{OrgID: "acme", RawRequest: "%%%", RawResponse: "%%%"},
		)))
	}
	point := func(key, value string, n int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.String(key, value)), Value: n}
	}
	metadatatest.AssertEqualTykfilterDroppedRecords(t, telemetry, []metricdata.DataPoint[int64]{
		point("reason", "skip_api_ids", 4),
		point("reason", "skip_response_codes", 2),
		point("reason", "org_ids", 2),
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualTykfilterPayloads(t, telemetry, []metricdata.DataPoint[int64]{
		point("outcome", "redacted", 2),
		point("outcome", "trimmed", 4),
		point("outcome", "decoded", 2),
		point("outcome", "undecodable", 2),
	}, metricdatatest.IgnoreTimestamp())
}

// TestManyBatchesAtOnce shares the processor's working memory under -race.
func TestManyBatchesAtOnce(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.SkipOrgIDs = []string{"org-1"}
	p, sink := startLogs(t, cfg, processortest.NewNopSettings(metadata.Type))
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for round := range 25 {
				var records []*analytics.Record
				for i := range 20 {
					r := typicalRecord(i)
					r.RawRequest = encode(fmt.Sprintf("GET /%d/%d/%d HTTP/1.1\r\nCookie: secret\r\n\r\n", worker, round, i))
					r.Alias = fmt.Sprintf("/%d/%d/%d", worker, round, i)
					records = append(records, r)
				}
				assert.NoError(t, p.ConsumeLogs(t.Context(), batch(records...)))
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 4*25*15, sink.LogRecordCount())
	for _, ld := range sink.AllLogs() {
		for _, r := range recordsOf(ld) {
			assert.Equal(t, "GET "+r.Alias+" HTTP/1.1\r\nCookie: REDACTED\r\n\r\n", decode(t, r.RawRequest))
		}
	}
}

func TestErrorsOfTheNextConsumerComeBack(t *testing.T) {
	down := errors.New("store is down")
	p, err := NewFactory().CreateLogs(t.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), consumertest.NewErr(down))
	require.NoError(t, err)
	require.ErrorIs(t, p.ConsumeLogs(t.Context(), batch(typicalRecord(0))), down)
}

// What a filter drops has not been seen by the destination behind it.
func TestADeliveryLearnsWhatPassed(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.SkipAPIIDs = []string{"b"}
	set := processortest.NewNopSettings(metadata.Type)
	p, _ := startLogs(t, cfg, set)
	for _, test := range []struct {
		apis []string
		want int
	}{{[]string{"a", "b", "c"}, 2}, {[]string{"b", "b"}, 0}} {
		var records []*analytics.Record
		for _, api := range test.apis {
			records = append(records, recorded(api, "", ""))
		}
		var passed selection.Passed
		require.NoError(t, p.ConsumeLogs(passed.Context(t.Context()), batch(records...)))
		assert.Equal(t, map[string]int{set.ID.String(): test.want}, passed.By())
	}
}
