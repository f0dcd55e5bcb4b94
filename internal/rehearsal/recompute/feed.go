package recompute

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// chunk is how many records are counted at once.
const chunk = 10_000

// Feed is a table of records that is read and handed on.
type Feed struct {
	Store  rows.Store
	Table  *rows.Table
	Window rows.Window
	// Wanted says which records count; nil for all.
	Wanted func(*analytics.Record) bool
}

// Run hands all records on, and gives their number.
func (f *Feed) Run(ctx context.Context, to consumer.Logs) (int64, error) {
	columns, fill := readable(f.Table)
	for _, name := range needed {
		if f.Table.Find(name) == "" {
			return 0, fmt.Errorf("table %s has no column %s, without which nothing can be counted", f.Table.Name, name)
		}
	}
	var n int64
	var record analytics.Record
	logs := plog.NewLogs()
	list := analytics.AppendScope(logs)
	flush := func() error {
		if list.Len() == 0 {
			return nil
		}
		err := to.ConsumeLogs(ctx, logs)
		logs = plog.NewLogs()
		list = analytics.AppendScope(logs)
		return err
	}
	err := f.Store.Scan(ctx, rows.Scan{Table: f.Table, Columns: columns, Window: f.Window}, func(row []rows.Value) error {
		record = analytics.Record{}
		for i, v := range row {
			if v == nil {
				continue
			}
			if err := fill[i](&record, v); err != nil {
				return fmt.Errorf("column %s: %w", columns[i].Name, err)
			}
		}
		if f.Wanted != nil && !f.Wanted(&record) {
			return nil
		}
		record.ToLog(list.AppendEmpty(), "")
		n++
		if list.Len() == chunk {
			return flush()
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	return n, flush()
}

// needed are columns without which rollups would be wrong in silence.
var needed = []string{"timestamp", "responsecode", "orgid", "apiid", "requesttime", "latency_total", "latency_upstream"}

// filler puts a value into a record.
type filler func(*analytics.Record, rows.Value) error

// readable are the columns of a table that rollups are made of.
func readable(t *rows.Table) (columns []rows.Column, fill []filler) {
	for _, c := range t.Columns {
		if f := fillers[rows.Bare(c.Name)]; f != nil && !slices.ContainsFunc(columns, func(o rows.Column) bool { return rows.Bare(o.Name) == rows.Bare(c.Name) }) {
			columns, fill = append(columns, c), append(fill, f)
		}
	}
	return columns, fill
}

func text(at func(*analytics.Record) *string) filler {
	return func(r *analytics.Record, v rows.Value) error {
		*at(r) = string(v)
		return nil
	}
}

func integer(at func(*analytics.Record) *int64) filler {
	return func(r *analytics.Record, v rows.Value) (err error) {
		*at(r), err = strconv.ParseInt(string(v), 10, 64)
		return err
	}
}

func boolean(at func(*analytics.Record) *bool) filler {
	return func(r *analytics.Record, v rows.Value) error {
		*at(r) = string(v) == "true"
		return nil
	}
}

func decoded[T any](at func(*analytics.Record) *T) filler {
	return func(r *analytics.Record, v rows.Value) error {
		if len(v) == 0 {
			return nil
		}
		return json.Unmarshal(v, at(r))
	}
}

// fillers are the columns that rollups are made of.
var fillers = map[string]filler{
	"timestamp": func(r *analytics.Record, v rows.Value) error {
		at, ok := rows.ParseTime(v)
		if !ok {
			return fmt.Errorf("%q is no time", v)
		}
		r.TimeStamp = at
		return nil
	},
	"method":                       text(func(r *analytics.Record) *string { return &r.Method }),
	"path":                         text(func(r *analytics.Record) *string { return &r.Path }),
	"rawpath":                      text(func(r *analytics.Record) *string { return &r.RawPath }),
	"responsecode":                 integer(func(r *analytics.Record) *int64 { return &r.ResponseCode }),
	"apikey":                       text(func(r *analytics.Record) *string { return &r.APIKey }),
	"apiversion":                   text(func(r *analytics.Record) *string { return &r.APIVersion }),
	"api_name":                     text(func(r *analytics.Record) *string { return &r.APIName }),
	"apiid":                        text(func(r *analytics.Record) *string { return &r.APIID }),
	"orgid":                        text(func(r *analytics.Record) *string { return &r.OrgID }),
	"oauthid":                      text(func(r *analytics.Record) *string { return &r.OauthID }),
	"requesttime":                  integer(func(r *analytics.Record) *int64 { return &r.RequestTime }),
	"geo_country_iso_code":         text(func(r *analytics.Record) *string { return &r.Geo.CountryISOCode }),
	"network_open_connections":     integer(func(r *analytics.Record) *int64 { return &r.Network.OpenConnections }),
	"network_closed_connections":   integer(func(r *analytics.Record) *int64 { return &r.Network.ClosedConnections }),
	"network_bytes_in":             integer(func(r *analytics.Record) *int64 { return &r.Network.BytesIn }),
	"network_bytes_out":            integer(func(r *analytics.Record) *int64 { return &r.Network.BytesOut }),
	"latency_total":                integer(func(r *analytics.Record) *int64 { return &r.Latency.Total }),
	"latency_upstream":             integer(func(r *analytics.Record) *int64 { return &r.Latency.Upstream }),
	"tags":                         decoded(func(r *analytics.Record) *[]string { return &r.Tags }),
	"alias":                        text(func(r *analytics.Record) *string { return &r.Alias }),
	"trackpath":                    boolean(func(r *analytics.Record) *bool { return &r.TrackPath }),
	"graphql_stats_root_fields":    decoded(func(r *analytics.Record) *[]string { return &r.GraphQL.RootFields }),
	"graphql_stats_types":          decoded(func(r *analytics.Record) *map[string][]string { return &r.GraphQL.Types }),
	"graphql_stats_operation_type": integer(func(r *analytics.Record) *int64 { return (*int64)(&r.GraphQL.OperationType) }),
	"graphql_stats_has_errors":     boolean(func(r *analytics.Record) *bool { return &r.GraphQL.HasErrors }),
	"graphql_stats_is_graph_ql":    boolean(func(r *analytics.Record) *bool { return &r.GraphQL.IsGraphQL }),
	"mcp_stats_is_mcp":             boolean(func(r *analytics.Record) *bool { return &r.MCP.IsMCP }),
	"mcp_stats_jsonrpc_method":     text(func(r *analytics.Record) *string { return &r.MCP.JSONRPCMethod }),
	"mcp_stats_primitive_type":     text(func(r *analytics.Record) *string { return &r.MCP.PrimitiveType }),
	"mcp_stats_primitive_name":     text(func(r *analytics.Record) *string { return &r.MCP.PrimitiveName }),
}
