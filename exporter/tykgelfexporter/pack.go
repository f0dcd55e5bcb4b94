package tykgelfexporter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/socket"
)

// compressor is what zlib and gzip have in common.
type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// packer makes of the records of one push what is sent of them.
type packer struct {
	encoder *encoder
	config  *Config
	// as is how a message travels.
	as func(message []byte) ([][]byte, error)

	text       []byte // of the last message
	compressor compressor
	packed     bytes.Buffer
}

// pack gives what is sent of a record's message, or an error where that is too large.
func (p *packer) pack(r *analytics.Record, uid string) ([][]byte, error) {
	p.text = p.encoder.append(p.text[:0], r, uid)
	if len(p.text) > p.config.MaxMessageBytes {
		return nil, fmt.Errorf("a message of %d bytes is longer than max_message_bytes, %d: %s", len(p.text), p.config.MaxMessageBytes, smaller)
	}
	return p.as(p.text)
}

// smaller is what to do about messages that are too large.
const smaller = "leave raw_request and raw_response out of tags, or set truncate"

// plain is a message as it is, for HTTP.
func (p *packer) plain(message []byte) ([][]byte, error) { return [][]byte{bytes.Clone(message)}, nil }

// framed is a message in a stream.
func (p *packer) framed(message []byte) ([][]byte, error) {
	return [][]byte{socket.Null.Append(make([]byte, 0, len(message)+socket.FrameBytes), message)}, nil
}

// datagrams are a message compressed, in as many chunks as it needs.
func (p *packer) datagrams(message []byte) ([][]byte, error) {
	message, err := p.compressed(message)
	if err != nil {
		return nil, err
	}
	most := p.config.MaxDatagramBytes
	if len(message) <= most {
		return [][]byte{bytes.Clone(message)}, nil
	}
	part := most - chunkHeader
	n := (len(message) + part - 1) / part
	if n > maxChunks {
		return nil, fmt.Errorf("a message of %d bytes needs %d chunks, and GELF has at most %d: raise max_datagram_bytes, or %s", len(message), n, maxChunks, smaller)
	}
	return chunks(message, part, n, rand.Uint64()), nil //nolint:gosec // ids need to differ, not to be secret
}

// chunks cuts a message into n parts, each behind a header with the message's id.
func chunks(message []byte, part, n int, id uint64) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		content := message[i*part : min((i+1)*part, len(message))]
		chunk := make([]byte, 0, chunkHeader+len(content))
		chunk = append(chunk, 0x1e, 0x0f)
		chunk = binary.BigEndian.AppendUint64(chunk, id)
		chunk = append(chunk, byte(i), byte(n)) //nolint:gosec // there are at most maxChunks
		all[i] = append(chunk, content...)
	}
	return all
}

// compressed gives a message in the packer's memory, or as it is.
func (p *packer) compressed(message []byte) ([]byte, error) {
	if p.config.Compression == compressionNone {
		return message, nil
	}
	if p.compressor == nil {
		var err error
		if p.config.Compression == compressionGzip {
			p.compressor, err = gzip.NewWriterLevel(nil, gzip.BestSpeed)
		} else {
			p.compressor, err = zlib.NewWriterLevel(nil, zlib.BestSpeed)
		}
		if err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
	}
	p.packed.Reset()
	p.compressor.Reset(&p.packed)
	if _, err := p.compressor.Write(message); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := p.compressor.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return p.packed.Bytes(), nil
}
