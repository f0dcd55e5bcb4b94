package tykmongoexporter

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// pumpSettings count as Tyk Pump does by default.
func pumpSettings() rollup.Settings {
	return rollup.Settings{Minutes: 60, Zone: "UTC", TraceTags: true}
}

// aggregateGolden pushes the golden records, but for an API, as one chunk: the server
// takes long for each document.
func aggregateGolden(t *testing.T, d target, wire, without string, settings rollup.Settings) {
	t.Helper()
	e := d.start(t)
	records := slices.DeleteFunc(goldenRecords(t, wire), func(r analytics.Record) bool { return without != "" && r.APIID == without })
	require.NoError(t, aggregated(t, e, settings, logsOf("seg", 0, records...)))
}

// sums adds up the counters of all documents of collections that begin with a prefix.
func (d target) sums(t testing.TB, prefix string, f rollup.Family) map[string][]int64 {
	t.Helper()
	names, err := d.db.ListCollectionNames(t.Context(), bson.D{})
	require.NoError(t, err)
	sums := map[string][]int64{}
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		for _, raw := range d.documents(t, name) {
			org, api := raw.Lookup("orgid").StringValue(), ""
			if owner, ok := raw.Lookup("owner_apiid").StringValueOK(); ok {
				api = owner
			}
			add := func(counter bson.RawValue, path ...string) {
				key := strings.Join(append([]string{org, api}, path...), "\t")
				if sums[key] == nil {
					sums[key] = make([]int64, 6)
				}
				for i, name := range []string{"hits", "success", "errortotal", "totalrequesttime", "totallatency", "totalupstreamlatency"} {
					sums[key][i] += number(counter.Document().Lookup(name))
				}
			}
			add(raw.Lookup("total"), "total")
			for _, dimension := range countedDimensions(f) {
				each(raw.Lookup(dimension.String()), func(key string, value bson.RawValue) {
					if !twoLevels(dimension) {
						add(value, dimension.String(), key)
						return
					}
					each(value, func(below string, value bson.RawValue) { add(value, dimension.String(), key, below) })
				})
			}
		}
	}
	return sums
}

// each visits the fields of a document.
func each(value bson.RawValue, visit func(string, bson.RawValue)) {
	document, ok := value.DocumentOK()
	if !ok {
		return
	}
	elements, _ := document.Elements()
	for _, e := range elements {
		visit(e.Key(), e.Value())
	}
}

// Tyk Pump books a purge to the bucket of its first record; summed up over the buckets
// everything is the same, but for keys with dots, which it takes apart.
func testSumsAreThoseOfTykPump(t *testing.T, server *peers.Mongo) {
	var want map[string]map[string][]int64
	require.NoError(t, json.Unmarshal(golden(t, "aggregates-sums.json.gz"), &want))
	require.Len(t, want, 8)
	// How long buckets are makes no difference to sums.
	for _, name := range []string{"mongo-pump-aggregate-by-hour", "mongo-pump-aggregate-15min", "mongo-pump-aggregate-per-minute"} {
		require.Equal(t, want["mongo-pump-aggregate"], want[name])
		delete(want, name)
	}
	for name := range want {
		settings, wire, without, prefix, family := pumpSettings(), "msgpack", "edge-api", "z_tyk_analyticz_aggregate_", rollup.Requests
		switch name {
		case "mongo-pump-aggregate-track-all-paths":
			settings.TrackAllPaths = true
		case "mongo-pump-aggregate-unmixed-protobuf":
			wire = "protobuf"
		case "mongo-pump-aggregate-ignore":
			settings.Ignore = []rollup.Dimension{rollup.APIKeys, rollup.Geo, rollup.KeyEndpoints}
			settings.IgnoreTagPrefixes = []string{"org-", "api-", "tá", "trace-id", " pad"}
		case "mongo-mcp-aggregate":
			without, prefix, family = "", "z_tyk_mcp_analyticz_aggregate_", rollup.MCP
		}
		t.Run(name, func(t *testing.T) {
			d := withAggregates(freshTarget(t, server))
			d.config.Collections.Aggregates = AggregatesConfig{Enabled: family == rollup.Requests}
			d.config.Collections.MCPAggregates = AggregatesConfig{Enabled: family == rollup.MCP}
			aggregateGolden(t, d, wire, without, settings)
			got := d.sums(t, prefix, family)
			for key := range got {
				if strings.Contains(key, `\u2e`) && want[name][key] == nil {
					delete(got, key)
				}
			}
			assert.Equal(t, want[name], got)
		})
	}
}

// What the order of records and purges decides there, or is a defect listed in
// docs/differences.md; of these only the types are compared.
var onlyTypes = []string{
	"lasttime", "expireAt", "minlatency", "minupstreamlatency", "openconnections", "closedconnections", "bytesin", "bytesout",
	"identifier", "humanidentifier",
}

// undotted are the dimensions whose keys Tyk Pump takes apart at dots.
var undotted = []string{"apikeys", "oauthids", "keyendpoints", "oauthendpoints"}

// flat lists the fields of a document of rollups by their path, in a list by the
// element's identifier. Values are as Extended JSON, where not only types count.
func flat(document bson.Raw) map[string]string {
	fields := map[string]string{}
	put := func(path, name string, value bson.RawValue, listed bool) {
		if slices.Contains(onlyTypes, name) || listed && name == "requesttime" {
			fields[path+"."+name] = value.Type.String()
			return
		}
		fields[path+"."+name] = value.String()
	}
	counter := func(path string, value bson.RawValue, listed bool) {
		each(value, func(name string, value bson.RawValue) { put(path, name, value, listed) })
	}
	list := func(path string, value bson.RawValue) {
		elements, _ := value.Array().Values()
		if strings.Count(path, ".") == 1 {
			fields[path] = value.Type.String()
		} // the list of an owner may be what is left of one with dots
		for _, e := range elements {
			identifier := e.Document().Lookup("identifier").StringValue()
			dotted := strings.Contains(identifier, ".") && slices.Contains(undotted, strings.TrimPrefix(path, "lists."))
			if identifier != "" && !dotted {
				counter(path+"["+identifier+"]", e, true)
			}
		}
	}
	each(value(document), func(name string, v bson.RawValue) {
		switch {
		case name == "_id" || name == ownField:
		case name == "total" || name == "timeid":
			counter(name, v, false)
		case name == "lists":
			each(v, func(dimension string, v bson.RawValue) {
				if v.Type == bson.TypeArray {
					list("lists."+dimension, v)
					return
				}
				each(v, func(owner string, v bson.RawValue) {
					if v.Type == bson.TypeArray && !strings.Contains(owner, `\u2e`) {
						list("lists."+dimension+"."+owner, v)
					}
				})
			})
		case v.Type == bson.TypeEmbeddedDocument:
			flatDimension(name, v, counter)
		default:
			put("", name, v, false)
		}
	})
	return fields
}

func value(document bson.Raw) bson.RawValue {
	return bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: document}
}

func flatDimension(name string, v bson.RawValue, counter func(string, bson.RawValue, bool)) {
	takenApart := func(key string, v bson.RawValue) bool {
		_, err := v.Document().LookupErr("hits")
		return err != nil || slices.Contains(undotted, name) && strings.Contains(key, `\u2e`)
	}
	each(v, func(key string, v bson.RawValue) {
		if name != "keyendpoints" && name != "oauthendpoints" {
			if !takenApart(key, v) {
				counter(name+"."+key, v, false)
			}
			return
		}
		each(v, func(below string, v bson.RawValue) {
			if v.Type == bson.TypeEmbeddedDocument && !takenApart(key, v) {
				counter(name+"."+key+"."+below, v, false)
			}
		})
	})
}

// Where no purge mixes two hours, each document is that of Tyk Pump.
func testHoursAreThoseOfTykPump(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	d.config.Collections.Aggregates = AggregatesConfig{Enabled: true}
	d.config.Collections.MCPAggregates = AggregatesConfig{}
	aggregateGolden(t, d, "msgpack", "edge-api", pumpSettings())
	for _, org := range []string{"globex", "acme-corp"} {
		got := map[int64]map[string]string{}
		for _, document := range d.documents(t, "z_tyk_analyticz_aggregate_"+org) {
			got[document.Lookup("timestamp").DateTime()] = flat(document)
		}
		lines := goldenLines(t, "aggregates-by-hour-"+org+".jsonl.gz")
		require.Len(t, got, len(lines))
		for _, line := range lines {
			var raw bson.Raw
			require.NoError(t, bson.UnmarshalExtJSON([]byte(line), true, &raw))
			want := flat(raw)
			have := got[raw.Lookup("timestamp").DateTime()]
			for path, text := range want {
				// There a total may have the minimum of what neither failed nor succeeded.
				if strings.HasPrefix(path, "total.min") && want["total.success"] == `{"$numberInt":"0"}` {
					continue
				}
				if have[path] != text {
					assert.Fail(t, "differs", "%s %s: want %s, got %s", org, path, text, have[path])
				}
			}
			for path := range have {
				if _, ok := want[path]; !ok {
					assert.Fail(t, "only here", "%s %s", org, path)
				}
			}
		}
	}
}
