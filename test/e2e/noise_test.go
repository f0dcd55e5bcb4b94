//go:build e2e

package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const (
	// noisyFor is for how long a destination that refuses is listened to.
	noisyFor = 10 * time.Second
	// causeTimeout is generous: a delivery counts as slow after half a minute.
	causeTimeout = 3 * time.Minute
)

// isReadable holds a log to lines that people read: few, each with its time and no longer than a screen.
func isReadable(t *testing.T, log string, most int) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(log), "\n")
	assert.LessOrEqual(t, len(lines), most)
	for _, line := range lines {
		assert.LessOrEqual(t, len(line), 5000)
		assert.Regexp(t, `^(\d{4}-|--- process)`, line, "a stack trace?")
	}
	assert.NotContains(t, log, "Try enabling", "advice that loses records")
}

// TestAnOutageOfAStockExporterIsNamedAndQuiet has stores away from the start, whose exporters retry by themselves.
func TestAnOutageOfAStockExporterIsNamedAndQuiet(t *testing.T) {
	t.Parallel()
	const nobody = peers.Loopback + ":1"
	stock := object{ // in the place of tykopensearch
		"processors": object{"tykfilter/elasticsearch": object{"document": object{"format": "elasticsearch"}}},
		"exporters": object{"elasticsearch": object{
			"endpoints": []string{"http://" + nobody}, "logs_dynamic_id": object{"enabled": true}, "suppress_conflict_errors": true,
			"sending_queue": object{"enabled": false}, "timeout": "1h", "retry": object{"max_retries": 1_000_000, "max_interval": "30s"},
		}},
		"service": object{"pipelines": object{"logs/elasticsearch": object{"exporters": []string{"elasticsearch"}}}},
	}
	for example, of := range map[string]struct {
		env, cause string
		changes    object
	}{
		"kafka":         {"KAFKA_BROKER=" + nobody, `kafka: .*connection refused`, object{}},
		"splunk":        {"SPLUNK_HEC_URL=http://" + nobody, `splunk_hec: .*connection refused`, object{}},
		"elasticsearch": {"ELASTICSEARCH_URL=http://" + nobody, `"id":"elasticsearch".*"error":".*connection refused"`, stock},
	} {
		t.Run(example, func(t *testing.T) {
			t.Parallel()
			redis := peers.StartRedis(t)
			pushSome(t, redis.Client())
			ports, err := peers.FreePorts(1)
			require.NoError(t, err)
			address := peers.Address(ports[0])
			c := newExample(t, []string{example + ".yaml"}, of.changes, "TYK_REDIS_ADDRESS="+redis.Addr(), "TYK_HEALTH_ENDPOINT="+address, of.env)
			c.start()
			cause := regexp.MustCompile(of.cause)
			eventually(t, causeTimeout, func() string {
				status, body := get(t, "http://"+address+"/ready")
				if status == http.StatusServiceUnavailable && cause.MatchString(body) {
					return ""
				}
				return body
			})
			c.waitLog("connection refused")
			c.stop()
			isReadable(t, c.output(), 60)
			assert.NotContains(t, c.output(), "Working again")
		})
	}
}

// TestADestinationThatRefusesEverythingIsQuiet has a wrong token.
func TestADestinationThatRefusesEverythingIsQuiet(t *testing.T) {
	t.Parallel()
	redis := peers.StartRedis(t)
	pushSome(t, redis.Client())
	splunk := startDouble(t, func(w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusForbidden) })
	c := newExample(t, []string{"splunk.yaml"}, object{}, "TYK_REDIS_ADDRESS="+redis.Addr(), "SPLUNK_HEC_URL="+splunk.URL)
	c.start()
	c.waitLog("the destination refuses everything that is sent to it")
	time.Sleep(noisyFor)
	c.stop()
	isReadable(t, c.output(), 60)
}
