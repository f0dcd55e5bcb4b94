package claim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
	"unsafe"
)

// A replayed entry travels with its identity in front, so that a store that has
// it already recognises it: the length of the head in two bytes, the head, the entry.
// The head is the uid and, where the letter's age matters to stores, ageMark and the
// Unix milliseconds of when it was given up.
const (
	frameHead = 2
	ageMark   = '@'
)

// frame puts the identity of a letter's entry in front of it.
func frame(l Letter) string {
	head := []byte(l.UID)
	if !l.At.IsZero() {
		head = strconv.AppendInt(append(head, ageMark), l.At.UnixMilli(), 10)
	}
	framed := make([]byte, 0, frameHead+len(head)+len(l.Entry))
	framed = binary.BigEndian.AppendUint16(framed, uint16(len(head))) //nolint:gosec // uids are short
	framed = append(framed, head...)
	return string(append(framed, l.Entry...))
}

// Unframe takes a replayed entry apart. Both parts share framed's memory.
func Unframe(framed []byte) (uid string, entry []byte, err error) {
	head, entry, err := unframe(framed)
	if err != nil {
		return "", nil, err
	}
	if at := bytes.LastIndexByte(head, ageMark); at > 0 {
		head = head[:at]
	}
	return unsafe.String(&head[0], len(head)), entry, nil
}

// GivenUp is when a replayed entry became a dead letter, zero where that is not to matter.
func GivenUp(framed []byte) time.Time {
	head, _, err := unframe(framed)
	if err != nil {
		return time.Time{}
	}
	at := bytes.LastIndexByte(head, ageMark)
	milliseconds, err := strconv.ParseInt(string(head[at+1:]), 10, 64)
	if at <= 0 || err != nil {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds).UTC()
}

func unframe(framed []byte) (head, entry []byte, err error) {
	if len(framed) >= frameHead {
		end := frameHead + int(binary.BigEndian.Uint16(framed))
		if len(framed) >= end && end > frameHead {
			return framed[frameHead:end], framed[end:], nil
		}
	}
	return nil, nil, fmt.Errorf("replayed entry of %d bytes: it does not begin with its identity", len(framed))
}
