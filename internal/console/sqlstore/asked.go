package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// The families whose requests are counted by what they ask for.
const (
	graphFamily = "graph"
	mcpFamily   = "mcp"
	// mcpPrefix is what the columns of records begin with in the table of MCP requests.
	mcpPrefix = "analytics_"
)

// askedRow is a request of GraphQL or MCP, with what it asked for.
type askedRow struct {
	at     time.Time
	org    string
	counts query.Counts
	values map[query.Dimension][]string
	// name is that of an MCP primitive, without its type.
	name string
}

// askedRows are the newest requests of a family in a scope.
type askedRows struct {
	rows   []askedRow
	answer query.Answer
}

// counts tells whether the rollups have a table of what a selection asks for.
func (k *known) counts(sel *selection) bool {
	return len(sel.families) == 0 || slices.ContainsFunc(k.families, func(f family) bool { return slices.Contains(sel.families, f.name) })
}

// Families says which kinds of requests a scope has beside plain ones.
func (s *Store) Families(ctx context.Context, scope query.Scope) ([]string, error) {
	k, err := s.know(ctx)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range []string{graphFamily, mcpFamily} {
		has, err := s.hasFamily(ctx, k, scope, name)
		if err != nil {
			return nil, err
		}
		if has {
			all = append(all, name)
		}
	}
	return all, nil
}

func (s *Store) hasFamily(ctx context.Context, k *known, scope query.Scope, name string) (bool, error) {
	i := slices.IndexFunc(k.families, func(f family) bool { return f.name == name })
	if i < 0 || !s.useRollups(k, scope.Range) {
		asked, err := s.askedIn(ctx, k, scope, name)
		if known, ok := errors.AsType[*query.Error](err); ok && slices.Contains([]query.Code{query.Missing, query.Unindexed, query.ChooseOrganisation}, known.Code) {
			return false, nil // nothing tells
		}
		return err == nil && len(asked.rows) > 0, err
	}
	f, sp := k.families[i], s.spanOf(k, scope.Range)
	st := newStatement("select count(*) from (select 1 as one from " + s.dialect.quote(f.table))
	s.where(st, f, &selection{orgs: scope.Orgs, apis: scope.APIs}, sp, k.Bucket).add(" limit 1) as found")
	n, err := cached(ctx, s.cache, "family "+cacheKey(st), func(ctx context.Context) (answered[int64], error) {
		var n int64
		err := s.read(ctx, func(q *session) error { return q.row(ctx, st, number{&n}) })
		return answered[int64]{n, 16, s.ttl(sp)}, err
	})
	return n > 0, err
}

// itemsAsked counts by a dimension that only requests of GraphQL, or of MCP, have.
func (s *Store) itemsAsked(ctx context.Context, k *known, scope query.Scope, by query.Dimension) (*items, error) {
	family := dimensionsOf[by].family
	asked, err := s.askedIn(ctx, k, scope, family)
	if err != nil {
		return nil, err
	}
	all := &items{places: map[itemKey]int{}, of: by, answer: asked.answer}
	for i := range asked.rows {
		r := &asked.rows[i]
		for _, value := range r.values[by] {
			item := query.Item{Org: r.org, Value: value, Name: value, Family: family}
			if by == query.ByName {
				item.Name = r.name
			}
			to := all.at(keyOf(&item), func() query.Item { return item })
			to.Add(r.counts)
			if r.at.After(to.LastSeen) {
				to.LastSeen = r.at
			}
		}
	}
	return all, nil
}

// askedIn reads the newest requests of a family in a scope, of at most Config.ScanRows records.
func (s *Store) askedIn(ctx context.Context, k *known, scope query.Scope, family string) (*askedRows, error) {
	key := fmt.Sprintf("asked %s %d %d %q", family, scope.From.UnixMicro(), scope.To.UnixMicro(), fmt.Sprint(scope.Filter))
	return cached(ctx, s.cache, key, func(ctx context.Context) (answered[*askedRows], error) {
		result := &askedRows{answer: query.Answer{Source: query.FromRecords, Exactness: query.Exact}}
		segments, err := s.segments(k, scope.Filter, scope.From, scope.To)
		read := s.readGraph
		if family == mcpFamily {
			segments, err = s.mcpSegments(k, scope.Filter)
			read = s.readMCP
		}
		if err != nil {
			return answered[*askedRows]{}, err
		}
		err = s.read(ctx, func(q *session) error {
			defer func() { result.answer.Statements, result.answer.Took = q.statements, q.took }()
			return s.walk(ctx, q, segments, scope.From, scope.To, s.config.ScanRows, func(seg segment, floor, to time.Time) error {
				for _, b := range seg {
					if err := read(ctx, q, b, scope.Filter, floor, to, result); err != nil {
						return err
					}
				}
				return nil
			}, &result.answer)
		})
		if result.answer.Exactness == query.Limited {
			result.answer.Reason = fmt.Sprintf("the newest %d records were read: enable %s_aggregated in the exporter for figures of all", s.config.ScanRows, family)
		}
		const row = 400
		return answered[*askedRows]{result, int64(len(result.rows)) * row, s.ttl(span{to: scope.To.Unix()})}, err
	})
}

// readGraph reads the GraphQL requests of a branch.
func (s *Store) readGraph(ctx context.Context, q *session, b branch, f query.Filter, from, to time.Time, into *askedRows) error {
	st := newStatement("select " + s.dialect.instant(s.column("timestamp")) + ", orgid, responsecode, latency_total, latency_upstream, graphql_stats_has_errors, graphql_stats_operation_type, graphql_stats_types, graphql_stats_root_fields")
	s.from(st, b, from, to).add(" and responsecode <> -1 and graphql_stats_is_graph_ql = true")
	s.conditions(st, f, b, false)
	st.add(fmt.Sprintf(" limit %d", 2*s.config.ScanRows))
	return q.rows(ctx, st, func(rows *sql.Rows) error {
		var at instant
		var r record
		var failed, operation int64
		var types, roots string
		err := rows.Scan(&at, text{&r.org}, number{&r.code}, number{&r.latency}, number{&r.upstream}, number{&failed}, number{&operation}, text{&types}, text{&roots})
		if err != nil {
			return err
		}
		row := askedRow{at: at.Time, org: r.org, counts: graphCounts(&r, failed != 0), values: map[query.Dimension][]string{}}
		row.values[query.ByOperation] = []string{analytics.OperationType(operation).Name()}
		var byType map[string][]string
		_ = json.Unmarshal([]byte(types), &byType) // what is none stays empty
		for name, fields := range byType {
			row.values[query.ByType] = append(row.values[query.ByType], name)
			for _, field := range fields {
				row.values[query.ByField] = append(row.values[query.ByField], name+"_"+field) // as rollups write it
			}
		}
		var fields []string
		_ = json.Unmarshal([]byte(roots), &fields) // as above
		row.values[query.ByRootField] = fields
		into.rows = append(into.rows, row)
		return nil
	})
}

// graphCounts are a record's counts where an answer with errors is an error, whatever its status.
func graphCounts(r *record, failed bool) query.Counts {
	c := r.counts()
	if failed && c.ClientErrors+c.ServerErrors == 0 {
		c.Success, c.Other, c.GraphErrors = 0, 0, 1
	}
	return c
}

// mcpSegments finds the branches of the table of MCP requests.
func (s *Store) mcpSegments(k *known, f query.Filter) ([]segment, error) {
	table := s.config.Tables.MCP
	t := k.tables[table]
	if table == "" || t == nil {
		return nil, &query.Error{
			Code: query.Missing, Text: "MCP requests are neither counted nor stored in a table that is read",
			Remedy: "enable tables::mcp_aggregated in the exporter, or tables::mcp without table_sharding, and let the console's role read it",
		}
	}
	for _, driving := range []struct {
		column string
		values []string
	}{{"apiid", f.APIs}, {"orgid", f.Orgs}} {
		column := mcpPrefix + driving.column
		if len(driving.values) == 0 || !t.leads(column, mcpPrefix+"timestamp") {
			continue
		}
		segments, err := branches(table, column, driving.values)
		for _, seg := range segments {
			for i := range seg {
				seg[i].prefix = mcpPrefix
			}
		}
		return segments, err
	}
	if t.rows >= 0 && t.rows <= s.smallTable {
		return []segment{{{relation: table, prefix: mcpPrefix}}}, nil
	}
	column := mcpPrefix + "apiid"
	return nil, &query.Error{
		Code: query.Unindexed, Text: "the table of MCP requests has no index for this, so that it would be read as a whole",
		Remedy: "make the index, or enable tables::mcp_aggregated in the exporter", Statements: []string{s.dialect.index(table+"_idx_"+column+"_ts", table, []string{column, mcpPrefix + "timestamp"})},
	}
}

// readMCP reads the MCP requests of a branch.
func (s *Store) readMCP(ctx context.Context, q *session, b branch, f query.Filter, from, to time.Time, into *askedRows) error {
	in := func(column string) string { return s.column(mcpPrefix + column) }
	st := newStatement("select " + s.dialect.instant(in("timestamp")) + ", " + in("orgid") + ", " + in("responsecode") + ", " + in("latency_total") + ", " + in("latency_upstream") + ", jsonrpc_method, primitive_type, primitive_name")
	s.from(st, b, from, to)
	for column, values := range map[string][]string{"apiid": f.APIs, "orgid": f.Orgs, "apikey": f.Keys} {
		st.in(s.dialect.exact(in(column)), values)
	}
	st.add(fmt.Sprintf(" limit %d", 2*s.config.ScanRows))
	return q.rows(ctx, st, func(rows *sql.Rows) error {
		var at instant
		var r record
		var method, primitive, name string
		err := rows.Scan(&at, text{&r.org}, number{&r.code}, number{&r.latency}, number{&r.upstream}, text{&method}, text{&primitive}, text{&name})
		if err != nil {
			return err
		}
		row := askedRow{at: at.Time, org: r.org, counts: r.counts(), name: name, values: map[query.Dimension][]string{}}
		add := func(by query.Dimension, value string) {
			if value != "" {
				row.values[by] = []string{value}
			}
		}
		add(query.ByRPCMethod, method)
		add(query.ByPrimitive, primitive)
		if name != "" {
			add(query.ByName, primitive+"_"+name) // as rollups write it
		}
		if primitive == "" {
			add(query.ByName, name)
		}
		into.rows = append(into.rows, row)
		return nil
	})
}
