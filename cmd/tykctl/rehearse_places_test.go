package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/report"
)

// written is a pump.conf with these pumps.
func written(t *testing.T, pumps string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pump.conf")
	text := `{"purge_delay": 1, "dont_purge_uptime_data": true, "analytics_storage_config": {"host": "localhost", "port": 1}, "pumps": ` + pumps + `}`
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// played takes what a side finds in its database, and shows a page where its configuration says, if it says so.
func (o *operator) played(ctx context.Context, t *testing.T, config string, database int, page string) {
	t.Helper()
	options := o.rdb.(*redis.Client).Options()
	rdb := redis.NewClient(&redis.Options{Addr: options.Addr, DB: database})
	defer rdb.Close()
	for ; rdb.DBSize(ctx).Val() == 0; time.Sleep(5 * time.Millisecond) {
		if ctx.Err() != nil {
			return
		}
	}
	text, err := os.ReadFile(config)
	if !assert.NoError(t, err) {
		return
	}
	var c struct {
		Pumps map[string]struct {
			Meta struct {
				Listen string `json:"listen_address"`
			}
		}
	}
	assert.NoError(t, json.Unmarshal(text, &c))
	for _, pump := range c.Pumps {
		if pump.Meta.Listen == "" || page == "" {
			continue
		}
		server := &http.Server{Addr: pump.Meta.Listen, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "/m", r.URL.Path)
			_, _ = w.Write([]byte(page)) // what is not read shows in the report
		})}
		go func() { _ = server.ListenAndServe() }() // ends with the test
		t.Cleanup(func() { _ = server.Close() })
	}
	assert.NoError(t, rdb.FlushDB(ctx).Err())
	<-ctx.Done()
}

// rehearsed runs a rehearsal of which both sides are played.
func (o *operator) rehearsed(t *testing.T, pumps, there, here string) (answer, report.Report) {
	t.Helper()
	require.NoError(t, o.rdb.FlushAll(t.Context()).Err())
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	var sides sync.WaitGroup
	defer sides.Wait()
	defer stop()
	sides.Go(func() { o.played(ctx, t, filepath.Join(dir, pumpConfig), 1, there) })
	sides.Go(func() { o.played(ctx, t, filepath.Join(dir, ourConfig), 0, here) })
	a := o.run("rehearse", "-conf", written(t, pumps), "-from", captured(t, 3, 0, ""), "-dir", dir, "-otelcol-tyk", "", "-settle", "500ms", "-wait", "1m", "-json")
	var r report.Report
	require.NoError(t, json.Unmarshal([]byte(a.stdout), &r), a.stderr)
	return a, r
}

const (
	pageOfMetrics = `"page": {"type": "prometheus", "meta": {"listen_address": ":9090", "path": "/m"}}`
	kafkaTopic    = `"kafka": {"type": "kafka", "meta": {"broker": ["k:9092"], "topic": "t"}}`
	splunkToken   = `"splunk": {"type": "splunk", "meta": {"collector_url": "https://u:sekrit@splunk:8088", "collector_token": "sekrit"}}`
)

func TestARehearsalOfPagesAndPlaces(t *testing.T) {
	o := onRedis(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "sekrit")
	const page = "# TYPE tyk_http_status counter\ntyk_http_status{code=\"200\"} 3\n"
	a, r := o.rehearsed(t, `{`+pageOfMetrics+`,`+kafkaTopic+`,`+splunkToken+`}`, page, page)
	assert.Equal(t, exitOK, a.status, a.stderr)
	assert.Equal(t, compare.Identical, r.Verdict)
	require.Len(t, r.Tables, 1)
	assert.Contains(t, strings.ToLower(r.Tables[0].Name), "metrics of pump page")
	require.Len(t, r.Stored, 1)
	assert.Contains(t, r.Stored[0], "Kafka topic t_shadow_pump at k:9092 by Tyk Pump, Kafka topic t_shadow at k:9092 by otelcol-tyk")
	require.Len(t, r.Skipped, 1)
	assert.Contains(t, r.Skipped[0], "token decides")
	assert.Contains(t, a.stderr, "Make these first")
	assert.NotContains(t, a.stderr, "AWS_", "nothing needs it")
	assert.NotContains(t, a.stderr+a.stdout, "sekrit")

	a, r = o.rehearsed(t, `{`+pageOfMetrics+`}`, page, strings.Replace(page, " 3", " 4", 1))
	assert.Equal(t, exitTrouble, a.status)
	assert.Equal(t, compare.Different, r.Verdict)

	// What cannot be read, or is not read at all, is not called equal.
	a, r = o.rehearsed(t, `{`+pageOfMetrics+`,`+kafkaTopic+`}`, "", page)
	assert.Equal(t, exitFailed, a.status)
	assert.Equal(t, compare.Inconclusive, r.Verdict)
	require.Len(t, r.Skipped, 1)
	assert.Contains(t, r.Skipped[0], "cannot be read")
	a, r = o.rehearsed(t, `{`+kafkaTopic+`,"stream": {"type": "kinesis", "meta": {"stream_name": "s"}}}`, "", "")
	assert.Equal(t, exitFailed, a.status)
	assert.Equal(t, compare.Inconclusive, r.Verdict)
	assert.Contains(t, r.Summary, "look into both places yourself")
	require.Len(t, r.Stored, 2)
	assert.Contains(t, a.stderr, `AWS_SECRET_ACCESS_KEY="$AWS_SECRET_ACCESS_KEY"`)
	assert.Contains(t, a.stderr, "-e AWS_SECRET_ACCESS_KEY")
	assert.NotContains(t, a.stderr+a.stdout, "sekrit")
}

// A time that is over is told as such, and not as trouble with Redis.
func TestARehearsalThatIsLateSaysSo(t *testing.T) {
	o := onRedis(t)
	a := o.run("rehearse", "-conf", written(t, `{`+kafkaTopic+`}`), "-from", captured(t, 3, 0, ""), "-dir", t.TempDir(), "-otelcol-tyk", "", "-wait", "5s")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "not all lists were taken in time (left: ")
	assert.NotContains(t, a.stderr, "i/o timeout")
}

// Behind a pooler, nothing is pushed: rows of both sides would go into the real tables.
func TestARehearsalThroughAPoolerIsRefused(t *testing.T) {
	o, server := onRedis(t), peers.StartPostgres(t)
	for _, ignored := range [][]string{nil, {"search_path"}} {
		pooler := peers.StartPgBouncer(t, server, peers.TransactionPooling, 2, ignored...)
		a := o.run("rehearse", "-conf", conf(t, 1, pooler.Through(server.FreshDatabase(t))), "-from", captured(t, 3, 0, ""), "-dir", t.TempDir(), "-otelcol-tyk", "")
		assert.Equal(t, exitFailed, a.status)
		assert.Contains(t, a.stderr, "name PostgreSQL itself for the rehearsal")
		assert.Zero(t, o.rdb.DBSize(t.Context()).Val())
	}
}
