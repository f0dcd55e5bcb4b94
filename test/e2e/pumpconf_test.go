//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	valid, refused := 0, 0
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
			refused++
			assert.Error(t, err, file)
			assert.Contains(t, out, "this configuration of Tyk Pump cannot be honoured as it is", file)
			continue
		}
		valid++
		require.NoError(t, err, "%s: %s", file, out)
		checkConverted(t, file, want, env)
	}
	assert.Equal(t, 99, valid)
	assert.Equal(t, 21, refused)
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

// TestConfigurationsOfTykPumpStoreWhatItStored runs the files with which the real pump
// wrote its reference rows.
func TestConfigurationsOfTykPumpStoreWhatItStored(t *testing.T) {
	t.Parallel()
	postgres := peers.StartPostgres(t)
	for _, g := range goldens {
		t.Run(g.pump, func(t *testing.T) {
			redis, dsn := peers.StartRedis(t), postgres.FreshDatabase(t)
			c := newPump(t, pumpConfigurations(t, "runs", g.pump+".json"), redis, []string{"tykredis/postgres"}, "TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING="+dsn)
			g.push(t, redis.Client())
			c.start()
			waitDrained(t, redis.Client(), drainTimeout)
			c.stop()
			assert.Empty(t, deadLetters(t, redis.Client()))
			requireSameRows(t, g.wantRows(t), postgresRows(t, dsn, table))
		})
	}
	for name, configuration := range otherTables {
		t.Run(configuration, func(t *testing.T) {
			redis, dsn := peers.StartRedis(t), postgres.FreshDatabase(t)
			c := newPump(t, pumpConfigurations(t, "runs", configuration+".json"), redis, []string{"tykredis/postgres"},
				"TYK_PMP_PUMPS_GRAPH_SQL_META_CONNECTIONSTRING="+dsn, "TYK_PMP_PUMPS_MCP_SQL_META_CONNECTIONSTRING="+dsn)
			goldens[0].push(t, redis.Client())
			c.start()
			waitDrained(t, redis.Client(), drainTimeout)
			c.stop()
			requireSameRows(t, parseRows(t, testdata(t, "pump/"+configuration+".jsonl.gz")), postgresRows(t, dsn, name))
		})
	}
	t.Run("uptime", func(t *testing.T) {
		redis, dsn := peers.StartRedis(t), postgres.FreshDatabase(t)
		c := newPump(t, pumpConfigurations(t, "runs", "uptime-sql-postgres.json"), redis, []string{"tykredis/uptime"}, "TYK_PMP_UPTIMEPUMPCONFIG_CONNECTIONSTRING="+dsn)
		push(t, redis.Client(), uptimeList, entries(t, "pump/uptime-msgpack.bin.gz"))
		c.start()
		waitDrained(t, redis.Client(), drainTimeout)
		c.stop()
		want := uptimeSums(t, parseRows(t, testdata(t, "pump/uptime-sql-postgres.jsonl.gz")))
		assert.Equal(t, want, uptimeSums(t, postgresRows(t, dsn, uptimeTable)))
	})
}

// TestMongoPumpsStoreWhatTykPumpStored counts the documents of three kinds of pump, of which
// the exporter's own tests compare each.
func TestMongoPumpsStoreWhatTykPumpStored(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	for _, run := range []struct {
		name, variable, collection string
		want                       map[string]int
	}{
		{"mongo", "MONGO", "tyk_analytics", map[string]int{"globex": 85, "5e9d9544a1dcd60001d0ed20": 191, "acme-corp": 156, "": 75}},
		{"mongo-graph", "G", "tyk_graph_analytics", map[string]int{"5e9d9544a1dcd60001d0ed20": 26, "globex": 24}},
		{"mongo-mcp", "M", "tyk_mcp_analytics", map[string]int{"5e9d9544a1dcd60001d0ed20": 35, "acme-corp": 34}},
	} {
		t.Run(run.name, func(t *testing.T) {
			redis, uri := peers.StartRedis(t), server.URI("run_"+run.variable)
			c := newPump(t, pumpConfigurations(t, "runs", run.name+".json"), redis, []string{"tykredis/mongo"}, "TYK_PMP_PUMPS_"+run.variable+"_META_MONGOURL="+uri)
			goldens[0].push(t, redis.Client())
			c.start()
			waitDrained(t, redis.Client(), drainTimeout)
			c.stop()
			assert.Empty(t, deadLetters(t, redis.Client()))
			assert.Equal(t, run.want, mongoOrganisations(t, uri, run.collection))
		})
	}
}

// TestAPrometheusPumpShowsThePageOfTykPump scrapes what an unchanged file gives.
func TestAPrometheusPumpShowsThePageOfTykPump(t *testing.T) {
	t.Parallel()
	ports, err := peers.FreePorts(1)
	require.NoError(t, err)
	page := peers.Address(ports[0])
	s := scraped{redis: peers.StartRedis(t), page: page}
	s.collector = newPump(t, pumpConfigurations(t, "runs", "prometheus.json"), s.redis, []string{"tykredis/prometheus"}, "TYK_PMP_PUMPS_P_META_ADDR="+page)
	s.args = append(s.args, "--set=receivers::tykredis/prometheus::metrics::interval=100ms")
	s.start()
	s.pushGolden(t, "tyk_http_status", goldenRecords)
	want := families(pumpPage(t, "prometheus"))
	var got map[string][]string
	eventually(t, drainTimeout, func() string {
		_, shown := get(t, "http://"+page+"/metrics")
		got = families(shown)
		return differingLine(want, got)
	})
	assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)))
	s.stop()
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

// screen is all that a process printed.
type screen struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write adds to it.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// String gives what was printed so far.
func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// startPrinting starts a collector and keeps what it prints.
func startPrinting(tb testing.TB, c *collector) *screen {
	tb.Helper()
	printed := &screen{}
	cmd := exec.Command(c.path, c.args...) //nolint:gosec // the program under test
	cmd.Env, cmd.Stdout = append(os.Environ(), c.env...), printed
	process, err := peers.StartProcess(cmd)
	require.NoError(tb, err)
	c.mu.Lock()
	c.process = process
	c.mu.Unlock()
	return printed
}

// records waits for as many lines as there are records, and gives what they have under a name.
func (s *screen) records(tb testing.TB, name string) []document {
	tb.Helper()
	var got []document
	eventually(tb, drainTimeout, func() string {
		got = got[:0]
		for line := range strings.Lines(s.String()) {
			if !strings.HasPrefix(line, `{"level":"info","msg":"",`) || !strings.HasSuffix(line, "}\n") {
				continue
			}
			d := parseDocument(tb, []byte(line))
			assert.Regexp(tb, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, d["time"])
			if record, ok := d[name].(document); ok {
				got = append(got, record)
			}
		}
		if len(got) < goldenRecords {
			return fmt.Sprintf("%d lines", len(got))
		}
		return ""
	})
	return got
}

// TestAStdoutPumpPrintsTheLinesOfTykPump compares lines but for their times.
func TestAStdoutPumpPrintsTheLinesOfTykPump(t *testing.T) {
	t.Parallel()
	redis := peers.StartRedis(t)
	c := newPump(t, pumpConfigurations(t, "runs", "stdout-json.json"), redis, []string{"tykredis/local"})
	c.args = append(c.args, "--set=service::telemetry::logs::level=error") // whose lines are on the same screen
	golden{encoding: msgpack}.push(t, redis.Client())
	printed := startPrinting(t, c)
	waitDrained(t, redis.Client(), drainTimeout)
	requireSameDocuments(t, documentsOfTykPump(t)["tyk"], once(t, printed.records(t, "tyk-analytics-record")))
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
