package compare

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// counters is a store with one table of rollups, which it makes as it is read.
type counters struct {
	series, buckets int
	hits            func(series, bucket int) int
	scans           *atomic.Int64
}

func (c counters) Tables(context.Context) ([]rows.Table, error) {
	var columns []rows.Column
	for _, name := range []string{"id", "timestamp", "org_id", "dimension", "dimension_value", "counter_hits", "counter_success"} {
		columns = append(columns, rows.Column{Name: name, Type: "text"})
	}
	return []rows.Table{{Name: "tyk_aggregated", Kind: rows.Rollups, Columns: columns}}, nil
}

func (c counters) Scan(_ context.Context, _ rows.Scan, visit func([]rows.Value) error) error {
	c.scans.Add(1)
	for bucket := range c.buckets {
		at := 1_700_000_000 + 3600*bucket
		for series := range c.series {
			n := c.hits(series, bucket)
			if n == 0 {
				continue
			}
			hits := rows.Value(strconv.Itoa(n))
			row := []rows.Value{fmt.Appendf(nil, "%d-%d", at, series), fmt.Append(nil, at), rows.Value("org"), rows.Value("apiid"), fmt.Append(nil, series), hits, hits}
			if err := visit(row); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c counters) Count(context.Context, *rows.Table) (int64, error) { return 0, nil }
func (c counters) Describe() string                                  { return "counters" }
func (c counters) Close() error                                      { return nil }

// However many rows differ, each side is read twice: once for the sums, and once for what differs.
func TestRollupsAreReadTwiceHoweverManyDiffer(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	const series, buckets = 500, 48
	for name, tc := range map[string]struct {
		here             func(series, bucket int) int
		scans            int64
		same             int64
		changed, missing int64
		shifted          bool
	}{
		"equal":           {here: func(int, int) int { return 7 }, scans: 1, same: series * buckets},
		"one row":         {here: func(s, b int) int { return 7 + oneIf(s == 3 && b == 9) }, scans: 2, same: series*buckets - 1, changed: 1},
		"all rows":        {here: func(int, int) int { return 8 }, scans: 2, changed: series * buckets},
		"nothing there":   {here: func(int, int) int { return 0 }, scans: 2, missing: series * buckets},
		"a bucket less":   {here: func(_, b int) int { return 7 * oneIf(b != 47) }, scans: 2, same: series * (buckets - 1), missing: series},
		"a bucket beyond": {here: func(_, b int) int { return 7 - 3*oneIf(b == 5) + 3*oneIf(b == 6) }, scans: 2, same: series * (buckets - 2), shifted: true},
	} {
		t.Run(name, func(t *testing.T) {
			var there, here atomic.Int64
			o := options()
			o.MaxUnit = 200 // many batches
			r, err := Stores(t.Context(),
				counters{series, buckets, func(int, int) int { return 7 }, &there},
				counters{series, buckets, tc.here, &here}, o)
			require.NoError(t, err)
			assert.Equal(t, tc.scans, there.Load())
			assert.Equal(t, tc.scans, here.Load())
			table := r.Tables[0]
			assert.Equal(t, tc.same, table.Same)
			assert.Equal(t, tc.changed, table.Unexplained[Changed])
			assert.Equal(t, tc.missing, table.Unexplained[MissingHere])
			if tc.shifted {
				assert.Equal(t, map[string]int64{deviationOfBuckets(rows.Rollups): 2 * series}, table.Explained)
			}
			left, err := filepath.Glob(filepath.Join(dir, "*"))
			require.NoError(t, err)
			assert.Empty(t, left, "nothing is left behind")
		})
	}
}

func oneIf(condition bool) int {
	if condition {
		return 1
	}
	return 0
}

func TestAFullDiskIsSaid(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "nowhere"))
	var scans atomic.Int64
	all := func(n int) counters { return counters{1, 1, func(int, int) int { return n }, &scans} }
	_, err := Stores(t.Context(), all(1), all(2), options())
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "TMPDIR")
}

func TestASpillGivesBackWhatItGot(t *testing.T) {
	const batches, each = 7, 5000
	s, err := newSpill(batches)
	require.NoError(t, err)
	for i := range batches * each {
		require.NoError(t, s.add(i%batches, fmt.Appendf(nil, "row %d of a batch", i)))
	}
	for batch := range batches {
		i := batch
		require.NoError(t, s.rows(batch, func(packed []byte) {
			if want := fmt.Sprintf("row %d of a batch", i); string(packed) != want {
				t.Fatalf("%q instead of %q", packed, want)
			}
			i += batches
		}))
		assert.Equal(t, batch+batches*each, i)
	}
	require.NoError(t, s.close())
}
