package sqlstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/tyktables"
)

// Storage says how big tables are, and which indexes they lack.
func (s *Store) Storage(ctx context.Context) (query.Storage, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.Storage{}, err
	}
	return cached(ctx, s.cache, "storage", func(ctx context.Context) (answered[query.Storage], error) {
		result := query.Storage{Missing: s.missing(k), PerDay: -1, Free: -1}
		if s.config.Driver == sqliteDriver {
			result.Free = diskFree(s.place)
		}
		names := make([]string, 0, len(k.tables))
		for name := range k.tables {
			names = append(names, name)
		}
		slices.Sort(names)
		const most = 400
		names = names[:min(len(names), most)]
		err := s.read(ctx, func(q *session) error {
			sizes, err := s.dialect.sizes(ctx, q, append(slices.Clone(names), tyktables.Ledger))
			if err != nil {
				return err
			}
			result.Ledger = max(sizes[tyktables.Ledger].Rows, 0)
			day, err := k.newestDay(ctx, q)
			if err != nil {
				return err
			}
			for _, name := range names {
				size, ok := sizes[name]
				if !ok {
					continue // a view
				}
				size.PerDay = s.growth(k, size, day)
				result.Tables = append(result.Tables, size)
			}
			result.PerDay = s.growthOfAll(k, result.Tables)
			return nil
		})
		const some = 4096
		return answered[query.Storage]{result, some, knownFor}, err
	})
}

// newestDay is how many requests the newest day had, by the rollups; 0 where they do not say.
func (k *known) newestDay(ctx context.Context, q *session) (int64, error) {
	s, newest := q.store, k.NewestRecord
	if newest.IsZero() || k.Bucket <= 0 || newest.Sub(k.OldestRollup) < oneDay {
		return 0, nil
	}
	sum := int64(0)
	to := newest.Truncate(k.Bucket)
	for _, f := range k.families {
		if f.name == "mcp" {
			continue // which are in a table of their own
		}
		st := newStatement("select coalesce(sum(counter_hits), 0) from "+s.dialect.quote(f.table)+" where dimension = '' and "+s.column("timestamp")+" >= ? and "+s.column("timestamp")+" < ?",
			to.Add(-oneDay).Unix(), to.Unix())
		var n int64
		if err := q.row(ctx, st, number{&n}); err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

const oneDay = 24 * time.Hour

// growth is what a day adds to a table: the requests of the newest day, each as big as all are on average; else by how
// long it took to become as big as it is.
func (s *Store) growth(k *known, size query.TableSize, day int64) int64 {
	if size.Bytes < 0 {
		return -1
	}
	oldest, newest := k.OldestRollup, s.now()
	if size.Name == s.config.Tables.Requests {
		if day > 0 && size.Rows > 0 {
			return int64(float64(size.Bytes) / float64(size.Rows) * float64(day))
		}
		oldest, newest = k.OldestRecord, k.NewestRecord
	}
	if oldest.IsZero() || newest.Sub(oldest) < oneDay || s.config.Sharded && strings.HasPrefix(size.Name, s.config.Tables.Requests+"_") {
		return -1
	}
	return int64(float64(size.Bytes) / (newest.Sub(oldest).Hours() / 24))
}

// growthOfAll adds up what a day adds to each table; of tables of days, the newest whole day's size is that.
func (s *Store) growthOfAll(k *known, tables []query.TableSize) int64 {
	sum, knownOf := int64(0), false
	for _, t := range tables {
		day := t.PerDay
		if s.config.Sharded && len(k.days) > 1 && t.Name == relation(s.config.Tables.Requests, k.days[1]) {
			day = t.Bytes
		}
		if day >= 0 {
			sum, knownOf = sum+day, true
		}
	}
	if !knownOf {
		return -1
	}
	return sum
}

// missing lists the indexes that pages would be faster with.
func (s *Store) missing(k *known) []query.MissingIndex {
	var all []query.MissingIndex
	add := func(table, name, reason string, columns ...string) {
		if k.tables[table] != nil && !k.tables[table].leads(columns...) {
			all = append(all, query.MissingIndex{Table: table, For: reason, Statement: s.dialect.index(table+name, table, columns)})
		}
	}
	if k.Records && !s.config.Sharded {
		for _, column := range tyktables.RequestIndexes {
			add(s.config.Tables.Requests, "_idx_"+column+"_ts", "Logs, Live, and figures without rollups", column, "timestamp")
		}
	}
	for _, f := range k.families {
		add(f.table, "_idx_dimension", "Overview and lists", tyktables.RollupIndex...)
		if !f.byAPI {
			add(f.table, "_idx_hits", "keys, endpoints and countries of long times; it makes writing slower, by some eighth to a quarter", tyktables.HitsIndex...)
		}
	}
	if k.latency {
		add(s.config.Tables.Latency, "_idx_bins", "latencies of long times; it makes writing slower, by about a quarter", tyktables.LatencyIndex...)
	}
	return all
}
