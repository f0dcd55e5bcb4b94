package postgres

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRoomIsNotSent(t *testing.T) {
	t.Parallel()
	const size = 1 << 16
	got, err := room(size).Encode([]byte("sent"))
	require.NoError(t, err)
	assert.Equal(t, "sent", string(got))
	assert.GreaterOrEqual(t, cap(got), len(got)+size)
}

func TestExpectedRoomIsBounded(t *testing.T) {
	t.Parallel()
	a := &arguments{}
	a.expect(1000)
	assert.GreaterOrEqual(t, cap(a.buf), 1000)
	a.expect(20_000 << 20) // as after one row of a megabyte
	assert.LessOrEqual(t, cap(a.buf), 2*mostKept)
	assert.Empty(t, a.buf)
}
