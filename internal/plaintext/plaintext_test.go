package plaintext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestIsASCII(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		text := []byte("0123456789abcdefghijklmnopqrstuvwxyz_-./")[:n]
		assert.True(t, IsASCII(string(text)))
		for i := range text {
			kept := text[i]
			text[i] = 0x80
			assert.False(t, IsASCII(string(text)), "byte %d of %d", i, n)
			text[i] = kept
		}
	}
}

func TestIsPlain(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		text := []byte("0123456789 bcdefghijklmnopqr~tuvwxyz_-./")[:n]
		assert.True(t, IsPlain(string(text)))
		for i := range text {
			kept := text[i]
			for c := range 256 {
				text[i] = byte(c)
				assert.Equal(t, c >= ' ' && c != '\\' && c < 128, IsPlain(string(text)), "byte %#x at %d of %d", c, i, n)
			}
			text[i] = kept
		}
	}
}
