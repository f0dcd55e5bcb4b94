package analytics

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// keyTag is what the gateway's tag with the API key begins with.
const keyTag = "key-"

// HashKey puts a hash in the place of the API key. Equal keys have equal hashes.
func (r *Record) HashKey() {
	if r.APIKey == "" {
		return
	}
	sum := sha256.Sum256([]byte(r.APIKey))
	r.ReplaceKey(hex.EncodeToString(sum[:]))
}

// ReplaceKey puts another text in the place of the API key, also in the tag that has it.
func (r *Record) ReplaceKey(by string) {
	if r.APIKey == "" {
		return
	}
	if at := slices.Index(r.Tags, keyTag+r.APIKey); at >= 0 {
		r.Tags[at] = keyTag + by
	}
	r.APIKey = by
}

// DropKey empties the API key, and takes away the tag that has it.
func (r *Record) DropKey() {
	if r.APIKey == "" {
		return
	}
	r.Tags = slices.DeleteFunc(r.Tags, func(tag string) bool { return tag == keyTag+r.APIKey })
	r.APIKey = ""
}
