package stdsql

import (
	"context"
	"database/sql/driver"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// listener hears which statements are prepared, and how many rows each stores.
type listener struct {
	nowhere

	texts map[string]int
	rows  *int
}

func (l listener) PrepareContext(_ context.Context, text string) (driver.Stmt, error) {
	l.texts[text]++
	return l, nil
}

func (l listener) ExecContext(_ context.Context, args []driver.NamedValue) (driver.Result, error) {
	*l.rows += len(args) / len(layout.AggregatedLayout.Columns)
	return driver.ResultNoRows, nil
}

func TestStatementsForRollupsAreFew(t *testing.T) {
	t.Parallel()
	table := NewTable(layout.Shard{Table: layout.Table{Layout: layout.AggregatedLayout, Name: "tyk_aggregated"}}, plain, func([]layout.RollupColumn) string { return " on duplicate key update x" })
	table.Time = func(b []byte, day *layout.DayText, at time.Time, _ int) []byte { return day.Append(b, at) }
	l := listener{texts: map[string]int{}, rows: new(int)}
	const atOnce, most = 8, 100
	row := &layout.Row{Counter: &rollup.Counter{}}
	var rows []*layout.Row
	for n := 1; n <= most; n++ {
		rows = append(rows, row)
		row.Counter.Hits = int64(n)
		w, err := newInserter(l, table, &Dialect{Rows: atOnce})
		require.NoError(t, err)
		require.NoError(t, w.rollups(t.Context(), rows))
		require.NoError(t, w.close())
	}
	assert.Equal(t, most*(most+1)/2, *l.rows, "all are stored")
	assert.Len(t, l.texts, 2*atOnce-1, "one for each number of rows that a statement may have")
	for text := range l.texts {
		assert.True(t, strings.HasSuffix(text, " on duplicate key update x"))
	}
}
