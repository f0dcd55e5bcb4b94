package recompute

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// Repair writes to a table of rollups what it lacks of those that were made anew.
type Repair struct {
	// There has the table that is repaired, Anew the rollups that were made anew.
	There, Anew           rows.Store
	ThereTable, AnewTable *rows.Table
	Window                rows.Window
	Writer                Writer
	// Overwrite sets also rows that have more than the records say.
	Overwrite bool
}

// Writer changes a table, each bucket in a transaction of its own.
type Writer interface {
	// Bucket writes rows of one bucket, all or none of them.
	Bucket(ctx context.Context, changes []rows.Change) error
}

// Done is what a repair did.
type Done struct {
	Inserted, Updated, Buckets int64
	// Left are rows that have more than the records say, or whose series has.
	Left int64
	// Busy are buckets that others wrote at the same time, which are left as they are.
	Busy int64
}

// stored is a row as far as a repair looks at it.
type stored struct {
	id     rows.Value
	hits   rows.Value
	values []rows.Value
}

// Run repairs. It keeps the rollups of the window in memory.
func (r *Repair) Run(ctx context.Context) (Done, error) {
	columns := r.columns()
	there, err := r.read(ctx, r.There, r.ThereTable, columns)
	if err != nil {
		return Done{}, err
	}
	anew, err := r.read(ctx, r.Anew, r.AnewTable, columns)
	if err != nil {
		return Done{}, err
	}
	var done Done
	changes := map[int64][]rows.Change{}
	for series, buckets := range anew {
		todo, beyond := r.series(columns, buckets, there[series])
		if beyond > 0 && !r.Overwrite {
			done.Left += int64(len(todo)) + beyond
			continue
		}
		for _, c := range todo {
			changes[c.Bucket] = append(changes[c.Bucket], c)
		}
	}
	for _, bucket := range slices.Sorted(maps.Keys(changes)) {
		of := changes[bucket]
		slices.SortFunc(of, func(a, b rows.Change) int { return slices.Compare(a.Values[0], b.Values[0]) }) // as other writers do
		err := r.Writer.Bucket(ctx, of)
		if errors.Is(err, rows.ErrChanged) {
			done.Busy++
			continue
		}
		if err != nil {
			return done, fmt.Errorf("bucket %d of %s: %w", bucket, r.ThereTable.Name, err)
		}
		done.Buckets++
		for _, c := range of {
			if c.ID == nil {
				done.Inserted++
			} else {
				done.Updated++
			}
		}
	}
	return done, nil
}

// columns are those that both have, the id first.
func (r *Repair) columns() []rows.Column {
	var list []rows.Column
	for _, c := range r.ThereTable.Columns {
		if _, ok := r.AnewTable.Column(c.Name); !ok {
			continue
		}
		if c.Name == "id" {
			list = slices.Insert(list, 0, c)
		} else {
			list = append(list, c)
		}
	}
	return list
}

// read gives rows by series and bucket.
func (r *Repair) read(ctx context.Context, from rows.Store, table *rows.Table, columns []rows.Column) (map[string]map[int64]stored, error) {
	own := make([]rows.Column, len(columns))
	for i, c := range columns {
		own[i], _ = table.Column(c.Name)
	}
	place := func(name string) int {
		return slices.IndexFunc(columns, func(c rows.Column) bool { return c.Name == name })
	}
	id, hits, at := place("id"), place("counter_hits"), place("timestamp")
	if id < 0 || hits < 0 || at < 0 {
		return nil, fmt.Errorf("table %s has no id, counter_hits or timestamp", table.Name)
	}
	var names []int
	for _, name := range []string{"org_id", "api_id", "dimension", "dimension_value"} {
		if i := place(name); i >= 0 {
			names = append(names, i)
		}
	}
	all := map[string]map[int64]stored{}
	err := from.Scan(ctx, rows.Scan{Table: table, Columns: own, Window: r.Window}, func(row []rows.Value) error {
		var key strings.Builder
		for _, i := range names {
			key.WriteString(strconv.Itoa(len(row[i])))
			key.WriteByte(' ')
			key.Write(row[i])
		}
		bucket, _ := rows.ParseInt(row[at])
		values := make([]rows.Value, len(row))
		for i, v := range row {
			values[i] = slices.Clone(v)
		}
		if all[key.String()] == nil {
			all[key.String()] = map[int64]stored{}
		}
		all[key.String()][bucket] = stored{id: values[id], hits: values[hits], values: values}
		return nil
	})
	return all, err
}

// series gives what is to be written of one, and how many of its rows have more than the records say.
func (r *Repair) series(columns []rows.Column, anew, there map[int64]stored) (todo []rows.Change, beyond int64) {
	for bucket, row := range there {
		if _, ok := anew[bucket]; !ok && string(row.hits) != "0" {
			beyond++ // which may be requests of another bucket
		}
	}
	for bucket, row := range anew {
		old, ok := there[bucket]
		if !ok {
			todo = append(todo, rows.Change{Bucket: bucket, Columns: columns, Values: row.values})
			continue
		}
		less, more := false, false
		for i, c := range columns {
			if !adds(c.Name) {
				continue
			}
			a, errA := strconv.ParseFloat(string(old.values[i]), 64)
			b, errB := strconv.ParseFloat(string(row.values[i]), 64)
			if errA != nil || errB != nil {
				continue
			}
			less, more = less || a < b, more || a > b
		}
		if more {
			beyond++
		}
		if less || more {
			values := slices.Clone(row.values)
			values[0] = old.id // which MySQL may have cut
			todo = append(todo, rows.Change{Bucket: bucket, Columns: columns, Values: values, ID: old.id, Hits: old.hits})
		}
	}
	return todo, beyond
}

// adds tells whether a column adds up.
func adds(column string) bool {
	return strings.HasPrefix(column, "code_") || strings.HasPrefix(column, "counter_total_") || slices.Contains([]string{
		"counter_hits", "counter_success", "counter_error", "counter_open_connections", "counter_closed_connections", "counter_bytes_in", "counter_bytes_out",
	}, column)
}
