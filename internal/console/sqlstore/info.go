package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/tyktables"
)

// family is one of the tables of rollups.
type family struct {
	name  string // of the records
	table string
	byAPI bool // its rows are of an API
}

// known is what the store found out about the database.
type known struct {
	query.Info

	tables   catalogue
	families []family // those whose tables are there
	latency  bool
	days     []string // of the tables of days, the newest first; without days one empty
	// branches tells by which columns records can be read.
	indexed map[string]bool
	// timed is set where all records can be read by time alone.
	timed bool
	small bool // enough to be read whole
}

// knownFor is how long what was found out holds.
const knownFor = time.Minute

// know finds out what there is, once a minute. Each page begins with it, so that here it is looked whether the store is there
// at all: what is cached for longer is never shown as the figures of a store that is away.
func (s *Store) know(ctx context.Context) (*known, error) {
	_, err := cached(ctx, s.cache, "there", func(ctx context.Context) (answered[bool], error) {
		err := s.read(ctx, func(q *session) error {
			_, err := s.dialect.version(ctx, q)
			return err
		})
		return answered[bool]{true, 1, openFor}, err
	})
	if err != nil {
		return nil, err
	}
	return cached(ctx, s.cache, "info", func(ctx context.Context) (answered[*known], error) {
		k := &known{}
		err := s.read(ctx, func(q *session) error { return k.find(ctx, q) })
		if err != nil {
			return answered[*known]{}, err
		}
		ttl := knownFor
		if k.Empty() {
			ttl = 2 * time.Second // somebody waits for the first record
		}
		const some = 4096
		return answered[*known]{k, some, ttl}, nil
	})
}

// Info says what the store is.
func (s *Store) Info(ctx context.Context) (query.Info, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.Info{}, err
	}
	return k.Info, nil
}

func (k *known) find(ctx context.Context, q *session) error {
	s := q.store
	t := s.config.Tables
	k.Driver, k.Place = s.config.Driver, s.place
	var err error
	if k.Server, err = s.dialect.version(ctx, q); err != nil {
		return err
	}
	var names []string
	for _, name := range []string{t.Requests, t.Aggregated, t.GraphAggregated, t.MCPAggregated, t.Latency, t.MCP} {
		if name != "" {
			names = append(names, name)
		}
	}
	prefix := ""
	if s.config.Sharded {
		prefix = t.Requests
	}
	if k.tables, err = s.dialect.catalogue(ctx, q, names, prefix); err != nil {
		return err
	}
	k.findTables(s)
	if err := k.findRollups(ctx, q); err != nil {
		return err
	}
	if err := k.findRecords(ctx, q); err != nil {
		return err
	}
	if err := k.findOrganisations(ctx, q); err != nil {
		return err
	}
	return k.findAPIs(ctx, q)
}

// findTables says which tables can be read, and how those of records.
func (k *known) findTables(s *Store) {
	c := &s.config
	for _, f := range []family{{"requests", c.Tables.Aggregated, false}, {"graph", c.Tables.GraphAggregated, true}, {"mcp", c.Tables.MCPAggregated, true}} {
		if f.table != "" && k.tables[f.table] != nil {
			k.families = append(k.families, f)
		}
	}
	k.latency = c.Tables.Latency != "" && k.tables[c.Tables.Latency] != nil
	k.Rollups, k.Latencies = len(k.families) > 0, k.latency
	if c.Tables.Requests == "" {
		return
	}
	if c.Sharded {
		for name := range k.tables {
			if day, ok := strings.CutPrefix(name, c.Tables.Requests+"_"); ok {
				if _, err := time.Parse(tyktables.DayForm, day); err == nil {
					k.days = append(k.days, day)
				}
			}
		}
		slices.SortFunc(k.days, func(a, b string) int { return strings.Compare(b, a) })
	} else if k.tables[c.Tables.Requests] != nil {
		k.days = []string{""}
	}
	if len(k.days) == 0 {
		return
	}
	k.Records = true
	t := k.tables[relation(c.Tables.Requests, k.days[0])]
	k.indexed = map[string]bool{}
	for _, column := range tyktables.RequestIndexes {
		k.indexed[column] = t.leads(column, "timestamp")
	}
	k.timed = t.leads("timestamp")
	k.small = t.rows >= 0 && t.rows <= s.smallTable
}

// smallTable is how many records may be read without an index.
const smallTable = 200_000

func relation(table, day string) string {
	if day == "" {
		return table
	}
	return table + "_" + day
}

// findRollups finds the oldest bucket, and how wide buckets are.
func (k *known) findRollups(ctx context.Context, q *session) error {
	s := q.store
	const newest = 200
	buckets := map[int64]bool{}
	for _, f := range k.families {
		table := s.dialect.quote(f.table)
		var oldest int64
		if err := q.row(ctx, newStatement("select coalesce(min("+s.column("timestamp")+"), 0) from "+table+" where dimension = ''"), number{&oldest}); err != nil {
			return err
		}
		if at := time.Unix(oldest, 0).UTC(); oldest > 0 && (k.OldestRollup.IsZero() || at.Before(k.OldestRollup)) {
			k.OldestRollup = at
		}
		st := newStatement(fmt.Sprintf("select distinct %[1]s from %[2]s where dimension = '' order by %[1]s desc limit %[3]d", s.column("timestamp"), table, newest))
		err := q.rows(ctx, st, func(rows *sql.Rows) error {
			var at int64
			err := rows.Scan(number{&at})
			buckets[at] = true
			return err
		})
		if err != nil {
			return err
		}
	}
	if k.Bucket = s.config.Bucket; k.Bucket == 0 {
		k.Bucket = widthOf(buckets)
	}
	return nil
}

// widthOf is the width that buckets have which begin at some seconds: the greatest one of which all
// distances are multiples.
func widthOf(buckets map[int64]bool) time.Duration {
	const hour = 3600
	if len(buckets) == 0 {
		return 0
	}
	width := int64(hour)
	first := int64(-1)
	for at := range buckets {
		if first < 0 {
			first = at
		}
		width = gcd(width, max(at-first, first-at))
	}
	return time.Duration(width) * time.Second
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// findRecords finds the times of the oldest and the newest record, where that costs little.
func (k *known) findRecords(ctx context.Context, q *session) error {
	if !k.Records {
		return nil
	}
	s := q.store
	ends := func(day, order string, where *statement) (time.Time, error) {
		var at instant
		st := newStatement("select " + s.dialect.instant(s.column("timestamp")) + " from " + s.dialect.quote(relation(s.config.Tables.Requests, day)) + " where 1 = 1")
		if where != nil {
			st.add(where.text.String(), where.args...)
		}
		err := q.row(ctx, st.add(" order by "+s.column("timestamp")+" "+order+" limit 1"), &at)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return at.Time, err
	}
	if k.timed || !k.indexed["orgid"] {
		if !k.timed && !k.small {
			return nil // that would read the whole table
		}
		for _, day := range k.days {
			at, err := ends(day, "desc", nil)
			if err != nil {
				return err
			}
			if k.NewestRecord = at; !at.IsZero() {
				break
			}
		}
		var err error
		k.OldestRecord, err = ends(k.days[len(k.days)-1], "asc", nil)
		return err
	}
	orgs, err := k.skip(ctx, q, "orgid", maxOrganisations+1)
	if err != nil {
		return err
	}
	for _, org := range orgs {
		of := newStatement(" and orgid = ?", org)
		newest, err := ends("", "desc", of)
		if err != nil {
			return err
		}
		oldest, err := ends("", "asc", of)
		if err != nil {
			return err
		}
		if newest.After(k.NewestRecord) {
			k.NewestRecord = newest
		}
		if k.OldestRecord.IsZero() || oldest.Before(k.OldestRecord) && !oldest.IsZero() {
			k.OldestRecord = oldest
		}
	}
	return nil
}

// maxOrganisations is how many organisations' records are read together.
const maxOrganisations = 32

// skip finds the values of a column by jumping from one to the next in its index.
func (k *known) skip(ctx context.Context, q *session, column string, most int) ([]string, error) {
	if len(k.days) == 0 {
		return nil, nil
	}
	s := q.store
	table := s.dialect.quote(relation(s.config.Tables.Requests, k.days[0]))
	var values []string
	st := newStatement("select min(" + column + ") from " + table)
	for len(values) < most {
		var value sql.NullString
		if err := q.row(ctx, st, &value); err != nil {
			return nil, err
		}
		if !value.Valid {
			return values, nil
		}
		values = append(values, value.String)
		st = newStatement("select min("+column+") from "+table+" where "+column+" > ?", value.String)
	}
	return values, nil
}

// recently is how far back organisations and APIs are looked for.
const recently = 30 * 24 * time.Hour

func (k *known) findOrganisations(ctx context.Context, q *session) error {
	s := q.store
	found := map[string]bool{}
	for _, f := range k.families {
		if f.byAPI && len(k.families) > 1 {
			continue // which may have many rows; their organisations are found by records
		}
		st := newStatement("select distinct org_id from "+s.dialect.quote(f.table)+" where dimension = '' and "+s.column("timestamp")+" >= ? limit 1000", s.now().Add(-recently).Unix())
		err := q.rows(ctx, st, func(rows *sql.Rows) error {
			var org string
			err := rows.Scan(text{&org})
			found[org] = true
			return err
		})
		if err != nil {
			return err
		}
	}
	if k.Records && (k.small || k.indexed["orgid"] || k.tables[relation(s.config.Tables.Requests, k.days[0])].leads("orgid")) {
		orgs, err := k.skip(ctx, q, "orgid", maxOrganisations+1)
		if err != nil {
			return err
		}
		for _, org := range orgs {
			found[org] = true
		}
	}
	for org := range found {
		k.Organisations = append(k.Organisations, org)
	}
	slices.Sort(k.Organisations)
	k.TooManyOrganisations = len(k.Organisations) > maxOrganisations && !k.timed && !k.small
	return nil
}

func (k *known) findAPIs(ctx context.Context, q *session) error {
	s := q.store
	found := map[query.API]bool{}
	for _, f := range k.families {
		st := newStatement(fmt.Sprintf("select org_id, dimension_value, max(counter_human_identifier) from %s where dimension = 'apiid' and %s >= ? group by org_id, dimension_value limit 2000",
			s.dialect.quote(f.table), s.column("timestamp")), s.now().Add(-24*time.Hour).Unix())
		err := q.rows(ctx, st, func(rows *sql.Rows) error {
			var a query.API
			err := rows.Scan(text{&a.Org}, text{&a.ID}, text{&a.Name})
			found[a] = true
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(found) == 0 && k.Records && (k.small || k.indexed["apiid"] || k.tables[relation(s.config.Tables.Requests, k.days[0])].leads("apiid")) {
		const most = 100
		ids, err := k.skip(ctx, q, "apiid", most)
		if err != nil {
			return err
		}
		for _, id := range ids {
			a := query.API{ID: id}
			st := newStatement("select orgid, api_name from "+s.dialect.quote(relation(s.config.Tables.Requests, k.days[0]))+" where apiid = ? limit 1", id)
			if err := q.row(ctx, st, text{&a.Org}, text{&a.Name}); err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			found[a] = true
		}
	}
	for a := range found {
		k.APIs = append(k.APIs, a)
	}
	slices.SortFunc(k.APIs, func(a, b query.API) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Org, b.Org), strings.Compare(a.ID, b.ID))
	})
	return nil
}

// column quotes a column's name.
func (s *Store) column(name string) string { return s.dialect.quote(name) }
