package tyksqlexporter

import (
	"errors"
	"slices"
)

// foundColumn is a column of an existing table.
type foundColumn struct {
	name      string
	typ       string // the type's name, without what is said of it in brackets
	declared  string // as declared, for people
	mandatory bool   // not null and without a default
	generated bool
	length    int    // of text in characters; MySQL's only
	precision int    // of times in digits of a second; MySQL's only
	charset   string // of text; MySQL's only
}

// columnRules say how a database's columns hold values.
type columnRules struct {
	// spell is how the database spells the type that a column gets.
	spell func(c column) string
	// same tells whether two names are one column's.
	same func(a, b string) bool
	// holds tells whether a column that was found holds the values of the table's
	// column at a place, and notes how.
	holds func(place int, found foundColumn) bool
	// remedy is what to do about a column of a wrong type.
	remedy func(c column) string
}

// missing compares the columns of an existing table with what they must be, and gives
// those that it lacks.
func (r columnRules) missing(of shard, found []foundColumn) ([]column, error) {
	name, columns := of.relation(), of.layout.columns
	var missing []column
	var errs []error
	for i, c := range columns {
		at := slices.IndexFunc(found, func(f foundColumn) bool { return r.same(f.name, c.name) })
		switch {
		case at < 0:
			missing = append(missing, c)
		case found[at].generated:
			errs = append(errs, schemaErrorf("table %q, column %q: is generated, so records cannot be stored in it: make it an ordinary column of type %s", name, c.name, r.spell(c)))
		case !r.holds(i, found[at]):
			errs = append(errs, schemaErrorf("table %q, column %q: has type %s, want %s: %s, or set tables::%s::name to another table",
				name, c.name, found[at].declared, r.spell(c), r.remedy(c), of.layout.key))
		}
	}
	for _, f := range found {
		if f.mandatory && !slices.ContainsFunc(columns, func(c column) bool { return r.same(f.name, c.name) }) {
			errs = append(errs, schemaErrorf("table %q, column %q: is not one of Tyk's and is NOT NULL without a default, so no record can be stored: give it a default", name, f.name))
		}
	}
	if len(errs) > 0 {
		return nil, &schemaError{text: errors.Join(errs...).Error()}
	}
	return missing, nil
}
