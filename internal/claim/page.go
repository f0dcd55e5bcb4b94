package claim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// pageBlock is how much memory a page takes at once: entries that are read together
// are mostly forgotten together, and one piece costs far less than one for each. An
// entry that is kept keeps its block.
const pageBlock = 8 << 10

type block [pageBlock]byte

var freeBlocks = sync.Pool{New: func() any { return new(block) }}

// Blocks are the memory of entries that were read. They may be left to the garbage
// collector, and cost nothing then.
type Blocks struct{ taken []*block }

// take gives a block that nobody uses.
func (b *Blocks) take() []byte {
	next := freeBlocks.Get().(*block) //nolint:forcetypeassert // the pool holds nothing else
	b.taken = append(b.taken, next)
	return next[:]
}

// Reuse lets the memory be used for other entries. Nothing may refer to those that
// were read into it any more: they change.
func (b *Blocks) Reuse() {
	for _, done := range b.taken {
		freeBlocks.Put(done)
	}
	b.taken = nil
}

// page takes the reply to LRANGE as it comes from the connection: the header of the
// array and of each entry by Write, each entry by ReadFrom.
type page struct {
	entries []string
	blocks  *Blocks
	block   []byte // the free rest of the current block
	next    int    // length of the entry that comes now
	failed  bool   // the reply is none of a list
}

// lrange reads the entries of a list from first to last behind those that are there
// already. What is not a list, such as an error, is left to the client's own command,
// which knows about redirections.
func lrange(ctx context.Context, rdb redis.UniversalClient, key string, first, last int64, entries []string, blocks *Blocks) ([]string, error) {
	type rawCommands interface {
		DoRawWriteTo(ctx context.Context, w io.Writer, args ...any) *redis.RawWriteToCmd
	}
	raw, ok := rdb.(rawCommands)
	plain := func() ([]string, error) {
		more, err := rdb.LRange(ctx, key, first, last).Result()
		return append(entries, more...), err
	}
	if !ok {
		return plain()
	}
	p := &page{entries: entries, blocks: blocks}
	if err := raw.DoRawWriteTo(ctx, p, "lrange", key, first, last).Err(); err != nil {
		return nil, err
	}
	if p.failed {
		return plain()
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
	switch {
	case need <= len(p.block):
	case need <= pageBlock:
		p.block = p.blocks.take()
	default:
		return p.readLong(r, need)
	}
	read, err := io.ReadFull(r, p.block[:need])
	if err != nil {
		return int64(read), fmt.Errorf("read an entry of %d bytes: %w", p.next, err)
	}
	p.entries = append(p.entries, unsafe.String(unsafe.SliceData(p.block), p.next))
	p.block = p.block[need:]
	return int64(read), nil
}

// readLong reads an entry that no block holds.
func (p *page) readLong(r io.Reader, need int) (int64, error) {
	own := make([]byte, need)
	read, err := io.ReadFull(r, own)
	if err != nil {
		return int64(read), fmt.Errorf("read an entry of %d bytes: %w", p.next, err)
	}
	p.entries = append(p.entries, unsafe.String(unsafe.SliceData(own), p.next))
	return int64(read), nil
}
