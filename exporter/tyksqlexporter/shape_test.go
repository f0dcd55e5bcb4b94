package tyksqlexporter

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// shapeTests hold for each database.
var shapeTests = map[string]func(*testing.T, newTarget){
	"a row is the same whatever records are beside it": testRowsBeside,
}

// ofOneStatement is how many rows SQLite gets in one.
const ofOneStatement = 16

// differentlyFilled are records that have values in different columns, among many that
// have few.
func differentlyFilled() []analytics.Record {
	fill := []func(*analytics.Record){
		func(*analytics.Record) {},
		func(r *analytics.Record) { *r = sinktest.Sample(0) },
		func(r *analytics.Record) { r.ContentLength, r.Network.BytesIn, r.TrackPath = -1, 1, true },
		func(r *analytics.Record) { r.Geo.Latitude, r.Geo.Longitude = math.Copysign(0, -1), math.NaN() },
		func(r *analytics.Record) { r.Geo.CityNames, r.Geo.CityGeoNameID = map[string]string{"": ""}, 1 },
		func(r *analytics.Record) { r.Tags, r.Alias = []string{""}, "'?" },
		func(r *analytics.Record) { r.Tags, r.Alias = []string{"\x00\xff"}, "\x00\xff" },
		func(r *analytics.Record) {
			r.GraphQL = analytics.GraphQLStats{
				IsGraphQL: true, HasErrors: true, Variables: `{"id":1}`, RootFields: []string{"a"}, Types: map[string][]string{"A": {"b"}},
				OperationType: analytics.OperationQuery, Errors: []analytics.GraphQLError{{Message: "no", Path: []any{"a", int64(0)}}},
			}
		},
	}
	var records []analytics.Record
	for i := range 2 * ofOneStatement * len(fill) {
		r := analytics.Record{TimeStamp: sinktest.Sample(i).TimeStamp}
		if i%ofOneStatement == ofOneStatement/2 {
			fill[i/ofOneStatement%len(fill)](&r)
		}
		r.Path = fmt.Sprintf("/%04d", i)
		records = append(records, r)
	}
	return records
}

func testRowsBeside(t *testing.T, fresh newTarget) {
	together, alone := withAllTables(fresh(t)), withAllTables(fresh(t))
	records := differentlyFilled()
	require.NoError(t, together.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	e := alone.start(t)
	slices.Reverse(records) // so that statements have other shapes
	i := 0
	const half = ofOneStatement / 2
	for some := range slices.Chunk(records, half) { // whose last one may have values
		for _, part := range [][]analytics.Record{some[:half-1], some[half-1:]} {
			require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", int64(i), part...)))
			i += len(part)
		}
	}
	for _, of := range together.config.enabledTables() {
		if of.Layout.Kind&(layout.KindRequest|layout.KindGraph) == 0 {
			continue
		}
		values := make([]string, len(of.Layout.Columns))
		for i, c := range of.Layout.Columns {
			quote := ofDriver(together, "quote_nullable", "quote", "quote")
			values[i] = quote + `("` + c.Name + `")`
		}
		query := "select " + strings.Join(values, " || ' ' || ") + " from " + of.Name + " order by 1"
		if together.config.Driver == driverMySQL {
			query = "select concat_ws(' ', " + strings.Join(values, ", ") + ") from " + of.Name + " order by 1"
		}
		rows := together.texts(t, query)
		assert.NotEmpty(t, rows)
		assert.Equal(t, rows, alone.texts(t, query))
	}
}
