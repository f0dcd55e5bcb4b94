package socket

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFraming(t *testing.T) {
	t.Parallel()
	for framing, want := range map[Framing]string{
		Newline: "one\ntwo and three\n\n", Null: "one\x00two and three\x00\x00", OctetCounting: "3 one13 two and three0 ",
	} {
		var stream []byte
		for _, message := range []string{"one", "two and three", ""} {
			stream = framing.Append(stream, []byte(message))
		}
		assert.Equal(t, want, string(stream), framing)
	}
}
