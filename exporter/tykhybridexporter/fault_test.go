package tykhybridexporter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// A server that is away, or refuses the key, is told by the status, and gets everything once it is right again, over a
// login of its own.
func TestOutages(t *testing.T) {
	t.Parallel()
	server, host := peers.StartMDCB(t, nil), sinktest.NewHost()
	server.Kill()
	e := start(t, server.Addr(), host, func(*Config) {})
	push := func(record string) error {
		return e.ConsumeLogs(t.Context(), sinktest.LogsOf(analytics.Record{Path: record}))
	}
	err := push("0")
	require.ErrorContains(t, err, "connect: ")
	assert.False(t, consumererror.IsPermanent(err))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)

	require.NoError(t, server.Start(t.Context()))
	behave(t, server, peers.MDCBBehaviour{RefuseKeys: true})
	err = push("0")
	require.ErrorContains(t, err, "the server refuses the API key")
	assert.False(t, consumererror.IsPermanent(err))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)

	behave(t, server, peers.MDCBBehaviour{})
	require.NoError(t, push("0"))
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)

	server.Kill()
	require.NoError(t, server.Start(t.Context()))
	require.Eventually(t, func() bool { return push("1") == nil }, sinktest.Long, time.Millisecond, "a connection may end unnoticed only once")
	assert.Equal(t, []string{"0", "1"}, paths(t, server))
}

// Of several calls only those are made again that were not answered.
func TestAnErrorOfOneCall(t *testing.T) {
	t.Parallel()
	server := peers.StartMDCB(t, nil)
	e := start(t, server.Addr(), sinktest.NewHost(), func(c *Config) {
		retrying(c)
		c.MaxRecords = 2
	})
	for _, b := range []peers.MDCBBehaviour{{Error: "the database is away", Contains: `"path":"3"`, Times: 2}, {Panic: "a bug", Contains: `"path":"0"`, Times: 2}} {
		before := len(paths(t, server))
		behave(t, server, b)
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(6)...)))
		assert.ElementsMatch(t, numbers(6), paths(t, server)[before:])
	}
	behave(t, server, peers.MDCBBehaviour{Error: "the database is away", Contains: `"OrgID":"o2"`, Times: 2})
	before := len(callsOf(t, server))
	require.NoError(t, e.ConsumeLogs(t.Context(), grouped(t, numbered(6)...)))
	assert.Len(t, callsOf(t, server)[before:], 6)
}

// What a server never takes is found, and refused by name, once others of its kind were taken.
func TestRecordsThatTheServerNeverTakes(t *testing.T) {
	t.Parallel()
	server := peers.StartMDCB(t, nil)
	e := start(t, server.Addr(), sinktest.NewHost(), retrying)
	behave(t, server, peers.MDCBBehaviour{Error: "cannot decode", Contains: `"path":"17"`})
	err := e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(40)...))
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Records, 1)
	assert.EqualValues(t, 17, refused.Records[0].UID.Index)
	assert.Contains(t, refused.Records[0].Reason, "rejected: the server answers to .PurgeAnalyticsData: cannot decode")
	assert.Len(t, paths(t, server), 39)
	assert.NotContains(t, paths(t, server), "17")

	behave(t, server, peers.MDCBBehaviour{Panic: "nil map", Contains: `"OrgID":"o1"`})
	err = e.ConsumeLogs(t.Context(), grouped(t, numbered(3)...))
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Records, 1)
	assert.EqualValues(t, 1, refused.Records[0].UID.Index)
	assert.Regexp(t, "rejected: the server answers to .PurgeAnalyticsDataAggregated: Panic .*: nil map", refused.Records[0].Reason)
}

// While the records to blame are looked for, a server may fail for a time, and so all of them: that blames nobody.
func TestAnOutageWhileRecordsAreLookedFor(t *testing.T) {
	t.Parallel()
	server := peers.StartMDCB(t, nil)
	e := start(t, server.Addr(), sinktest.NewHost(), retrying)
	for times := 5; times < 20; times += 3 {
		before := len(paths(t, server))
		behave(t, server, peers.MDCBBehaviour{Error: "the database is away", Times: times})
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(12)...)))
		assert.ElementsMatch(t, numbers(12), paths(t, server)[before:])
	}
}

// A server that takes nothing at all is waited for, however often it says so.
func TestAServerThatTakesNothing(t *testing.T) {
	t.Parallel()
	server := peers.StartMDCB(t, nil)
	e := start(t, server.Addr(), sinktest.NewHost(), func(*Config) {})
	behave(t, server, peers.MDCBBehaviour{Error: "the database is away"})
	for range 20 {
		for _, logs := range []plog.Logs{sinktest.LogsOf(numbered(4)...), grouped(t, numbered(2)...)} {
			err := e.ConsumeLogs(t.Context(), logs)
			require.Error(t, err)
			require.False(t, consumererror.IsPermanent(err))
		}
	}
	assert.Empty(t, callsOf(t, server))
	behave(t, server, peers.MDCBBehaviour{})
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(4)...)))
	assert.Equal(t, numbers(4), paths(t, server))
}

func TestAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"reset", "half-open"} {
		for _, setting := range []string{unknownRetry, unknownDeadLetter} {
			for kind, logs := range map[string]plog.Logs{"records": sinktest.LogsOf(numbered(4)...), "rollups": grouped(t, numbered(2)...)} {
				t.Run(name+" "+setting+" "+kind, func(t *testing.T) {
					t.Parallel()
					server := peers.StartMDCB(t, nil)
					r := startRelay(t, server.Addr())
					e := start(t, r.address, sinktest.NewHost(), func(c *Config) {
						retrying(c)
						c.MaxRecords, c.OnUnknown, c.RPCPoolSize = 2, setting, 1
						if name == "half-open" {
							c.Timeout.Timeout = time.Second
						}
					})
					require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(analytics.Record{Path: "first"})))
					before := len(callsOf(t, server))
					r.silence()
					pushed := make(chan error, 1)
					go func() { pushed <- e.ConsumeLogs(context.WithoutCancel(t.Context()), logs) }()
					require.Eventually(t, func() bool { return len(callsOf(t, server)) > before }, sinktest.Long, time.Millisecond)
					if name == "reset" {
						r.cut()
					}
					err := <-pushed
					calls := callsOf(t, server)[before:]
					if setting == unknownRetry {
						require.NoError(t, err)
						require.GreaterOrEqual(t, len(calls), 3, "the first is there twice")
						assert.Equal(t, calls[0].Argument, calls[1].Argument)
						assert.NotEqual(t, calls[0].Argument, calls[len(calls)-1].Argument)
						return
					}
					var refused *analytics.RefusedError
					require.ErrorAs(t, err, &refused)
					assert.Contains(t, refused.Records[0].Reason, "unknown_outcome: it was sent, and no answer came")
					require.Len(t, calls, 2, "each once")
					assert.NotEqual(t, calls[0].Argument, calls[1].Argument)
				})
			}
		}
	}
}

// A server that needs long, but answers, gets each call once.
func TestASlowServer(t *testing.T) {
	t.Parallel()
	server := peers.StartMDCB(t, nil)
	e := start(t, server.Addr(), sinktest.NewHost(), func(c *Config) { c.MaxRecords = 1 })
	behave(t, server, peers.MDCBBehaviour{DelayMS: 200})
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(5)...)))
	assert.Equal(t, numbers(5), paths(t, server))
}
