package tyksqlexporter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// mysqlShortest is how many characters an id has at least room for: a checksum's.
const mysqlShortest = 2 * sha256.Size

// mysqlUpdate is what becomes of a row that is there already. MySQL assigns from left
// to right, and reads what it has assigned: the mean comes before the sums it is of.
func mysqlUpdate() string {
	// A row that is older than a column has null in it.
	sum := func(name string) string { return "coalesce(" + name + ", 0) + values(" + name + ")" }
	changes := []string{
		"counter_last_time = greatest(coalesce(counter_last_time, values(counter_last_time)), values(counter_last_time))",
		"counter_request_time = case when " + sum("counter_hits") + " = 0 then 0 else (" +
			sum("counter_total_request_time") + ") / (" + sum("counter_hits") + ") end",
	}
	for _, name := range uptimeSums() {
		changes = append(changes, name+" = "+sum(name))
	}
	return "\non duplicate key update " + strings.Join(changes, ", ")
}

// upsert adds counters to their rows, in the order of their ids.
func (w *mysqlInsert) upsert(ctx context.Context, counters []*uptimeCounter) error {
	for at, counter := range counters {
		w.count(counter)
		if len(w.args) < mysqlRows*len(w.table.columns) || len(counters)-at <= mysqlRows {
			continue
		}
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	return w.flush(ctx)
}

// count adds the values of one counter. An id that the column does not hold ends in
// a checksum, so that it stays one row's; an address that the column does not hold is
// cut there, and whole in counter_identifier.
func (w *mysqlInsert) count(c *uptimeCounter) {
	values := c.values()
	for at := range values {
		column := w.table.columns[at]
		switch uptimeLayout.columns[at].name {
		case "id":
			w.add(shortID(c.id, column.length))
		case "dimension_value":
			w.add(cutText(c.value, column.length))
		case "counter_last_time":
			w.add(w.time(c.last, column.precision))
		default:
			w.add(values[at])
		}
	}
}

// shortID is an id of at most so many characters, which are not fewer than those of a
// checksum.
func shortID(id string, length int) string {
	if len(id) <= length {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return id[:length-mysqlShortest] + hex.EncodeToString(sum[:])
}

// cutText is the beginning of a text, at most so many characters of it.
func cutText(text string, length int) string {
	if len(text) <= length || utf8.RuneCountInString(text) <= length {
		return text
	}
	runes := 0
	for at := range text {
		if runes == length {
			return text[:at]
		}
		runes++
	}
	return text
}
