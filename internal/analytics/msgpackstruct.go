package analytics

import (
	"encoding/binary"

	"github.com/tinylib/msgp/msgp"
)

// msgpackKey is a key of a struct as it appears in a map: its bytes, the leading
// one with the length included, as two words to be compared under a mask.
type msgpackKey struct {
	name       string
	word, mask [2]uint64
}

func newMsgpackKeys(names ...string) []msgpackKey {
	keys := make([]msgpackKey, len(names))
	for i, name := range names {
		var word, mask [msgpackKeyWords]byte
		n := copy(word[:], "\x00"+name)
		word[0] = msgpackFixStr | byte(len(name))
		for j := range n {
			mask[j] = 0xff
		}
		keys[i] = msgpackKey{
			name: name,
			word: [2]uint64{binary.LittleEndian.Uint64(word[:]), binary.LittleEndian.Uint64(word[8:])},
			mask: [2]uint64{binary.LittleEndian.Uint64(mask[:]), binary.LittleEndian.Uint64(mask[8:])},
		}
	}
	return keys
}

// msgpackKeyWords is how many bytes of a key the words of a msgpackKey hold.
const msgpackKeyWords = 16

// starts tells whether b starts with the key.
func (k *msgpackKey) starts(b []byte) bool {
	return len(b) >= msgpackKeyWords &&
		binary.LittleEndian.Uint64(b)&k.mask[0] == k.word[0] &&
		binary.LittleEndian.Uint64(b[8:])&k.mask[1] == k.word[1] &&
		(len(k.name) < msgpackKeyWords || k.endsIn(b))
}

// endsIn compares what the words do not hold.
func (k *msgpackKey) endsIn(b []byte) bool {
	end := 1 + len(k.name)
	return len(b) >= end && string(b[msgpackKeyWords:end]) == k.name[msgpackKeyWords-1:]
}

// isAtEnd is starts where too few bytes are left for that.
func (k *msgpackKey) isAtEnd(b []byte) bool {
	end := 1 + len(k.name)
	return len(b) >= end && b[0] == msgpackFixStr|byte(len(k.name)) && string(b[1:end]) == k.name
}

// structWalk is a walk over the fields of one struct.
type structWalk struct {
	keys []msgpackKey
	// field is the index in keys of the field to be read now.
	field int
	// left is how many keys, or elements of an array, are still to come.
	left    int
	isArray bool
}

// begin reads the header of a struct: a map, an array in the order of keys, or nil.
func (d *msgpackReader) begin(keys []msgpackKey) structWalk {
	w := structWalk{keys: keys, field: -1}
	if d.pos >= len(d.text) {
		d.failWant("a map")
		return w
	}
	switch lead := d.text[d.pos]; {
	case lead&0xf0 == msgpackFixMap:
		d.pos++
		w.left = int(lead & 0x0f)
	case lead == msgpackNil:
		d.pos++
	default:
		switch msgp.NextType(d.entry[d.pos:]) {
		case msgp.MapType:
			w.left = d.mapHeader()
		case msgp.ArrayType:
			w.isArray = true
			w.left = d.arrayHeader()
		default:
			d.failWant("a map")
		}
	}
	return w
}

// follows tells whether the key at this index may be the next in a map.
func (w *structWalk) follows(at int) bool {
	return at < len(w.keys) && w.left > 0 && !w.isArray
}

// next goes to the next field that the struct has, passing over keys it does not
// have; it is false at the end and after an error.
func (d *msgpackReader) next(w *structWalk) bool {
	for w.left > 0 && d.err == nil {
		if w.isArray {
			w.left--
			w.field++
			if w.field < len(w.keys) {
				return true
			}
			d.skip()
			continue
		}
		// Keys come in one order from one version of the gateway: look for the
		// key that follows first.
		at := w.field + 1
		if w.follows(at) && w.keys[at].starts(d.entry[d.pos:]) {
			d.pos += 1 + len(w.keys[at].name)
			w.field = at
			w.left--
			return true
		}
		w.left--
		key := d.key()
		if d.err != nil {
			return false
		}
		if at = indexFrom(w.keys, at, key); at >= 0 {
			w.field = at
			return true
		}
		d.skip()
		if d.err != nil {
			d.err.field = key
			return false
		}
	}
	if d.err != nil && w.field >= 0 && w.field < len(w.keys) {
		if d.err.field != "" {
			d.err.field = "." + d.err.field
		}
		d.err.field = w.keys[w.field].name + d.err.field
		w.field = -1
	}
	return false
}

// indexFrom looks for key in keys, beginning at start and wrapping around; -1
// where it is not.
func indexFrom(keys []msgpackKey, start int, key string) int {
	for i := start; i < len(keys); i++ {
		if keys[i].name == key {
			return i
		}
	}
	for i := range min(start, len(keys)) {
		if keys[i].name == key {
			return i
		}
	}
	return -1
}

// key reads a map's key.
func (d *msgpackReader) key() string {
	if d.pos < len(d.text) && d.text[d.pos] == msgpackNil {
		d.failWant("a key")
		return ""
	}
	return d.str()
}
