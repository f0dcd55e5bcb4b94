package tykmongoexporter

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

var wires = []string{"msgpack", "protobuf"}

// sorted sorts the fields of a document by name, at every depth.
func sorted(value any) any {
	switch v := value.(type) {
	case bson.D:
		for i := range v {
			v[i].Value = sorted(v[i].Value)
		}
		slices.SortFunc(v, func(x, y bson.E) int { return cmp.Compare(x.Key, y.Key) })
	case bson.A:
		for i := range v {
			v[i] = sorted(v[i])
		}
	}
	return value
}

// canonical is a document as Extended JSON, which tells all types apart, without _id.
func canonical(t testing.TB, document bson.D) string {
	t.Helper()
	document = slices.DeleteFunc(document, func(e bson.E) bool { return e.Key == "_id" })
	text, err := bson.MarshalExtJSON(sorted(document), true, false)
	require.NoError(t, err)
	return string(text)
}

// wanted reads lines of Extended JSON, changed where change is not nil.
func wanted(t testing.TB, lines []string, change func(bson.D)) []string {
	t.Helper()
	texts := make([]string, len(lines))
	for i, line := range lines {
		var document bson.D
		require.NoError(t, bson.UnmarshalExtJSON([]byte(line), true, &document))
		if change != nil {
			change(document)
		}
		texts[i] = canonical(t, document)
	}
	slices.Sort(texts)
	return texts
}

// stored reads a collection in the same form.
func (d target) stored(t testing.TB, collection string) []string {
	t.Helper()
	var texts []string
	for _, raw := range d.documents(t, collection) {
		var document bson.D
		require.NoError(t, bson.Unmarshal(raw, &document))
		texts = append(texts, canonical(t, document))
	}
	slices.Sort(texts)
	return texts
}

func requireSame(t testing.TB, want, got []string) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i], got[i])
	}
}

// field finds a field by its path.
func field(document bson.D, path ...string) *bson.E {
	for i := range document {
		if document[i].Key != path[0] {
			continue
		}
		if len(path) == 1 {
			return &document[i]
		}
		return field(document[i].Value.(bson.D), path[1:]...)
	}
	return nil
}

// protobufChange undoes the two losses of Tyk Pump that docs/differences.md lists: the
// names of the city are kept, and the gateway's share of the latency, which protobuf
// does not carry, is derived and not 0.
func protobufChange(t testing.TB) func(bson.D) {
	names := map[int64]bson.D{}
	for _, r := range goldenRecords(t, "protobuf") {
		list := bson.D{}
		for _, language := range slices.Sorted(maps.Keys(r.Geo.CityNames)) {
			list = append(list, bson.E{Key: language, Value: r.Geo.CityNames[language]})
		}
		names[int64(r.Geo.CityGeoNameID)] = list
	}
	return func(document bson.D) {
		total, upstream := field(document, "latency", "total").Value.(int64), field(document, "latency", "upstream").Value.(int64)
		field(document, "latency", "gateway").Value = total - upstream
		switch id := field(document, "geo", "city", "geonameid").Value.(type) {
		case int32:
			field(document, "geo", "city", "names").Value = names[int64(id)]
		case int64:
			field(document, "geo", "city", "names").Value = names[id]
		}
	}
}

func testDocumentsAreThoseOfTykPump(t *testing.T, server *peers.Mongo) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			t.Parallel()
			d := withAll(freshTarget(t, server))
			require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, goldenRecords(t, wire)...)))
			var change func(bson.D)
			if wire == "protobuf" {
				change = protobufChange(t)
			}
			requireSame(t, wanted(t, goldenLines(t, "requests-"+wire+".jsonl.gz"), change), d.stored(t, "tyk_analytics"))
			requireSame(t, wanted(t, goldenLines(t, "graph-"+wire+".jsonl.gz"), change), d.stored(t, "tyk_graph_analytics"))
			if wire == "msgpack" { // of which alone there is a run of the pump
				requireSame(t, wanted(t, goldenLines(t, "mcp-msgpack.jsonl.gz"), nil), d.stored(t, "tyk_mcp_analytics"))
			}
		})
	}
}

// goldenChoice reads which documents were in which collection.
func goldenChoice(t testing.TB, configuration string) map[string][]string {
	t.Helper()
	content, err := os.ReadFile("testdata/golden/lines.json")
	require.NoError(t, err)
	var places map[string]map[string][]int
	require.NoError(t, json.Unmarshal(content, &places))
	all := goldenLines(t, "requests-msgpack.jsonl.gz")
	choice := map[string][]string{}
	for collection, list := range places[configuration] {
		for _, i := range list {
			choice[collection] = append(choice[collection], all[i])
		}
	}
	require.NotEmpty(t, choice)
	return choice
}

func testOrganisationsAreThoseOfTykPump(t *testing.T, server *peers.Mongo) {
	d := withAll(freshTarget(t, server))
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, goldenRecords(t, "msgpack")...)))
	for collection, lines := range goldenChoice(t, "mongo-pump-selective") {
		requireSame(t, wanted(t, lines, nil), d.stored(t, collection))
	}
	assert.Equal(t, 0, d.count(t, organisationPrefix), "records without an organisation are in none")
}

// Tyk Pump's selective pump drops the records that are too large; here they lose what
// was recorded of them, in all collections.
func testLimitsAreThoseOfTykPump(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	d.config.Collections.Organisations.Enabled = true
	d.config.MaxDocumentSizeBytes, d.config.MaxInsertBatchSizeBytes = 2500, 20000
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, goldenRecords(t, "msgpack")...)))
	limited := goldenLines(t, "requests-limited.jsonl.gz")
	want := append(goldenChoice(t, "mongo-limits")["tyk_analytics"], limited...)
	requireSame(t, wanted(t, want, nil), d.stored(t, "tyk_analytics"))

	for collection, lines := range goldenChoice(t, "mongo-pump-selective-limits") {
		for _, line := range limited {
			var document bson.D
			require.NoError(t, bson.UnmarshalExtJSON([]byte(line), true, &document))
			if organisationPrefix+field(document, "orgid").Value.(string) == collection {
				lines = append(lines, line)
			}
		}
		requireSame(t, wanted(t, lines, nil), d.stored(t, collection))
	}
	for _, command := range d.seen.of(t, "insert") {
		size := 0
		documents := field(command, "documents").Value.(bson.A)
		for _, document := range documents {
			raw, err := bson.Marshal(document)
			require.NoError(t, err)
			size += len(raw)
		}
		assert.True(t, size <= 20000 || len(documents) == 1, "%d bytes", size)
	}
}

func testUptimeIsThatOfTykPump(t *testing.T, server *peers.Mongo) {
	d := withAll(freshTarget(t, server))
	var checks []analytics.Uptime
	for _, entry := range goldenEntries(t, "uptime.bin.gz") {
		var u analytics.Uptime
		require.NoError(t, analytics.DecodeUptime(entry, &u))
		checks = append(checks, u)
	}
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("seg", checks...)))
	}
	requireSame(t, wanted(t, goldenLines(t, "uptime.jsonl.gz"), nil), d.stored(t, "tyk_uptime_analytics"))
}

// goldenCollections is what Tyk Pump did with each collection.
func goldenCollections(t testing.TB) map[string]struct {
	Fields  []string          `json:"fields"`
	Indexes []json.RawMessage `json:"indexes"`
} {
	t.Helper()
	content, err := os.ReadFile("testdata/golden/collections.json")
	require.NoError(t, err)
	var collections map[string]struct {
		Fields  []string          `json:"fields"`
		Indexes []json.RawMessage `json:"indexes"`
	}
	require.NoError(t, json.Unmarshal(content, &collections))
	return collections
}

func testFieldsComeInTheOrderOfTykPump(t *testing.T, server *peers.Mongo) {
	d := withAll(freshTarget(t, server))
	e := d.start(t)
	record := sinktest.Sample(0)
	record.GraphQL.IsGraphQL = true
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, record)))
	record.GraphQL.IsGraphQL, record.MCP.IsMCP = false, true
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 1, record)))
	require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("seg", analytics.Uptime{URL: "http://a"})))
	for collection, want := range goldenCollections(t) {
		if collection == organisationPrefix {
			collection += "acme"
		}
		var fields []string
		elements, err := d.documents(t, collection)[0].Elements()
		require.NoError(t, err)
		for _, element := range elements {
			fields = append(fields, element.Key())
		}
		assert.Equal(t, want.Fields, fields, collection)
	}
}
