//go:build e2e

package e2e

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// difference is something that is stored otherwise than by Tyk Pump, on purpose;
// docs/differences.md explains each. What is not listed here must be the same, in
// every column of every row.
type difference struct {
	column   string
	encoding encoding // to which it is limited
	why      string
	// apply changes Tyk Pump's rows into those that are wanted.
	apply func(tb testing.TB, d difference, rows []row)
}

// differences leave out three that show in the configurations (see goldens), not
// in rows: headers with credentials are redacted by default; the global
// omit_detailed_recording, which Tyk Pump ignores, has no counterpart that does
// nothing; and a name in ignore_fields that does not exist is an error.
var differences = []difference{
	{
		column: "latency_gateway", encoding: protobuf,
		why: "the protobuf form has no such field, so Tyk Pump stores 0; " +
			"here it is the total less the upstream's share, as the gateway computes it",
		apply: func(tb testing.TB, d difference, rows []row) {
			for _, r := range rows {
				require.Equal(tb, "0", r[d.column])
				r[d.column] = strconv.FormatInt(r.integer(tb, "latency_total")-r.integer(tb, "latency_upstream"), 10)
			}
		},
	},
	{
		column: "geo_city_names", encoding: protobuf,
		why:   "Tyk Pump's decoder drops the names, which the protobuf form has; here they are stored as from msgpack",
		apply: takeFromMsgpack,
	},
}

// takeFromMsgpack gives the column the value that Tyk Pump stored for the same
// record from msgpack. Records are told apart by what both forms store alike.
func takeFromMsgpack(tb testing.TB, d difference, rows []row) {
	tb.Helper()
	lossy := []string{"latency_gateway", "geo_city_names", "geo_city_geoname_id", "graphql_stats_errors"}
	values := map[string][]string{}
	for _, r := range parseRows(tb, testdata(tb, "pump/sql-postgres.jsonl.gz")) {
		values[r.key(lossy...)] = append(values[r.key(lossy...)], r[d.column])
	}
	changed := 0
	for _, r := range rows {
		require.Equal(tb, `"{}"`, r[d.column])
		of := values[r.key(lossy...)]
		require.NotEmptyf(tb, of, "no row from msgpack for %s %s", r["timestamp"], r["path"])
		if of[0] != r[d.column] {
			changed++
		}
		r[d.column], values[r.key(lossy...)] = of[0], of[1:]
	}
	require.NotZero(tb, changed, d.column)
}
