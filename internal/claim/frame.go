package claim

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// A replayed entry travels with its identity in front, so that a store that has
// it already recognises it: the length of the uid in two bytes, the uid, the entry.
const frameHead = 2

// frame puts an entry's identity in front of it.
func frame(uid string, entry []byte) string {
	framed := make([]byte, 0, frameHead+len(uid)+len(entry))
	framed = binary.BigEndian.AppendUint16(framed, uint16(len(uid))) //nolint:gosec // uids are short
	framed = append(framed, uid...)
	return string(append(framed, entry...))
}

// Unframe takes a replayed entry apart. Both parts share framed's memory.
func Unframe(framed []byte) (uid string, entry []byte, err error) {
	if len(framed) >= frameHead {
		end := frameHead + int(binary.BigEndian.Uint16(framed))
		if len(framed) >= end && end > frameHead {
			return unsafe.String(&framed[frameHead], end-frameHead), framed[end:], nil
		}
	}
	return "", nil, fmt.Errorf("replayed entry of %d bytes: it does not begin with its identity", len(framed))
}
