package layout

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// Row is one row of a table of rollups, or what a transaction adds to it.
type Row struct {
	ID        string
	family    rollup.Family
	Org, api  string
	Bucket    int64 // Unix seconds
	dimension rollup.Dimension
	Named     string // the dimension's name in the table
	Value     string
	Bin       int             // of a latency
	Counter   *rollup.Counter // a group's, which must not change, unless summed
	summed    bool
}

// Add adds what another row of the same id has.
func (r *Row) Add(o *Row) {
	if !r.summed {
		own := *r.Counter
		own.Codes = slices.Clone(own.Codes)
		own.Latencies = nil // which have rows of their own
		r.Counter, r.summed = &own, true
	}
	other := *o.Counter
	other.Latencies = nil
	r.Counter.Add(&other, r.dimension)
}

// RowOf gives what all rows of a group have.
func RowOf(g *rollup.Group) Row {
	return Row{family: g.Family, Org: CleanText(g.Org), api: CleanText(g.API), Bucket: g.Bucket.Unix()}
}

// Of makes the row that of a rollup, as Tyk Pump forms it.
func (r *Row) Of(from *rollup.Rollup) {
	r.dimension, r.Named, r.Value = from.Dimension, from.Dimension.String(), CleanText(from.FlatValue())
}

// MaxRowID is the longest id, in bytes, that fits an index of any database. What a
// database takes beyond depends on how far it compresses, so that it is asked.
const MaxRowID = 760

// appendName adds the beginning of what a row's id is the hex form of, byte for byte
// that of Tyk Pump; the value follows (contract: aggregates, sections 3.3 and 4.5).
func (r *Row) appendName(to []byte) []byte {
	owner := r.Org
	if r.family != rollup.Requests {
		owner = r.api
	}
	to = strconv.AppendInt(to, r.Bucket, 10)
	to = append(to, owner...)
	return append(to, r.Named...)
}

// AppendID adds the row's id.
func (r *Row) AppendID(to []byte) []byte {
	const usual = 128
	name := append(r.appendName(make([]byte, 0, usual)), r.Value...)
	return hex.AppendEncode(to, name)
}

// AppendLatencyID adds the id of a row of latencies. Rows are written in the order of their ids, and who reads latencies reads
// those of a bucket, a dimension and a value together: so they lie together, too.
func (r *Row) AppendLatencyID(to []byte) []byte {
	const hashed = 7
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %q %q %d %q", r.family, r.Bucket, r.Org, r.api, r.dimension, r.Value))
	id := make([]byte, 0, 16)
	id = binary.BigEndian.AppendUint32(id, uint32(r.Bucket)) //nolint:gosec // whose order repeats after 136 years
	id = append(id, byte(r.dimension))
	id = append(id, sum[:hashed]...)
	id = binary.BigEndian.AppendUint32(id, uint32(r.Bin)) //nolint:gosec // all that bins differ in
	return hex.AppendEncode(to, id)
}

// Replacements are forms of a row that a database may take instead, the nearest first:
// they keep what is counted, and that the row is one of its own.
func (r *Row) Replacements() []*Row {
	short := r
	if len(r.ID) > MaxRowID {
		short = r.shortened()
	}
	forms := []*Row{short, short.mapped(basicPlane), short.mapped(ascii), short.mapped(brief)}
	return slices.DeleteFunc(forms, func(form *Row) bool { return form == r })
}

// shortened is the row with a value that is cut and ends with its hash.
func (r *Row) shortened() *Row {
	cut := MaxRowID/2 - len(r.appendName(nil)) - hashLength
	if cut < 0 || cut >= len(r.Value) {
		return r
	}
	short := *r
	short.Value = cutWithHash(r.Value, cut)
	short.ID = string(short.AppendID(nil))
	return &short
}

// hashLength is how long the end of a text is that is cut.
const hashLength = 17

// cutWithHash is the beginning of a text, and a hash of all of it.
func cutWithHash(text string, cut int) string {
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + fmt.Sprintf("~%016x", xxhash.Sum64String(text))
}

// mapped is the row with other texts, and the same id.
func (r *Row) mapped(to func(string) string) *Row {
	other, counter := *r, *r.Counter
	other.Org, other.api, other.Value = to(r.Org), to(r.api), to(r.Value)
	counter.Identifier, counter.HumanIdentifier = to(CleanText(counter.Identifier)), to(CleanText(counter.HumanIdentifier))
	other.Counter = &counter
	return &other
}

// What basicPlane leaves takes three bytes, and what ascii leaves each character set has.
var basicPlane, ascii = below('\uFFFF', utf8.RuneError), below(unicode.MaxASCII, '?')

// below replaces the characters beyond a last one.
func below(last, by rune) func(string) string {
	return func(text string) string {
		return strings.Map(func(c rune) rune {
			if c > last {
				return by
			}
			return c
		}, text)
	}
}

// brief is short, too.
func brief(text string) string {
	const most = 60
	if text = ascii(text); len(text) > most {
		return cutWithHash(text, most-hashLength)
	}
	return text
}
