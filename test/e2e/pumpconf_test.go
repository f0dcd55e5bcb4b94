//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

// pumpConfigurations is where configurations of Tyk Pump are.
func pumpConfigurations(tb testing.TB, parts ...string) string {
	tb.Helper()
	return repository(tb, append([]string{"internal", "pumpconf", "testdata"}, parts...)...)
}

// environment is the variables of a file of NAME=value lines.
func environment(tb testing.TB, file string) []string {
	tb.Helper()
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(tb, err)
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool { return line == "" })
}

// convert is what the collector is to make of a file and variables.
func convert(tb testing.TB, file string, env []string) *pumpconf.Result {
	tb.Helper()
	in := pumpconf.Input{Source: settings.Source{Name: file, Env: map[string]string{}, ReadFile: os.ReadFile}, Zone: pumpconf.Zone{Name: "UTC", Origin: "TZ"}}
	in.Text, in.Err = os.ReadFile(file)
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		in.Env[name] = value
	}
	return pumpconf.Convert(in)
}

// TestConfigurationsOfTykPumpAreValidHere asks the built binary about all that people
// have, and all that the real pump ran with: it takes what converts, and refuses the rest.
func TestConfigurationsOfTykPumpAreValidHere(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(pumpConfigurations(t, "*", "*.*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		ext := filepath.Ext(file)
		env := environment(t, strings.TrimSuffix(file, ext)+".env")
		switch {
		case ext == ".conf" || ext == ".json":
		case ext == ".env" && slices.Contains(env, "TYK_PMP_OMITCONFIGFILE=true") && !slices.Contains(files, strings.TrimSuffix(file, ext)+".conf"):
			file = "pump.conf" // which is not read
		default:
			continue
		}
		want := convert(t, file, env)
		out, err := run(t, append(env, "TZ=UTC"), "validate", "--config", "tykpump:"+file)
		if want.Refused() {
			assert.Error(t, err, file)
			assert.Contains(t, out, "this configuration of Tyk Pump cannot be honoured as it is", file)
			continue
		}
		require.NoError(t, err, "%s: %s", file, out)
		checkConverted(t, file, want, env)
	}
}

// checkConverted asks whether what tykctl convert prints is valid, too.
func checkConverted(t *testing.T, file string, result *pumpconf.Result, env []string) {
	t.Helper()
	if len(result.Secrets) == 0 && strings.HasSuffix(file, ".json") {
		return // it says the same as what the provider gave
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(result.YAML()), 0o600))
	for _, secret := range result.Secrets {
		value := "secret"
		if strings.HasSuffix(secret, "CONNECTION_STRING") {
			value = "host=db.test dbname=tyk"
		}
		env = append(env, secret+"="+value)
	}
	out, err := run(t, env, "validate", "--config", path)
	assert.NoError(t, err, "%s: %s", file, out)
}

// newPump is a collector that runs an unchanged configuration of Tyk Pump, for which
// variables say where the servers are.
func newPump(tb testing.TB, file string, redis *peers.Redis, receivers []string, env ...string) *collector {
	tb.Helper()
	ports, err := peers.FreePorts(1)
	require.NoError(tb, err)
	host, port, _ := strings.Cut(redis.Addr(), ":")
	c := newCollectorWith(tb, "tykpump:"+file, append(env,
		"TYK_PMP_ANALYTICSSTORAGECONFIG_HOST="+host, "TYK_PMP_ANALYTICSSTORAGECONFIG_PORT="+port,
		"TYK_PMP_HEALTHCHECKENDPOINTPORT="+strconv.Itoa(ports[0]), "TZ=UTC")...)
	c.args = append(c.args, "--set=service::telemetry::metrics::level=none")
	for _, receiver := range receivers {
		c.args = append(c.args, "--set=receivers::"+receiver+"::poll_interval=20ms")
	}
	return c
}

// globalRun is a run whose global settings matter, so that it has a process of its own.
const globalRun = "sql-postgres-global-omit-and-size"

// TestAConfigurationOfTykPumpStoresWhatItStored runs an unchanged file.
func TestAConfigurationOfTykPumpStoresWhatItStored(t *testing.T) {
	t.Parallel()
	redis, dsn := peers.StartRedis(t), peers.StartPostgres(t).FreshDatabase(t)
	c := newPump(t, pumpConfigurations(t, "runs", globalRun+".json"), redis, []string{"tykredis/postgres"}, "TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING="+dsn)
	goldens[0].push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), drainTimeout)
	c.stop()
	assert.Empty(t, deadLetters(t, redis.Client()))
	requireSameRows(t, goldenOf(t, globalRun).wantRows(t), postgresRows(t, dsn, table))
}

// TestOneFileSendsToAllStores has a destination of each kind, which get what Tyk Pump sends.
func TestOneFileSendsToAllStores(t *testing.T) {
	t.Parallel()
	const topic = "tyk-pump"
	redis, broker, splunk, elastic := peers.StartRedis(t), startKafka(t, topic), startDouble(t, nil), startElastic(t)
	text, err := json.Marshal(object{
		"purge_delay": 1, "dont_purge_uptime_data": true, "analytics_storage_config": object{},
		"pumps": object{
			"messages": object{"type": "kafka", "meta": object{"broker": []string{broker}, "topic": topic, "meta_data": object{"key": "value"}}},
			"events":   object{"type": "splunk", "meta": object{"collector_token": "tok", "collector_url": splunk.URL + "/services/collector/event"}},
			"search": object{"type": "elasticsearch", "meta": object{
				"elasticsearch_url": elastic.URL, "version": "7", "auth_basic_username": "u", "auth_basic_password": "p",
			}},
		},
	})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "pump.conf")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	c := newPump(t, file, redis, []string{"tykredis/kafka", "tykredis/splunk", "tykredis/elasticsearch"})
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	sent := documentsOfTykPump(t)
	t.Run("Kafka", func(t *testing.T) {
		var got []document
		for _, message := range messages(t, broker, topic, len(sent["kafka"])) {
			d := parseDocument(t, message.Value)
			assert.Equal(t, "value", d["key"])
			delete(d, "key")
			got = append(got, d)
		}
		requireSameDocuments(t, sent["kafka"], once(t, got))
	})
	t.Run("Splunk", func(t *testing.T) {
		var got []document
		for _, r := range splunk.requests() {
			assert.Equal(t, "/services/collector/event/1.0", r.path)
			assert.Equal(t, "Splunk tok", r.header.Get("Authorization"))
			for decoder := json.NewDecoder(bytes.NewReader(r.body)); decoder.More(); {
				var envelope document
				require.NoError(t, decoder.Decode(&envelope))
				got = append(got, envelope["event"].(document))
			}
		}
		want := sent["splunk"]
		for _, d := range want {
			delete(d, "time") // which is beside the event
		}
		requireSameDocuments(t, want, once(t, got))
	})
	t.Run("Elasticsearch", func(t *testing.T) {
		requireSameDocuments(t, sent["elasticsearch"], slices.Collect(maps.Values(elastic.stored())))
	})
}

// TestTheProgramTykPumpTakesItsArguments starts the collector as an image of Tyk Pump does.
func TestTheProgramTykPumpTakesItsArguments(t *testing.T) {
	t.Parallel()
	redis := peers.StartRedis(t)
	ports, err := peers.FreePorts(1)
	require.NoError(t, err)
	c := newPump(t, "", redis, nil, "OTELCOL_TYK_BINARY="+program(t))
	c.path = filepath.Join(filepath.Dir(program(t)), "tyk-pump")
	c.args = []string{"--conf=" + pumpConfigurations(t, "runs", "uptime-sql-postgres.json")}
	c.env = append(c.env, "TYK_PMP_HEALTHCHECKENDPOINTPORT="+strconv.Itoa(ports[0]), "TYK_PMP_DONTPURGEUPTIMEDATA=true", "TYK_PMP_HEALTHCHECKENDPOINTNAME=hello/there")
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	status, body := get(t, "http://"+peers.Address(ports[0])+"/hello/there")
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"status": "ok"}`, body)
	waitDrained(t, redis.Client(), drainTimeout)
	c.stop()
}
