package analytics

import (
	"errors"

	"github.com/otelcol-tyk/otelcol-tyk/internal/msgpack"
	"github.com/otelcol-tyk/otelcol-tyk/internal/protobuf"
)

var errNoBytes = errors.New("entry has no bytes")

// DecodeMsgpack empties r and fills it from one entry of a msgpack list
// (contract: records and raw stores, section 2.1). It takes whatever the
// gateways' own library would take: keys in any order, missing or unknown ones,
// any width of integer, nil for anything but a time, structs as arrays, and
// bytes after the record. The error of an entry that is no record names the
// field and the byte where it stops making sense; r is then half filled.
//
// r's strings share memory with entry, which must not change afterwards.
func DecodeMsgpack(entry []byte, r *Record) error {
	r.Reset()
	return record.decode(entry, r)
}

// decode reads an entry that is the group's map.
func (g *group) decode(entry []byte, r *Record) error {
	if len(entry) == 0 {
		return errNoBytes
	}
	d := &r.work.msgpack
	*d = msgpack.NewReader(entry)
	g.readMsgpack(d, r)
	err := d.Err()
	*d = msgpack.Reader{}
	return err
}

// DecodeProtobuf empties r and fills it from one entry of a protobuf list
// (contract: records and raw stores, section 2.2). Missing sub-messages, unknown
// fields and unknown time zones are fine; a known field of another wire type is
// passed over like an unknown one. Latency.Gateway, which this form lacks, is
// derived as Total - Upstream. An entry that is no protobuf message gives an
// error that names the field and the byte; r is then half filled.
//
// r's strings share memory with entry, which must not change afterwards.
func DecodeProtobuf(entry []byte, r *Record) error {
	r.Reset()
	if len(entry) == 0 {
		return errNoBytes
	}
	d := &r.work.protobuf
	*d = protobuf.NewReader(entry)
	record.readMessage(d, r)
	r.Latency.Gateway = r.Latency.Total - r.Latency.Upstream
	err := d.Err(len(entry))
	*d = protobuf.Reader{}
	return err
}

// AppendMsgpack appends r in the msgpack form, byte for byte as a gateway writes
// it (contract: records and raw stores, section 2.1), and returns the extended
// slice. Maps come in the order of their keys; a gateway's order is random.
func AppendMsgpack(dst []byte, r *Record) []byte { return record.appendMsgpack(dst, r) }

// AppendProtobuf appends r in the protobuf form, byte for byte as a gateway
// writes it (contract: records and raw stores, section 2.2), and returns the
// extended slice. The zone is that of r.TimeStamp. Maps come in the order of
// their keys; a gateway's order is random. What this form lacks is lost:
// Latency.Gateway, the paths of GraphQL errors, GraphQL and MCP unless IsGraphQL
// and IsMCP, and all but 32 bits of some numbers. A gateway drops records with
// invalid UTF-8 in this form; here it is the caller's task.
func AppendProtobuf(dst []byte, r *Record) []byte { return record.appendMessage(dst, r) }
