package rollup

import (
	"encoding/binary"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Kept is what was counted of the records of a chunk, in bytes: enough to count them anew
// in another cut once their log records and entries are given up. It takes a fraction of
// the memory of these, and none that the garbage collector looks into.
type Kept struct{ records []byte }

// keptSize is about how many bytes a record takes there.
const keptSize = 320

// keptRecord writes a record into bytes, or reads it from them: one description of both,
// in which what is written and what is read cannot differ.
type keptRecord struct {
	written []byte
	unread  string
	reading bool
}

func (k *keptRecord) int(n *int64) {
	if !k.reading {
		k.written = binary.AppendVarint(k.written, *n)
		return
	}
	// As encoding/binary has it, whose functions do not read texts.
	var u uint64
	for shift := 0; ; shift += 7 {
		b := k.unread[0]
		k.unread = k.unread[1:]
		if u |= uint64(b&0x7f) << shift; b < 0x80 {
			break
		}
	}
	*n = int64(u>>1) ^ -int64(u&1) //nolint:gosec // zigzag
}

func (k *keptRecord) text(s *string) {
	n := int64(len(*s))
	k.int(&n)
	if !k.reading {
		k.written = append(k.written, *s...)
		return
	}
	*s, k.unread = k.unread[:n], k.unread[n:]
}

func (k *keptRecord) bool(b *bool) {
	var n int64
	if *b {
		n = 1
	}
	k.int(&n)
	*b = n == 1
}

func (k *keptRecord) time(t *time.Time) {
	seconds, nanoseconds := t.Unix(), int64(t.Nanosecond())
	k.int(&seconds)
	k.int(&nanoseconds)
	if k.reading {
		*t = time.Unix(seconds, nanoseconds).UTC()
	}
}

func (k *keptRecord) texts(list *[]string) {
	n := int64(len(*list))
	k.int(&n)
	if k.reading && n > 0 {
		*list = make([]string, n)
	}
	for i := range *list {
		k.text(&(*list)[i])
	}
}

// record is all that countRecord looks at, and when the record became a dead letter.
func (k *keptRecord) record(r *analytics.Countable, givenUp *time.Time) {
	k.time(givenUp)
	k.text(&r.UID)
	k.text(&r.OrgID)
	k.text(&r.APIID)
	k.text(&r.APIName)
	k.text(&r.APIVersion)
	k.text(&r.APIKey)
	k.text(&r.Alias)
	k.text(&r.OauthID)
	k.text(&r.Path)
	k.bool(&r.TrackPath)
	k.int(&r.ResponseCode)
	k.int(&r.RequestTime)
	k.int(&r.Latency.Total)
	k.int(&r.Latency.Upstream)
	k.time(&r.TimeStamp)
	k.time(&r.ExpireAt)
	k.text(&r.Geo.CountryISOCode)
	k.texts(&r.Tags)
	if isNetwork := r.ResponseCode == networkCode; isNetwork {
		k.int(&r.Network.OpenConnections)
		k.int(&r.Network.ClosedConnections)
		k.int(&r.Network.BytesIn)
		k.int(&r.Network.BytesOut)
	}
	if k.bool(&r.GraphQL.IsGraphQL); r.GraphQL.IsGraphQL {
		k.graph(&r.GraphQL)
	}
	if k.bool(&r.MCP.IsMCP); r.MCP.IsMCP {
		k.text(&r.MCP.JSONRPCMethod)
		k.text(&r.MCP.PrimitiveType)
		k.text(&r.MCP.PrimitiveName)
	}
}

func (k *keptRecord) graph(g *analytics.GraphQLStats) {
	operation := int64(g.OperationType)
	k.int(&operation)
	g.OperationType = analytics.OperationType(operation)
	k.bool(&g.HasErrors)
	k.texts(&g.RootFields)
	n := int64(len(g.Types))
	k.int(&n)
	if !k.reading {
		for name, fields := range g.Types {
			k.text(&name)
			k.texts(&fields)
		}
		return
	}
	g.Types = make(map[string][]string, n)
	for range n {
		var name string
		var fields []string
		k.text(&name)
		k.texts(&fields)
		g.Types[name] = fields
	}
}
