package tykmongoexporter

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// target is an empty database for one test: the exporter's configuration for it, a
// connection of the test's own, and what the exporters that it starts ask for.
type target struct {
	config *Config
	db     *mongo.Database
	seen   *commandLog
}

// freshTarget makes an empty database.
func freshTarget(t testing.TB, server *peers.Mongo) target {
	t.Helper()
	return targetOf(t, server.FreshDatabase())
}

// targetOf is the target of a URI, which the test reads by, too. A URI that does not say how long to look for
// a server, and to wait for a connection, is given the time that a busy machine takes for a server that is there.
func targetOf(t testing.TB, uri string) target {
	t.Helper()
	if !strings.Contains(uri, selection) {
		separator := "?"
		if strings.Contains(uri, "?") {
			separator = "&"
		}
		uri += separator + selection + "60000"
	}
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Disconnect(context.Background())) })
	return target{config: testConfig(uri), db: client.Database(databaseName(uri)), seen: &commandLog{}}
}

// selection is the option of a URI that bounds how long the driver looks for a server and waits for a connection.
const selection = "serverSelectionTimeoutMS="

// testConfig is the default one without a queue, so that a push is one attempt
// unless the test turns on retries, and with time for it on a machine that has much else to do.
func testConfig(uri string) *Config {
	config := createDefaultConfig().(*Config)
	config.URI = configopaque.String(uri)
	config.Retry.Enabled = false
	config.Timeout.Timeout = sinktest.Long
	return config
}

// withRetries gives a target the retries that users get, with shorter waits.
func withRetries(d target) target {
	d.config.Retry = createDefaultConfig().(*Config).Retry
	d.config.Retry.InitialInterval = 20 * time.Millisecond
	d.config.Retry.MaxInterval = 100 * time.Millisecond
	return d
}

// withAll enables all collections.
func withAll(d target) target {
	c := &d.config.Collections
	c.Organisations.Enabled, c.Graph.Enabled, c.MCP.Enabled, c.Uptime.Enabled = true, true, true, true
	return d
}

// start makes an exporter and ends it with the test.
func (d target) start(t testing.TB) exporter.Logs {
	t.Helper()
	return d.startWith(t, nopSettings(), componenttest.NewNopHost())
}

func (d target) startWith(t testing.TB, set exporter.Settings, host component.Host) exporter.Logs {
	t.Helper()
	return d.startAs(t, set, host, time.Now)
}

// startAt is start with a clock.
func (d target) startAt(t testing.TB, now func() time.Time) exporter.Logs {
	t.Helper()
	return d.startAs(t, nopSettings(), componenttest.NewNopHost(), now)
}

func (d target) startAs(t testing.TB, set exporter.Settings, host component.Host, now func() time.Time) exporter.Logs {
	t.Helper()
	require.NoError(t, d.config.Validate())
	inner, err := newMongoExporter(d.config, set)
	require.NoError(t, err)
	inner.store.(*mongoStore).monitor = d.seen.monitor()
	inner.store.(*mongoStore).now = now
	e, err := wire(t.Context(), set, d.config, inner)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), host))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e
}

// commandLog is what exporters asked the database for, as the driver sent it.
type commandLog struct {
	mu       sync.Mutex // guards commands
	commands []bson.Raw
}

func (l *commandLog) monitor() *event.CommandMonitor {
	if l == nil {
		return nil
	}
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.commands = append(l.commands, slices.Clone(e.Command))
	}}
}

// of gives the commands of a name so far that pushes led to, without what the driver adds.
func (l *commandLog) of(t testing.TB, name string) []bson.D {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []bson.D
	for _, c := range l.commands {
		elements, err := c.Elements()
		require.NoError(t, err)
		if elements[0].Key() != name || forgets(c) {
			continue
		}
		var command bson.D
		require.NoError(t, bson.Unmarshal(c, &command))
		found = append(found, slices.DeleteFunc(command, func(e bson.E) bool {
			return e.Key == "lsid" || e.Key == "$db" || e.Key == "$readPreference" || e.Key == "$clusterTime"
		}))
	}
	return found
}

// documents reads a collection.
func (d target) documents(t testing.TB, collection string) []bson.Raw {
	t.Helper()
	// All at once: a server that was killed meanwhile knows no cursor any more.
	cursor, err := d.db.Collection(collection).Find(t.Context(), bson.D{}, options.Find().SetBatchSize(100_000))
	require.NoError(t, err)
	var documents []bson.Raw
	require.NoError(t, cursor.All(t.Context(), &documents))
	return documents
}

// count is the number of documents of a collection.
func (d target) count(t testing.TB, collection string) int {
	t.Helper()
	n, err := d.db.Collection(collection).CountDocuments(t.Context(), bson.D{})
	require.NoError(t, err)
	return int(n)
}

// texts reads one field of all documents, sorted.
func (d target) texts(t testing.TB, collection, field string) []string {
	t.Helper()
	var texts []string
	for _, document := range d.documents(t, collection) {
		texts = append(texts, document.Lookup(field).StringValue())
	}
	slices.Sort(texts)
	return texts
}

// assertPaths checks that the samples from first to last are stored, each once.
func (d target) assertPaths(t testing.TB, first, last int) {
	t.Helper()
	seen := map[string]int{}
	for _, path := range d.texts(t, "tyk_analytics", "path") {
		seen[path]++
	}
	assert.Len(t, seen, last-first+1)
	for i := first; i <= last; i++ {
		if path := fmt.Sprintf("/items/%d", i); seen[path] != 1 {
			assert.Failf(t, "not stored once", "%s: %d times", path, seen[path])
		}
	}
}

// statusHost remembers the statuses that a component reports.
type statusHost struct {
	component.Host
	mu     sync.Mutex // guards events
	events []*componentstatus.Event
}

func newStatusHost() *statusHost { return &statusHost{Host: componenttest.NewNopHost()} }

func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

func (h *statusHost) statuses() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	var statuses []componentstatus.Status
	for _, event := range h.events {
		statuses = append(statuses, event.Status())
	}
	return statuses
}

func uidOf(segment string, index int64) string {
	if segment == "" {
		return ""
	}
	return analytics.UID{Segment: segment, Index: index}.String()
}

// checksOf is logsOf for uptime checks.
func checksOf(segment string, checks ...analytics.Uptime) plog.Logs {
	logs := plog.NewLogs()
	slice := analytics.AppendScope(logs)
	for i := range checks {
		checks[i].ToLog(slice.AppendEmpty(), uidOf(segment, int64(i)))
	}
	return logs
}

// samples makes a push of the records of a segment from first to last.
func samples(segment string, first, last int) plog.Logs {
	records := make([]analytics.Record, 0, last-first+1)
	for i := first; i <= last; i++ {
		records = append(records, sinktest.Sample(i))
	}
	return sinktest.Push(segment, int64(first), records...)
}

// refusedOf reads which records of the segment seg an error names, and why.
func refusedOf(t *testing.T, err error) map[int64]string {
	t.Helper()
	require.Error(t, err)
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.True(t, consumererror.IsPermanent(err))
	reasons := map[int64]string{}
	for _, r := range refused.Records {
		assert.Equal(t, "seg", r.UID.Segment)
		reasons[r.UID.Index] = r.Reason
	}
	return reasons
}

// golden reads a gzipped file of testdata.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "golden", name))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	content, err := io.ReadAll(unzipped)
	require.NoError(t, err)
	return content
}

func goldenLines(t testing.TB, name string) []string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(string(golden(t, name)), "\n"), "\n")
}

// goldenEntries gives the entries of a gateway's list as they are in Redis.
func goldenEntries(t testing.TB, name string) [][]byte {
	t.Helper()
	content := golden(t, name)
	var entries [][]byte
	for len(content) > 0 {
		n := binary.BigEndian.Uint32(content)
		entries = append(entries, content[4:4+n])
		content = content[4+n:]
	}
	return entries
}

// goldenRecords decodes the records of a gateway: msgpack or protobuf.
func goldenRecords(t testing.TB, wire string) []analytics.Record {
	t.Helper()
	decode := map[string]func([]byte, *analytics.Record) error{
		"msgpack": analytics.DecodeMsgpack, "protobuf": analytics.DecodeProtobuf,
	}[wire]
	var records []analytics.Record
	for _, entry := range goldenEntries(t, "records-"+wire+".bin.gz") {
		var r analytics.Record
		require.NoError(t, decode(entry, &r))
		records = append(records, r)
	}
	return records
}
