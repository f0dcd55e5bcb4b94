package layout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SchemaError says that a table is not as it must be. It heals only by an
// operator's hand; until then records wait.
type SchemaError struct{ Text string }

func (e *SchemaError) Error() string { return e.Text }

// Errorf makes a SchemaError.
func Errorf(format string, args ...any) error {
	return &SchemaError{Text: fmt.Sprintf(format, args...)}
}

// FoundColumn is a column of an existing table.
type FoundColumn struct {
	Name      string
	Typ       string // the type's name, without what is said of it in brackets
	Declared  string // as declared, for people
	Mandatory bool   // not null and without a default
	Generated bool
	Indexed   bool
	Unique    bool   // no two rows have the same, by an index that is of it alone
	Length    int    // of text in characters; MySQL's only
	Precision int    // of times in digits of a second; MySQL's only
	Charset   string // of text; MySQL's only
}

// Rules say how a database's columns hold values.
type Rules struct {
	// Type is how the database spells the type that a column gets.
	Type func(of *Layout, c Column) string
	// Same tells whether two names are one column's.
	Same func(a, b string) bool
	// Remedy is what to do about a column of a table, by its name as it was found, that has
	// not the type.
	Remedy func(table string, c Column, typ string) string
}

// Missing compares the columns of an existing table with what they must be, and gives
// those that it lacks. A column that was found is shown to holds, which tells whether it
// holds the values of the table's column at a place.
func (r Rules) Missing(of Shard, table string, found []FoundColumn, holds func(place int, found FoundColumn) bool) ([]Column, error) {
	name, columns := of.Relation(), of.Layout.Columns
	var missing []Column
	var errs []error
	for i, c := range columns {
		at := slices.IndexFunc(found, func(f FoundColumn) bool { return r.Same(f.Name, c.Name) })
		switch {
		case at < 0:
			missing = append(missing, c)
		case found[at].Generated:
			errs = append(errs, Errorf("table %q, column %q: is generated, so records cannot be stored in it: make it an ordinary column of type %s", name, c.Name, r.Type(of.Layout, c)))
		case !holds(i, found[at]):
			errs = append(errs, Errorf("table %q, column %q: has type %s, want %s: %s, or set tables::%s::name to another table",
				name, c.Name, found[at].Declared, r.Type(of.Layout, c), r.Remedy(table, c, r.Type(of.Layout, c)), of.Layout.Key))
		}
	}
	for _, f := range found {
		if f.Mandatory && !slices.ContainsFunc(columns, func(c Column) bool { return r.Same(f.Name, c.Name) }) {
			errs = append(errs, Errorf("table %q, column %q: is not one of Tyk's and is NOT NULL without a default, so no record can be stored: give it a default", name, f.Name))
		}
	}
	if len(errs) > 0 {
		return nil, &SchemaError{Text: errors.Join(errs...).Error()}
	}
	unique := func(f FoundColumn) bool { return f.Unique && r.Same(f.Name, of.Layout.Primary) }
	if of.Layout.Primary != "" && !slices.ContainsFunc(found, unique) {
		return nil, Errorf("table %q: has no primary key or unique index on %q, so nothing can be added to its rows: make one, or set tables::%s::name to another table",
			name, of.Layout.Primary, of.Layout.Key)
	}
	return missing, nil
}

// Made tells whether columns are those of a table that we or Tyk Pump made for a shard:
// it has no others, and the indexes that such a table gets, which a copy has not.
func (s Shard) Made(found []FoundColumn) bool {
	indexed := []string{s.Layout.Primary}
	for _, index := range s.Layout.Indexes(s, false) {
		indexed = append(indexed, index.Columns[0])
	}
	return len(found) > 0 && !slices.ContainsFunc(found, func(f FoundColumn) bool {
		same := func(name string) bool { return strings.EqualFold(name, f.Name) }
		return !slices.ContainsFunc(s.Layout.Columns, func(c Column) bool { return same(c.Name) }) || slices.ContainsFunc(indexed, same) && !f.Indexed
	})
}
