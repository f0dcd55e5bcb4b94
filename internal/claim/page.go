package claim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// pageBlock is how much memory a page takes at once: entries that are read together
// are mostly forgotten together, and one piece costs far less than one for each. An
// entry that is kept keeps its block.
const pageBlock = 8 << 10

// page takes the reply to LRANGE as it comes from the connection: the header of the
// array and of each entry by Write, each entry by ReadFrom.
type page struct {
	entries []string
	block   []byte // the free rest of the current block
	next    int    // length of the entry that comes now
	failed  bool   // the reply is none of a list
}

// lrange reads the entries of a list from first to last. What is not a list, such as
// an error, is left to the client's own command, which knows about redirections.
func lrange(ctx context.Context, rdb redis.UniversalClient, key string, first, last int64) ([]string, error) {
	type rawCommands interface {
		DoRawWriteTo(ctx context.Context, w io.Writer, args ...any) *redis.RawWriteToCmd
	}
	raw, ok := rdb.(rawCommands)
	if !ok {
		return rdb.LRange(ctx, key, first, last).Result()
	}
	p := &page{entries: make([]string, 0, last-first+1)}
	if err := raw.DoRawWriteTo(ctx, p, "lrange", key, first, last).Err(); err != nil {
		return nil, err
	}
	if p.failed {
		return rdb.LRange(ctx, key, first, last).Result()
	}
	return p.entries, nil
}

// Write takes a header or the end of its line.
func (p *page) Write(line []byte) (int, error) {
	switch {
	case bytes.HasPrefix(line, []byte("$")):
		length, err := strconv.Atoi(string(line[1:]))
		if err != nil || length < 0 {
			p.failed = true
			break
		}
		p.next = length
	case bytes.HasPrefix(line, []byte("*")), string(line) == "\r\n":
	default:
		p.failed = true
	}
	return len(line), nil
}

// ReadFrom takes an entry and the end of its line.
func (p *page) ReadFrom(r io.Reader) (int64, error) {
	const lineEnd = 2
	need := p.next + lineEnd
	if need > len(p.block) {
		p.block = make([]byte, max(need, pageBlock))
	}
	read, err := io.ReadFull(r, p.block[:need])
	if err != nil {
		return int64(read), fmt.Errorf("read an entry of %d bytes: %w", p.next, err)
	}
	p.entries = append(p.entries, unsafe.String(unsafe.SliceData(p.block), p.next))
	p.block = p.block[need:]
	return int64(read), nil
}
