package analytics

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestKeysAreHashedAndDroppedWithTheirTag(t *testing.T) {
	t.Parallel()
	const hashed = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683" // of the text key
	record := func(key string) Record {
		return Record{APIKey: key, Tags: []string{"env-prod", "key-key", "org-o"}}
	}
	r := record("key")
	r.HashKey()
	assert.Equal(t, hashed, r.APIKey)
	assert.Equal(t, []string{"env-prod", "key-" + hashed, "org-o"}, r.Tags)

	r = record("key")
	r.DropKey()
	assert.Empty(t, r.APIKey)
	assert.Equal(t, []string{"env-prod", "org-o"}, r.Tags)

	for _, change := range []func(*Record){(*Record).HashKey, (*Record).DropKey} {
		r = record("")
		change(&r)
		assert.Equal(t, record(""), r, "a record without a key")
	}
}
