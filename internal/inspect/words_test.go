package inspect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestDurationsAreWrittenAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0ms", 12 * time.Millisecond: "12ms", 59 * time.Second: "59s", 61 * time.Second: "1m01s",
		3*time.Hour + 7*time.Minute: "3h07m", 6*24*time.Hour + 23*time.Hour: "6d23h",
	} {
		assert.Equal(t, want, Span(d))
	}
}

func TestSizesAndNumbersAreWrittenAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 5_100_000: "5.1 MB", 2e12: "2.0 TB", 3e15: "3000.0 TB"} {
		assert.Equal(t, want, Size(bytes))
	}
	assert.Equal(t, "1 entry", Count(1, "entry"))
	assert.Equal(t, "0 entries", Count(0, "entry"))
	assert.Equal(t, "2 segments", Count(2, "segment"))
}

func TestARedisThatIsFullOrEvictsIsSaid(t *testing.T) {
	t.Parallel()
	info := "# Memory\r\nused_memory:950\r\nused_memory_human:1K\r\nmaxmemory:1000\r\nmaxmemory_policy:allkeys-lru\r\n"
	node := parseMemory(info)
	assert.Equal(t, NodeMemory{Used: 950, Max: 1000, Policy: "allkeys-lru"}, node)
	var codes []string
	for _, f := range examineMemory([]NodeMemory{node, {Used: 1000}, {Used: 2000}, {Used: 10, Max: 1000, Policy: "noeviction"}}) {
		codes = append(codes, f.Code)
	}
	assert.Equal(t, []string{"evicts", "full", "unbounded"}, codes, "once for all nodes")
}
