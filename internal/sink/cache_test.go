package sink

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestCacheIsBoundedAndForgets(t *testing.T) {
	t.Parallel()
	const most = 100_000
	now := time.Unix(0, 0)
	m := NewCache[int](most, time.Hour)
	m.now = func() time.Time { return now }
	for i := range 10_000 {
		m.Put(strconv.Itoa(i), i)
		m.Get("0") // which is used all the time
	}
	assert.LessOrEqual(t, m.Bytes(), most)
	value, ok := m.Get("9999")
	assert.True(t, ok)
	assert.Equal(t, 9999, value)
	_, ok = m.Get("0")
	assert.True(t, ok, "used last")
	_, ok = m.Get("1")
	assert.False(t, ok, "not used for longest")
	now = now.Add(time.Hour + 1)
	_, ok = m.Get("9999")
	assert.False(t, ok, "after its retention")
	m.Delete("0")
	assert.Less(t, m.Bytes(), most)
}
