package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// uncounted are the fields of which rollups count nothing.
const uncounted = "method, host, content_length, user_agent, ip_address, raw_request, raw_response, " +
	"api_schema, original_path, listen_path, geo.city, geo.location"

// rollups is a PostgreSQL that gets what records count up to.
type rollups struct {
	*postgres
	rollupTraffic
}

// rollupTraffic is what is counted.
type rollupTraffic struct {
	everyPath                     bool // counts for itself, not only those of tracked endpoints
	apis, pathVariants, consumers int
	span                          time.Duration // of a backlog's times
}

// pipeline makes big chunks: the more records a chunk has, the fewer rows for each. Those
// that are counted wait for the database beside the two in flight, and it stores them together.
func (r rollups) pipeline() pipeline {
	aggregate := "tykaggregate"
	if r.everyPath {
		aggregate = "tykaggregate/paths"
	}
	return pipeline{
		signal: "logs", receiver: "chunk_size: 5000, requests: {ignore_fields: [" + uncounted + "]}", processors: "tykfilter, " + aggregate, exporter: "tyksql",
		config: fmt.Sprintf("{driver: postgres, datasource: %q, tables: {requests: {enabled: false}, "+
			"aggregated: {enabled: true}, graph_aggregated: {enabled: true}, mcp_aggregated: {enabled: true}}}", r.database),
	}
}

func (r rollups) traffic() (traffic.Settings, traffic.Serializer) {
	s := traffic.DefaultSettings()
	s.APIs, s.PathVariants, s.Consumers = r.apis, r.pathVariants, r.consumers
	return s, traffic.Msgpack
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

// shape tells what the last drain stored.
func (r rollups) shape(ctx context.Context) (string, error) {
	counts := map[string]int64{}
	var err error
	for _, dimension := range []string{"apiid", "apikeys", "apiendpoints", "keyendpoints", "tags"} {
		if counts[dimension], err = r.values(ctx, dimension); err != nil {
			return "", err
		}
	}
	rows, err := r.count(ctx, "tyk_aggregated")
	return fmt.Sprintf("%d APIs, %d keys, %d endpoints, %d keys by endpoint and %d tags make %s rows of `tyk_aggregated`.",
		counts["apiid"], counts["apikeys"], counts["apiendpoints"], counts["keyendpoints"], counts["tags"], thousands(float64(rows))), err
}

// rollupsJob counts every one of the paths, trackedJob those of tracked endpoints, and
// wideJob every one where each has few records.
func rollupsJob(o options) job {
	return newRollupsJob(o, rollupTraffic{true, 20, 52, 40, time.Hour}, 150_000, 6, "rollups", "rollups to PostgreSQL, 1,000 paths",
		"With `track_all_paths: true`, so that each of the paths is counted, alone and by key.")
}

func trackedJob(o options) job {
	return newRollupsJob(o, rollupTraffic{false, 20, 52, 40, time.Hour}, 250_000, 5, "tracked", "rollups to PostgreSQL, tracked endpoints only",
		"The same records with the default settings, where paths are counted only for the endpoints that the gateway tracks: two of each of two APIs, a tenth of the records.")
}

func wideJob(o options) job {
	return newRollupsJob(o, rollupTraffic{true, 60, 16, 12, 2 * time.Hour}, 130_000, 6, "rollups-wide", "rollups to PostgreSQL, 60 APIs, 500 keys, 2 hours",
		"With `track_all_paths: true`. 60 APIs, of which not all occur, share the records out, so that each value has fewer in a chunk.")
}

func newRollupsJob(o options, t rollupTraffic, speed, processor float64, key, title, about string) job {
	return &storeJob{
		name: key, shown: title, records: longer * o.records, span: t.span,
		open: func(ctx context.Context, r *rig) (destination, error) {
			p, err := r.openPostgres(ctx)
			return rollups{p, t}, err
		},
		about: "Through tykredis, tykfilter and tykaggregate into Tyk's aggregate tables. The receiver's `chunk_size` is 5000, " +
			"since bigger chunks have fewer rows for each record, and those that wait are stored together; its `requests::ignore_fields` names what rollups count nothing of. The sum of all totals' hits is compared with the records pushed. " + about,
		after: func(ctx context.Context, to destination) (string, error) { return to.(rollups).shape(ctx) },
		judge: func(j *storeJob) []row {
			rows := []row{
				{unit: perSecond, values: each(j.drains, drain.perSecond), goal: atLeast(speed)},
				{unit: microseconds, values: each(j.drains, drain.microseconds), goal: atMost(processor)},
				{unit: mebibytes, values: each(j.drains, drain.mebibytes), goal: memoryBound},
			}
			if key == "rollups" { // as Tyk Pump counted
				rows[0].pump, rows[1].pump, rows[2].pump = "17,500 to 18,300", "66 to 69", "890"
			}
			return rows
		},
	}
}
