package rows

import (
	"bytes"
	"context"
	"strings"
	"time"
)

// Kind says how the rows of a table are compared.
type Kind uint8

// The kinds.
const (
	Records Kind = iota // one row a record, compared as a multiset
	Rollups             // counters by organisation, bucket, dimension and value
	Uptime              // the same, of uptime checks
)

// String is the kind for people.
func (k Kind) String() string {
	return [...]string{"records", "rollups", "uptime"}[k]
}

// Class is what a column holds, apart from how a database spells it.
type Class uint8

// The classes.
const (
	Text Class = iota
	Integer
	Float
	Boolean
	Instant
	Typed // a value that names its type itself, as extended JSON does
)

// Column is one column, or one path of a document.
type Column struct {
	Name  string
	Type  string // as the database names it
	Class Class
}

// Table is a table with all the tables of days that belong to it.
type Table struct {
	Name      string
	Kind      Kind
	Columns   []Column
	Relations []string // the tables, or collections, that hold its rows
	Unread    []Unread
}

// Unread is a field that is not compared, and the id of the deviation that is known of it.
type Unread struct{ Field, Deviation string }

// Column finds a column by its name.
func (t *Table) Column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// TimeColumn is the column that says when a record was, or of which bucket a rollup is.
// Tables of GraphQL and MCP requests have it with a prefix.
func (t *Table) TimeColumn() string { return t.Find("timestamp") }

// Find is the name of a column that may have the prefix of GraphQL and MCP tables, or nothing.
func (t *Table) Find(name string) string {
	for _, c := range t.Columns {
		if Bare(c.Name) == name {
			return c.Name
		}
	}
	return ""
}

// Bare is a column's name without the prefix of GraphQL and MCP tables.
func Bare(name string) string { return strings.TrimPrefix(name, "analytics_") }

// Value is the canonical text of a value; nil is null, or a path that is not there.
type Value []byte

// Window is a stretch of time; a zero end is open.
type Window struct{ From, To time.Time }

// Open tells whether a window has no end at all.
func (w Window) Open() bool { return w.From.IsZero() && w.To.IsZero() }

// Contains tells whether an instant is in the window.
func (w Window) Contains(at time.Time) bool {
	return (w.From.IsZero() || !at.Before(w.From)) && (w.To.IsZero() || at.Before(w.To))
}

// Scan is what to read of a table.
type Scan struct {
	Table   *Table
	Columns []Column // which, and in which order
	Window  Window
	Sorted  bool // by time
}

// Store is a database to compare.
type Store interface {
	// Tables lists what can be compared.
	Tables(ctx context.Context) ([]Table, error)
	// Scan calls visit for each row; its values are valid during the call only.
	Scan(ctx context.Context, scan Scan, visit func(row []Value) error) error
	// Count is how many rows a table has.
	Count(ctx context.Context, table *Table) (int64, error)
	// Describe names the store without its credentials.
	Describe() string
	Close() error
}

// timeForm is the canonical form of an instant, of fixed width.
const timeForm = "2006-01-02T15:04:05.000000Z"

// AppendTime writes an instant in canonical form.
func AppendTime(to []byte, at time.Time) []byte { return at.UTC().AppendFormat(to, timeForm) }

// Plain is a number or an instant without the name of its type, which documents have behind it.
func Plain(v Value) Value {
	plain, _, _ := bytes.Cut(v, []byte{' '})
	return plain
}

// ParseTime reads an instant in canonical form; a number is Unix seconds.
func ParseTime(v Value) (time.Time, bool) {
	v = Plain(v)
	if len(v) != len(timeForm) {
		seconds, ok := ParseInt(v)
		return time.Unix(seconds, 0).UTC(), ok
	}
	day := [...]int64{digits(v[0:4]), digits(v[5:7]), digits(v[8:10]), digits(v[11:13]), digits(v[14:16]), digits(v[17:19]), digits(v[20:26])}
	for _, part := range day {
		if part < 0 {
			return time.Time{}, false
		}
	}
	return time.Date(int(day[0]), time.Month(day[1]), int(day[2]), int(day[3]), int(day[4]), int(day[5]), int(day[6])*int(time.Microsecond), time.UTC), true
}

func digits(text []byte) int64 {
	var n int64
	for _, c := range text {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// ParseInt reads a whole number in canonical form.
func ParseInt(v Value) (int64, bool) {
	v = Plain(v)
	rest := v
	negative := len(v) > 0 && v[0] == '-'
	if negative {
		rest = v[1:]
	}
	const most = 19
	if len(rest) == 0 || len(rest) > most {
		return 0, false
	}
	n := digits(rest)
	if n < 0 {
		return 0, false
	}
	if negative {
		return -n, true
	}
	return n, true
}
