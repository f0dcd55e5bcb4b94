package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// rollups is a PostgreSQL that gets what records count up to.
type rollups struct{ *postgres }

func (rollups) name() string { return "PostgreSQL, rollups" }

func (r rollups) exporter() (name, config string) {
	return "tyksql", fmt.Sprintf("{driver: postgres, datasource: %q, tables: {requests: {enabled: false}, "+
		"aggregated: {enabled: true}, graph_aggregated: {enabled: true}, mcp_aggregated: {enabled: true}}}", r.database)
}

// processors replace those of other destinations.
func (rollups) processors() string { return "tykfilter, tykaggregate" }

// receiver makes big chunks: the more records a chunk has, the fewer rows for each,
// and writes of the same rows go one after the other anyway.
func (rollups) receiver() string { return "    chunk_size: 10000\n    max_in_flight: 2\n" }

// traffic is of 20 APIs with some 500 keys and 1,000 paths.
func (rollups) traffic() traffic.Settings {
	s := traffic.DefaultSettings()
	s.APIs = 20
	return s
}

// counts tells how often a record is counted in the totals.
func (rollups) counts(r *analytics.Record) int64 {
	const network = -1
	n := int64(0)
	switch {
	case r.ResponseCode == network:
	case r.MCP.IsMCP || r.GraphQL.IsGraphQL:
		if r.MCP.IsMCP {
			n++
		}
		if r.GraphQL.IsGraphQL {
			n++
		}
	case r.OrgID != "":
		n++
	}
	return n
}

// check compares the totals with what was pushed.
func (r rollups) check(ctx context.Context, want int64) error {
	hits, err := r.number(ctx, `SELECT sum(counter_hits)::bigint FROM (SELECT counter_hits, dimension FROM tyk_aggregated
		UNION ALL SELECT counter_hits, dimension FROM tyk_graph_aggregated UNION ALL SELECT counter_hits, dimension FROM tyk_mcp_aggregated) AS t
		WHERE dimension = ''`)
	if err == nil && hits != want {
		err = fmt.Errorf("the totals count %d hits, not %d", hits, want)
	}
	return err
}

// bulk has nothing to compare with.
func (rollups) bulk(context.Context) (float64, error) { return 0, nil }

// values says how many values the last drain stored of a dimension.
func (r rollups) values(ctx context.Context, dimension string) (int64, error) {
	return r.number(ctx, "SELECT count(DISTINCT dimension_value) FROM tyk_aggregated WHERE dimension = '"+dimension+"'")
}

func (r rollups) number(ctx context.Context, query string) (int64, error) {
	conn, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	var n int64
	err = conn.QueryRow(ctx, query).Scan(&n)
	return n, err
}

// rollupResult is what was measured with rollups.
type rollupResult struct {
	store store
	rows  int64 // stored by the last run
	shape string
}

// measureRollups drains backlogs into rollups.
func (r *rig) measureRollups(ctx context.Context, o options) (rollupResult, error) {
	to := rollups{r.postgres}
	result := rollupResult{store: store{name: to.name()}}
	for i := range o.runs {
		fmt.Printf("backlog of %d, store %s, run %d of %d\n", o.records, to.name(), i+1, o.runs)
		if err := result.store.measure(ctx, r, to, o.records); err != nil {
			return result, err
		}
	}
	var err error
	if result.rows, err = to.rows(ctx, "tyk_aggregated"); err != nil {
		return result, err
	}
	counts := map[string]int64{}
	for _, dimension := range []string{"apiid", "apikeys", "apiendpoints", "tags"} {
		if counts[dimension], err = to.values(ctx, dimension); err != nil {
			return result, err
		}
	}
	result.shape = fmt.Sprintf("%d APIs, %d keys, %d tracked endpoints and %d tags", counts["apiid"], counts["apikeys"], counts["apiendpoints"], counts["tags"])
	return result, nil
}
