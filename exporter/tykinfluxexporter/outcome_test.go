package tykinfluxexporter

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// refusedOf reads which records an error names, and why.
func refusedOf(t *testing.T, err error) map[int64]string {
	t.Helper()
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.True(t, consumererror.IsPermanent(err))
	reasons := map[int64]string{}
	for _, r := range refused.Records {
		assert.Equal(t, "seg", r.UID.Segment)
		assert.Equal(t, "tykinflux", strings.SplitN(r.Destination, "/", 2)[0])
		reasons[r.UID.Index] = r.Reason
	}
	return reasons
}

func TestAnswersMeanWhatTheyMean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		text   string
		want   batchhttp.Outcome
	}{
		{204, "", batchhttp.Accepted},
		{200, "<html>Sign in</html>", batchhttp.Later},
		{400, `partial write: field type conflict: input field "gauge" on measurement "router" is type float, already exists as type integer dropped=1`, batchhttp.Refused},
		{400, `partial write: max-series-per-database limit exceeded: (300) dropped=1`, batchhttp.Later},
		{400, `partial write: max-values-per-tag limit exceeded (1/1): measurement="analytics" tag="path" value="/a" dropped=1`, batchhttp.Later},
		{400, `unable to parse 'a,b= c=1i 1': missing tag value`, batchhttp.Refused},
		{400, `partial write: points beyond retention policy dropped=1`, batchhttp.Refused},
		{422, `failure writing points to database: partial write: points beyond retention policy dropped=1`, batchhttp.Refused},
		{422, `schema conflict: unprocessable entity`, batchhttp.Refused},
		{400, "database is required", batchhttp.Later},
		{400, "<html>Bad Request</html>", batchhttp.Later},
		{413, "", batchhttp.TooLarge},
		{401, "authorization failed", batchhttp.Later},
		{403, "forbidden", batchhttp.Later},
		{404, `database not found: "tyk"`, batchhttp.Later},
		{429, "", batchhttp.Later},
		{500, "retention policy not found: nope", batchhttp.Later},
		{503, "", batchhttp.Later},
		{302, "", batchhttp.Later},
	} {
		assert.Equal(t, c.want, classify(c.status, c.text), "%d %s", c.status, c.text)
	}
}

func TestAWaitIsAsLongAsInfluxDBSays(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	d := startDouble(t, func(w http.ResponseWriter, _ string) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	config := testConfig(d.URL)
	config.Retry.Enabled, config.Retry.InitialInterval = true, time.Millisecond
	e := startLogs(t, config, newHost())
	began := time.Now()
	require.NoError(t, e.ConsumeLogs(t.Context(), samples(3)))
	assert.GreaterOrEqual(t, time.Since(began), 2*time.Second)
	assert.EqualValues(t, 2, calls.Load())
}

func TestWhatOnlyPeopleCanChangeWaitsWithAStatus(t *testing.T) {
	t.Parallel()
	for status, remedy := range map[int]string{
		http.StatusUnauthorized: "check username and password, or token",
		http.StatusForbidden:    "give the user, or the token, the right to write",
		http.StatusNotFound:     "create the database, or the organization and the bucket",
	} {
		var well atomic.Bool
		d := startDouble(t, func(w http.ResponseWriter, _ string) {
			if !well.Load() {
				http.Error(w, `{"error":"not now"}`, status)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
		h := newHost()
		e := startLogs(t, testConfig(d.URL), h)
		err := e.ConsumeLogs(t.Context(), samples(3))
		require.ErrorContains(t, err, "not now: "+remedy)
		assert.False(t, consumererror.IsPermanent(err))
		well.Store(true)
		require.NoError(t, e.ConsumeLogs(t.Context(), samples(3)))
		assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, h.reported())
	}
}

func TestLargeRequestsAreHalved(t *testing.T) {
	t.Parallel()
	server := peers.StartInflux(t, peers.InfluxSettings{MaxBodyBytes: 20_000})
	database(t, server)
	d := startDouble(t, func(w http.ResponseWriter, body string) {
		if strings.Count(body, "\n") > 10 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	require.NoError(t, startLogs(t, testConfig(d.URL), newHost()).ConsumeLogs(t.Context(), samples(100)))
	seen := map[string]bool{}
	for _, body := range d.received() {
		if strings.Count(body, "\n") <= 10 {
			for text := range strings.Lines(body) {
				assert.False(t, seen[text])
				seen[text] = true
			}
		}
	}
	assert.Len(t, seen, 100)

	config := testConfig(server.URL())
	config.MaxRequestBytes = 5_000
	require.NoError(t, startLogs(t, config, newHost()).ConsumeLogs(t.Context(), samples(100)))
	assert.Equal(t, "100", count(t, server, "analytics", "response_code"))
}

func TestALineThatIsTooLargeIsRefusedAndItsNeighboursAreStored(t *testing.T) {
	t.Parallel()
	d := startDouble(t, func(w http.ResponseWriter, body string) {
		if strings.Contains(body, "/items/1\"") {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	records := []analytics.Record{sample(0), sample(1), sample(2)}
	records[2].RawRequest = strings.Repeat("x", maxRequestBytes)
	reasons := refusedOf(t, startLogs(t, testConfig(d.URL), newHost()).ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.Len(t, reasons, 2)
	assert.Contains(t, reasons[1], "too_large: ")
	assert.Regexp(t, `^too_large: a line of \d+ bytes is more than InfluxDB takes$`, reasons[2])
}

func TestPartialWritesNameTheirRecords(t *testing.T) {
	t.Parallel()
	server := peers.StartInflux(t, peers.InfluxSettings{Authentication: true})
	database(t, server)
	// Others wrote request_time as text before; a retention policy refuses what is too old.
	_, err := server.Query(t.Context(), "tyk", `CREATE RETENTION POLICY "month" ON "tyk" DURATION 30d REPLICATION 1 DEFAULT`)
	require.NoError(t, err)
	config := testConfig(server.URL())
	config.Username, config.Password = peers.InfluxUser, peers.InfluxPassword
	e := startLogs(t, config, newHost())
	records := make([]analytics.Record, 20)
	now := time.Now()
	for i := range records {
		records[i] = sample(i)
		records[i].TimeStamp = now.Add(time.Duration(i) * time.Millisecond)
		if i%7 == 3 {
			records[i].TimeStamp = now.AddDate(-1, 0, i)
		}
	}
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.Len(t, reasons, 3)
	for _, i := range []int64{3, 10, 17} {
		assert.Contains(t, reasons[i], "invalid: partial write: points beyond retention policy dropped=1")
	}
	assert.Equal(t, "17", countIn(t, server))

	config.Password = "wrong"
	err = startLogs(t, config, newHost()).ConsumeLogs(t.Context(), samples(1))
	require.ErrorContains(t, err, "401 Unauthorized: authorization failed: check username and password, or token")
	config.Password, config.DatabaseName = peers.InfluxPassword, "nowhere"
	err = startLogs(t, config, newHost()).ConsumeLogs(t.Context(), samples(1))
	require.ErrorContains(t, err, `404 Not Found: database not found: "nowhere": create the database, or the organization and the bucket`)
	assert.False(t, consumererror.IsPermanent(err))
}

func countIn(t *testing.T, server *peers.Influx) string {
	t.Helper()
	series, err := server.Query(t.Context(), "tyk", "SELECT count(response_code) FROM analytics WHERE time > now() - 1h AND time < now() + 1h")
	require.NoError(t, err)
	require.Len(t, series, 1)
	return fmt.Sprint(series[0].Values[0][1])
}

func TestAnInfluxDBThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := peers.StartInflux(t, peers.InfluxSettings{})
	database(t, server)
	h := newHost()
	config := testConfig(server.URL())
	config.Retry.Enabled, config.Retry.InitialInterval, config.Retry.MaxInterval = true, 20*time.Millisecond, 100*time.Millisecond
	e := startLogs(t, config, h)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples(10)))
	require.NoError(t, server.Stop(context.WithoutCancel(t.Context())))
	done := make(chan error, 1)
	go func() { done <- e.ConsumeLogs(t.Context(), samples(30)) }()
	require.Eventually(t, func() bool { return len(h.reported()) > 0 }, sinktest.Long, 10*time.Millisecond)
	require.NoError(t, server.Start(t.Context()))
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(5 * time.Minute):
		t.Fatal("the records are not stored")
	}
	assert.Equal(t, "30", count(t, server, "analytics", "response_code"))
	// Another error than before is told again.
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, slices.Compact(h.reported()))
}

func TestInfluxDB2IsWrittenThroughItsOwnInterface(t *testing.T) {
	t.Parallel()
	d := startDouble(t, stores)
	config := testConfig(d.URL + "/below")
	config.DatabaseName, config.Bucket, config.Organization, config.Token = "", "records", "acme", "t0ken"
	require.NoError(t, startLogs(t, config, newHost()).ConsumeLogs(t.Context(), samples(1)))
	r := d.requests[0]
	assert.Equal(t, "/below/api/v2/write", r.URL.Path)
	assert.Equal(t, "bucket=records&org=acme&precision=ns", r.URL.RawQuery)
	assert.Equal(t, "Token t0ken", r.Header.Get("Authorization"))
	assert.Contains(t, d.received()[0], `time_stamp="2026-08-20T10:11:12.123456789Z"`)
}
