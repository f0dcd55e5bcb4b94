package analytics

import "errors"

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
	*d = newMsgpackReader(entry)
	g.readMsgpack(d, r)
	err := d.err
	if *d = (msgpackReader{}); err != nil {
		return err
	}
	return nil
}
