package sqlstore

import (
	"context"
	"slices"

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
		result := query.Storage{Missing: s.missing(k)}
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
			for _, name := range names {
				size, ok := sizes[name]
				if !ok {
					continue // a view
				}
				size.PerDay = s.growth(ctx, k, size)
				result.Tables = append(result.Tables, size)
			}
			return nil
		})
		const some = 4096
		return answered[query.Storage]{result, some, knownFor}, err
	})
}

// growth is what a day adds to the table of records, by how long it took to become as big as it is.
func (s *Store) growth(_ context.Context, k *known, size query.TableSize) int64 {
	if size.Name != s.config.Tables.Requests || s.config.Sharded || size.Bytes < 0 || k.OldestRecord.IsZero() {
		return -1
	}
	days := k.NewestRecord.Sub(k.OldestRecord).Hours() / 24
	if days < 1 {
		return -1
	}
	return int64(float64(size.Bytes) / days)
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
