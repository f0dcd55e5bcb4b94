package socket

import "strconv"

// Framing is how a stream tells where a message ends.
type Framing string

// The framings.
const (
	// Newline ends a message with a line feed, of which it has none itself.
	Newline Framing = "newline"
	// Null ends a message with a zero byte, of which it has none itself.
	Null Framing = "null"
	// OctetCounting begins a message with its length and a space (RFC 6587, section 3.4.1).
	OctetCounting Framing = "octet_counting"
)

// FrameBytes is the most that a framing adds to a message of common size.
const FrameBytes = 8

// Append appends a message as a stream has it.
func (f Framing) Append(dst, message []byte) []byte {
	if f == OctetCounting {
		dst = append(strconv.AppendInt(dst, int64(len(message)), 10), ' ')
		return append(dst, message...)
	}
	end := byte('\n')
	if f == Null {
		end = 0
	}
	return append(append(dst, message...), end)
}
