package layout

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCodesFallIntoTheColumnsOfTheirClass(t *testing.T) {
	t.Parallel()
	for code, want := range map[int64]string{
		200: "200", 204: "2x", 304: "304", 404: "404", 418: "4x", 429: "429", 500: "500", 521: "5x", 1000: "1x", 4040: "4x",
	} {
		assert.Equal(t, want, StatusCodes[codeColumn(code)])
	}
	for _, code := range []int64{0, 600, 999, -5} {
		assert.Equal(t, -1, codeColumn(code))
	}
}
