package tykmongoexporter

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// pumpSettings count as Tyk Pump does by default.
func pumpSettings() rollup.Settings {
	return rollup.Settings{Minutes: 60, Zone: "UTC", TraceTags: true}
}

// goldenRun is a configuration of Tyk Pump and what it made of the golden records.
type goldenRun struct {
	// Bookings is by record the bucket (Unix seconds) that it was booked to: that of the
	// first record of its purge and organisation; 0 for those that were not counted.
	Bookings []int64 `json:"bookings"`
	// Documents are lines of aggregates.jsonl.gz, and what those leave out.
	Documents []struct {
		Line      int              `json:"line"`
		Timestamp int64            `json:"timestamp"`
		TimeID    map[string]int32 `json:"timeid"`
	} `json:"documents"`

	settings rollup.Settings
	wire     string
	family   rollup.Family
	lines    []string
}

// goldenRuns are all of them.
func goldenRuns(t testing.TB) map[string]*goldenRun {
	t.Helper()
	var runs map[string]*goldenRun
	require.NoError(t, json.Unmarshal(golden(t, "aggregates.json.gz"), &runs))
	require.Len(t, runs, 9)
	lines := goldenLines(t, "aggregates.jsonl.gz")
	for name, r := range runs {
		r.settings, r.wire, r.family, r.lines = pumpSettings(), "msgpack", rollup.Requests, lines
		switch name {
		case "mongo-pump-aggregate-15min":
			r.settings.Minutes = 15
		case "mongo-pump-aggregate-per-minute":
			r.settings.Minutes = 1
		case "mongo-pump-aggregate-track-all-paths":
			r.settings.TrackAllPaths = true
		case "mongo-pump-aggregate-unmixed-protobuf":
			r.wire = "protobuf"
		case "mongo-pump-aggregate-ignore":
			r.settings.Ignore = []rollup.Dimension{rollup.APIKeys, rollup.Geo, rollup.KeyEndpoints}
			r.settings.IgnoreTagPrefixes = []string{"org-", "api-", "tá", "trace-id", " pad"}
		case "mongo-mcp-aggregate":
			r.family = rollup.MCP
		}
	}
	return runs
}

// place tells a document of rollups from others.
type place struct {
	org, api string
	bucket   int64
}

func placeOf(document bson.Raw, bucket int64) place {
	api, _ := document.Lookup("owner_apiid").StringValueOK()
	return place{document.Lookup("orgid").StringValue(), api, bucket}
}

// documents are those of Tyk Pump, without their timestamp and timeid.
func (r *goldenRun) documents(t testing.TB) map[place]bson.Raw {
	t.Helper()
	documents := map[place]bson.Raw{}
	for _, d := range r.Documents {
		var raw bson.Raw
		require.NoError(t, bson.UnmarshalExtJSON([]byte(r.lines[d.Line]), true, &raw))
		documents[placeOf(raw, d.Timestamp)] = raw
	}
	require.Len(t, documents, len(r.Documents))
	return documents
}

// count has the records of a run counted, at the time that they have or at that to
// which Tyk Pump booked them, in one chunk: the server takes long for each document.
// It gives the documents of all organisations, or of one.
func (r *goldenRun) count(t testing.TB, server *peers.Mongo, asBooked bool, only string) map[place]bson.Raw {
	t.Helper()
	mixed := len(r.Documents) < 20 // for the same reason
	d := withAggregates(freshTarget(t, server))
	d.config.Collections.Aggregates.Enabled = r.family == rollup.Requests
	d.config.Collections.Aggregates.UseMixedCollection = r.family == rollup.Requests && mixed
	d.config.Collections.MCPAggregates.Enabled = r.family == rollup.MCP
	d.config.Collections.MCPAggregates.UseMixedCollection = r.family == rollup.MCP && mixed
	settings := r.settings
	var records []analytics.Record
	for i, record := range goldenRecords(t, r.wire) {
		if r.Bookings[i] == 0 || only != "" && record.OrgID != only {
			continue
		}
		if asBooked {
			settings.Minutes = 1 // its buckets begin at any minute
			record.TimeStamp = time.Unix(r.Bookings[i], 0).UTC()
		}
		records = append(records, record)
	}
	require.NoError(t, aggregated(t, d.start(t), settings, sinktest.Push("seg", 0, records...)))

	names, err := d.db.ListCollectionNames(t.Context(), bson.D{})
	require.NoError(t, err)
	all, same := map[place]bson.Raw{}, map[place]bson.Raw{}
	for _, name := range names {
		into := all
		if !strings.HasPrefix(name, "z_") {
			into = same
		}
		for _, document := range d.documents(t, name) {
			into[placeOf(document, document.Lookup("timestamp").DateTime()/1000)] = document
		}
	}
	if mixed {
		assert.Equal(t, all, same, "the mixed collection has the same")
	}
	return all
}

// sums adds up the counters of documents by organisation, API and path.
func sums(documents map[place]bson.Raw, f rollup.Family) map[string][]int64 {
	sums := map[string][]int64{}
	for at, raw := range documents {
		add := func(counter bson.RawValue, path ...string) {
			key := strings.Join(append([]string{at.org, at.api}, path...), "\t")
			if sums[key] == nil {
				sums[key] = make([]int64, 6)
			}
			for i, name := range []string{"hits", "success", "errortotal", "totalrequesttime", "totallatency", "totalupstreamlatency"} {
				sums[key][i] += number(counter.Document().Lookup(name))
			}
			each(counter.Document().Lookup("errormap"), func(code string, n bson.RawValue) {
				key := key + "\t" + code
				if sums[key] == nil {
					sums[key] = make([]int64, 1)
				}
				sums[key][0] += number(n)
			})
		}
		add(raw.Lookup("total"), "total")
		for _, dimension := range countedDimensions(f) {
			each(raw.Lookup(dimension.String()), func(key string, value bson.RawValue) {
				switch {
				case takenApart(dimension.String(), key, value):
				case !twoLevels(dimension):
					add(value, dimension.String(), key)
				default:
					each(value, func(below string, value bson.RawValue) {
						if _, err := value.Document().LookupErr("hits"); err == nil {
							add(value, dimension.String(), key, below)
						}
					})
				}
			})
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

// Each record counts in its own bucket here; summed up over the buckets everything is
// the same, but for keys with dots, which Tyk Pump takes apart. One organisation and
// the three lengths of buckets will do: that all documents are the same is shown below.
func testSumsAreThoseOfTykPump(t *testing.T, server *peers.Mongo) {
	const org = "globex"
	for name, r := range goldenRuns(t) {
		want := r.documents(t)
		maps.DeleteFunc(want, func(at place, _ bson.Raw) bool { return at.org != org })
		if name != "mongo-pump-aggregate" && r.settings.Minutes == 60 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, sums(want, r.family), sums(r.count(t, server, false, org), r.family))
		})
	}
}

// Booked as Tyk Pump books, each document is Tyk Pump's.
func testDocumentsOfRollupsAreThoseOfTykPump(t *testing.T, server *peers.Mongo) {
	for name, r := range goldenRuns(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Purges that never mix two hours are booked to the records' own.
			got := r.count(t, server, name != "mongo-pump-aggregate-by-hour", "")
			want := r.documents(t)
			for at, document := range want {
				assertSameRollups(t, at, document, got[at])
			}
			for _, d := range r.Documents {
				if r.wire == "protobuf" {
					continue // there it is by the clocks of the gateways' zones
				}
				timeID, _ := got[placeOf(goldenDocument(t, r.lines[d.Line]), d.Timestamp)].Lookup("timeid").DocumentOK()
				for field, number := range d.TimeID {
					assert.Equal(t, number, timeID.Lookup(field).Int32(), field)
				}
			}
			maps.DeleteFunc(got, func(at place, _ bson.Raw) bool { return want[at] != nil })
			if name == "mongo-pump-aggregate-edge-only" {
				assert.Len(t, got, 3, "what Tyk Pump lost, since it could not write the names of fields")
				return
			}
			assert.Empty(t, got)
		})
	}
}

func goldenDocument(t testing.TB, line string) bson.Raw {
	t.Helper()
	var raw bson.Raw
	require.NoError(t, bson.UnmarshalExtJSON([]byte(line), true, &raw))
	return raw
}

// assertSameRollups compares all fields of two documents.
func assertSameRollups(t *testing.T, at place, document, other bson.Raw) {
	t.Helper()
	want, have := flat(document), flat(other)
	for path, text := range want {
		// There a total may have the minimum of what neither failed nor succeeded.
		if strings.HasPrefix(path, "total.min") && want["total.success"] == `{"$numberInt":"0"}` {
			continue
		}
		if have[path] != text {
			assert.Fail(t, "differs", "%v %s: want %s, got %s", at, path, text, have[path])
		}
	}
	for path := range have {
		if _, ok := want[path]; !ok {
			assert.Fail(t, "only here", "%v %s", at, path)
		}
	}
}

// What the order of records and purges decides there, or is a defect listed in
// docs/differences.md; of these only the types are compared.
var onlyTypes = []string{
	"lasttime", "expireAt", "minlatency", "minupstreamlatency", "openconnections", "closedconnections", "bytesin", "bytesout",
	"identifier", "humanidentifier",
}

// undotted are the dimensions whose keys Tyk Pump takes apart at dots.
var undotted = []string{"apikeys", "oauthids", "keyendpoints", "oauthendpoints", "names"}

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
		// Versions of several APIs have one identifier: they are told apart by their order.
		slices.SortFunc(elements, func(x, y bson.RawValue) int { return cmp.Compare(unordered(x), unordered(y)) })
		seen := map[string]int{}
		for _, e := range elements {
			identifier := e.Document().Lookup("identifier").StringValue()
			dotted := strings.Contains(identifier, ".") && slices.Contains(undotted, strings.TrimPrefix(path, "lists."))
			if identifier != "" && !dotted {
				counter(fmt.Sprintf("%s[%s %d]", path, identifier, seen[identifier]), e, true)
				seen[identifier]++
			}
		}
	}
	each(value(document), func(name string, v bson.RawValue) {
		switch {
		case name == "_id" || name == ownField || name == "timestamp" || name == "timeid":
		case name == "expireAt" && v.DateTime() < 0: // none: ours do not have it
		case name == "total":
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

// unordered is what of an element of a list does not depend on any order.
func unordered(element bson.RawValue) string {
	var fields []string
	each(element, func(name string, v bson.RawValue) {
		if name != "requesttime" && !slices.Contains(onlyTypes, name) || name == "identifier" {
			fields = append(fields, name+" "+v.String())
		}
	})
	slices.Sort(fields)
	return strings.Join(fields, "\n")
}

func value(document bson.Raw) bson.RawValue {
	return bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: document}
}

// takenApart tells a field of a dimension that Tyk Pump has in pieces.
func takenApart(dimension, key string, v bson.RawValue) bool {
	_, err := v.Document().LookupErr("hits")
	two := dimension == "keyendpoints" || dimension == "oauthendpoints"
	return err != nil && !two || slices.Contains(undotted, dimension) && strings.Contains(key, `\u2e`)
}

func flatDimension(name string, v bson.RawValue, counter func(string, bson.RawValue, bool)) {
	each(v, func(key string, v bson.RawValue) {
		if takenApart(name, key, v) {
			return
		}
		if name != "keyendpoints" && name != "oauthendpoints" {
			counter(name+"."+key, v, false)
			return
		}
		each(v, func(below string, v bson.RawValue) {
			if _, err := v.Document().LookupErr("hits"); err == nil {
				counter(name+"."+key+"."+below, v, false)
			}
		})
	})
}
