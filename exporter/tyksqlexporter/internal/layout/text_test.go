package layout

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Wherever in a text of whatever length a byte stands, it is seen.
func TestPlainTextHasNoOtherByte(t *testing.T) {
	for length := range 30 {
		assert.True(t, isPlainText(strings.Repeat("~", length)))
		for at := range length {
			for _, c := range []byte{0, 1, 0x7f, 0x80, 0xff} {
				text := []byte(strings.Repeat("\x01", length))
				text[at] = c
				assert.Equal(t, c == 1 || c == 0x7f, isPlainText(string(text)), "%q", text)
			}
		}
	}
}
