package msgpack

import (
	"slices"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
)

// Key is a key of a struct, and its bytes as they appear in a map.
type Key struct {
	name, wire string
	// The first 16 bytes of wire as two words, with zeros behind a shorter one, and what is part of it.
	words, masks [2]uint64
}

// keyWords is how many bytes the words of a key hold.
const keyWords = 16

// NewKeys gives the keys of a struct, in the order in which it is written.
func NewKeys(names ...string) []Key {
	keys := make([]Key, len(names))
	for i, name := range names {
		k := Key{name: name, wire: string(msgp.AppendString(nil, name))}
		var bytes, part [keyWords]byte
		for at := range copy(bytes[:], k.wire) {
			part[at] = 0xff
		}
		k.words = [2]uint64{plaintext.Word(string(bytes[:])), plaintext.Word(string(bytes[8:]))}
		k.masks = [2]uint64{plaintext.Word(string(part[:])), plaintext.Word(string(part[8:]))}
		keys[i] = k
	}
	return keys
}

// Walk is a walk over the fields of one struct.
type Walk struct {
	// Field is the index in keys of the field to be read now.
	Field int

	keys    []Key
	inOrder []Key // that are looked for first, none in an array
	left    int   // how many keys, or elements of an array, are still to come
}

// Begin reads the header of a struct: a map, an array in the order of keys, or nil.
func (d *Reader) Begin(keys []Key) Walk {
	w := Walk{keys: keys, inOrder: keys, Field: -1}
	if d.pos >= len(d.text) {
		d.failWant("a map")
		return w
	}
	switch lead := d.text[d.pos]; {
	case lead&0xf0 == fixMap:
		d.pos++
		w.left = int(lead & 0x0f)
	case lead == null:
		d.pos++
	default:
		switch msgp.NextType(d.entry[d.pos:]) {
		case msgp.MapType:
			w.left = d.MapHeader()
		case msgp.ArrayType:
			w.inOrder = nil
			w.left = d.ArrayHeader()
		default:
			d.failWant("a map")
		}
	}
	return w
}

// Next goes to the next field that the struct has, passing over keys it does not
// have; it is false at the end and after an error.
func (d *Reader) Next(w *Walk) bool {
	// Keys come in one order from one version of the gateway: nearly always the one that follows is there.
	if at := w.Field + 1; w.left > 0 && at < len(w.inOrder) && len(d.text)-d.pos >= keyWords {
		k, next := &w.inOrder[at], d.text[d.pos:][:keyWords]
		if plaintext.Word(next)&k.masks[0] == k.words[0] && plaintext.Word(next[8:])&k.masks[1] == k.words[1] &&
			(len(k.wire) <= keyWords || strings.HasPrefix(d.text[d.pos:], k.wire)) {
			d.pos += len(k.wire)
			w.Field = at
			w.left--
			return true
		}
	}
	return d.search(w)
}

// search is Next by the key that is there.
func (d *Reader) search(w *Walk) bool {
	for w.left > 0 && d.err == nil {
		w.left--
		key, at := "", w.Field+1
		if w.inOrder == nil {
			w.Field = at
		} else if key = d.key(); at >= len(w.keys) || w.keys[at].name != key {
			at = slices.IndexFunc(w.keys, func(k Key) bool { return k.name == key })
		}
		switch {
		case d.err != nil:
			return false
		case at >= 0 && at < len(w.keys):
			w.Field = at
			return true
		}
		if d.Skip(); d.err != nil {
			d.err.field = key
			return false
		}
	}
	if d.err != nil && w.Field >= 0 && w.Field < len(w.keys) {
		if d.err.field != "" {
			d.err.field = "." + d.err.field
		}
		d.err.field = w.keys[w.Field].name + d.err.field
		w.Field = -1
	}
	return false
}

// key reads a map's key.
func (d *Reader) key() string {
	if d.pos < len(d.text) && d.text[d.pos] == null {
		d.failWant("a key")
		return ""
	}
	return d.Str()
}
