package traffic

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// flush is one pipeline's records.
type flush struct {
	buffer []byte
	keys   []string
	values [][]byte
	kinds  []entryKind
	base   [2]string // the keys of this flush: msgpack, protobuf
	every  int64     // one undecodable entry after this many records
}

// entryKind is what an entry counts as.
type entryKind uint8

const (
	good entryKind = iota
	goodMCP
	bad
)

func (f *flush) put(key string, value []byte, kind entryKind) {
	f.keys, f.values, f.kinds = append(f.keys, key), append(f.values, value), append(f.kinds, kind)
}

// poisonEvery spreads the undecodable entries evenly, where the number of
// records is known, and else sends them soon.
func (g *Gateway) poisonEvery(expected int64) int64 {
	const unknown = 100
	switch {
	case g.settings.Poison == 0:
		return 0
	case expected == 0:
		return unknown
	default:
		return max(1, expected/g.settings.Poison)
	}
}

// keys draws the lists that one flush goes to.
func (g *Gateway) keys() [2]string {
	key := Key
	if g.settings.MultipleKeys {
		key += "_" + strconv.Itoa(g.random.IntN(suffixes))
	}
	return [2]string{key, key + protobufSuffix}
}

// add makes a record and what poison is due, and puts them into the flush.
func (g *Gateway) add(f *flush, at time.Time) {
	r := g.generator.Next(at)
	if g.settings.Observe != nil {
		g.settings.Observe(r)
	}
	protobuf := g.settings.Serializer == Protobuf || g.settings.Serializer == Both && g.generator.made%2 == 0
	from := len(f.buffer)
	key := f.base[0]
	if protobuf {
		key = f.base[1]
		f.buffer = analytics.AppendProtobuf(f.buffer, r)
	} else {
		f.buffer = analytics.AppendMsgpack(f.buffer, r)
	}
	entry := f.buffer[from:len(f.buffer):len(f.buffer)]
	kind := good
	if r.MCP.IsMCP {
		kind = goodMCP
	}
	f.put(key, entry, kind)
	if f.every > 0 && g.poisoned < g.settings.Poison && int64(g.generator.made)%f.every == 0 {
		f.put(key, poison(g.poisoned, entry), bad)
		g.poisoned++
	}
}

// send pushes a flush. A flush that has begun is ended even when ctx is done, so
// that the totals are exact.
func (g *Gateway) send(ctx context.Context, f *flush) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	pipe := g.client.Pipeline()
	for i, key := range f.keys {
		pipe.RPush(ctx, key, f.values[i])
	}
	commands, err := pipe.Exec(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	var pushed int64
	for i, command := range commands {
		if command.Err() != nil {
			continue
		}
		pushed++
		switch f.kinds[i] {
		case bad:
			g.totals.Poison++
		case goodMCP:
			g.totals.MCP++
			g.totals.Records++
		case good:
			g.totals.Records++
		}
		g.totals.Keys[f.keys[i]]++
		g.totals.Bytes += int64(len(f.values[i]))
	}
	if err != nil {
		return fmt.Errorf("push %d entries to Redis at %s (%d of them confirmed): %w", len(f.keys), g.client.Options().Addr, pushed, err)
	}
	return nil
}
