package tykfilterprocessor

import "strings"

// base64Reader decodes base64 from the front, as much as is asked for. It reads
// what the strict decoder refuses: blanks and line breaks anywhere, missing
// padding, the letters for URLs. Whoever looks for credentials must not be
// easier to mislead than a later reader.
type base64Reader struct {
	text string
	// pos is the place of the first letter that has not been read, the start of
	// a group of four until done.
	pos int
	// done is true when there is no more to read.
	done bool
	// broken is true when done because of a letter that is none of base64.
	broken bool
}

// damaged tells whether reading ended at something else than what base64 is wrapped in.
func (in *base64Reader) damaged() bool {
	return in.broken && strings.Trim(in.text[in.pos:], wrappers) != ""
}

// readSize is how many bytes one read gives, about: most header sections.
const readSize = 768

// read appends decoded bytes to dst until it has enough or is done.
func (in *base64Reader) read(dst []byte) []byte {
	for enough := len(dst) + readSize; len(dst) < enough && !in.done; {
		if in.pos+base64Group <= len(in.text) {
			t := in.text[in.pos : in.pos+base64Group]
			a, b, c, d := letterValue[t[0]], letterValue[t[1]], letterValue[t[2]], letterValue[t[3]]
			if a|b|c|d < notValue {
				dst = append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|d)
				in.pos += base64Group
				continue
			}
		}
		dst = in.readOddGroup(dst)
	}
	return dst
}

// readOddGroup reads a group with blanks in it, or the last one.
func (in *base64Reader) readOddGroup(dst []byte) []byte {
	var group [base64Group]byte
	n, pos := 0, in.pos
	for ; n < len(group) && pos < len(in.text); pos++ {
		v := letterValue[in.text[pos]]
		if v == blankLetter {
			continue
		}
		if v >= notValue {
			break
		}
		group[n] = v
		n++
	}
	a, b, c, d := group[0], group[1], group[2], group[3]
	switch n {
	case 4:
		in.pos = pos
		return append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|d)
	case 3:
		dst = append(dst, a<<2|b>>4, b<<4|c>>2)
	case 2:
		dst = append(dst, a<<2|b>>4)
	}
	for pos < len(in.text) && (in.text[pos] == '=' || letterValue[in.text[pos]] == blankLetter) {
		pos++
	}
	in.pos, in.done, in.broken = pos, true, pos < len(in.text)
	return dst
}

// What letterValue holds besides the values below 64.
const (
	notValue    = 0x40 // and above: no value
	blankLetter = 0x41
	otherLetter = 0x42
)

var letterValue = func() (values [256]byte) {
	for i := range values {
		values[i] = otherLetter
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		values[c] = byte(i)
	}
	values['-'], values['_'] = values['+'], values['/']
	for _, c := range []byte(" \t\r\n") {
		values[c] = blankLetter
	}
	return values
}()
