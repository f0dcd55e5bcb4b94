package layout

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestShapesHoldEachLayout(t *testing.T) {
	t.Parallel()
	for _, of := range []*Layout{RequestLayout, GraphLayout, MCPLayout} {
		all := Shape(0)
		for i := range of.Columns {
			all = all.With(i)
		}
		assert.Equal(t, len(of.Columns), all.Size(), of.Key)
	}
}
