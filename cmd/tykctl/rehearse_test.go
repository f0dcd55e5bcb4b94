package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/capture"
)

// conf writes a pump.conf with a SQL pump.
func conf(t *testing.T, redisPort int, dsn string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"purge_delay": 1, "dont_purge_uptime_data": true,
		"analytics_storage_config": map[string]any{"type": "redis", "host": "localhost", "port": redisPort},
		"pumps":                    map[string]any{"sql": map[string]any{"type": "sql", "meta": map[string]any{"type": "postgres", "connection_string": dsn}}},
	})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "pump.conf")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// captured writes a file of so many entries, of a Redis with this run, and cuts what it ends with.
func captured(t *testing.T, entries, cut int, run string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "hour.capture")
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	require.NoError(t, err)
	w, err := capture.NewWriter(file, capture.Header{Began: time.Now(), Run: run, Prefix: "analytics-"})
	require.NoError(t, err)
	for i := range entries {
		require.NoError(t, w.Write(capture.Entry{List: "tyk-system-analytics", At: time.Now(), Data: fmt.Append(nil, i)}))
	}
	require.NoError(t, w.Flush())
	require.NoError(t, w.Close())
	info, err := file.Stat()
	require.NoError(t, err)
	require.NoError(t, file.Truncate(info.Size()-int64(cut)))
	require.NoError(t, file.Close())
	return name
}

func TestARehearsalBeginsWithNothingWrong(t *testing.T) {
	o, dsn := onRedis(t), "postgres://u:sekrit@127.0.0.1:1/x"
	run := runID(t.Context(), o.rdb)
	require.NotEmpty(t, run)
	damaged := captured(t, 3, 0, "")
	text, err := os.ReadFile(damaged)
	require.NoError(t, err)
	text[len(text)-12] ^= 0xff
	require.NoError(t, os.WriteFile(damaged, text, 0o600))
	for name, tc := range map[string]struct{ file, says string }{
		"no capture":            {conf(t, 1, dsn), "no file of tykctl capture"},
		"not there":             {"/nowhere", "no such file"},
		"no entries":            {captured(t, 0, 0, ""), "no entries"},
		"damaged":               {damaged, "read the file"},
		"a store that is away":  {captured(t, 3, 0, ""), "connection refused"},
		"cut, and a store away": {captured(t, 3, 9, ""), "the rehearsal is of the 3 entries in front of that"},
	} {
		a := o.run("rehearse", "-conf", conf(t, 1, dsn), "-from", tc.file, "-dir", t.TempDir())
		assert.Equal(t, exitFailed, a.status, name)
		assert.Contains(t, a.stderr, tc.says, name)
		assert.NotContains(t, a.stdout+a.stderr, "sekrit", name)
		assert.Zero(t, o.rdb.DBSize(t.Context()).Val(), "%s: nothing is pushed", name)
	}
	dsn = peers.StartPostgres(t).FreshDatabase(t)
	a := o.run("rehearse", "-conf", conf(t, 1, dsn), "-from", captured(t, 3, 0, run), "-dir", t.TempDir())
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "was captured from")
	assert.Zero(t, o.rdb.DBSize(t.Context()).Val())
}

func TestTheRealRedisIsRefusedByAnyName(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"localhost:6379", "localhost:6379", true},
		{"localhost:6379", "127.0.0.1:6379", true},
		{"localhost:6379", "[::1]:6379", true},
		{"127.0.0.1:6379", "[::ffff:127.0.0.1]:6379", true},
		{"localhost:6379", "localhost:6390", false},
		{"127.0.0.1:6379", "192.0.2.1:6379", false},
		{"redis", "redis", true},
	} {
		assert.Equal(t, tc.same, sameServer(t.Context(), tc.a, tc.b), "%s %s", tc.a, tc.b)
		assert.Equal(t, tc.same, sameServer(t.Context(), tc.b, tc.a), "%s %s", tc.b, tc.a)
	}
}

// What was not stored in time ends the rehearsal, and so does Ctrl-C.
func TestARehearsalCanBeInterrupted(t *testing.T) {
	o := onRedis(t)
	file := conf(t, 1, peers.StartPostgres(t).FreshDatabase(t))
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		for o.rdb.DBSize(ctx).Val() == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		stop()
	}()
	a := o.runContext(ctx, false, "rehearse", "-conf", file, "-from", captured(t, 3, 0, ""), "-dir", t.TempDir(), "-otelcol-tyk", "")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "canceled")
	a = o.run("rehearse", "-conf", file, "-from", captured(t, 3, 0, ""), "-dir", t.TempDir(), "-otelcol-tyk", "")
	assert.Contains(t, a.stderr, "not empty")
	require.NoError(t, o.rdb.FlushAll(t.Context()).Err())
	a = o.run("rehearse", "-conf", file, "-from", captured(t, 3, 0, ""), "-dir", t.TempDir(), "-otelcol-tyk", "/nowhere")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "-otelcol-tyk ''")
}

// A comparison with the wrong store must not pass as records that Tyk Pump lost.
func TestAnEmptyStoreOfTykPumpIsInconclusive(t *testing.T) {
	o, ours := newOperator(t, nil), ofTykPump(t)
	empty := peers.StartPostgres(t).FreshDatabase(t)
	a := o.run("compare", "-pump", "postgres:"+empty, "-ours", "postgres:"+ours)
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stdout, "# INCONCLUSIVE")
	assert.Contains(t, a.stdout, "has none of its rows")
	a = o.run("compare", "-pump", "postgres:"+ours, "-ours", "postgres:"+empty)
	assert.Equal(t, exitTrouble, a.status)
	assert.Contains(t, a.stdout, "# DIFFERENT")
	a = o.run("compare", "-pump", "postgres:"+empty, "-ours", "postgres:"+empty)
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stdout, "neither store has a table")
}

func TestWhatWasFoundIsToldEvenIfItCannotBeWritten(t *testing.T) {
	o, ours := newOperator(t, nil), ofTykPump(t)
	a := o.run("compare", "-pump", "postgres:"+ours, "-ours", "postgres:"+ours, "-report", "/nowhere/report.html", "-pump-log", "/nowhere/pump.log")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stdout, "# IDENTICAL")
	assert.Contains(t, a.stderr, "-report:")
	assert.Contains(t, a.stderr, "-pump-log:")
}

// A bucket of which a part is outside of the window is not made of the rest.
func TestOnlyWholeBucketsAreMadeAnew(t *testing.T) {
	o, dsn := newOperator(t, nil), ofTykPump(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var last time.Time
	require.NoError(t, conn.QueryRow(t.Context(), `select max("timestamp") from tyk_analytics`).Scan(&last))
	for _, table := range []string{"tyk_graph_aggregated", "tyk_mcp_aggregated"} {
		_, err := conn.Exec(t.Context(), "drop table "+table)
		require.NoError(t, err)
	}
	hour := last.UTC().Truncate(time.Hour)
	_, a := o.verify(dsn, "-to", hour.Add(-30*time.Minute).Format(time.RFC3339), "-from", hour.Add(-150*time.Minute).Format(time.RFC3339), "-shift", "0s")
	assert.Equal(t, exitOK, a.status, a.stdout)
	a = o.run("verify-rollups", "-db", "postgres:"+dsn, "-to", hour.Add(-20*time.Minute).Format(time.RFC3339), "-from", hour.Add(-40*time.Minute).Format(time.RFC3339))
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "no bucket of 1h0m0s is over")
	for args, says := range map[string]string{
		"-aggregation-time 90m":             "whole minutes",
		"-aggregation-time 30s":             "whole minutes",
		"-timezone Mars/Olympus":            "time zone",
		"-from 2030-01-01T00:10:00Z -to 1h": "is not before",
	} {
		a := o.run("verify-rollups", append([]string{"-db", "postgres:" + dsn}, strings.Fields(args)...)...)
		assert.Equal(t, exitFailed, a.status, args)
		assert.Contains(t, a.stderr, says, args)
	}
	a = o.run("verify-rollups", "-db", "mongodb://u:sekrit@127.0.0.1:1/x")
	assert.Contains(t, a.stderr, "postgres:, mysql: and sqlite: only")
}
