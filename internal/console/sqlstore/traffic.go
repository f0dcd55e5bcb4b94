package sqlstore

import (
	"context"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// Traffic counts requests by bucket.
func (s *Store) Traffic(ctx context.Context, scope query.Scope) (query.Traffic, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.Traffic{}, err
	}
	t := query.Traffic{Buckets: s.buckets(scope.Range)}
	if sel, ok := selectRollups(scope.Filter, ""); ok && s.useRollups(k, scope.Range) {
		rows, err := s.rollups(ctx, k, scope.Range, &sel, group{bucket: true, value: sel.keep != nil})
		if err != nil {
			return query.Traffic{}, err
		}
		t.Answer = rows.answer
		for i := range rows.rows {
			row := &rows.rows[i]
			if sel.keep != nil {
				if item := itemOf(sel.dimension, row.org, row.value); !sel.keep(&item) {
					continue
				}
			}
			t.Totals.Add(row.counts)
			if at := scope.Bucket(time.Unix(row.at, 0)); at >= 0 {
				t.Buckets[at].Add(row.counts)
			}
		}
		return t, nil
	}
	w, err := s.window(ctx, k, scope)
	if err != nil {
		return query.Traffic{}, err
	}
	t.Answer = w.answer
	for i := range w.rows {
		r := &w.rows[i]
		counts := r.counts()
		t.Totals.Add(counts)
		if at := scope.Bucket(r.at); at >= 0 {
			t.Buckets[at].Add(counts)
		}
	}
	w.hide(t.Buckets, scope.Width)
	return t, nil
}

// useRollups tells whether a range is one of rollups.
func (*Store) useRollups(k *known, r query.Range) bool {
	return k.Rollups && r.Source == query.FromRollups
}

// buckets are those of a range, empty.
func (s *Store) buckets(r query.Range) []query.Bucket {
	starts := r.Buckets()
	all := make([]query.Bucket, len(starts))
	for i, at := range starts {
		all[i] = query.Bucket{At: at, Open: s.open(r, at)}
	}
	return all
}

// open tells whether the range's bucket is not over.
func (s *Store) open(r query.Range, at time.Time) bool {
	over := at.Add(r.Width)
	return over.After(r.To) && over.After(s.now())
}
