package rollup

import (
	"encoding/binary"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Kept is what was counted of the records of a chunk, in bytes: enough to count them anew
// in another cut once their log records and entries are given up. It takes a tenth of the
// memory of these, and none that the garbage collector looks into.
type Kept struct{ records []byte }

// appendKept writes all of a record that countRecord looks at, and when it became a dead
// letter; keptReader has the same order.
func appendKept(buf []byte, r *analytics.Countable, givenUp time.Time) []byte {
	buf = appendTime(buf, givenUp)
	for _, text := range [...]string{
		r.UID, r.OrgID, r.APIID, r.APIName, r.APIVersion, r.APIKey, r.Alias, r.OauthID, r.Path, r.Geo.CountryISOCode,
	} {
		buf = appendText(buf, text)
	}
	buf = appendTexts(buf, r.Tags)
	for _, n := range [...]int64{r.ResponseCode, r.RequestTime, r.Latency.Total, r.Latency.Upstream} {
		buf = binary.AppendVarint(buf, n)
	}
	buf = appendTime(buf, r.TimeStamp)
	buf = appendTime(buf, r.ExpireAt)
	if n := r.Network; r.ResponseCode == networkCode {
		for _, n := range [...]int64{n.OpenConnections, n.ClosedConnections, n.BytesIn, n.BytesOut} {
			buf = binary.AppendVarint(buf, n)
		}
	}
	buf = appendFlags(buf, r.TrackPath, r.GraphQL.IsGraphQL, r.GraphQL.HasErrors, r.MCP.IsMCP)
	if g := &r.GraphQL; g.IsGraphQL {
		buf = binary.AppendVarint(buf, int64(g.OperationType))
		buf = appendTexts(buf, g.RootFields)
		buf = binary.AppendVarint(buf, int64(len(g.Types)))
		for name, fields := range g.Types {
			buf = appendTexts(appendText(buf, name), fields)
		}
	}
	if m := &r.MCP; m.IsMCP {
		buf = appendText(appendText(appendText(buf, m.JSONRPCMethod), m.PrimitiveType), m.PrimitiveName)
	}
	return buf
}

func appendText(buf []byte, text string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(text))), text...)
}

func appendTexts(buf []byte, texts []string) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(texts)))
	for _, text := range texts {
		buf = appendText(buf, text)
	}
	return buf
}

// appendTime takes one byte for the zero time, which most are.
func appendTime(buf []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(buf, 0)
	}
	return binary.AppendVarint(binary.AppendVarint(append(buf, 1), t.Unix()), int64(t.Nanosecond()))
}

func appendFlags(buf []byte, flags ...bool) []byte {
	var bits byte
	for i, is := range flags {
		if is {
			bits |= 1 << i
		}
	}
	return append(buf, bits)
}

// keptReader reads what appendKept has written.
type keptReader string

// record reads the next one into r, which is empty.
func (k *keptReader) record(r *analytics.Countable) (givenUp time.Time) {
	givenUp = k.time()
	for _, text := range [...]*string{
		&r.UID, &r.OrgID, &r.APIID, &r.APIName, &r.APIVersion, &r.APIKey, &r.Alias, &r.OauthID, &r.Path, &r.Geo.CountryISOCode,
	} {
		*text = k.text()
	}
	r.Tags = k.texts()
	for _, n := range [...]*int64{&r.ResponseCode, &r.RequestTime, &r.Latency.Total, &r.Latency.Upstream} {
		*n = k.int()
	}
	r.TimeStamp, r.ExpireAt = k.time(), k.time()
	if n := &r.Network; r.ResponseCode == networkCode {
		n.OpenConnections, n.ClosedConnections, n.BytesIn, n.BytesOut = k.int(), k.int(), k.int(), k.int()
	}
	k.flags(&r.TrackPath, &r.GraphQL.IsGraphQL, &r.GraphQL.HasErrors, &r.MCP.IsMCP)
	if g := &r.GraphQL; g.IsGraphQL {
		g.OperationType, g.RootFields, g.Types = analytics.OperationType(k.int()), k.texts(), map[string][]string{}
		for range k.int() {
			name := k.text()
			g.Types[name] = k.texts()
		}
	}
	if m := &r.MCP; m.IsMCP {
		m.JSONRPCMethod, m.PrimitiveType, m.PrimitiveName = k.text(), k.text(), k.text()
	}
	return givenUp
}

func (k *keptReader) byte() byte {
	b := (*k)[0]
	*k = (*k)[1:]
	return b
}

// uint reads as binary.Uvarint, which reads no texts.
func (k *keptReader) uint() (n uint64) {
	const bits = 7
	const more = 1 << bits
	for shift := 0; ; shift += bits {
		b := k.byte()
		if n |= uint64(b%more) << shift; b < more {
			return n
		}
	}
}

func (k *keptReader) int() int64 {
	n := k.uint()
	return int64(n>>1) ^ -int64(n&1) //nolint:gosec // signs alternate, as binary.AppendVarint has it
}

func (k *keptReader) text() string {
	n := k.uint()
	text := (*k)[:n]
	*k = (*k)[n:]
	return string(text)
}

func (k *keptReader) texts() []string {
	texts := make([]string, k.uint())
	for i := range texts {
		texts[i] = k.text()
	}
	return texts
}

func (k *keptReader) time() time.Time {
	if k.byte() == 0 {
		return time.Time{}
	}
	return time.Unix(k.int(), k.int()).UTC()
}

func (k *keptReader) flags(flags ...*bool) {
	bits := k.byte()
	for i, is := range flags {
		*is = bits>>i&1 == 1
	}
}
