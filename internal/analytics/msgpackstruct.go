package analytics

import (
	"slices"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// msgpackKey is a key of a struct, and its bytes as they appear in a map.
type msgpackKey struct {
	name, wire string
	// The first 16 bytes of wire as two words, with zeros behind a shorter one, and what is part of it.
	words, masks [2]uint64
}

// keyWords is how many bytes the words of a key hold.
const keyWords = 16

func newMsgpackKeys(names ...string) []msgpackKey {
	keys := make([]msgpackKey, len(names))
	for i, name := range names {
		k := msgpackKey{name: name, wire: string(msgp.AppendString(nil, name))}
		var bytes, part [keyWords]byte
		for at := range copy(bytes[:], k.wire) {
			part[at] = 0xff
		}
		k.words = [2]uint64{word(string(bytes[:])), word(string(bytes[8:]))}
		k.masks = [2]uint64{word(string(part[:])), word(string(part[8:]))}
		keys[i] = k
	}
	return keys
}

// takeKey passes over a key if it comes next. Every field of every record asks, mostly with success.
func (d *msgpackReader) takeKey(k *msgpackKey) bool {
	rest := d.text[d.pos:]
	if len(rest) < keyWords {
		return d.take(k.wire)
	}
	if word(rest)&k.masks[0] != k.words[0] || word(rest[8:])&k.masks[1] != k.words[1] ||
		len(k.wire) > keyWords && !strings.HasPrefix(rest, k.wire) {
		return false
	}
	d.pos += len(k.wire)
	return true
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
		if w.follows(at) && d.takeKey(&w.keys[at]) {
			w.field = at
			w.left--
			return true
		}
		w.left--
		key := d.key()
		if d.err != nil {
			return false
		}
		if at = slices.IndexFunc(w.keys, func(k msgpackKey) bool { return k.name == key }); at >= 0 {
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

// key reads a map's key.
func (d *msgpackReader) key() string {
	if d.pos < len(d.text) && d.text[d.pos] == msgpackNil {
		d.failWant("a key")
		return ""
	}
	return d.str()
}
