package push

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCutTakesEachEntryOnceAndPartsGetShorter(t *testing.T) {
	t.Parallel()
	for length := 1; length < 12; length++ {
		list := make([]int32, length)
		for i := range list {
			list[i] = int32(i)
		}
		for place := -1; place <= length; place++ {
			parts := cut(list, place, nil)
			var all []int32
			for i := len(parts) - 1; i >= 0; i-- { // the last is taken first
				if length > 1 {
					assert.Less(t, len(parts[i]), length)
				}
				all = append(all, parts[i]...)
			}
			assert.Equal(t, list, all)
		}
	}
}
