package plaintext

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// assertLooksAtEachByte tries each byte at each place of texts of many lengths.
func assertLooksAtEachByte(t *testing.T, is func(string) bool, want func(byte) bool) {
	t.Helper()
	for n := range 40 {
		text := []byte("0123456789 bcdefghijklmnopqr~tuvwxyz_-./")[:n]
		assert.True(t, is(string(text)))
		for i := range text {
			kept := text[i]
			for c := range 256 {
				text[i] = byte(c)
				assert.Equal(t, want(byte(c)), is(string(text)), "byte %#x at %d of %d", c, i, n)
			}
			text[i] = kept
		}
	}
}

func TestIsASCII(t *testing.T) {
	t.Parallel()
	assertLooksAtEachByte(t, IsASCII, func(c byte) bool { return c < 0x80 })
}

func TestIsPlain(t *testing.T) {
	t.Parallel()
	assertLooksAtEachByte(t, IsPlain, func(c byte) bool { return c >= ' ' && c != '\\' && c < 0x80 })
}
