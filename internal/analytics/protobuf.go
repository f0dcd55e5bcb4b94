package analytics

import "fmt"

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
	d.rest = entry
	record.readMessage(d, r)
	r.Latency.Gateway = r.Latency.Total - r.Latency.Upstream
	field, at, err := d.field, len(entry)-d.failedAt, d.err
	if *d = (protobufReader{}); err != nil {
		return fmt.Errorf("decode protobuf: %s at byte %d: %w", field, at, err)
	}
	return nil
}
