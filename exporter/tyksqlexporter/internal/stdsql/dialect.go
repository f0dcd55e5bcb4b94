package stdsql

import (
	"context"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// Dialect is in what databases differ.
type Dialect struct {
	layout.Rules

	// Quote writes a name.
	Quote func(name string) string
	// Columns asks for the columns of a table in the order of layout.FoundColumn's fields.
	Columns string
	// Relations asks for the names of tables that may end in a day, and Now for the
	// database's time in Unix seconds.
	Relations, Now string
	// Made tells that a statement failed because others did before what it does; it may be nil.
	Made func(error) bool
	// Isolating are the statements with which a transaction begins to look for records that
	// are refused; there may be none.
	Isolating []string
	// Begin opens a transaction.
	Begin func(ctx context.Context, s *Session) error

	// Lock takes locks until the end of the transaction; it may be nil.
	Lock func(ctx context.Context, s *Session, keys []int64) error
	// Rows is how many rows one statement inserts, the last one up to twice as many.
	Rows int
	// Segments is for how many segments one look into the ledger is.
	Segments int
	// Unsigned tells that columns hold numbers above the greatest int64.
	Unsigned bool
	// Uncancelled has the context looked at between inserts only, where the driver starts a
	// goroutine for each statement otherwise.
	Uncancelled bool
	// Lost is what the driver says of a connection that is lost, beside driver.ErrBadConn.
	Lost error
	// RefusedRow reads from an error which row of a statement the database refused, from 1
	// on, or gives 0; it may be nil.
	RefusedRow func(error) int
}

// Names lists the columns of a table.
func (d *Dialect) Names(of *layout.Layout) string {
	names := make([]string, len(of.Columns))
	for i, c := range of.Columns {
		names[i] = d.Quote(c.Name)
	}
	return strings.Join(names, ", ")
}

// Create is the statement that makes a table by its quoted name, with more definitions
// than those of its columns and its primary key, and with options.
func (d *Dialect) Create(name string, of *layout.Layout, more []string, options string) string {
	definitions := d.Define(of, "", of.Columns)
	if of.Primary != "" {
		definitions = append(definitions, "primary key ("+d.Quote(of.Primary)+")")
	}
	return "create table if not exists " + name + " (\n  " + strings.Join(append(definitions, more...), ",\n  ") + ")" + options
}

// Define defines columns, each behind a verb.
func (d *Dialect) Define(of *layout.Layout, verb string, columns []layout.Column) []string {
	definitions := make([]string, len(columns))
	for i, c := range columns {
		definitions[i] = verb + d.Quote(c.Name) + " " + d.Type(of, c)
	}
	return definitions
}

// CreateIndexes are the statements that make indexes of a table.
func (d *Dialect) CreateIndexes(name string, indexes []layout.Index) []string {
	statements := make([]string, len(indexes))
	for i, index := range indexes {
		columns := make([]string, len(index.Columns))
		for at, column := range index.Columns {
			columns[at] = d.Quote(column)
		}
		statements[i] = "create index if not exists " + d.Quote(index.Name) + " on " + name + " (" + strings.Join(columns, ", ") + ")"
	}
	return statements
}
