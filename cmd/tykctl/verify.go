package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/processor"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/recompute"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/sqlrows"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykaggregateprocessor"
)

// verification is the flags of verify-rollups.
type verification struct {
	db, zone      string
	minutes       time.Duration
	trackAllPaths bool
	ignoreTags    string
	skipAPIs      string
	names         struct{ records, mcp, aggregated, graph, mcpAggregated string }
	repair        bool
	overwrite     bool
	cmp           *comparison
}

// verifyCommand makes rollups anew, compares, and repairs.
func verifyCommand(f *flag.FlagSet) action {
	v := &verification{cmp: newComparison(f, true)}
	v.cmp.complete, v.cmp.options.MinRecords, v.cmp.options.MayBeEmpty = true, 1, true
	f.StringVar(&v.db, "db", "", "the "+databaseHelp)
	f.DurationVar(&v.minutes, "aggregation-time", time.Hour, "how long buckets are")
	f.StringVar(&v.zone, "timezone", "UTC", "by whose clocks buckets and days begin, an IANA `name`")
	f.BoolVar(&v.trackAllPaths, "track-all-paths", false, "count the endpoints of all requests, as track_all_paths of the pump")
	f.StringVar(&v.ignoreTags, "ignore-tag-prefixes", "", "the pump's ignore_tag_prefix_list, with commas between")
	f.StringVar(&v.skipAPIs, "skip-apis", "", "`ids` of APIs that the pump's filters leave out, with commas between")
	f.StringVar(&v.names.records, "records", "tyk_analytics", "the table of requests")
	f.StringVar(&v.names.mcp, "mcp-records", "tyk_analytics_mcp", "the table of MCP requests")
	f.StringVar(&v.names.aggregated, "aggregated", "tyk_aggregated", "the table of rollups of requests")
	f.StringVar(&v.names.graph, "graph-aggregated", "tyk_graph_aggregated", "the table of rollups of GraphQL requests")
	f.StringVar(&v.names.mcpAggregated, "mcp-aggregated", "tyk_mcp_aggregated", "the table of rollups of MCP requests")
	f.BoolVar(&v.repair, "repair", false, "write what the rollups lack, each bucket in a transaction; buckets that others write at the same time are left as they are")
	f.BoolVar(&v.overwrite, "overwrite", false, "with -repair: also set rows that have more than the records say")
	return v.run
}

func (v *verification) run(ctx context.Context, c console, _ *connection, _ []string) (status int, err error) {
	if err := v.cmp.prepare(); err != nil {
		return exitFailed, err
	}
	zone, err := time.LoadLocation(v.zone)
	if err != nil {
		return exitFailed, fmt.Errorf("-timezone: %q is not the name of a time zone: use one such as UTC or America/New_York", v.zone)
	}
	if v.overwrite && !v.repair {
		return exitFailed, errors.New("-overwrite: has no effect without -repair: add it")
	}
	if v.repair && v.cmp.options.Window.To.IsZero() {
		return exitFailed, errors.New("-repair: writes buckets that are over only: say with -to or -lag which those are, such as -lag 2h")
	}
	if err := v.wholeBuckets(zone); err != nil {
		return exitFailed, err
	}
	if driver, _, err := datasourceOf(c, "db", v.db); err == nil && driver == "mongo" {
		return exitFailed, errors.New("-db: names a MongoDB: rollups are made anew in postgres:, mysql: and sqlite: only")
	}
	there, err := openStore(ctx, c, "db", v.db)
	if err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, there.Close()) }()
	dir, err := os.MkdirTemp("", "tykctl-rollups-")
	if err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "rollups.db")
	tables, err := there.Tables(ctx)
	if err != nil {
		return exitFailed, err
	}
	wanted, err := v.rebuild(ctx, c, there, tables, file)
	if err != nil {
		return exitFailed, err
	}
	anew, err := sqlrows.Open(ctx, sqlrows.SQLite, file)
	if err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, anew.Close()) }()
	v.cmp.options.Tables = wanted
	if v.repair {
		if err := v.mend(ctx, c, there, tables, anew, zone); err != nil {
			return exitFailed, err
		}
	}
	return v.cmp.run(ctx, c, there, renamed{anew, "the rollups made anew"}, "")
}

// wholeBuckets moves the window's ends to those of buckets: the records of a part of one would make too little of it.
func (v *verification) wholeBuckets(zone *time.Location) error {
	if v.minutes < time.Minute || v.minutes > time.Hour || v.minutes%time.Minute != 0 {
		return fmt.Errorf("-aggregation-time: %s: use whole minutes from 1m to 60m", v.minutes)
	}
	w, minutes := &v.cmp.options.Window, int(v.minutes/time.Minute)
	if !w.From.IsZero() {
		w.From = rollup.Bucket(w.From.In(zone), minutes)
	}
	if !w.To.IsZero() {
		w.To = rollup.Bucket(w.To.In(zone), minutes)
	}
	if !w.From.IsZero() && !w.To.IsZero() && !w.From.Before(w.To) {
		return fmt.Errorf("-from, -to: no bucket of %s is over between them: move them apart", v.minutes)
	}
	return nil
}

// renamed is a store with a better name than that of a file that will be gone.
type renamed struct {
	rows.Store
	name string
}

func (r renamed) Describe() string { return r.name }

// rebuild makes the rollups of all records in a database of their own, and gives the tables that can be compared.
func (v *verification) rebuild(ctx context.Context, c console, there rows.Store, tables []rows.Table, file string) (wanted []string, err error) {
	has := func(name string) *rows.Table {
		i := slices.IndexFunc(tables, func(t rows.Table) bool { return t.Name == name })
		if i < 0 {
			return nil
		}
		return &tables[i]
	}
	config := tyksqlexporter.NewFactory().CreateDefaultConfig().(*tyksqlexporter.Config)
	config.Driver, config.Datasource, config.Timezone = sqlrows.SQLite, configopaque.String(file), v.zone
	config.Tables.Requests.Enabled = false
	feeds := []*recompute.Feed{}
	skipped := splitList(v.skipAPIs)
	feed := func(name string, wants func(*analytics.Record) bool) bool {
		t := has(name)
		if t == nil {
			return false
		}
		feeds = append(feeds, &recompute.Feed{Store: there, Table: t, Window: v.cmp.options.Window, Wanted: func(r *analytics.Record) bool {
			return wants(r) && !slices.Contains(skipped, r.APIID)
		}})
		return true
	}
	requests, graph := has(v.names.aggregated), has(v.names.graph)
	if requests != nil || graph != nil {
		if !feed(v.names.records, func(r *analytics.Record) bool { return !r.MCP.IsMCP }) {
			return nil, fmt.Errorf("-records: there is no table %s: without the records, rollups cannot be made anew", v.names.records)
		}
		config.Tables.Aggregated = tyksqlexporter.TableConfig{Enabled: requests != nil, Name: v.names.aggregated}
		config.Tables.GraphAggregated = tyksqlexporter.TableConfig{Enabled: graph != nil, Name: v.names.graph}
	}
	if has(v.names.mcpAggregated) != nil && feed(v.names.mcp, func(r *analytics.Record) bool { return r.MCP.IsMCP }) {
		config.Tables.MCPAggregated = tyksqlexporter.TableConfig{Enabled: true, Name: v.names.mcpAggregated}
	}
	for _, t := range []tyksqlexporter.TableConfig{config.Tables.Aggregated, config.Tables.GraphAggregated, config.Tables.MCPAggregated} {
		if t.Enabled {
			wanted = append(wanted, t.Name)
		}
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("-db: %s has no table of rollups with its records: name them with -aggregated and -records", there.Describe())
	}
	counting, end, err := v.pipeline(ctx, config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	for _, f := range feeds {
		n, err := f.Run(ctx, counting)
		if err != nil {
			return nil, fmt.Errorf("count the records of %s: %w", f.Table.Name, err)
		}
		fmt.Fprintf(c.stderr, "%s of %s counted anew\n", inspect.Count(n, "record"), f.Table.Name)
	}
	return wanted, nil
}

// pipeline is what counts records in the collector, before what stores them there.
func (v *verification) pipeline(ctx context.Context, store *tyksqlexporter.Config) (to consumer.Logs, end func() error, err error) {
	if err := store.Validate(); err != nil {
		return nil, nil, err
	}
	exporters, processors := tyksqlexporter.NewFactory(), tykaggregateprocessor.NewFactory()
	out, err := exporters.CreateLogs(ctx, exporter.Settings{ID: component.NewID(exporters.Type()), TelemetrySettings: quiet()}, store)
	if err != nil {
		return nil, nil, err
	}
	config := processors.CreateDefaultConfig().(*tykaggregateprocessor.Config)
	config.AggregationTime, config.Timezone, config.TrackAllPaths = v.minutes, v.zone, v.trackAllPaths
	config.IgnoreTagPrefixList, config.MaxValues, config.TraceTags = splitList(v.ignoreTags), 0, true
	if err := config.Validate(); err != nil {
		return nil, nil, err
	}
	counting, err := processors.CreateLogs(ctx, processor.Settings{ID: component.NewID(processors.Type()), TelemetrySettings: quiet()}, config, out)
	if err != nil {
		return nil, nil, err
	}
	if err := out.Start(ctx, noHost{}); err != nil {
		return nil, nil, err
	}
	if err := counting.Start(ctx, noHost{}); err != nil {
		return nil, nil, errors.Join(err, out.Shutdown(ctx))
	}
	return counting, func() error {
		return errors.Join(counting.Shutdown(context.WithoutCancel(ctx)), out.Shutdown(context.WithoutCancel(ctx)))
	}, nil
}

// noHost is a collector without extensions.
type noHost struct{}

func (noHost) GetExtensions() map[component.ID]component.Component { return nil }

// mend writes what the rollups lack.
func (v *verification) mend(ctx context.Context, c console, there rows.Store, tables []rows.Table, anew rows.Store, zone *time.Location) error {
	fresh, err := anew.Tables(ctx)
	if err != nil {
		return err
	}
	driver, datasource, err := datasourceOf(c, "db", v.db)
	if err != nil {
		return err
	}
	for _, name := range v.cmp.options.Tables {
		at := slices.IndexFunc(tables, func(t rows.Table) bool { return t.Name == name })
		from := slices.IndexFunc(fresh, func(t rows.Table) bool { return t.Name == name })
		if at < 0 || from < 0 {
			continue
		}
		if err := v.mendTable(ctx, c, there, &tables[at], anew, &fresh[from], driver, datasource, zone); err != nil {
			return fmt.Errorf("-repair: %w", err)
		}
	}
	return nil
}

func (v *verification) mendTable(ctx context.Context, c console, there rows.Store, table *rows.Table, anew rows.Store, fresh *rows.Table, driver, datasource string, zone *time.Location) (err error) {
	w, err := sqlrows.NewWriter(driver, datasource, table, zone)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	repair := &recompute.Repair{There: there, Anew: anew, ThereTable: table, AnewTable: fresh, Window: v.cmp.options.Window, Writer: w, Overwrite: v.overwrite}
	done, err := repair.Run(ctx)
	fmt.Fprintf(c.stderr, "%s: %s written and %s set anew, in %s\n", table.Name, inspect.Count(done.Inserted, "row"), inspect.Count(done.Updated, "row"), inspect.Count(done.Buckets, "bucket"))
	if done.Busy > 0 {
		fmt.Fprintf(c.stderr, "%s: %s left as they are, since others wrote them meanwhile: run this again\n", table.Name, inspect.Count(done.Busy, "bucket"))
	}
	if done.Left > 0 {
		fmt.Fprintf(c.stderr, "%s: %s left as they are, since their series has more than the records say, such as requests that Tyk Pump booked to another bucket; -overwrite sets those that the records have\n", table.Name, inspect.Count(done.Left, "row"))
	}
	return err
}

func splitList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
