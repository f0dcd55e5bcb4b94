package sqlstore

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// dialect is what databases do not have in common.
type dialect interface {
	// open makes a pool that connects when it is first used, and tells the place of the store and the
	// secrets that no message may show.
	open(c *Config) (db *sql.DB, place string, secrets []string, err error)
	// begin are the statements that begin a read-only transaction in which a statement may take so long.
	begin(timeout time.Duration) []string
	// quote writes a name.
	quote(name string) string
	// join joins the texts of all rows of a group; it is empty where a database cannot.
	join(text string) string
	// packs says whether even rows that the database could add up are better joined: its driver takes longer for a
	// row than the database for ten.
	packs() bool
	// sets says whether rows are added up in several ways at once.
	sets() bool
	// locates says whether some values of many buckets are found sooner one by one than by reading all that lies between.
	locates() bool
	// among adds that a column is one of some numbers.
	among(st *statement, column string, numbers []int64)
	// numbered says whether parameters are $1, $2 instead of ?.
	numbered() bool
	// bind is a time as a parameter.
	bind(t time.Time) any
	// instant reads a column of times so that scanning it with instant gives the time.
	instant(column string) string
	// exact is a column as it is compared byte for byte.
	exact(column string) string
	// size is the number of bytes of a text.
	size(column string) string
	// version asks what the server is.
	version(ctx context.Context, s *session) (string, error)
	// catalogue lists tables with their columns and indexes.
	catalogue(ctx context.Context, s *session, names []string, prefix string) (catalogue, error)
	// sizes tells how big tables are.
	sizes(ctx context.Context, s *session, names []string) (map[string]query.TableSize, error)
	// classify tells what kind of error the database gave; empty where none is known.
	classify(err error) query.Code
	// index is the statement that makes an index.
	index(name, table string, columns []string) string
}

// table is what is known of one.
type table struct {
	columns map[string]bool
	indexes [][]string // their columns, of whole values or of their beginnings
	rows    int64      // estimated; -1 where that is not known
}

// catalogue is the tables by name.
type catalogue map[string]*table

func (c catalogue) table(name string) *table {
	t := c[name]
	if t == nil {
		t = &table{columns: map[string]bool{}, rows: -1}
		c[name] = t
	}
	return t
}

// leads tells whether an index of the table begins with columns.
func (t *table) leads(columns ...string) bool {
	if t == nil {
		return false
	}
	for _, index := range t.indexes {
		if len(index) < len(columns) {
			continue
		}
		same := true
		for i, c := range columns {
			same = same && strings.EqualFold(index[i], c)
		}
		if same {
			return true
		}
	}
	return false
}

// statement is SQL with its parameters, each ? a place for one.
type statement struct {
	text strings.Builder
	args []any
}

func newStatement(text string, args ...any) *statement {
	st := &statement{}
	return st.add(text, args...)
}

// add appends text and the parameters that it has places for.
func (st *statement) add(text string, args ...any) *statement {
	st.text.WriteString(text)
	st.args = append(st.args, args...)
	return st
}

// in appends a condition that an expression is one of some texts; nothing where there are none.
func (st *statement) in(expression string, values []string) *statement {
	if len(values) == 0 {
		return st
	}
	st.add(" and " + expression + " in (?" + strings.Repeat(", ?", len(values)-1) + ")")
	for _, v := range values {
		st.args = append(st.args, v)
	}
	return st
}

// sql is the text as the database reads it.
func (st *statement) sql(d dialect) string {
	text := st.text.String()
	if !d.numbered() {
		return text
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(text, "?") {
		if n > 0 {
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// instant is a time as any of the databases gives it.
type instant struct{ time.Time }

// forms are how databases write times as text, the usual one first.
var forms = []string{
	"2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999", time.RFC3339Nano,
	"2006-01-02 15:04:05.999999999 -0700 MST", "2006-01-02T15:04:05.999999999",
}

// Scan reads a time; what is none is the zero time.
func (i *instant) Scan(from any) error {
	i.Time = time.Time{}
	var text string
	switch v := from.(type) {
	case time.Time:
		i.Time = v.UTC()
		return nil
	case []byte:
		text = string(v)
	case string:
		text = v
	default:
		return nil
	}
	for _, form := range forms {
		if t, err := time.Parse(form, text); err == nil {
			i.Time = t.UTC()
			return nil
		}
	}
	return nil
}

// text is a text that may be null.
type text struct{ to *string }

func (t text) Scan(from any) error {
	switch v := from.(type) {
	case nil:
		*t.to = ""
	case string:
		*t.to = v
	case []byte:
		*t.to = string(v)
	case time.Time:
		*t.to = v.UTC().Format(forms[0])
	default:
		var n sql.NullString
		if err := n.Scan(from); err != nil {
			return err
		}
		*t.to = n.String
	}
	return nil
}

// number is a number that may be null, or be written as a text.
type number struct{ to *int64 }

func (n number) Scan(from any) error {
	*n.to = 0
	switch v := from.(type) {
	case int64:
		*n.to = v
	case float64:
		*n.to = int64(v)
	case bool:
		if v {
			*n.to = 1
		}
	case nil:
	default:
		var f sql.NullFloat64
		var i sql.NullInt64
		if err := i.Scan(from); err == nil {
			*n.to = i.Int64
			return nil
		}
		if err := f.Scan(from); err != nil {
			return err
		}
		*n.to = int64(f.Float64)
	}
	return nil
}
