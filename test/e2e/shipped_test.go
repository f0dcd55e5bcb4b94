//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// shipped is a collector that runs the configuration which users start from.
type shipped struct {
	*collector
	otlp, health, metrics string // addresses
	store                 string // the SQLite file, where that is used
}

// newShipped is not started yet. The environment is what users may set, too.
func newShipped(tb testing.TB, redis string, env ...string) shipped {
	tb.Helper()
	ports, err := peers.FreePorts(4)
	require.NoError(tb, err)
	s := shipped{
		otlp: peers.Address(ports[0]), health: peers.Address(ports[1]), metrics: peers.Address(ports[2]),
		store: filepath.Join(tb.TempDir(), "tyk-analytics.db"),
	}
	s.collector = newCollectorWith(tb, repository(tb, shippedConfig), append([]string{
		"TYK_REDIS_ADDRESS=" + redis,
		"TYK_SQL_DATASOURCE=" + s.store,
		"TYK_OTLP_HTTP_ENDPOINT=" + s.otlp,
		"TYK_OTLP_GRPC_ENDPOINT=" + peers.Address(ports[3]),
		"TYK_HEALTH_ENDPOINT=" + s.health,
		"TYK_METRICS_HOST=" + peers.Loopback,
		"TYK_METRICS_PORT=" + strconv.Itoa(ports[2]),
	}, env...)...)
	return s
}

// get gives the status and the body of an answer; 0 where there is none.
func get(tb testing.TB, url string) (int, string) {
	tb.Helper()
	return request(tb, http.MethodGet, url, nil)
}

func request(tb testing.TB, method, url string, body []byte) (int, string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, bytes.NewReader(body))
	require.NoError(tb, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	return resp.StatusCode, string(text)
}

// pushSome pushes records of a real gateway, all of them recorded in detail, and
// tells how many there are to be stored.
func pushSome(tb testing.TB, rdb *redis.Client) int {
	tb.Helper()
	const name = "records-otel-msgpack"
	var captures map[string]capture
	decodeJSON(tb, "gateway/capture.json.gz", &captures)
	pushCapture(tb, rdb, name, captures[name])
	calls, n := map[call]int{}, 0
	captures[name].expectCalls(tb, calls)
	for _, of := range calls {
		n += of
	}
	return n
}

func TestTheShippedConfigurationStoresRecordsWithoutTheirCredentials(t *testing.T) {
	t.Parallel()
	redis := peers.StartRedis(t)
	c := newShipped(t, redis.Addr())
	want := pushSome(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), drainTimeout)

	t.Run("and tells so in its metrics", func(t *testing.T) {
		status, page := get(t, "http://"+c.metrics+"/metrics")
		require.Equal(t, http.StatusOK, status, page)
		// The 109 entries of the capture, the records of MCP requests included.
		assert.Regexp(t, `(?m)^otelcol_tykredis_records_claimed(_total)?(\{.*\})? 109$`, page)
		assert.Regexp(t, `(?m)^otelcol_tykredis_records_delivered(_total)?(\{.*\})? 109$`, page)
		assert.Regexp(t, `(?m)^otelcol_exporter_tyksql_records(_total)?\{.*\} `+strconv.Itoa(want)+`$`, page)
	})
	c.stop()

	rows := sqliteRows(t, c.store, table)
	require.Len(t, rows, want)
	secret := regexp.MustCompile(`(?im)^(authorization|proxy-authorization|cookie|set-cookie|x-api-key):[ \t]*(.*?)\r?$`)
	redacted := 0
	for _, r := range rows {
		for _, column := range []string{"rawrequest", "rawresponse"} {
			message, err := base64.StdEncoding.DecodeString(r.text(t, column))
			require.NoError(t, err)
			require.NotEmpty(t, message)
			head, _, _ := strings.Cut(string(message), "\r\n\r\n")
			for _, header := range secret.FindAllStringSubmatch(head, -1) {
				assert.Equal(t, "REDACTED", strings.TrimSpace(header[2]), header[1])
				redacted++
			}
		}
	}
	assert.Positive(t, redacted, "the capture has credentials")
}

func TestTheShippedConfigurationTakesTheGatewaysTraces(t *testing.T) {
	t.Parallel()
	c := newShipped(t, peers.StartRedis(t).Addr())
	c.start()
	url := "http://" + c.otlp + "/v1/traces"
	status, answer := request(t, http.MethodPost, url, testdata(t, "gateway/traces.json.gz"))
	require.Equal(t, http.StatusOK, status, answer)
	c.waitLog(`"spans": 512`)
	status, _ = request(t, http.MethodPost, url, []byte(`{"resourceSpans": "these are none"}`))
	assert.Equal(t, http.StatusBadRequest, status)
	c.stop()
}

func TestTheShippedConfigurationAnswersAboutItsHealth(t *testing.T) {
	t.Parallel()
	c := newShipped(t, peers.StartRedis(t).Addr())
	c.start()
	status, answer := get(t, "http://"+c.health+"/ready")
	assert.Equal(t, http.StatusOK, status, answer)
	assert.JSONEq(t, `{"status": "ready"}`, answer)
	c.stop()
	for line := range strings.Lines(c.output()) {
		if strings.Contains(line, "\twarn\t") && !strings.Contains(line, "Redis has no maxmemory") {
			assert.Fail(t, "a start warns of nothing but the test's Redis", line)
		}
	}
	status, _ = get(t, "http://"+c.health+"/ready")
	assert.Zero(t, status, "nobody answers any more")
}

func TestAnIdleCollectorIsSmall(t *testing.T) {
	t.Parallel()
	c := newShipped(t, peers.StartRedis(t).Addr())
	c.start()
	time.Sleep(10 * time.Second) // in which all that runs has run
	status, err := os.ReadFile("/proc/" + strconv.Itoa(c.current().PID()) + "/status")
	require.NoError(t, err)
	match := regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`).FindSubmatch(status)
	require.NotNil(t, match, "%s", status)
	kilobytes, err := strconv.Atoi(string(match[1]))
	require.NoError(t, err)
	assert.Less(t, kilobytes, 80_000, "%s", status)
}

func TestTheShippedConfigurationSaysWhenRedisIsAway(t *testing.T) {
	t.Parallel()
	redis := peers.StartRedis(t)
	c := newShipped(t, redis.Addr())
	c.start()
	waitStatus := func(status int, text string) {
		t.Helper()
		eventually(t, time.Minute, func() string {
			got, answer := get(t, "http://"+c.health+"/ready")
			if got == status && strings.Contains(answer, text) {
				return ""
			}
			return strconv.Itoa(got) + " " + answer
		})
	}
	waitStatus(http.StatusOK, `"status":"ready"`)
	require.NoError(t, redis.Stop(t.Context()))
	waitStatus(http.StatusServiceUnavailable, "redis: ")
	status, answer := get(t, "http://"+c.health+"/live")
	assert.Equal(t, http.StatusOK, status, "to start it again would not help: %s", answer)
	require.NoError(t, redis.Start(t.Context()))
	waitStatus(http.StatusOK, `"status":"ready"`)
	c.stop()
}

func TestARedisThatRefusesIsNotReady(t *testing.T) {
	t.Parallel()
	c := newShipped(t, peers.StartRedis(t, peers.RedisPassword("s3cret")).Addr())
	c.start()
	eventually(t, 2*time.Minute, func() string {
		status, answer := get(t, "http://"+c.health+"/ready")
		if status == http.StatusServiceUnavailable && strings.Contains(answer, "set password") {
			return ""
		}
		return strconv.Itoa(status) + " " + answer
	})
	for range 40 { // each attempt fails over another port, which must not make it ready again
		status, answer := get(t, "http://"+c.health+"/ready")
		require.Equal(t, http.StatusServiceUnavailable, status, answer)
		time.Sleep(250 * time.Millisecond)
	}
	c.stop()
}

func TestACollectorStartedBeforeItsServersComesAliveWithThem(t *testing.T) {
	t.Parallel()
	redis, postgres := peers.StartRedis(t), peers.StartPostgres(t)
	dsn := postgres.FreshDatabase(t)
	require.NoError(t, redis.Stop(t.Context()))
	require.NoError(t, postgres.Stop(t.Context()))

	c := newShipped(t, redis.Addr(), "TYK_SQL_DRIVER=postgres", "TYK_SQL_DATASOURCE="+dsn)
	c.start()
	status, answer := get(t, "http://"+c.health+"/ready")
	assert.Equal(t, http.StatusOK, status, answer)
	c.waitLog("Redis cannot be read, trying again")

	require.NoError(t, redis.Start(t.Context()))
	want := pushSome(t, redis.Client())
	require.NoError(t, postgres.Start(t.Context()))
	waitDrained(t, redis.Client(), drainTimeout)
	assert.Len(t, postgresRows(t, dsn, table), want)
	c.stop()
}

func TestSIGTERMEndsDeliveriesThatCannotSucceedAndLosesNothing(t *testing.T) {
	t.Parallel()
	redis, postgres := peers.StartRedis(t), peers.StartPostgres(t)
	dsn := postgres.FreshDatabase(t)
	config := pipeline(redis, object{"shutdown_timeout": "1s", "lease": "10m"}, object{}, map[string]object{
		"tyksql": {"driver": "postgres", "datasource": dsn},
	})
	c := newCollector(t, config)
	c.start()
	require.NoError(t, postgres.Stop(t.Context()))
	want := pushSome(t, redis.Client())
	c.waitLog("Exporting failed. Will retry")
	began := time.Now()
	c.stop()
	assert.Less(t, time.Since(began), 10*time.Second, "which is the timeout where none is set")
	assert.NotEmpty(t, leftovers(t, redis.Client()))

	require.NoError(t, postgres.Start(t.Context()))
	// Its lease was given back, so that the next process need not wait ten minutes.
	next := newCollector(t, config)
	next.start()
	waitDrained(t, redis.Client(), drainTimeout)
	assert.Len(t, postgresRows(t, dsn, table), want)
	next.stop()
}
