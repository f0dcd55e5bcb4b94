package tykhybridexporter

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykhybridexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykhybridexporter/internal/metadatatest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// numbered are records whose paths are numbers.
func numbered(n int) []analytics.Record {
	records := make([]analytics.Record, n)
	for i := range records {
		records[i] = analytics.Record{Path: strconv.Itoa(i), OrgID: "o" + strconv.Itoa(i), APIID: "a", ResponseCode: 200, TimeStamp: time.Unix(1_700_000_000, 0)}
	}
	return records
}

// numbers are their paths.
func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return all
}

// grouped is a push of rollups of records, one group for each.
func grouped(t testing.TB, records ...analytics.Record) plog.Logs {
	t.Helper()
	a, err := rollup.NewAggregator(rollup.Settings{Minutes: 60, Zone: "UTC"})
	require.NoError(t, err)
	groups, _ := a.Aggregate(sinktest.LogsOf(records...), nil)
	logs := plog.NewLogs()
	rollup.AppendLogs(logs, "", groups)
	return logs
}

// The real server of Tyk's RPC understands what is sent, in each way in which connections are made.
func TestARealServerTakesRecords(t *testing.T) {
	t.Parallel()
	certificates, err := peers.NewCertificates(t.TempDir(), "tyk")
	require.NoError(t, err)
	plain, secure := peers.StartMDCB(t, nil), peers.StartMDCB(t, certificates)
	records := sinktest.GoldenRecords(t)
	taken := 0
	for name, test := range map[string]struct {
		server *peers.MDCB
		change func(*Config)
	}{
		"compressed":   {plain, func(*Config) {}},
		"uncompressed": {plain, func(c *Config) { c.Compression = false }},
		"encrypted": {secure, func(c *Config) {
			c.TLS.Insecure, c.TLS.CAFile = false, certificates.CAFile
			c.TLS.CertFile, c.TLS.KeyFile = certificates.ClientCertFile, certificates.ClientKeyFile
		}},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(paths(t, test.server))
			e := start(t, test.server.Addr(), sinktest.NewHost(), func(c *Config) {
				c.MaxRecords = 250
				test.change(c)
			})
			for range 2 {
				require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
			}
			got := paths(t, test.server)[before:]
			require.Len(t, got, 2*len(records))
			for i := range got {
				require.Equal(t, records[i%len(records)].Path, got[i])
			}
			taken++
		})
	}
	require.Equal(t, 3, taken)
	client, logins := "", 0
	calls, err := secure.Calls(t.Context(), true)
	require.NoError(t, err)
	for _, call := range calls {
		assert.True(t, client == "" || client == call.Client, "the id is the same for all calls")
		client = call.Client
		if call.Function == "Login" {
			logins++
			assert.Equal(t, "secret", call.Argument)
		}
	}
	assert.Len(t, client, 36)
	assert.Equal(t, 1, logins, "not before each call")
}

func TestAnUnknownAuthorityIsRefused(t *testing.T) {
	t.Parallel()
	certificates, err := peers.NewCertificates(t.TempDir(), "tyk")
	require.NoError(t, err)
	server := peers.StartMDCB(t, certificates)
	host := sinktest.NewHost()
	e := start(t, server.Addr(), host, func(c *Config) { c.TLS.Insecure = false })
	err = e.ConsumeLogs(t.Context(), sinktest.LogsOf(analytics.Record{}))
	require.ErrorContains(t, err, "TLS handshake with ")
	assert.False(t, consumererror.IsPermanent(err))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)

	config := createDefaultConfig().(*Config)
	config.APIKey, config.TLS.CAFile = "secret", "/nowhere"
	unready, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), config)
	require.NoError(t, err)
	require.ErrorContains(t, unready.Start(t.Context(), componenttest.NewNopHost()), "start the tykhybrid exporter: tls: ")
	require.NoError(t, unready.Shutdown(t.Context()))
}

// Each group is a call of its own, of the function of its family, and counts once while the process lives.
func TestARealServerTakesRollups(t *testing.T) {
	t.Parallel()
	server := peers.StartMDCB(t, nil)
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.WithoutCancel(t.Context()))) })
	records := numbered(2)
	mcp, graph := records[0], records[1]
	mcp.MCP.IsMCP, mcp.APIID = true, "tools"
	graph.GraphQL.IsGraphQL = true
	logs := grouped(t, append(records, mcp, graph)...)
	for _, test := range []struct {
		enabled bool
		want    []string
	}{
		{true, []string{"PurgeAnalyticsDataAggregated o0", "PurgeAnalyticsDataAggregated o1", "PurgeAnalyticsDataMCPAggregated tools"}},
		{false, []string{"PurgeAnalyticsDataAggregated o0", "PurgeAnalyticsDataAggregated o1"}},
	} {
		config := createDefaultConfig().(*Config)
		config.Address.Endpoint, config.APIKey, config.TLS.Insecure = server.Addr(), "secret", true
		config.EnableMCPAggregation = test.enabled
		set := exportertest.NewNopSettings(metadata.Type)
		if !test.enabled {
			set.TelemetrySettings = telemetry.NewTelemetrySettings()
		}
		e, err := NewFactory().CreateLogs(t.Context(), set, config)
		require.NoError(t, err)
		require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
		before := len(callsOf(t, server))
		require.NoError(t, e.ConsumeLogs(t.Context(), logs))
		require.NoError(t, e.ConsumeLogs(t.Context(), logs), "a delivery that is repeated")
		var got []string
		for _, call := range callsOf(t, server)[before:] {
			var argument map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(call.Argument), &argument))
			for owner := range argument {
				got = append(got, call.Function+" "+owner)
			}
		}
		assert.ElementsMatch(t, test.want, got)
		require.NoError(t, e.Shutdown(t.Context()))
	}
	metadatatest.AssertEqualExporterTykhybridLeftOutRollups(t, telemetry, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attribute.NewSet(attribute.String("family", "graph"))},
		{Value: 2, Attributes: attribute.NewSet(attribute.String("family", "mcp"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterTykhybridCalls(t, telemetry, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attribute.NewSet(attribute.String("outcome", "answered"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestWhatCannotBeSentIsRefusedByName(t *testing.T) {
	t.Parallel()
	server := peers.StartMDCB(t, nil)
	e := start(t, server.Addr(), sinktest.NewHost(), func(*Config) {})
	records := numbered(4)
	records[1].TimeStamp = time.Unix(1<<40, 0)
	records[1].ExpireAt = time.Unix(1<<40, 0)
	logs := sinktest.LogsOf(records...)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(2).SetEventName("other")
	err := e.ConsumeLogs(t.Context(), logs)
	require.True(t, consumererror.IsPermanent(err))
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Records, 2)
	assert.EqualValues(t, 1, refused.Records[0].UID.Index)
	assert.Contains(t, refused.Records[0].Reason, "out_of_range: ")
	assert.Contains(t, refused.Records[1].Reason, `foreign: not an analytics record: its event name is "other"`)
	assert.Equal(t, []string{"0", "3"}, paths(t, server))
}

// A push with records and rollups, which only unusual pipelines make, is sent whole.
func TestRecordsBesideRollups(t *testing.T) {
	t.Parallel()
	server := peers.StartMDCB(t, nil)
	e := start(t, server.Addr(), sinktest.NewHost(), func(*Config) {})
	logs := grouped(t, numbered(1)...)
	sinktest.LogsOf(numbered(2)...).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	require.NoError(t, e.ConsumeLogs(t.Context(), logs))
	var functions []string
	for _, call := range callsOf(t, server) {
		functions = append(functions, call.Function)
	}
	assert.Equal(t, []string{"PurgeAnalyticsData", "PurgeAnalyticsDataAggregated"}, functions)
}

func TestDamagedRollupsWait(t *testing.T) {
	t.Parallel()
	host := sinktest.NewHost()
	e := start(t, peers.Address(1), host, func(*Config) {})
	logs := grouped(t, numbered(1)...)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(log plog.LogRecord) bool {
		return strings.Contains(log.EventName(), "rollup")
	})
	err := e.ConsumeLogs(t.Context(), logs)
	require.ErrorContains(t, err, "rollups are damaged")
	assert.False(t, consumererror.IsPermanent(err))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
}
